package credential

import (
	"context"
	"errors"
	"strings"
	"time"
)

// ClaveForm is the last page as typed.
type ClaveForm struct {
	Declared      bool // «Declaro que toda la información registrada es fidedigna»
	Clave, Repeat string
}

// SetClave is «Generar»: it alone consumes the link. The clave is checked
// against the list of common ones and the person's own data, hashed inside the
// gate, and written by one conditional statement; with it every older procedure
// of the person ends, the address counts as confirmed, and every address on
// record is told. It returns the device id to remember this browser by.
//
// Of several at once one wins. A loser that brought the same clave (a double
// click) is told of success, any other is Expired "finished".
func (s *Service) SetClave(ctx context.Context, by Actor, c Claim, form ClaveForm) (_ DeviceID, err error) {
	now := s.now()
	var p Procedure
	defer s.observed(PressClave, &p.Kind, &err)
	err = s.store.Glance(ctx, func(tx Tx) (err error) {
		p, err = s.heldAt(tx, c, now, StepClave, StepDone)
		return err
	})
	if err != nil {
		return DeviceID{}, err
	}
	if p.Step == StepDone && now.Sub(p.EndedAt) > secondPressTime {
		return DeviceID{}, &Error{Kind: Expired, Rule: string(Finished)}
	}
	person, found, err := s.person(ctx, p.Subject)
	if err != nil {
		return DeviceID{}, err
	}
	clave, err := s.checkClave(form, p, person)
	if err != nil {
		return DeviceID{}, err
	}
	if !found || !person.Death.IsZero() {
		return DeviceID{}, &Error{Kind: Denied, Rule: "proof"} // died or left the register since the verdict
	}
	if p.Step == StepDone {
		return s.secondPress(ctx, p.Subject, clave)
	}
	leave, err := s.gate.Enter(ctx)
	if err != nil {
		return DeviceID{}, err
	}
	defer leave()
	err = s.notTheFrozen(ctx, p.Subject, clave)
	if err != nil {
		return DeviceID{}, err
	}
	hash := s.policy.HashParams().Hash([]byte(clave.Reveal()))
	leave() // the next one hashes while this one writes

	ctx, cancel := afterCharge(ctx)
	defer cancel()
	device, won := DeviceID{}, false
	err = s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		won, err = tx.FinishProcedure(c.ID, now)
		if err != nil || !won {
			return err
		}
		device, err = s.finish(tx, by, p.ID, hash, person, now)
		return err
	})
	if err != nil {
		return DeviceID{}, err
	}
	if !won {
		return s.secondPress(ctx, p.Subject, clave)
	}
	s.mailQueued()
	return device, nil
}

// notTheFrozen refuses to set the clave that a frozen account had: somebody else
// knows it.
func (s *Service) notTheFrozen(ctx context.Context, subject Subject, clave Password) error {
	var account Account
	err := s.store.Glance(ctx, func(tx Tx) (err error) {
		account, err = accountOf(tx, subject)
		return err
	})
	if err == nil && account.frozen() && VerifyHash(account.Clave, []byte(clave.Reveal())) {
		err = Errors{invalid("password", "frozen")}
	}
	return err
}

func (s *Service) checkClave(form ClaveForm, p Procedure, person Person) (Password, error) {
	var faults Errors
	if !form.Declared {
		faults.add(invalid("declared", "needed"))
	}
	clave, err := ParsePassword(form.Clave, s.policy.PasswordMin, s.policy.PasswordMax)
	if err == nil {
		email, _ := ParseEmail(p.Typed.Email)
		err = CheckPassword(clave, ownData(p.Typed.Number, person, email), s.common)
	}
	refusal, isRefusal := errors.AsType[*Error](err)
	switch {
	case isRefusal:
		faults.add(refusal)
	case err != nil:
		return Password{}, err
	default:
		repeat, err := ParsePassword(form.Repeat, s.policy.PasswordMin, s.policy.PasswordMax)
		if err != nil || !constantTimeEqual(repeat.Reveal(), clave.Reveal()) {
			faults.add(invalid("repeat", "differs"))
		}
	}
	if len(faults) > 0 {
		return Password{}, faults
	}
	return clave, nil
}

