package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore"
)

// BackupReport is what a backup holds.
type BackupReport struct {
	sqlstore.Contents
	Bytes int64
}

// Backup writes one consistent picture of an SQLite database to a new file, while
// a program works on it or not. The file gets its name when it is whole, checked
// and on the disk; one that is there already is left alone. Of Config it needs
// database and keys; the keys are not in it.
func Backup(ctx context.Context, c Config, to string) (BackupReport, error) {
	path, err := sqlstore.File(c.Database)
	if err != nil {
		return BackupReport{}, err
	}
	_, err = os.Stat(path)
	if err != nil {
		return BackupReport{}, fmt.Errorf("database %s: %w", path, reasonOf(err))
	}
	inUse, err := sqlstore.Share(path)
	if err != nil {
		return BackupReport{}, err
	}
	report, err := writeBackup(ctx, c, path, to, false)
	return report, errors.Join(err, inUse.Close())
}

// tornBackup is the name of a backup that is not whole yet.
const tornBackup = ".aldaba-backup-*.partial"

// writeBackup is Backup without a look at who else has the database open; alone
// as in [sqlstore.WriteBackup].
func writeBackup(ctx context.Context, c Config, path, to string, alone bool) (report BackupReport, err error) {
	to, err = filepath.Abs(to)
	if err == nil {
		err = free(to)
	}
	if err != nil {
		return report, err
	}
	sweepTorn(filepath.Dir(to))
	file, err := os.CreateTemp(filepath.Dir(to), tornBackup)
	if err != nil {
		return report, fmt.Errorf("%s: its folder cannot be written: %w", to, reasonOf(err))
	}
	defer func() { err = errors.Join(err, file.Close()) }() // last: it holds the lock, and SQLite's would go with it
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		report, err = fillBackup(ctx, c, path, file.Name(), alone)
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		var info fs.FileInfo
		info, err = os.Stat(file.Name())
		if err == nil {
			report.Bytes = info.Size()
			err = free(to)
		}
	}
	if err == nil {
		err = os.Rename(file.Name(), to)
	}
	if err != nil {
		return report, errors.Join(err, sqlstore.Remove(file.Name()))
	}
	return report, syncFolder(to)
}

func fillBackup(ctx context.Context, c Config, path, torn string, alone bool) (report BackupReport, err error) {
	now := c.Now
	if now == nil {
		now = time.Now
	}
	err = sqlstore.WriteBackup(ctx, path, torn, now(), alone)
	if err != nil {
		return report, fmt.Errorf("database %s: %w", path, err)
	}
	store, contents, err := sqlstore.OpenBackup(ctx, torn, c.Keys)
	if err != nil {
		return report, fmt.Errorf("the backup of %s: %w", path, err)
	}
	report.Contents = contents
	err = store.View(ctx, func(tx credential.Tx) error {
		mark, err := belongs(tx, c)
		if err == nil && mark != "" {
			err = errNoRing
		}
		return err
	})
	return report, errors.Join(err, store.Close())
}

var errNoRing = errors.New("the database was never used with a key ring; there is nothing to back up")

// free refuses a name that is taken.
func free(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		return fmt.Errorf("%s is already there and is left as it is; name another file", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", path, reasonOf(err))
	}
	return nil
}

// sweepTorn removes what backups that were killed left in a folder: copies of
// everybody's data. One that is being written is locked.
func sweepTorn(folder string) {
	torn, _ := filepath.Glob(filepath.Join(folder, tornBackup)) // a folder with odd characters keeps them
	for _, path := range torn {
		file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = sqlstore.Remove(path) // the next backup tries again
		}
		_ = file.Close() // nothing was written
	}
}

// syncFolder makes a file's name in its folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// RestoreReport is what a restore put in place and what it ended.
type RestoreReport struct {
	sqlstore.Contents
	credential.Rewound
	Kept    string // where the database that was there stands now; "" where there was none
	Damaged error  // why it stands there as it was, and not as a backup
	Heads   int    // audit heads kept outside
	Ahead   int    // of them, from this line on, those newer than the backup; 0 for none
	Audit   error  // what is wrong with the backup's audit chains
}

// Suffixes of the names beside a database while it is replaced, and after.
const (
	restoring     = ".restoring"
	beforeRestore = ".before-restore-"
)

// Restore puts a backup in the place of an SQLite database that no program has
// open, with everything ended that lived when it was made. Whoever dies in the
// middle leaves the old database or the new one, and of an old one that cannot be
// read perhaps neither, but kept; the same command then goes on.
// Of Config it needs database, keys and the file of kept heads.
func Restore(ctx context.Context, c Config, from string) (report RestoreReport, err error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	path, err := sqlstore.File(c.Database)
	if err != nil {
		return report, err
	}
	hold, err := sqlstore.Hold(path)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, hold.Close()) }()
	next := path + restoring
	err = sqlstore.Remove(next) // what a restore that was killed left
	if err != nil {
		return report, err
	}
	err = copyBackup(ctx, from, next, path)
	if err == nil {
		report, err = replace(ctx, c, path, next, from)
	}
	if err != nil {
		return report, errors.Join(err, sqlstore.Remove(next))
	}
	return report, nil
}

