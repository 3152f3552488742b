package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore"
	"aldaba/internal/sqlstore/storetest"
	"aldaba/internal/stats"
)

// opened is a new database and the raw way to it.
func opened(t *testing.T, keys *credential.KeyRing) (s *sqlstore.Store, path string, exec func(query string, args ...any)) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "aldaba.db")
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: path, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, path, func(query string, args ...any) { raw(t, path, query, args...) }
}

// raw runs a statement on a file, behind everybody's back.
func raw(t *testing.T, path, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), query, args...)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

var made = time.Date(2026, time.November, 20, 3, 0, 0, 0, time.UTC)

func backup(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "backup")
	if err := sqlstore.WriteBackup(t.Context(), path, to, made, false); err != nil {
		t.Fatal(err)
	}
	return to
}

func openBackup(t *testing.T, path string, keys *credential.KeyRing) (*sqlstore.Store, sqlstore.Contents) {
	t.Helper()
	s, c, err := sqlstore.OpenBackup(t.Context(), path, keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, c
}

// TestBackupDuringWrites: a backup is one instant of the database, and nobody who
// writes waits for it.
func TestBackupDuringWrites(t *testing.T) {
	keys := storetest.NewKeys(t)
	s, path, exec := opened(t, keys)
	// Enough that a copy takes a while.
	exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
		INSERT INTO used_once (id, expires_at) SELECT randomblob(32), i FROM n`)
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	var longest time.Duration
	written := 0
	writers.Go(func() {
		for ctx.Err() == nil {
			started := time.Now()
			err := s.Update(t.Context(), 0, func(tx credential.Tx) error {
				n := fmt.Sprint(written)
				return errors.Join(tx.SetMeta("one", n), tx.SetMeta("other", n),
					tx.Audit(credential.AuditEntry{Subject: credential.Subject{byte(written)}, Act: credential.ActTyped}))
			})
			if err != nil {
				t.Error(err)
			}
			longest = max(longest, time.Since(started))
			written++
		}
	})
	var backups []string
	for range 5 {
		backups = append(backups, backup(t, path))
	}
	stop()
	writers.Wait()
	if longest > 2*time.Second {
		t.Errorf("a writer waited %v", longest)
	}
	seen := ""
	for _, file := range backups {
		b, contents := openBackup(t, file, keys)
		if !contents.Made.Equal(made) || contents.Schema != contents.Program {
			t.Errorf("contents %+v", contents)
		}
		err := b.View(t.Context(), func(tx credential.Tx) error {
			one, err := tx.Meta("one")
			other, otherErr := tx.Meta("other")
			if one != other {
				t.Errorf("the backup holds %s of one and %s of the other", one, other)
			}
			seen = one
			_, auditErr := keys.VerifyAudit(tx, nil)
			return errors.Join(err, otherErr, auditErr)
		})
		if err != nil {
			t.Error(err)
		}
	}
	if written < 5 || seen == "" {
		t.Errorf("%d updates, the last backup saw %q: nothing was written meanwhile", written, seen)
	}
}

// TestBackupForgets: what was deleted is not in it.
func TestBackupForgets(t *testing.T) {
	_, path, exec := opened(t, storetest.NewKeys(t))
	exec("INSERT INTO meta (name, value) VALUES ('x', 'un-secreto-borrado')")
	exec("DELETE FROM meta WHERE name = 'x'")
	content, err := os.ReadFile(backup(t, path))
	if err != nil || bytes.Contains(content, []byte("un-secreto-borrado")) {
		t.Errorf("the backup tells what was deleted, %v", err)
	}
}

// TestOpenBackupRefuses: whatever is no whole backup is one sentence.
func TestOpenBackupRefuses(t *testing.T) {
	keys := storetest.NewKeys(t)
	s, path, exec := opened(t, keys)
	exec("INSERT INTO used_once (id, expires_at) VALUES (randomblob(32), 1)")
	good := backup(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	file := func(content []byte) string {
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	edited := func(query string) string {
		name := file(content)
		raw(t, name, query)
		return name
	}
	live, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	holed := slices.Clone(content)
	copy(holed[len(holed)-4096:], make([]byte, 4096))
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	raw(t, foreign, "CREATE TABLE t (a)")
	for _, c := range []struct{ name, path, want string }{
		{"truncated", file(content[:len(content)/2]), "damaged"},
		{"cut within its header", file(content[:50]), "damaged"},
		{"a page lost", file(holed), "damaged"},
		{"text", file([]byte(strings.Repeat("no soy una base de datos ", 400))), "not an SQLite database"},
		{"empty", file(nil), "another program, or an empty one"},
		{"another program's", foreign, "another program, or an empty one"},
		{"a copy of the file in use", file(live), "no backup that `aldaba backup` made"},
		{"without its mark", edited("DELETE FROM meta WHERE name = 'backup_made'"), "no backup that `aldaba backup` made"},
		{"newer", edited("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (99, '0099_x', 'x', 0)"), "newer program"},
		{"made by other texts", edited("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1"), "do not belong together"},
		{"whole", good, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, _, err := sqlstore.OpenBackup(t.Context(), c.path, keys)
			if err == nil {
				_ = b.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("OpenBackup = %v, want %q", err, c.want)
			}
		})
	}
}

// TestHold: who restores and who works keep each other off, and so does a program
// that is not ours.
func TestHold(t *testing.T) {
	keys := storetest.NewKeys(t)
	s, path, _ := opened(t, keys)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		if file, err := sqlstore.File(name); err != nil || file != path {
			t.Errorf("File(%s) = %s, %v", name, file, err)
		}
		if hold, err := sqlstore.Hold(name); !errors.Is(err, sqlstore.ErrInUse) {
			_ = hold.Close()
			t.Errorf("Hold(%s) of one in use = %v", name, err)
		}
	}
	if _, err := sqlstore.File("postgres://x/y"); err == nil || !strings.Contains(err.Error(), "pg_restore") {
		t.Errorf("File of PostgreSQL: %v", err)
	}
	alone := func() error {
		return sqlstore.WriteBackup(t.Context(), path, filepath.Join(t.TempDir(), "b"), made, true)
	}
	if err := alone(); !errors.Is(err, sqlstore.ErrInUse) {
		t.Errorf("WriteBackup alone of one in use = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	hold, err := sqlstore.Hold(path)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: link, Keys: keys}); err == nil || !strings.Contains(err.Error(), "being restored") {
		_ = s.Close()
		t.Errorf("Open while it is held = %v", err)
	}
	// A program of somebody else's, idle, and what a killed one left.
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM meta").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if err := alone(); !errors.Is(err, sqlstore.ErrInUse) {
		t.Errorf("WriteBackup alone beside a stranger = %v", err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO meta (name, value) VALUES ('late', '1')"); err != nil {
		t.Fatal(err)
	}
	wal, err := os.ReadFile(path + "-wal")
	if err != nil || len(wal) == 0 {
		t.Fatalf("no -wal to leave: %v", err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{path: before, path + "-wal": wal} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(t.TempDir(), "b")
	if err := sqlstore.WriteBackup(t.Context(), path, to, made, true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("a -wal is left for the file that comes")
	}
	b, _ := openBackup(t, to, keys)
	if err := b.View(t.Context(), func(tx credential.Tx) error {
		late, err := tx.Meta("late")
		if late != "1" {
			t.Error("the last write, which stood in the -wal, is not in the backup")
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLikeOwner: what root makes belongs to whom the database belongs to.
func TestLikeOwner(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, name := range []string{a, b} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := os.Geteuid()
	if want == 0 {
		want = 12345
		if err := os.Chown(b, want, want); err != nil {
			t.Fatal(err)
		}
	}
	if err := sqlstore.LikeOwner(a, b); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != want {
		t.Errorf("owner %d, want %d", got, want)
	}
}

// TestRewind: nothing that lived lives on, and what was spent stays spent.
func TestRewind(t *testing.T) {
	keys := storetest.NewKeys(t)
	s, path, _ := opened(t, keys)
	at := made.Add(5 * time.Hour)
	who, other := credential.Subject{1}, credential.Subject{2}
	live := credential.Procedure{ID: credential.ID{1}, Subject: who, Kind: credential.Recover, Step: credential.StepClave, ExpiresAt: at.Add(time.Hour)}
	over := live
	over.ID, over.End, over.EndedAt = credential.ID{2}, credential.Finished, made
	email, err := credential.ParseEmail("ana@correo.example")
	if err != nil {
		t.Fatal(err)
	}
	notice := credential.Notice{ID: credential.ID{3}, Subject: who, Kind: credential.MailAddressChange, CreatedAt: made, ExpiresAt: at.Add(240 * time.Hour)}
	spent := func(tx credential.Tx, s credential.Subject, total int, last time.Time) error {
		a, err := tx.Attempts(s, credential.BudgetProof)
		a.Times, a.Total = []time.Time{last}, total
		return errors.Join(err, tx.SaveAttempts(a))
	}
	update := func(f func(tx credential.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), 0, f); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx credential.Tx) error {
		return errors.Join(tx.CreateProcedure(live), tx.CreateProcedure(over), tx.PutNotice(notice), tx.SaveAccount(credential.Account{Subject: who}),
			tx.QueueMail(credential.Mail{ID: credential.ID{4}, Kind: credential.MailActivation, Procedure: live.ID, To: email, QueuedAt: made, Due: made}),
			tx.PutActivationCode(credential.ActivationCode{Subject: who, ID: credential.ID{7}, MAC: make([]byte, 32), ExpiresAt: at.Add(time.Hour)}),
			tx.AddDevice(who, [32]byte{1}, made, at.Add(time.Hour)), spent(tx, who, 1, made), spent(tx, other, 3, made),
			tx.Audit(credential.AuditEntry{Subject: who, Act: credential.ActTyped, At: made}))
	})
	counts := func(measure credential.Measure) func(tx credential.Tx) error {
		return func(tx credential.Tx) error { return tx.Count(credential.Figure{Measure: measure, At: made}) }
	}
	update(counts(credential.FigureFinished))
	file := backup(t, path)
	update(counts(credential.FigureComplaint))
	update(func(tx credential.Tx) error {
		_, onceErr := tx.UseOnce([32]byte{9}, at.Add(time.Hour))
		_, noticeErr := tx.UseNotice(notice.ID, "C-1", true, made.Add(time.Hour))
		account, accountErr := tx.Account(who)
		account.FrozenFrom, account.ClosedAt = made, made
		return errors.Join(onceErr, noticeErr, accountErr, tx.SaveAccount(account), tx.OpenCase(credential.Case{Number: "C-1", Subject: who, OpenedAt: made}), spent(tx, who, 4, made.Add(time.Hour)), spent(tx, other, 0, made.Add(-time.Hour)),
			tx.Mark("network", [32]byte{5}, who, made.Add(time.Hour)),
			tx.PutRequest(credential.DataRequest{Subject: who, ID: credential.ID{8}, Kind: credential.Erasure, Text: credential.NewText("todo"), State: credential.RequestOpen, CreatedAt: at}),
			tx.CreateComplaint(credential.Complaint{ID: credential.ID{8}, Number: "Q-8", Subject: who, Kind: credential.Complain, Topic: credential.TopicOther,
				Text: credential.NewText("queja"), ReceivedAt: at, ConfirmedAt: at, Proof: credential.ByMail}))
	})
	later := backup(t, path)
	copied, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, carried := range []bool{false, true} {
		t.Run(fmt.Sprintf("carried=%v", carried), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "next")
			if err := os.WriteFile(file, copied, 0o600); err != nil {
				t.Fatal(err)
			}
			from := ""
			if carried {
				from = later
			}
			b, _ := openBackup(t, file, keys)
			r, err := b.Rewind(t.Context(), from, at)
			if want := (credential.Rewound{Procedures: 1, Mails: 1, Codes: 1, Devices: 1, Spent: carried}); err != nil || r != want {
				t.Fatalf("Rewind = %+v, %v; want %+v", r, err, want)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			if _, _, err := sqlstore.OpenBackup(t.Context(), file, keys); err == nil {
				t.Error("what is in use is still a backup")
			}
			s, err := sqlstore.Open(t.Context(), sqlstore.Config{DSN: file, Keys: keys, Existing: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			err = s.Update(t.Context(), 0, func(tx credential.Tx) error {
				was, liveErr := tx.Procedure(live.ID)
				if was.End != credential.TimedOut || !was.EndedAt.Equal(at) || was.Version != live.Version+1 {
					t.Errorf("the procedure that lived: %v at %v, version %d", was.End, was.EndedAt, was.Version)
				}
				done, doneErr := tx.Procedure(over.ID)
				if done.End != credential.Finished {
					t.Errorf("the procedure that was over: %v", done.End)
				}
				waiting, _, mailErr := tx.MailQueue()
				devices, deviceErr := tx.DevicePeople([32]byte{1}, at)
				if waiting != 0 || devices != 0 {
					t.Errorf("%d mails wait, %d people of the device", waiting, devices)
				}
				code, codeErr := tx.ActivationCode(who)
				if !code.UsedAt.Equal(at) {
					t.Error("an activation code that may have been used is unused again")
				}
				first, onceErr := tx.UseOnce([32]byte{9}, at.Add(time.Hour))
				disputed, noticeErr := tx.Disputed(who, credential.MailAddressChange, at)
				marks, markErr := tx.Marks("network", [32]byte{5}, made, 9)
				mine, mineErr := tx.Attempts(who, credential.BudgetProof)
				theirs, theirsErr := tx.Attempts(other, credential.BudgetProof)
				if first == carried || disputed != carried || (marks == 1) != carried || (mine.Total == 4) != carried || mine.Times[0].After(made) != carried || theirs.Total != 3 {
					t.Errorf("used once %v, disputed %v, %d marks, attempts %v and %v", first, disputed, marks, mine, theirs)
				}
				requests, requestErr := tx.Requests(who)
				if (len(requests) == 1) != carried || carried && requests[0].Text.Reveal() != "todo" {
					t.Errorf("requests about one's data: %v, %v", requests, requestErr)
				}
				written, writtenErr := tx.ComplaintsOf(who)
				if (len(written) == 1) != carried || carried && (written[0].Text.Reveal() != "queja" || written[0].Proof != credential.ByMail) {
					t.Errorf("complaints: %v, %v", written, writtenErr)
				}
				account, accountErr := tx.Account(who)
				cases, casesErr := tx.Cases(who)
				if account.FrozenFrom.IsZero() == carried || account.ClosedAt.IsZero() == carried || (len(cases) == 1) != carried {
					t.Errorf("frozen from %v, cases %v", account.FrozenFrom, cases)
				}
				rows, auditErr := tx.AuditRows(0, 0, 10)
				if len(rows) != 1 || rows[0].Act != credential.ActRestored || rows[0].Actor != credential.System || !rows[0].At.Equal(at) {
					t.Errorf("audit rows of nobody: %+v", rows)
				}
				_, chainErr := keys.VerifyAudit(tx, nil)
				return errors.Join(liveErr, doneErr, mailErr, deviceErr, codeErr, onceErr, noticeErr, markErr, mineErr, theirsErr, auditErr, chainErr, accountErr, casesErr)
			})
			if err != nil {
				t.Error(err)
			}
			err = s.UpdateFigures(t.Context(), func(tx stats.Tx) error {
				daily, err := tx.Daily("9999")
				if published := len(daily) == 2; published != carried { // the complaint came after the backup
					t.Errorf("figures %v", daily)
				}
				ended, endedErr := tx.TakeEnded(at.Add(24*time.Hour), 10)
				if len(ended) != 0 {
					t.Errorf("what the restore ended, or was counted before it, counts as given up: %+v", ended)
				}
				return errors.Join(err, endedErr)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRewindKnowsEveryTable: a new table must say what a restore does with it.
func TestRewindKnowsEveryTable(t *testing.T) {
	known := map[string]string{
		"meta": "goes back", "people": "goes back", "accounts": "goes back, but for what was frozen or closed since", "addresses": "goes back",
		"procedures": "ended", "activation_codes": "ended", "outbox": "ended", "devices": "ended", "sessions": "ended",
		"attempts": "carried over", "marks": "carried over", "used_once": "carried over", "notices": "carried over", "cases": "carried over",
		"requests": "carried over", "complaints": "carried over",
		"audit_people": "goes back", "audit": "goes back, with a row more", "audit_heads": "goes back, with a row more",
		"schema_migrations": "goes back",
		"figure_events":     "carried over", "figure_counts": "carried over", "figure_records": "carried over",
	}
	_, path, _ := opened(t, storetest.NewKeys(t))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	tables := map[string]string{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables[name] = known[name]
		if known[name] == "" {
			t.Errorf("table %s: single use or limits in it would go back in time; see Rewind, and say here what it does", name)
		}
	}
	if err := rows.Err(); err != nil || !maps.Equal(tables, known) {
		t.Errorf("tables %v, %v; want %v", tables, err, known)
	}
}