// secondPressTime is how long after a success a second press of «Generar» is
// answered by whether it brought the same clave: a double click over a slow
// line, and no time to try other claves.
const secondPressTime = time.Minute

// secondPress answers a «Generar» that came after another one had won.
func (s *Service) secondPress(ctx context.Context, subject Subject, clave Password) (DeviceID, error) {
	var account Account
	err := s.store.Glance(ctx, func(tx Tx) (err error) {
		account, err = accountOf(tx, subject) // none where what won ended the procedure without a clave
		return err
	})
	if err != nil {
		return DeviceID{}, err
	}
	leave, err := s.gate.Enter(ctx)
	if err != nil {
		return DeviceID{}, err
	}
	defer leave()
	if VerifyHash(account.Clave, []byte(clave.Reveal())) {
		return DeviceID{}, nil
	}
	return DeviceID{}, &Error{Kind: Expired, Rule: string(Finished)}
}

// finish writes everything that a finished procedure changes. The procedure's
// own row is already StepDone.
func (s *Service) finish(tx Tx, by Actor, id ID, hash string, person Person, now time.Time) (DeviceID, error) {
	p, err := tx.Procedure(id)
	if err != nil {
		return DeviceID{}, err
	}
	err = spendProof(tx, p, now)
	if err == nil {
		err = finishBegun(tx, p, now)
	}
	if err == nil {
		err = tx.EndProven(p.Subject, p.ID, Replaced, now)
	}
	if err != nil {
		return DeviceID{}, err
	}
	before, err := addressesOf(tx, p.Subject, person)
	if err != nil {
		return DeviceID{}, err
	}
	earned, confirmedBefore, after, err := s.confirmAddress(tx, p, before, now)
	if err != nil {
		return DeviceID{}, err
	}
	if !p.Typed.Proof.IsZero() {
		earned = InPerson // whoever handed over the code saw the person
	}
	facts, err := s.facts(tx, by, p.Subject, person, p.Reference, now)
	if err != nil {
		return DeviceID{}, err
	}
	first, err := s.saveClave(tx, by, p, hash, earned, before, now)
	if err != nil {
		return DeviceID{}, err
	}
	if first {
		facts.Language = p.Typed.Language // before it there was no account to have one
		facts.Network = ""                // nor a device or network that would be the usual one
	}
	err = tx.EndSessions(p.Subject, ID{})
	if err != nil {
		return DeviceID{}, err
	}
	err = settleAttempts(tx, p, p.Kind == Recover && confirmedBefore || earned == InPerson)
	if err != nil {
		return DeviceID{}, err
	}
	device, err := s.rememberDevice(tx, by, p.Subject, now)
	if err != nil {
		return DeviceID{}, err
	}
	notice, act := MailClaveRecovered, ActClaveRecovered
	if p.Kind == Generate {
		notice, act = MailClaveSet, ActClaveGenerated
	}
	err = s.notify(tx, news{p.Subject, notice, p.ID, earned == InPerson}, after, facts, now)
	if err != nil {
		return DeviceID{}, err
	}
	err = attended(tx, p.Kind, p.CreatedAt, now)
	if err != nil {
		return DeviceID{}, err
	}
	return device, audited(tx, p, by, act, now, map[string]string{"level": earned.String()})
}

