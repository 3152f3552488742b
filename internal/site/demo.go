package site

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
	"aldaba/internal/mail"
	"aldaba/internal/mailbox"
	"aldaba/internal/registry"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

// DemoConfig is what `aldaba demo` was asked for.
type DemoConfig struct {
	Dir         string  // database, key ring, mailbox and people
	People      *int    // random people besides the named cases; nil for what Dir holds, else 200
	Seed        *string // what they are made from; nil for what Dir was made from, else "aldaba"
	Policy      credential.Policy
	Database    string // "" for a SQLite file in Dir
	SMTP        string // host:port of a relay; "" for the demo's own mailbox
	Institution string // folder of the one that is shown; "" for the example
	Listen      string
	StaffListen string
	Version     string // of the program
	Logger      *slog.Logger
}

// Demo is a running demo: fake people, a fake mailbox, and the real program.
type Demo struct {
	Site     *Site
	Citizens net.Listener
	Staff    net.Listener
	URL      *url.URL // where citizens reach it
	StaffURL *url.URL

	box  *mailbox.Mailbox // nil with a relay of one's own
	lock *os.File

	clock *clock
}

// DemoInstitution is the example as the demo shows it.
func DemoInstitution() institution.Institution { return inDemo(institution.Example()) }

// inDemo puts an institution's services behind the demo's own addresses.
func inDemo(i institution.Institution) institution.Institution {
	for n := range i.Services {
		i.Services[n].URL = web.PathDemoService + i.Services[n].ID
	}
	return i
}

// StartDemo opens or makes the folder, seeds it once, and takes the listeners.
// Nothing is served until [Demo.Run].
func StartDemo(ctx context.Context, c DemoConfig) (*Demo, error) {
	d := &Demo{}
	before, readErr := os.ReadDir(c.Dir)
	err := d.start(ctx, c)
	if err == nil {
		return d, nil
	}
	ours := d.lock != nil // else somebody else's start may be filling the folder
	err = errors.Join(err, d.Close())
	if len(before) > 0 || !ours {
		return nil, err
	}
	// What a start that failed put into an empty folder goes again.
	if errors.Is(readErr, os.ErrNotExist) {
		return nil, errors.Join(err, os.RemoveAll(c.Dir))
	}
	made, _ := os.ReadDir(c.Dir) // none to remove where it cannot be read
	for _, entry := range made {
		err = errors.Join(err, os.Remove(filepath.Join(c.Dir, entry.Name())))
	}
	return nil, err
}

// ClockOffset is how far the demo's clock was moved, now and in earlier runs.
func (d *Demo) ClockOffset() time.Duration { return d.clock.Offset() }

func (d *Demo) start(ctx context.Context, c DemoConfig) (err error) {
	shownAs := DemoInstitution()
	if c.Institution != "" {
		i, err := readInstitution(c.Institution, true)
		if _, inside := errors.AsType[Faults](err); err != nil && !inside {
			err = fmt.Errorf("--institution: %w", err)
		}
		if err != nil {
			return err
		}
		shownAs = inDemo(i)
	}
	// The listeners before the folder: a port in use leaves none behind.
	d.Citizens, err = net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", c.Listen, cause(err))
	}
	d.Staff, err = net.Listen("tcp", c.StaffListen)
	if err != nil {
		return fmt.Errorf("--staff-listen %s: %w", c.StaffListen, cause(err))
	}
	d.URL, d.StaffURL = reachedAt(d.Citizens), reachedAt(d.Staff)
	d.lock, err = lockDir(c.Dir)
	if err != nil {
		return err
	}
	database, embedded := c.Database, filepath.Join(c.Dir, "aldaba.db")
	if database == "" {
		database = embedded
	}
	// A database without its key ring cannot be read; a new ring would not help.
	_, err = os.Stat(embedded)
	keys, err := LoadKeys(filepath.Join(c.Dir, "keys.json"), errors.Is(err, os.ErrNotExist))
	if err != nil {
		return err
	}
	clock, err := openClock(filepath.Join(c.Dir, "clock"))
	if err != nil {
		return err
	}
	relay, err := d.relay(c, clock, shownAs.ShortName)
	if err != nil {
		return err
	}
	d.clock = clock
	shown := &web.Demo{Offset: clock.Offset, Advance: func(by time.Duration) error {
		defer d.Site.clockMoved()
		return clock.Advance(by)
	}}
	if d.box != nil {
		shown.Mails = d.mails
	}
	d.Site, err = New(ctx, Config{
		Database: database, Keys: keys, Policy: c.Policy, PublicURL: d.URL,
		Institution: shownAs, SMTP: relay, HeadsFile: filepath.Join(c.Dir, "audit-heads.jsonl"),
		Now: clock.Now, Logger: c.Logger, Demo: shown, Version: c.Version,
	})
	if err != nil {
		return err
	}
	fakes, err := seed(ctx, d.Site, c, clock.Now())
	if err != nil {
		return err
	}
	shown.People = shownPeople(d.Site, fakes, words.Spanish())
	shown.Listed = map[credential.Language][]web.DemoPerson{}
	for _, l := range words.Languages() {
		shown.Listed[l.Code()] = shownPeople(d.Site, fakes[:min(web.DemoListed, len(fakes))], l)
	}
	return exampleFigures(ctx, d.Site.Stats)
}

