package credential

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"strings"
	"time"
)

// The stages of bringing in a register, in order.
const (
	RegisterLoading  = "loading"  // lines are being stored, where nobody reads them
	RegisterApplying = "applying" // the new register is read; what it changes for people is being done
	RegisterClearing = "clearing" // a generation that nobody reads is being deleted
)

// RegisterRun is how far the bringing in of a register is. It is kept in the
// database and moves in the same transactions as the work it tells of, so that
// whoever dies in the middle is gone on from. The zero run is none.
type RegisterRun struct {
	Stage      string    `json:"stage,omitempty"`
	Generation int64     `json:"generation,omitempty"` // loading, applying: the new one; clearing: the one to delete
	Previous   int64     `json:"previous,omitempty"`   // applying: the one read before
	At         time.Time `json:"at,omitzero"`          // when it began

	File    string `json:"file,omitempty"` // SHA-256 of the file, in hex
	Source  string `json:"source,omitempty"`
	Reading string `json:"reading,omitempty"` // how the file is read, for whoever reads it
	People  int64  `json:"people,omitempty"`  // stored

	After string `json:"after,omitempty"` // loading, applying: the last subject that is done, in hex
}

// ErrRegisterBusy says that another program moved the run meanwhile.
var ErrRegisterBusy = errors.New("another import is at work on this database")

// The facts about the register that the database keeps of itself.
const (
	metaRegisterRun = "register_run"
	// MetaPeopleGeneration names the generation of people that is read.
	MetaPeopleGeneration = "people_generation"
)

// PlainPerson is a [Person] as a register file says it, checked already. Its texts
// are plain, because making a [Text] of each would cost more than all the rest
// that an import does with a line. It masks itself as a whole.
type PlainPerson struct {
	Document   Document
	Number     string // canonical, as [Number.Reveal] gives it
	GivenNames string
	Surnames   string
	Birth      Date
	Death      Date // zero while alive
	Audiences  []Audience
	Facts      []PlainFact // none that is [NotOnRecord]
	Email      string      // as [Email.Reveal] gives it; "" for none
	InPerson   bool        // the institution saw the person hand the address in
}

// PlainFact is one of the [Facts].
type PlainFact struct {
	ID   FactID
	Code string
}

// SetNumber reads a number by the rules of [ParseNumber], and refuses as it does.
func (p *PlainPerson) SetNumber(document Document, typed string) (err error) {
	p.Document = document
	p.Number, err = canonicalNumber(document, typed)
	return err
}

// SetEmail reads an address by the rules of [ParseEmail], and refuses as it does.
func (p *PlainPerson) SetEmail(typed string) (err error) {
	p.Email, err = canonicalEmail(typed)
	return err
}

// String masks the person.
func (p PlainPerson) String() string { return masked }

// GoString masks the person for %#v.
func (p PlainPerson) GoString() string { return "credential.PlainPerson(•••)" }

// LogValue masks the person in structured logs.
func (p PlainPerson) LogValue() slog.Value { return slog.StringValue(masked) }

// StagedPerson is a person ready to be stored: sealed already, because sealing
// is what can be spread over cores.
type StagedPerson struct {
	Subject Subject
	Record  []byte   // sealed
	Digest  [16]byte // see [KeyRing.RegisterDigest]
}

