package credential

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"
)

// RequestKind is what somebody asks of the data kept about them (LOPDP, articles
// 14 and 15).
type RequestKind string

// The kinds of request.
const (
	Rectification RequestKind = "rectification"
	Erasure       RequestKind = "erasure"
)

// RequestKinds lists them in the order of the page.
func RequestKinds() []RequestKind { return []RequestKind{Rectification, Erasure} }

// RequestState is how far a request is.
type RequestState string

// RequestOpen is a request that nobody has answered yet; staff answer it.
const RequestOpen RequestState = "open"

// DataRequest is a request about one's data. It stands in the order in which it
// came, with the last day on which it may be answered.
type DataRequest struct {
	Subject   Subject
	ID        ID
	Kind      RequestKind
	Text      Text // stored sealed
	Reference string
	CreatedAt time.Time
	DueAt     time.Time // the last instant of the last day, in Ecuador's time
	State     RequestState
	EndedAt   time.Time // zero while it is open
}

const (
	// RequestDays is within how many days the institution answers (LOPDP, articles
	// 13 to 15).
	RequestDays = 15
	// maxOpenRequests bounds what one person can leave for staff to answer.
	maxOpenRequests = 3
	// maxExportedActs bounds the acts in a download; the store gives no more at once.
	maxExportedActs = 1000
)

// lastDay gives the last instant of the day in [Zone] that is so many days after an
// instant's.
func lastDay(at time.Time, days int) time.Time {
	local := at.In(Zone)
	next := time.Date(local.Year(), local.Month(), local.Day()+days+1, 0, 0, 0, 0, Zone)
	return next.Add(-time.Millisecond).UTC()
}

// Rights is what the page of one's data shows.
type Rights struct {
	MayDownload bool // level 2
	Requests    []DataRequest
}

// LookRights reads the page of one's data. Expired "session" for who is not logged in.
func (s *Service) LookRights(ctx context.Context, t SessionToken) (Rights, error) {
	now := s.now()
	var v Rights
	var x Session
	err := s.store.View(ctx, func(tx Tx) (err error) {
		var account Account
		x, account, err = s.insider(tx, t, NoLevel, now)
		if err != nil {
			return err
		}
		v.MayDownload = account.Level >= InPerson
		v.Requests, err = tx.Requests(x.Subject)
		return err
	})
	if err != nil {
		return Rights{}, err
	}
	return v, s.used(ctx, x, now)
}

// openRequests gives those that nobody has answered yet.
func openRequests(all []DataRequest) []DataRequest {
	return slices.DeleteFunc(slices.Clone(all), func(r DataRequest) bool { return r.State != RequestOpen })
}

// MakeRequest asks for a rectification or an erasure: it gets a reference and a
// last day, and every address on record is told. Refusals: Expired "session";
// [Errors] of "request_kind", "request"; TooMany "requests_open".
func (s *Service) MakeRequest(ctx context.Context, by Actor, t SessionToken, kind RequestKind, typed string) (err error) {
	defer s.pressed(PressRequest, &err)
	now := s.now()
	var faults Errors
	if !slices.Contains(RequestKinds(), kind) {
		faults.add(invalid("request_kind", "choose"))
	}
	text := inertText(typed)
	switch {
	case text == "":
		faults.add(invalid("request", "empty"))
	case utf8.RuneCountInString(text) > MaxLetter:
		faults.add(invalid("request", "too_long"))
	}
	x, err := s.sessionNow(ctx, t, now)
	if err == nil && len(faults) > 0 {
		err = faults
	}
	if err != nil {
		return err
	}
	person, _, err := s.person(ctx, x.Subject)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, x.Subject.Shard(), func(tx Tx) error {
		x, err := s.session(tx, t, now)
		if err != nil {
			return err
		}
		before, err := tx.Requests(x.Subject)
		if err != nil {
			return err
		}
		if len(openRequests(before)) >= maxOpenRequests {
			return &Error{Kind: TooMany, Field: "request", Rule: "requests_open", RetryAfter: RequestDays * day}
		}
		r := DataRequest{
			Subject: x.Subject, ID: newID(x.Subject.Shard()), Kind: kind, Text: NewText(text), Reference: newReference(),
			CreatedAt: now, DueAt: lastDay(now, RequestDays), State: RequestOpen,
		}
		err = tx.PutRequest(r)
		if err != nil {
			return err
		}
		facts := MailFacts{Reference: r.Reference, LastDay: r.DueAt}
		return s.tellInside(tx, by, x.Subject, person, MailDataRequest, ActDataRequested, facts, now)
	})
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}