// Run serves until ctx ends.
func (d *Demo) Run(ctx context.Context) error {
	var boxDone sync.WaitGroup
	var boxErr error
	boxCtx, stopBox := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBox()
	if d.box != nil {
		boxDone.Go(func() { boxErr = d.box.Run(boxCtx) })
	}
	err := d.Site.Serve(ctx, Listening{citizens, d.Citizens}, Listening{staff, d.Staff})
	stopBox()
	boxDone.Wait()
	return errors.Join(err, boxErr)
}

// Close lets go of everything that StartDemo took.
func (d *Demo) Close() error {
	var errs []error
	if d.Site != nil {
		errs = append(errs, d.Site.Close())
	}
	if d.box != nil {
		errs = append(errs, d.box.Close())
	}
	for _, l := range []net.Listener{d.Citizens, d.Staff} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// lockDir makes the folder and keeps a second program off it. The lock dies with
// the process, however it dies.
func lockDir(dir string) (*os.File, error) {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s is in use by another aldaba", dir), file.Close())
	}
	return file, nil
}

// cause is the innermost reason of a failure to listen, such as "address
// already in use".
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// reachedAt is the address at which a listener is reached: for one on every
// interface, this machine's on its network, so that a telephone can follow the
// links too.
func reachedAt(l net.Listener) *url.URL {
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return &url.URL{Scheme: "http", Host: l.Addr().String()}
	}
	host := addr.IP
	if host.IsUnspecified() {
		host = net.IPv4(127, 0, 0, 1)
		addrs, err := net.InterfaceAddrs()
		if err == nil {
			for _, a := range addrs {
				if n, ok := a.(*net.IPNet); ok && n.IP.IsPrivate() && n.IP.To4() != nil {
					host = n.IP
					break
				}
			}
		}
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host.String(), strconv.Itoa(addr.Port))}
}

// relay opens the demo's own mailbox, or names the relay it was given; from is whose
// name the mails bear.
func (d *Demo) relay(c DemoConfig, clock *clock, from string) (mail.SMTPConfig, error) {
	config := mail.SMTPConfig{
		Addr: c.SMTP, From: "no-responder@institucion.example", FromName: from,
		Security: "none", Now: clock.Now,
	}
	if c.SMTP != "" {
		return config, nil
	}
	box, err := mailbox.Open(mailbox.Config{Dir: c.Dir, Now: clock.Now})
	if err != nil {
		return mail.SMTPConfig{}, err
	}
	d.box = box
	config.Addr, config.Security = box.Addr(), "starttls"
	config.RootCAs, config.Username, config.Password = box.RootCAs(), box.Username(), box.Password()
	return config, nil
}

// mails gives the mailbox as its page and its JSON show it.
func (d *Demo) mails(to string) []web.DemoMail {
	list := []web.DemoMail{}
	for _, m := range d.box.Messages(to) {
		list = append(list, web.DemoMail{
			ID: m.ID, To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML,
			Received: m.Received.UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		})
	}
	return list
}

// The facts about a seeded database. The first also marks it as a demo's.
const (
	metaSeed   = "demo_seed"
	metaPeople = "demo_people"
	metaPolicy = "demo_policy"
)

