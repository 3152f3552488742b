package credential

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxReason bounds why staff did something, and the name of their office, in code points.
const maxReason = 200

// visit is somebody on record whom staff saw, and why they did what they did.
type visit struct {
	subject Subject
	person  Person
	reason  string
}

// visit checks what staff typed about somebody. Refusals are Invalid: "reason"
// (empty, not_text, too_long), "office" (too_long), "number" (nobody, deceased).
func (s *Service) visit(ctx context.Context, n Number, office, reason string) (visit, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return visit{}, invalid("reason", "empty")
	case strings.ContainsFunc(reason+office, func(r rune) bool { return !unicode.IsPrint(r) }):
		return visit{}, invalid("reason", "not_text")
	case utf8.RuneCountInString(reason) > maxReason:
		return visit{}, invalid("reason", "too_long")
	case utf8.RuneCountInString(office) > maxReason:
		return visit{}, invalid("office", "too_long")
	}
	subject := s.keys.Subject(n)
	person, found, err := s.person(ctx, subject)
	switch {
	case err != nil:
		return visit{}, err
	case !found:
		return visit{}, invalid("number", "nobody")
	case !person.Death.IsZero():
		return visit{}, invalid("number", "deceased")
	}
	return visit{subject, person, reason}, nil
}

// SetAddressInPerson takes down the address of somebody whom staff saw, as verified
// in person, in the place of every other. What waited for a mail to another one
// ends; the account's level stays as it is. Every address, old and new, is told.
// Refusals: those of an [Email]; "reason", "office" and "number" as for
// [Service.IssueActivationCode].
func (s *Service) SetAddressInPerson(ctx context.Context, by Actor, n Number, typed, office, reason string) error {
	now := s.now()
	email, err := ParseEmail(typed)
	if err != nil {
		return err
	}
	v, err := s.visit(ctx, n, office, reason)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, v.subject.Shard(), func(tx Tx) error {
		on, err := addressesOf(tx, v.subject, v.person)
		if err != nil {
			return err
		}
		fresh := Address{
			Subject: v.subject, ID: newID(v.subject.Shard()), Email: email,
			Provenance: Provenance{Origin: OriginInPerson, At: now, Office: office},
		}
		err = replaceAddresses(tx, on, &fresh, now)
		if err == nil {
			err = tx.EndProven(v.subject, ID{}, Replaced, now)
		}
		if err != nil {
			return err
		}
		facts, err := plainFacts(tx, v.subject, v.person, now)
		if err != nil {
			return err
		}
		facts.NewMask = email.Mask()
		err = s.notify(tx, news{Subject: v.subject, Kind: MailAddressChanged, InPerson: true}, onRecordOnce(on, []Address{fresh}), facts, now)
		if err != nil {
			return err
		}
		return tx.Audit(AuditEntry{
			Subject: v.subject, Actor: by.Kind, Act: ActAddressInPerson, Office: office, At: now, Route: by.Route,
			Details: map[string]string{"reason": v.reason, "reference": facts.Reference, "to": email.Mask()},
		})
	})
	if err != nil {
		return err
	}
	s.mailQueued()
	return nil
}

// replaceAddresses puts an address in the place of all others on record.
func replaceAddresses(tx Tx, on []Address, fresh *Address, now time.Time) error {
	for _, a := range on {
		if a.Email.Key() == fresh.Email.Key() {
			fresh.ID = a.ID
			continue
		}
		a.ReplacedAt = now
		err := tx.PutAddress(a)
		if err != nil {
			return err
		}
	}
	return tx.PutAddress(*fresh)
}
