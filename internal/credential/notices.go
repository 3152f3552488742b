package credential

import "time"

// mergeWindow is within what time repeats of one act are told together. The
// first is told at once.
const mergeWindow = 5 * time.Minute

// homeMemory is how long a person is known by the kind of device and the network
// that they were seen with.
const homeMemory = 30 * day

// Network says, without guessing at a place, where an act came from.
type Network string

// What is known of a network.
const (
	NetworkKnown Network = "known" // with this kind of device the person logged in from there in the last 30 days
	NetworkNew   Network = "new"
)

// news is an act to tell somebody of.
type news struct {
	Subject   Subject
	Kind      MailKind
	Procedure ID   // what it is about; zero for none
	InPerson  bool // whoever did it was proven in person
}

// separate reports whether acts of a kind are each told alone: they differ in what
// they ask for.
func (k MailKind) separate() bool {
	return k == MailAddressChange || k == MailAddressChanged || k == MailRegisterChange || k == MailActivationCode || k == MailFrozen ||
		k == MailDataRequest
}

// notify queues a notice to each address, with a «No fui yo» link of its own.
// Notices have no cap; the first of a kind leaves at once, and its repeats within
// five minutes are told in one more.
func (s *Service) notify(tx Tx, act news, to []Address, facts MailFacts, now time.Time) error {
	most := OriginConfirmed.rank()
	for _, a := range to {
		if a.Provenance.Origin == OriginInPerson {
			most = a.Provenance.Origin.rank()
		}
	}
	if act.InPerson {
		most = OriginInPerson.rank()
	}
	for _, a := range to {
		mayFreeze := act.Kind != MailFrozen && a.Provenance.Origin.rank() >= most
		err := s.notifyOne(tx, act, a.Email, mayFreeze, facts, now)
		if err != nil {
			return err
		}
	}
	return nil
}

// notifyOne queues a notice to one address. The zero Email stands for an address
// that is not there: the same rows, of which nothing is sent.
func (s *Service) notifyOne(tx Tx, act news, to Email, mayFreeze bool, facts MailFacts, now time.Time) error {
	notice := Notice{
		ID: newID(act.Subject.Shard()), Subject: act.Subject, Kind: act.Kind, Procedure: act.Procedure,
		Address: s.addressKey(to), MayFreeze: mayFreeze,
		CreatedAt: now, Due: now, ExpiresAt: now.Add(s.policy.FreezeLinkLife),
	}
	if !act.Kind.separate() {
		last, err := tx.LatestNotice(act.Subject, act.Kind, notice.Address)
		switch {
		case isNoRow(err), err == nil && !now.Before(last.Due.Add(mergeWindow)):
		case err != nil:
			return err
		case now.Before(last.Due) && last.UsedAt.IsZero():
			return tx.RepeatNotice(last.ID, now)
		default:
			notice.Due = last.Due.Add(mergeWindow)
		}
	}
	err := tx.PutNotice(notice)
	if err != nil {
		return err
	}
	return tx.QueueMail(Mail{
		ID: newID(act.Subject.Shard()), Kind: act.Kind, To: to, Procedure: act.Procedure, Notice: notice.ID,
		Facts: facts, QueuedAt: now, Due: notice.Due,
	})
}

// addressKey is the keyed hash by which a notice knows its address again.
func (s *Service) addressKey(e Email) [32]byte { return s.keys.Lookup("address", []byte(e.Key())) }

// toldTo reports whether the address of a notice is still on record.
func (s *Service) toldTo(n Notice, on []Address) bool {
	for _, a := range on {
		if s.addressKey(a.Email) == n.Address {
			return true
		}
	}
	return false
}

// homeKey is the keyed hash of the applicant's network and kind of device.
func (s *Service) homeKey(by Actor) [32]byte {
	return s.keys.Lookup("home", []byte(by.Network+"\x00"+by.Browser))
}

// network says what is known of where an act comes from that is done to an account.
func (s *Service) network(tx Tx, by Actor, subject Subject, account Account, now time.Time) (Network, error) {
	since := now.Add(-homeMemory)
	if account.ProvenAt.After(since) {
		since = account.ProvenAt // who was in before may be whom the owner put out
	}
	known, err := tx.Marked(markHome, s.homeKey(by), subject, since)
	if known {
		return NetworkKnown, err
	}
	return NetworkNew, err
}

// facts is what a notice says of an act that somebody did in a browser. It is asked for
// before the act changes the account, and keeps the language that this had until then: a
// notice warns the owner, so whoever acted has no say in how it reads.
func (s *Service) facts(tx Tx, by Actor, subject Subject, person Person, reference string, now time.Time) (MailFacts, error) {
	account, err := accountOf(tx, subject)
	if err != nil {
		return MailFacts{}, err
	}
	network, err := s.network(tx, by, subject, account, now)
	return MailFacts{
		GivenName: firstName(person), Reference: reference, At: now, Browser: by.Browser, Network: network, Language: account.Language,
	}, err
}

// plainFacts is what a notice says of an act that nobody did in a browser.
func plainFacts(tx Tx, subject Subject, person Person, now time.Time) (MailFacts, error) {
	account, err := accountOf(tx, subject)
	return MailFacts{GivenName: firstName(person), Reference: newReference(), At: now, Language: account.Language}, err
}

// mailFacts is what a mail that a procedure waits for says.
func (p Procedure) mailFacts(person Person, now time.Time) MailFacts {
	return MailFacts{GivenName: firstName(person), Reference: p.Reference, At: now, Language: p.Typed.Language}
}