// RegisterStore is what a [Store] can do besides with many people at once. It is
// held to the same contract.
type RegisterStore interface {
	// RegisterSealer gives what makes people of the run's file ready to be stored.
	// It touches no database.
	RegisterSealer(run RegisterRun) (RegisterSealer, error)

	// StagePeople stores people in the generation that a run is loading, where
	// nobody reads them: from the first on as many as fit a batch, at least one.
	// They stand in order of subject, each once, behind all whom the generation has.
	// advance is told how many the batch holds; it gives how far the run is with
	// them, which commits with the batch. It is called once. Another program's import
	// ends in [ErrRegisterBusy], with nothing stored. Between two batches others get
	// their turn.
	StagePeople(ctx context.Context, run RegisterRun, people []StagedPerson, advance func(n int) RegisterRun) (RegisterRun, error)

	// CountPeople counts a generation.
	CountPeople(ctx context.Context, generation int64) (int64, error)

	// CompareGenerations looks at the people of two generations whose subject is
	// at or after from and before to: how many of the old are not among the new,
	// and of whom something that has effects is not the same, in order of subject.
	// A to that is empty is the end.
	CompareGenerations(ctx context.Context, old, new int64, from, to []byte) (gone int64, changed []RegisterChange, err error)

	// ClearGeneration deletes the people of a generation whose subject is at or after
	// from and before to, as CompareGenerations takes them. It refuses the generation
	// that is read. After it others get their turn.
	ClearGeneration(ctx context.Context, generation int64, from, to []byte) error
}

// RegisterSealer makes people ready to be stored. One goroutine uses it.
type RegisterSealer interface {
	// Seal appends the sealed record of a person to to. The person it gives refers
	// to those bytes.
	Seal(to []byte, p *PlainPerson) ([]byte, StagedPerson)
}

// RegisterRunNow reads the run that is under way, if any, and the generation of
// people that is read.
func RegisterRunNow(tx Tx) (run RegisterRun, generation int64, err error) {
	text, err := tx.Meta(metaRegisterRun)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &run)
	}
	if err != nil {
		return run, 0, fmt.Errorf("reading how far the register is: %w", err)
	}
	text, err = tx.Meta(MetaPeopleGeneration)
	if err == nil {
		_, err = fmt.Sscan(text, &generation)
	}
	if err != nil {
		return run, 0, fmt.Errorf("reading which register is read: %w", err)
	}
	return run, generation, nil
}

// MoveRegisterRun writes how far the run is now, if it still stands where the
// caller thinks; [ErrRegisterBusy] if it does not.
func MoveRegisterRun(tx interface {
	SwapMeta(key, was, is string) (bool, error)
}, was, is RegisterRun) error {
	moved, err := tx.SwapMeta(metaRegisterRun, was.text(), is.text())
	if err == nil && !moved {
		err = ErrRegisterBusy
	}
	return err
}

func (r RegisterRun) text() string {
	if r == (RegisterRun{}) {
		return ""
	}
	text, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("credential: a run of strings and numbers does not marshal: %v", err))
	}
	return string(text)
}

// SwitchRegister makes the loaded generation the one that is read, in one
// statement, and the run one whose changes are to be applied.
func SwitchRegister(tx Tx, run RegisterRun) (RegisterRun, error) {
	was, previous, err := RegisterRunNow(tx)
	if err != nil {
		return run, err
	}
	if was.text() != run.text() || run.Stage != RegisterLoading {
		return run, ErrRegisterBusy
	}
	next := run
	next.Stage, next.Previous, next.After = RegisterApplying, previous, ""
	err = MoveRegisterRun(tx, run, next)
	if err == nil {
		err = tx.SetMeta(MetaPeopleGeneration, fmt.Sprint(run.Generation))
	}
	return next, err
}

// RegisterDigest is a keyed fingerprint of what of a record has effects when it
// changes: address, mark and death. Two generations are compared by it without
// opening a record.
func (k *KeyRing) RegisterDigest(s Subject, p Person) [16]byte {
	mark := p.EmailFrom.Origin == OriginImportedInPerson
	sum := mac(k.lookup, digestPurpose, digestParts(&s, p.Email.Key(), mark, p.Death)...)
	return [16]byte(sum[:16])
}

const digestPurpose = "register"

func digestParts(s *Subject, email string, mark bool, death Date) [][]byte {
	var day []byte
	if !death.IsZero() {
		day = binary.BigEndian.AppendUint32(nil, uint32(death.Year*10000+int(death.Month)*100+death.Day))
	}
	return [][]byte{s[:], []byte(email), {boolByte(mark)}, day}
}