// Export is everything kept of a person that is theirs to see. No hash, key or
// secret is in it, and of personal questions which ones, never the answers.
type Export struct {
	At         time.Time
	Person     Person
	Account    ExportedAccount
	Addresses  []Address
	Former     []Address // no longer on record
	Sessions   []Session // without the hashes of their tokens
	Devices    int       // browsers that the person is known by
	Agreement  Agreement
	AgreedAt   time.Time // of the version accepted last; zero for none
	Acts       []HistoryAct
	AllActs    bool // Acts is all of them
	Requests   []DataRequest
	Complaints []Complaint // that the person made while logged in
	Cases      []Case
	Change     AddressChange
}

// ExportedAccount is what an [Export] has of an account.
type ExportedAccount struct {
	Level     Level
	CreatedAt time.Time
	ProvenAt  time.Time // when the clave was last set by a proof
	Phone     Text
	Image     SecurityImage
	Language  Language             // of the notices; empty for the institution's first
	Questions []PersonalQuestionID // that were answered
}

// ExportData gives a person of level 2 everything kept of them, to who gives the
// current clave once more. The audit notes it first. Refusals: Expired "session",
// Denied "level"; [Errors] of "current"; those of [Service.LogIn].
func (s *Service) ExportData(ctx context.Context, by Actor, t SessionToken, current string) (_ Export, err error) {
	defer s.pressed(PressDownload, &err)
	now := s.now()
	again, err := s.proveAgain(ctx, by, t, InPerson, current, nil, now)
	if err != nil {
		return Export{}, err
	}
	defer again.leave()
	again.token = SessionToken{} // the answer is a file: the session goes on as it is
	subject := again.session.Subject
	err = s.doAgain(ctx, by, again, now, func(tx Tx, _ Account) error {
		return tx.Audit(entryOf(by, subject, ActDataDownloaded, now))
	})
	if err != nil {
		return Export{}, err
	}
	var v Export
	var set []Address
	err = s.store.View(ctx, func(tx Tx) (err error) {
		v = Export{At: now, Person: again.person}
		account, err := tx.Account(subject)
		v.Account = ExportedAccount{
			Level: account.Level, CreatedAt: account.CreatedAt, ProvenAt: account.ProvenAt, Phone: account.Phone, Image: account.Image, Language: account.Language,
			Questions: account.Answers.Questions,
		}
		if err == nil {
			set, err = tx.Addresses(subject)
		}
		if err == nil {
			v.Former, err = tx.FormerAddresses(subject)
		}
		if err == nil {
			v.Sessions, err = tx.Sessions(subject, now.Add(-s.policy.SessionIdle), now)
		}
		for i := range v.Sessions {
			v.Sessions[i].Token = [32]byte{}
		}
		if err == nil {
			v.Devices, err = tx.DevicesOf(subject, now)
		}
		if err == nil {
			v.Requests, err = tx.Requests(subject)
		}
		if err == nil {
			v.Complaints, err = tx.ComplaintsOf(subject)
		}
		if err == nil {
			v.Cases, err = tx.Cases(subject)
		}
		if err != nil {
			return err
		}
		p, err := s.pendingChange(tx, subject, now)
		if err != nil {
			return err
		}
		v.Change = s.addressChange(p, now)
		entries, err := tx.AuditOf(subject, AuditQuery{N: maxExportedActs})
		if err != nil {
			return err
		}
		v.AllActs = len(entries) < maxExportedActs
		for _, e := range entries {
			v.Acts = append(v.Acts, historyAct(e))
			if version := e.Details["agreement"]; version != "" && v.AgreedAt.IsZero() {
				v.Agreement, v.AgreedAt = Agreement{version, e.Details["agreement_language"], e.Details["agreement_digest"]}, e.At
			}
		}
		return nil
	})
	if err != nil {
		return Export{}, err
	}
	v.Addresses = onRecord(subject, set, again.person)
	return v, nil
}
