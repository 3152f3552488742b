package credential

import (
	"context"
	"errors"
	"time"
)

// ErrNoRow says that the store holds no such row.
var ErrNoRow = errors.New("no such row")

// ErrTaken says that a conditional write lost: the row has another version by
// now. [Store.Update] retries the whole function on it.
var ErrTaken = errors.New("row was changed meanwhile")

func isNoRow(err error) bool { return errors.Is(err, ErrNoRow) }

// ignoreNoRow makes nothing of a row that is gone: who wanted it needs it no more.
func ignoreNoRow(err error) error {
	if isNoRow(err) {
		return nil
	}
	return err
}

// Store keeps everything the system remembers. It has two real
// implementations, SQLite and PostgreSQL, held to one contract
// (sqlstore/storetest).
type Store interface {
	// View runs f on one consistent, read-only picture.
	View(ctx context.Context, f func(Tx) error) error

	// Glance is a View of one read, without a transaction around it. A second read,
	// and every write, is an error.
	Glance(ctx context.Context, f func(Tx) error) error

	// Update runs f in one transaction that commits when f returns nil and
	// leaves no trace otherwise. Updates of one shard run one after the other,
	// on every engine; f may run more than once, so it touches nothing but its
	// Tx and its own variables. f never hashes, waits or does other I/O.
	Update(ctx context.Context, shard Shard, f func(Tx) error) error
}

// Registry is the institution's record of people. Today it is the store's own
// imported copy; an institution's live service can stand in its place. An error
// means that the source is away: nothing is spent and nothing is concluded.
type Registry interface {
	// Person gives the record of a subject; found is false where there is none,
	// after the same work as for one that exists.
	Person(ctx context.Context, s Subject) (p Person, found bool, err error)
}