// ManyKeys does for many people what [KeyRing.Subject], [KeyRing.RegisterDigest]
// and [KeyRing.Seal] do for one, and keeps what those make anew each time. One
// goroutine uses it.
type ManyKeys struct {
	key    sealKey
	place  []byte // ends in the row's key
	nonces []byte
	lookup hash.Hash
	text   []byte
	sum    []byte
}

// Many gives the keys for many rows of a column whose row key is the subject.
func (k *KeyRing) Many(table, column string) *ManyKeys {
	return &ManyKeys{
		key: k.seal[0], place: Place{Table: table, Column: column, Row: make([]byte, len(Subject{}))}.bytes(),
		lookup: hmac.New(sha256.New, k.lookup),
	}
}

// Subject gives the subject of a person.
func (m *ManyKeys) Subject(p *PlainPerson) Subject {
	return Subject(m.mac("subject", []byte(subjectKey(p.Document, p.Number))))
}

// Digest gives the fingerprint of a person.
func (m *ManyKeys) Digest(s Subject, p *PlainPerson) [16]byte {
	return m.mac(digestPurpose, digestParts(&s, strings.ToLower(p.Email), p.InPerson && p.Email != "", p.Death)...)
}

// mac gives the first half of [mac].
func (m *ManyKeys) mac(purpose string, parts ...[]byte) (half [16]byte) {
	m.text = binary.BigEndian.AppendUint32(m.text[:0], uint32(len(purpose)))
	m.text = append(m.text, purpose...)
	for _, part := range parts {
		m.text = binary.BigEndian.AppendUint32(m.text, uint32(len(part)))
		m.text = append(m.text, part...)
	}
	m.lookup.Reset()
	m.lookup.Write(m.text)
	m.sum = m.lookup.Sum(m.sum[:0])
	return [16]byte(m.sum[:16])
}

// Seal appends to to what [KeyRing.Seal] makes of plain for the row of a subject.
func (m *ManyKeys) Seal(to, plain []byte, s Subject) []byte {
	size := m.key.aead.NonceSize()
	if len(m.nonces) < size {
		m.nonces = make([]byte, 256*size)
		rand.Read(m.nonces)
	}
	nonce := m.nonces[:size]
	m.nonces = m.nonces[size:]
	copy(m.place[len(m.place)-len(s):], s[:])
	to = append(to, sealedVersion)
	to = binary.BigEndian.AppendUint32(to, m.key.id)
	to = append(to, nonce...)
	return m.key.aead.Seal(to, nonce, plain, m.place)
}

// RegisterChange is somebody of whom two generations say different things.
type RegisterChange struct {
	Subject  Subject
	Old, New Person
}

// Address reports whether the address is another one, or was added or taken away.
func (c RegisterChange) Address() bool { return c.Old.Email.Key() != c.New.Email.Key() }

// Mark reports whether the person was marked as seen by the institution, or the
// mark was taken away.
func (c RegisterChange) Mark() bool {
	return (c.Old.EmailFrom.Origin == OriginImportedInPerson) != (c.New.EmailFrom.Origin == OriginImportedInPerson)
}

// Death reports whether the person died by the new record, and not by the old.
func (c RegisterChange) Death() bool { return c.Old.Death.IsZero() && !c.New.Death.IsZero() }

// ApplyRegisterChange does what a change of the register brings with it: a death
// ends links and devices; a changed address is told to every address on record,
// the old one included, unless one was set here, which an import never replaces.
// An address that was taken away stays on record, so that there is somebody to
// tell when another one is typed.
//
// The run moves past the person in the same transaction, so that each change is
// done once, whoever goes on.
func (s *Service) ApplyRegisterChange(ctx context.Context, run RegisterRun, c RegisterChange) (RegisterRun, error) {
	now := s.now()
	next := run
	next.After = hex.EncodeToString(c.Subject[:])
	err := s.store.Update(ctx, c.Subject.Shard(), func(tx Tx) error {
		err := MoveRegisterRun(tx, run, next)
		if err != nil {
			return err
		}
		if c.Death() {
			err = s.registeredDeath(tx, c, now)
		}
		if err == nil && c.Address() && !c.Old.Email.IsZero() {
			err = s.registeredAddress(tx, c, run, now)
		}
		return err
	})
	if err != nil {
		return run, err
	}
	s.mailQueued()
	return next, nil
}