// copyBackup copies a backup beside the database. What is checked is the copy:
// nobody changes it after that.
func copyBackup(ctx context.Context, from, to, database string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("%s: %w", from, reasonOf(err))
	}
	defer func() { _ = in.Close() }() // it was only read
	info, err := in.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a file")
	}
	if present, statErr := os.Stat(database); err == nil && statErr == nil && os.SameFile(info, present) {
		err = errors.New("is the database itself")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", to, reasonOf(err))
	}
	_, err = io.Copy(out, reading{ctx, in})
	return errors.Join(err, out.Close())
}

// reading ends when its context does.
type reading struct {
	ctx context.Context
	in  io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}

// replace makes next ready for use, and the database with it.
func replace(ctx context.Context, c Config, path, next, from string) (report RestoreReport, err error) {
	store, contents, err := sqlstore.OpenBackup(ctx, next, c.Keys)
	if err != nil {
		return report, fmt.Errorf("%s: %w", from, err)
	}
	report.Contents = contents
	err = report.look(ctx, c, store)
	if err != nil {
		return report, errors.Join(fmt.Errorf("%s: %w", from, err), store.Close())
	}
	kept := path + beforeRestore + time.Now().UTC().Format("20060102T150405.000Z")
	report.Damaged = keep(ctx, c, path, kept)
	later := kept
	switch {
	case ctx.Err() != nil:
		return report, errors.Join(ctx.Err(), store.Close())
	case errors.Is(report.Damaged, sqlstore.ErrInUse), errors.Is(report.Damaged, sqlstore.ErrFull):
		return report, errors.Join(report.Damaged, store.Close())
	case report.Damaged != nil:
		later = ""
	}
	report.Rewound, err = store.Rewind(ctx, later, c.Now())
	err = errors.Join(err, store.Close())
	if err == nil {
		err = sqlstore.LikeOwner(next, path)
	}
	if err == nil {
		err = syncFile(next)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && report.Damaged != nil {
		report.Kept, err = aside(path, kept)
	}
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil && report.Damaged != nil {
		return report, errors.Join(err, sqlstore.Move(kept, path))
	}
	if err != nil {
		return report, errors.Join(err, os.Remove(kept))
	}
	if report.Damaged == nil {
		report.Kept = kept
	}
	return report, syncFolder(path)
}

// look refuses a backup that does not belong here, and compares its audit with
// the kept heads.
func (r *RestoreReport) look(ctx context.Context, c Config, store *sqlstore.Store) error {
	var kept []credential.AuditHeads
	if c.HeadsFile != "" {
		var err error
		kept, err = KeptHeads(c.HeadsFile)
		if err != nil {
			return err
		}
	}
	r.Heads = len(kept)
	return store.View(ctx, func(tx credential.Tx) error {
		mark, err := belongs(tx, c)
		if err == nil && mark != "" {
			err = errNoRing
		}
		if err != nil {
			return err
		}
		seeded, err := tx.Meta(metaSeed)
		if err != nil {
			return err
		}
		if !c.Real && seeded == "" {
			return errors.New("holds no demo; a demo would add its fake people to real ones")
		}
		var ends [credential.AuditShards]int64
		for shard := range uint8(credential.AuditShards) {
			ends[shard], _, err = tx.AuditHead(shard)
			if err != nil {
				return err
			}
		}
		behind := 0
		for ; behind < len(kept); behind++ {
			if ahead(kept[behind].Seq, ends) {
				r.Ahead = behind + 1
				break
			}
		}
		_, r.Audit = c.Keys.VerifyAudit(tx, kept[:behind])
		return nil
	})
}

// ahead tells whether heads lie behind the ends of the chains.
func ahead(heads, ends [credential.AuditShards]int64) bool {
	for shard, seq := range heads {
		if seq > ends[shard] {
			return true
		}
	}
	return false
}

// keep makes a backup of the database that is there. The error says why it could
// not; there may be none.
func keep(ctx context.Context, c Config, path, kept string) error {
	c.Real = false // whoever's it is
	_, err := writeBackup(ctx, c, path, kept, true)
	return err
}

// aside moves the database that is there out of the way as it is, and tells where
// it stands, "" for nowhere.
func aside(path, kept string) (string, error) {
	_, err := os.Lstat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	err = sqlstore.Move(path, kept)
	if err != nil || missing {
		return "", err
	}
	return kept, nil
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// DemoClock is the clock of a demo's folder.
func DemoClock(folder string) (func() time.Time, error) {
	clock, err := openClock(filepath.Join(folder, "clock"))
	if err != nil {
		return nil, err
	}
	return clock.Now, nil
}