// seed fills an empty database with the fake people, in one transaction, and
// gives them as the demo shows them. A database seeded otherwise is refused.
func seed(ctx context.Context, s *Site, c DemoConfig, now time.Time) ([]registry.Fake, error) {
	var seeded, people, policy string
	err := s.Store.View(ctx, func(tx credential.Tx) (err error) {
		seeded, err = tx.Meta(metaSeed)
		if err != nil {
			return err
		}
		people, err = tx.Meta(metaPeople)
		if err == nil {
			policy, err = tx.Meta(metaPolicy)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	from, n := "aldaba", 200
	if seeded != "" {
		from = seeded
		n, err = strconv.Atoi(people)
		if err != nil {
			return nil, fmt.Errorf("the data in %s do not say how many people they hold: %w", c.Dir, err)
		}
	}
	switch {
	case seeded != "" && c.Seed != nil && *c.Seed != seeded:
		return nil, fmt.Errorf("--seed %s: the data in %s were made with seed %s; use that one or another folder", *c.Seed, c.Dir, seeded)
	case seeded != "" && c.People != nil && *c.People != n:
		return nil, fmt.Errorf("--people %d: the data in %s hold %d people; use that number or another folder", *c.People, c.Dir, n)
	case seeded != "" && policy != "" && policy != s.config.Policy.Name:
		// What people have, codes or questions, is what their policy asks.
		return nil, fmt.Errorf("--policy %s: the people in %s were made for %s; use that one or another folder", s.config.Policy.Name, c.Dir, policy)
	}
	if c.Seed != nil {
		from = *c.Seed
	}
	if c.People != nil {
		n = *c.People
	}
	fakes := registry.Generate(from, n, seedEpoch)
	for i := range fakes {
		outfit(&fakes[i], s.config.Policy, from)
	}
	if seeded == "" {
		rows := accountsOf(s, fakes, now)
		err = s.Store.Update(ctx, 0, func(tx credential.Tx) error {
			for _, row := range rows {
				err := row.put(tx)
				if err != nil {
					return err
				}
			}
			err := tx.SetMeta(metaSeed, from)
			if err != nil {
				return err
			}
			err = tx.SetMeta(metaPeople, strconv.Itoa(n))
			if err != nil {
				return err
			}
			return tx.SetMeta(metaPolicy, s.config.Policy.Name)
		})
		if err != nil {
			return nil, err
		}
	}
	return fakes, nil
}

// seedEpoch is the day from which ages are counted: fixed, so that the same
// seed gives the same people for ever.
var seedEpoch = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// seedRow is everything stored of one fake person.
type seedRow struct {
	subject credential.Subject
	person  credential.Person
	address *credential.Address
	account *credential.Account
	code    *credential.ActivationCode
	locked  []time.Time
	now     time.Time
}

func (r seedRow) put(tx credential.Tx) error {
	err := tx.PutPerson(r.subject, r.person)
	if err == nil && r.address != nil {
		err = tx.PutAddress(*r.address)
	}
	if err == nil && r.code != nil {
		err = tx.PutActivationCode(*r.code)
	}
	if err == nil && r.account != nil {
		err = tx.SaveAccount(*r.account)
		if err == nil {
			err = tx.Audit(credential.AuditEntry{
				Subject: r.subject, Actor: credential.System, Act: credential.ActSeeded, At: r.now, Route: "demo",
			})
		}
	}
	if err == nil && len(r.locked) > 0 {
		err = tx.SaveAttempts(credential.Attempts{
			Subject: r.subject, Budget: credential.BudgetClave, Times: r.locked, Total: len(r.locked),
		})
	}
	return err
}

// accountsOf makes the rows of all fake people. The hashes, which are real, are
// made on all cores.
func accountsOf(s *Site, fakes []registry.Fake, now time.Time) []seedRow {
	now = now.UTC().Truncate(time.Millisecond)
	rows := make([]seedRow, len(fakes))
	var hashing sync.WaitGroup
	next := make(chan int)
	for range max(1, s.config.Policy.GateRunning, runtime.GOMAXPROCS(0)) {
		hashing.Go(func() {
			for i := range next {
				rows[i] = rowOf(s, fakes[i], now)
			}
		})
	}
	for i := range fakes {
		next <- i
	}
	close(next)
	hashing.Wait()
	return rows
}

func rowOf(s *Site, f registry.Fake, now time.Time) seedRow {
	subject := s.config.Keys.Subject(f.Person.Number)
	row := seedRow{subject: subject, person: f.Person, now: now}
	before := now.Add(-90 * 24 * time.Hour) // as if they had come three months ago
	if email, err := credential.ParseEmail(f.Email); err == nil {
		row.address = &credential.Address{Subject: subject, ID: credential.NewSeedID(subject), Email: email}
		row.address.Provenance = credential.Provenance{Origin: credential.OriginConfirmed, At: before}
		if f.InPerson {
			row.address.Provenance = credential.Provenance{
				Origin: credential.OriginInPerson, At: before,
				Officer: "Funcionaria de demostración", Office: "Centro de Atención Universal de demostración",
			}
		}
	}
	if f.ActivationCode != "" {
		row.code = new(s.config.Keys.SeedActivationCode(subject, f.ActivationCode, now))
	}
	if f.Clave == "" {
		return row
	}
	row.account = &credential.Account{
		Subject: subject, Level: credential.Declared, CreatedAt: before, ProvenAt: before, MustChange: f.MustChange,
		Clave: s.config.Policy.HashParams().Hash([]byte(f.Clave)), Image: credential.SecurityImage(f.Image),
	}
	if f.MustChange {
		row.account.ProvenAt = now // handed over today: it can be changed for a day
	}
	if f.InPerson {
		row.account.Level = credential.InPerson
	}
	var answers []credential.PersonalAnswer
	for _, id := range s.ownQuestions(f) {
		if answer := f.BankAnswer(id); answer != "" {
			answers = append(answers, credential.PersonalAnswer{Question: id, Answer: credential.NewText(answer)})
		}
	}
	if len(answers) > 0 {
		row.account.Answers = credential.HashAnswers(s.config.Policy.HashParams(), answers)
	}
	if f.Locked {
		for range s.config.Policy.LockAfter {
			row.locked = append(row.locked, now)
		}
	}
	return row
}

// ownQuestions are those that a fake person is asked under the policy.
func (s *Site) ownQuestions(f registry.Fake) []credential.PersonalQuestionID {
	return s.Service.AskedFirst(f.Person.Number)[:s.config.Policy.OwnQuestions]
}

// outfit gives a fake person what only a policy asks: who has a clave a picture,
// who has none the code of a counter. The same seed gives the same.
func outfit(f *registry.Fake, p credential.Policy, seed string) {
	sum := sha256.Sum256([]byte("aldaba demo\x00" + seed + "\x00" + f.Person.Number.Reveal()))
	images := credential.SecurityImages()
	if p.SecurityImage && f.Clave != "" {
		f.Image = string(images[int(sum[0])%len(images)])
	}
	if p.ActivationCode && f.Clave == "" && f.Person.Death.IsZero() {
		f.ActivationCode = credential.ActivationCodeText(credential.ActivationCodeFrom([10]byte(sum[1:11])))
	}
}

// shownPeople gives the fake people as the demo shows them in a language: as seeded.
func shownPeople(s *Site, fakes []registry.Fake, l *words.Language) []web.DemoPerson {
	list := make([]web.DemoPerson, 0, len(fakes))
	for _, f := range fakes {
		p := f.Person
		shown := web.DemoPerson{
			Case: f.Case, Document: string(p.Number.Document()), Number: p.Number.Reveal(),
			GivenNames: p.GivenNames.Reveal(), Surnames: p.Surnames.Reveal(), Birth: p.Birth.ISO(),
			Audiences: []string{}, Email: f.Email, InPerson: f.InPerson, Clave: f.Clave, Locked: f.Locked,
			Answers: map[string]string{}, Activation: f.ActivationCode,
		}
		if f.Image != "" {
			shown.Image = l.Text("image." + f.Image)
		}
		if key := "demo.case." + f.Case; l.Has(key) {
			shown.Explanation = l.Text(key)
		}
		for _, a := range p.Audiences {
			shown.Audiences = append(shown.Audiences, string(a))
			if !s.config.Policy.RecordQuestions {
				continue
			}
			for _, q := range credential.RecordQuestions(a) {
				shown.Answers[l.RecordQuestion(q.ID)] = l.RecordOption(q.ID, p.Facts.Answer(q.ID))
			}
		}
		for _, id := range s.ownQuestions(f) {
			if answer := f.BankAnswer(id); answer != "" {
				shown.Answers[l.PersonalQuestion(id)] = answer
			}
		}
		list = append(list, shown)
	}
	return list
}