func (s *Service) registeredDeath(tx Tx, c RegisterChange, now time.Time) error {
	err := tx.EndProven(c.Subject, ID{}, TimedOut, now)
	if err == nil {
		err = tx.EndSessions(c.Subject, ID{})
	}
	if err == nil {
		err = tx.ForgetDevices(c.Subject)
	}
	if err == nil {
		err = tx.Audit(AuditEntry{Subject: c.Subject, Actor: System, Act: ActRegisterDeath, At: now, Route: registerRoute})
	}
	return err
}

// registerRoute is where an import says in the audit that it comes from.
const registerRoute = "registry import"

func (s *Service) registeredAddress(tx Tx, c RegisterChange, run RegisterRun, now time.Time) error {
	set, err := tx.Addresses(c.Subject)
	if err != nil || setHere(set) || !c.New.Death.IsZero() {
		return err
	}
	before := onRecord(c.Subject, set, c.Old)
	details := map[string]string{"from": c.Old.Email.Mask(), "to": c.New.Email.Mask(), "file": run.Source}
	if c.New.Email.IsZero() {
		err = keepAddress(tx, c, set)
	} else {
		var facts MailFacts
		facts, err = plainFacts(tx, c.Subject, c.New, now)
		if err != nil {
			return err
		}
		facts.NewMask = c.New.Email.Mask()
		err = s.notify(tx, news{Subject: c.Subject, Kind: MailRegisterChange}, onRecordOnce(before, onRecord(c.Subject, set, c.New)), facts, now)
		details["reference"] = facts.Reference
	}
	if err != nil {
		return err
	}
	return tx.Audit(AuditEntry{
		Subject: c.Subject, Actor: System, Act: ActRegisterAddress, At: now, Route: registerRoute, Details: details,
	})
}

// keepAddress stores what the register no longer says.
func keepAddress(tx Tx, c RegisterChange, set []Address) error {
	if _, there := amongThem(set, c.Old.Email); there {
		return nil
	}
	kept := Address{Subject: c.Subject, ID: newID(c.Subject.Shard()), Email: c.Old.Email, Provenance: c.Old.EmailFrom}
	kept.Provenance.Origin = OriginImported // without the register's word the mark is gone
	return tx.PutAddress(kept)
}

// setHere reports whether one of the addresses came about here, and not by an
// import.
func setHere(set []Address) bool {
	for _, a := range set {
		if !a.Provenance.Origin.imported() {
			return true
		}
	}
	return false
}

// onRecord gives the addresses on record: those stored, and last the register's own.
// An address that was set here hides the register's, but the register's mark that
// the institution saw the person holds for the same address, too.
func onRecord(s Subject, set []Address, p Person) []Address {
	if p.Email.IsZero() {
		return set
	}
	own := Address{Subject: s, ID: newID(s.Shard()), Email: p.Email, Provenance: p.EmailFrom}
	here := setHere(set)
	on := make([]Address, 0, len(set)+1)
	for _, a := range set {
		if a.Email.Key() == p.Email.Key() {
			if own.Provenance.Origin == OriginImportedInPerson && a.Provenance.Origin != OriginInPerson {
				a.Provenance = own.Provenance
			}
			here = true
		}
		on = append(on, a)
	}
	if !here {
		on = append(on, own)
	}
	return on
}

// onRecordOnce joins two lists of addresses, each address once.
func onRecordOnce(a, b []Address) []Address {
	var all []Address
	seen := map[string]bool{}
	for _, one := range append(append([]Address{}, a...), b...) {
		if !seen[one.Email.Key()] {
			seen[one.Email.Key()] = true
			all = append(all, one)
		}
	}
	return all
}

// imported reports whether the proof came with a register.
func (o Origin) imported() bool { return o == OriginImported || o == OriginImportedInPerson }