// confirmAddress writes what a used link proves of its address, by the table of
// trust: the level that the act earns, whether the address was confirmed before
// it, and everybody to be told (old addresses and new).
func (s *Service) confirmAddress(tx Tx, p Procedure, before []Address, now time.Time) (Level, bool, []Address, error) {
	if p.Typed.Fixed {
		earned := Declared // a mark of the register proves nobody to us
		if fixed, ok := fixedAddress(before); ok && fixed.Provenance.Origin == OriginInPerson {
			earned = InPerson
		}
		return earned, true, before, nil
	}
	email, err := ParseEmail(p.Typed.Email)
	if err != nil {
		return NoLevel, false, nil, err
	}
	confirmed := Address{
		Subject: p.Subject, ID: newID(p.ID.Shard()), Email: email,
		Provenance: Provenance{Origin: OriginConfirmed, At: now},
	}
	confirmedBefore := false
	told := []Address{}
	for _, a := range before {
		if a.Provenance.Origin.fixed() {
			told = append(told, a) // changes only at a counter, or by a code to it
			continue
		}
		if a.Email.Key() == email.Key() {
			confirmed.ID = a.ID
			if a.Provenance.Origin == OriginConfirmed {
				confirmed.Provenance, confirmedBefore = a.Provenance, true
			}
			continue
		}
		told = append(told, a)
		a.ReplacedAt = now
		err = tx.PutAddress(a)
		if err != nil {
			return NoLevel, false, nil, err
		}
	}
	err = tx.PutAddress(confirmed)
	return Declared, confirmedBefore, append(told, confirmed), err
}

// saveClave writes the account. The first act that raises it to level 2 ends
// what was made below: the personal answers go, and are set anew in person. A
// freeze ends, or refuses it all; before are the addresses on record until now. It
// reports whether it is the first the person has.
func (s *Service) saveClave(tx Tx, by Actor, p Procedure, hash string, earned Level, before []Address, now time.Time) (first bool, err error) {
	account, err := tx.Account(p.Subject)
	if isNoRow(err) {
		account, first, err = Account{Subject: p.Subject, CreatedAt: now}, true, nil
	}
	if err == nil {
		err = reopen(tx, by, p, &account, now)
	}
	if err == nil {
		err = thaw(tx, by, p, &account, before, now)
	}
	if err != nil {
		return first, err
	}
	if account.Level == Declared && earned == InPerson {
		account.Answers = AnswerSet{}
	}
	if p.Kind == Generate {
		account.Answers, account.Image, account.Phone = p.Typed.Bank, p.Typed.Image, NewText(p.Typed.Phone)
	}
	account.Clave = hash
	account.Language = p.Typed.Language
	account.Level = earned
	account.ProvenAt = now
	account.MustChange = false
	return first, tx.SaveAccount(account)
}

// settleAttempts ends what the finished procedure settles: the owner's totals,
// the count of claves, and where endLock says so a lock.
func settleAttempts(tx Tx, p Procedure, endLock bool) error {
	for _, budget := range []Budget{BudgetProof, BudgetCode} {
		a, err := tx.Attempts(p.Subject, budget)
		if err != nil {
			return err
		}
		a.Total = 0
		err = tx.SaveAttempts(a)
		if err != nil {
			return err
		}
	}
	return newClaveCount(tx, p.Subject, endLock)
}

// rememberDevice makes this browser the only one the person is known by. One
// browser is remembered for at most five people; the next one gets an id anew.
func (s *Service) rememberDevice(tx Tx, by Actor, subject Subject, now time.Time) (DeviceID, error) {
	err := tx.ForgetDevices(subject)
	if err != nil {
		return DeviceID{}, err
	}
	// The id is always a new one, for the others of this browser too: whoever copied
	// the cookie of a shared computer before holds nothing after.
	device := newDeviceID()
	if !by.Device.IsZero() {
		people, err := tx.DevicePeople(s.deviceHash(by.Device), now)
		if err == nil && people < peoplePerDevice {
			err = tx.RenewDevice(s.deviceHash(by.Device), s.deviceHash(device))
		}
		if err != nil {
			return DeviceID{}, err
		}
	}
	err = tx.AddDevice(subject, s.deviceHash(device), now, now.Add(s.policy.DeviceLife))
	if err != nil {
		return DeviceID{}, err
	}
	return device, tx.Mark(markHome, s.homeKey(by), subject, now)
}

func (s *Service) deviceHash(d DeviceID) [32]byte { return s.keys.tokenHash("device", d[:]) }

// Phrase proposes a clave: words that are easy to type and hard to guess.
func (s *Service) Phrase() string { return s.phrase() }

// firstName is how a mail addresses somebody.
func firstName(p Person) string {
	name, _, _ := strings.Cut(p.GivenNames.Reveal(), " ")
	return name
}