// Tx is one transaction, in the words of the domain. Single reads return
// ErrNoRow where nothing is stored. Saves are conditional on the Version that
// was read: a lost one returns ErrTaken.
type Tx interface {
	// PutPerson stores or replaces a person's record (sealed whole).
	PutPerson(s Subject, p Person) error

	// Account and SaveAccount read and write the account of a subject. The
	// level is read with its MAC; a row edited outside fails with ErrSealed.
	Account(s Subject) (Account, error)
	SaveAccount(a Account) error

	// Addresses lists those on record (not replaced), oldest first;
	// PutAddress inserts or overwrites one by subject and id.
	// FormerAddresses lists the latest that are no longer on record.
	Addresses(s Subject) ([]Address, error)
	FormerAddresses(s Subject) ([]Address, error)
	PutAddress(a Address) error

	// CreateProcedure inserts; Procedure reads by id; SaveProcedure writes every
	// column and raises Version by one, or returns ErrTaken.
	CreateProcedure(p Procedure) error
	Procedure(id ID) (Procedure, error)
	SaveProcedure(p Procedure) error
	// FinishProcedure decides single use in one statement: it moves the
	// procedure from StepClave to StepDone, End Finished, if it has not ended,
	// and reports whether this call did it.
	FinishProcedure(id ID, at time.Time) (bool, error)
	// OpenProcedure reads the newest procedure of a kind that a subject has, which
	// has neither ended nor expired.
	OpenProcedure(s Subject, kind ProcedureKind, at time.Time) (Procedure, error)
	// EndProven ends every procedure of the subject that has won its verdict and
	// not ended, but for the one named. Those before the verdict stay as they
	// are: whoever started one with nothing but a number must not learn from it
	// that the owner was here. EndHeld ends of these only those whose mail is held
	// at that instant.
	EndProven(s Subject, except ID, end End, at time.Time) error
	EndHeld(s Subject, except ID, end End, at time.Time) error

	// Attempts reads a counter; one that is not stored is empty, Version 0.
	// SaveAttempts writes it conditionally on Version.
	Attempts(s Subject, b Budget) (Attempts, error)
	SaveAttempts(a Attempts) error

	// Mark notes once that key did something about subject under scope
	// (the mark… of start.go) and when last; Marks counts the distinct
	// subjects of a key since an instant, up to atMost; Marked tells whether subject is among
	// them.
	Mark(scope string, key [32]byte, s Subject, at time.Time) error
	Marks(scope string, key [32]byte, since time.Time, atMost int) (int, error)
	Marked(scope string, key [32]byte, s Subject, since time.Time) (bool, error)

	// UseOnce notes a secret as used until it expires, and reports whether this
	// call was the first.
	UseOnce(id [32]byte, expires time.Time) (bool, error)

	// PutActivationCode stores a person's code in place of any other;
	// ActivationCode reads it; UseActivationCode marks it used, in one statement,
	// and reports whether this call did it (false too where another took its place).
	PutActivationCode(c ActivationCode) error
	ActivationCode(s Subject) (ActivationCode, error)
	UseActivationCode(s Subject, id ID, at time.Time) (bool, error)

	// AddDevice remembers a device (by hash) for a person; RenewDevice gives a device
	// another hash, for all its people; ForgetDevices forgets
	// all of a person; DevicePeople counts the people remembered for a device;
	// KnowsDevice tells whether a person is among them; DeviceOwner gives the one
	// person remembered for a device, and ErrNoRow where there is none, or more.
	AddDevice(s Subject, device [32]byte, at, expires time.Time) error
	RenewDevice(old, new [32]byte) error
	ForgetDevices(s Subject) error
	DevicePeople(device [32]byte, now time.Time) (int, error)
	KnowsDevice(s Subject, device [32]byte, now time.Time) (bool, error)
	DeviceOwner(device [32]byte, now time.Time) (Subject, error)
	// DevicesOf counts the devices that a person is known by.
	DevicesOf(s Subject, now time.Time) (int, error)

	// PutRequest stores a request about one's data, or replaces it by subject and
	// id; Requests lists those of a person, latest first.
	PutRequest(r DataRequest) error
	Requests(s Subject) ([]DataRequest, error)

	// CreateComplaint inserts one, or returns ErrTaken where its number is somebody
	// else's; Complaint and ComplaintNumbered read one; ComplaintsOf gives those of a
	// person, latest first; OpenComplaints up to n that nobody answered, received
	// from an instant on, oldest first. ConfirmComplaint confirms one that nobody did
	// and that did not lapse, in one statement, and reports whether this call did it;
	// LapseComplaints marks up to n that nobody confirmed until an instant, and gives
	// them, each to one caller only.
	CreateComplaint(c Complaint) error
	Complaint(id ID) (Complaint, error)
	ComplaintNumbered(number string) (Complaint, error)
	ComplaintsOf(s Subject) ([]Complaint, error)
	OpenComplaints(since time.Time, n int) ([]Complaint, error)
	ConfirmComplaint(id ID, by ComplaintProof, at, keepUntil time.Time) (bool, error)
	LapseComplaints(before time.Time, n int) ([]LapsedComplaint, error)

	// OpenSession inserts, and ends the person's sessions used longest ago beyond
	// [MaxSessions]; Session reads by id; Sessions lists those of a person
	// that were used after an instant and have not reached their absolute end,
	// latest first; SeeSession notes a use; EndSession ends one of a person and
	// reports whether it was there; EndSessions ends all of a person but one.
	OpenSession(x Session) error
	Session(id ID) (Session, error)
	Sessions(s Subject, usedAfter, now time.Time) ([]Session, error)
	SeeSession(id ID, at time.Time) error
	EndSession(s Subject, id ID) (bool, error)
	EndSessions(s Subject, except ID) error

	// PutNotice stores what a «No fui yo» link refers to; Notice reads it;
	// LatestNotice reads the one of a kind to an address that is due last;
	// RepeatNotice counts one more act that it tells of; UseNotice marks it used by
	// a case, and whether that disputes what waited, in one statement, and reports whether this call did it.
	PutNotice(n Notice) error
	Notice(id ID) (Notice, error)
	LatestNotice(s Subject, kind MailKind, address [32]byte) (Notice, error)
	RepeatNotice(id ID, at time.Time) error
	UseNotice(id ID, number string, disputes bool, at time.Time) (bool, error)
	// OpenCase stores a case for staff; Cases gives those of a person, latest first.
	OpenCase(c Case) error
	Cases(s Subject) ([]Case, error)
	// Disputed tells whether a notice of the kind to the subject was answered by a
	// «No fui yo» that disputed what waited, and still lives at an instant.
	Disputed(s Subject, kind MailKind, at time.Time) (bool, error)

	// QueueMail adds to the outbox. ClaimMails leases up to n due mails until
	// an instant, oldest due first, each to one caller only. FinishMail erases
	// what a mail needed and notes how it ended; DelayMail gives it back, due
	// later. DropMails drops the unsent activation mails of a procedure, but
	// for the given generation.
	QueueMail(m Mail) error
	ClaimMails(now, leaseUntil time.Time, n int) ([]Mail, error)
	FinishMail(id ID, end MailEnd, at time.Time) error
	DelayMail(id ID, tries int, due time.Time) error
	DropMails(procedure ID, except uint16) error
	// MailQueue counts the mails that wait and gives the oldest's instant.
	MailQueue() (waiting int, oldest time.Time, err error)

	// Audit appends a row to the chain of its shard when the transaction
	// commits.
	Audit(e AuditEntry) error
	// AuditRows gives up to n rows of an audit shard with Seq above after, in
	// order; AuditHead the row that stands for the shard's end: its last Seq and
	// [KeyRing.HeadMAC] over it (0 and empty before the first).
	AuditRows(shard uint8, after int64, n int) ([]AuditRow, error)
	AuditHead(shard uint8) (seq int64, mac []byte, err error)
	// AuditLast gives the shard's last Seq and that row's own chain MAC, once the
	// head has been found to hold (0 and empty before the first).
	AuditLast(shard uint8) (seq int64, mac []byte, err error)

	// AuditOf gives the acts on a person that a query asks for, latest first, their
	// details opened.
	AuditOf(s Subject, q AuditQuery) ([]AuditEntry, error)

	// Count adds to the public figures. It is one write, and holds nothing of anybody.
	Count(f Figure) error

	// Meta and SetMeta keep a few facts about the database itself (seed,
	// version of the data). Meta is "" where nothing is stored.
	// SwapMeta replaces a fact in one statement if it still is what the caller
	// thinks, and reports whether it did.
	Meta(key string) (string, error)
	SetMeta(key, value string) error
	SwapMeta(key, was, is string) (bool, error)

	// Sweep deletes what is past its retention, at most a batch of each kind; it
	// returns how many rows. Callers repeat it, each time in an update of its
	// own, until it returns 0.
	Sweep(r Retention) (int64, error)
}

// AuditQuery is which acts on a person are asked for.
type AuditQuery struct {
	Since, Until time.Time // from the first on, before the second; a zero Until is no bound
	Actor        ActorKind // of whom; empty for anybody
	Acts         []Act     // these; with Except all but these; none for all
	Except       bool
	Skip, N      int // leave out the latest Skip, and give N at most
}

// Retention says up to when rows of each kind are kept: everything that grows
// is bounded.
type Retention struct {
	Now        time.Time // used-once secrets, devices, sessions, notices and complaints past their own end go
	Procedures time.Time // procedures and activation codes that expired before
	Attempts   time.Time // counters untouched since, unless a total still binds an owner
	Marks      time.Time // marks older
	Mails      time.Time // mails that ended before
	Requests   time.Time // requests about one's data that ended before
}
