package credential

import (
	"context"
	"crypto/rand"
	"strings"
	"time"
)

// ActivationCode is what the database keeps of a one-use code that staff handed
// over: a MAC of it, bound to its person. A person has one at a time; a newer
// one takes the place of the older.
type ActivationCode struct {
	Subject   Subject
	ID        ID
	MAC       []byte
	IssuedAt  time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero while unused
}

// usableAt reports whether the code can prove somebody at now.
func (c ActivationCode) usableAt(now time.Time) bool {
	return c.UsedAt.IsZero() && now.Before(c.ExpiresAt)
}

const (
	// plainAlphabet is 32 letters and digits without look-alikes: five bits each.
	plainAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	// activationSize makes 50 bits: guessed once in 10¹⁵, five times a day.
	activationSize = 10
)

// newActivationCode makes a code as it is stored: ten characters.
func newActivationCode() string {
	var raw [activationSize]byte
	rand.Read(raw[:])
	return ActivationCodeFrom(raw)
}

// ActivationCodeFrom makes a code, as it is stored, of ten random bytes.
func ActivationCodeFrom(raw [activationSize]byte) string {
	for i, b := range raw {
		raw[i] = plainAlphabet[b%32]
	}
	return string(raw[:])
}

// ActivationCodeText writes a code as people read it: XXXXX-XXXXX.
func ActivationCodeText(code string) string {
	if len(code) != activationSize {
		return code
	}
	return code[:activationSize/2] + "-" + code[activationSize/2:]
}

// parseActivationCode reads a code as typed: any case, spaces and hyphens
// anywhere. Nothing typed is no code, and ok.
func parseActivationCode(typed string) (code string, ok bool) {
	if len(typed) > 64 {
		return "", false
	}
	code = strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "–", "").Replace(strings.ToUpper(typed))
	if code == "" {
		return "", true
	}
	if len(code) != activationSize || strings.Trim(code, plainAlphabet) != "" {
		return "", false
	}
	return code, true
}

// activationMAC is what is kept of a code.
func (k *KeyRing) activationMAC(s Subject, code string) []byte {
	return k.tokenMAC("activation", s[:], []byte(code))
}

// activationHolds reports whether a typed code is the one kept; the zero
// ActivationCode is nobody's.
func (k *KeyRing) activationHolds(kept ActivationCode, typed string) bool {
	want := kept.MAC
	if len(want) == 0 {
		want = make([]byte, 32)
	}
	return k.tokenHolds(want, "activation", kept.Subject[:], []byte(typed))
}

// SeedActivationCode makes the row of a given code for the demo's people, as
// [ActivationCodeText] writes it or without the hyphen. What is no code is
// nobody's: nothing that is typed matches it.
func (k *KeyRing) SeedActivationCode(s Subject, text string, now time.Time) ActivationCode {
	code, ok := parseActivationCode(text)
	if !ok || code == "" {
		return ActivationCode{Subject: s, ID: newID(s.Shard()), MAC: make([]byte, 32)}
	}
	return k.activationRow(s, code, now)
}

// activationRow makes the row of a code.
func (k *KeyRing) activationRow(s Subject, stored string, now time.Time) ActivationCode {
	return ActivationCode{
		Subject: s, ID: newID(s.Shard()), MAC: k.activationMAC(s, stored),
		IssuedAt: now, ExpiresAt: now.Add(activationCodeLife),
	}
}

// IssueActivationCode makes a code for somebody on record, who was seen by
// staff, and gives it once, as they read it, with the end of its life. The
// reason stands in the person's acts; every address on record is told. Refusals
// are Invalid: "reason" (empty, not_text, too_long), "office" (too_long), "number" (nobody,
// deceased).
func (s *Service) IssueActivationCode(ctx context.Context, by Actor, n Number, office, reason string) (code string, expires time.Time, err error) {
	now := s.now()
	visit, err := s.visit(ctx, n, office, reason)
	if err != nil {
		return "", time.Time{}, err
	}
	subject, person, reason := visit.subject, visit.person, visit.reason
	stored := newActivationCode()
	row := s.keys.activationRow(subject, stored, now)
	err = s.store.Update(ctx, subject.Shard(), func(tx Tx) error {
		err := tx.PutActivationCode(row)
		if err != nil {
			return err
		}
		// Whoever knows number and birth date may have spent the tries: who was
		// seen a minute ago begins anew.
		for _, budget := range []Budget{BudgetProof, BudgetActivation} {
			tried, err := tx.Attempts(subject, budget)
			if err != nil {
				return err
			}
			tried.Times, tried.Total = nil, 0
			err = tx.SaveAttempts(tried)
			if err != nil {
				return err
			}
		}
		on, err := addressesOf(tx, subject, person)
		if err != nil {
			return err
		}
		facts, err := plainFacts(tx, subject, person, now)
		if err != nil {
			return err
		}
		err = s.notify(tx, news{subject, MailActivationCode, row.ID, true}, on, facts, now)
		if err != nil {
			return err
		}
		return tx.Audit(AuditEntry{
			Subject: subject, Actor: by.Kind, Act: ActActivationCodeIssued, Office: office, At: now, Route: by.Route,
			Details: map[string]string{"reason": reason, "reference": facts.Reference},
		})
	})
	if err != nil {
		return "", time.Time{}, err
	}
	s.mailQueued()
	return ActivationCodeText(stored), row.ExpiresAt, nil
}

// spendProof uses up the activation code that a procedure was proven by. One
// that was used, or that a newer one replaced, ends the procedure's way.
func spendProof(tx Tx, p Procedure, now time.Time) error {
	if p.Typed.Proof.IsZero() {
		return nil
	}
	first, err := tx.UseActivationCode(p.Subject, p.Typed.Proof, now)
	if err == nil && !first {
		err = &Error{Kind: Expired, Rule: "activation_code"}
	}
	return err
}
