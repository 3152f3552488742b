package credential

import "time"

// «No fui yo» (P5) needs no log-in, so what it can do is bounded by who may have
// pressed it. Whoever reads an address on record that is as well proven as the
// act may freeze the account; any other press opens a case for staff and changes
// nothing else. A freeze ends by what stood before the disputed act, and by
// nothing that was set after it: a recovery to an address confirmed before, or a
// code that staff hand over to the person they see.

// Case is what staff are asked to look into. It is closed at the counter.
type Case struct {
	Number   string // as people read it: C-XXXX-XXXX
	Subject  Subject
	Kind     MailKind // of the notice that was disputed
	Froze    bool     // the account was frozen
	OpenedAt time.Time
}

// newCaseNumber makes the number of a case: like a reference, and never taken
// for one.
func newCaseNumber() string { return "C-" + newReference() }

// frozen reports whether the account opens nothing.
func (a Account) frozen() bool { return !a.FrozenFrom.IsZero() }

// rank orders the origins by how well they prove whose an address is.
func (o Origin) rank() int {
	switch o {
	case OriginTyped:
		return 1
	case OriginConfirmed, OriginSucceeds, OriginImportedInPerson:
		return 2
	case OriginInPerson:
		return 3
	}
	return 0
}

// thaws reports whether an address can prove the owner of a frozen account: it
// was confirmed before the disputed act, or stands on record by an act of the
// institution, which nobody reaches who merely knows a clave.
func (a Account) thaws(by Address) bool {
	p := by.Provenance
	if p.Origin.seen() {
		return true
	}
	return p.Origin.rank() >= OriginConfirmed.rank() && p.At.Before(a.FrozenFrom)
}

// usable narrows the addresses on record to those that may prove the owner: all,
// unless the account is frozen.
func (a Account) usable(on []Address) []Address {
	if !a.frozen() {
		return on
	}
	var able []Address
	for _, one := range on {
		if a.thaws(one) {
			able = append(able, one)
		}
	}
	return able
}

// freeze makes an account open nothing, and tells every address on record. What
// its owner does next counts only by what stood before the disputed act.
func (s *Service) freeze(tx Tx, by Actor, account Account, n Notice, person Person, on []Address, number string, now time.Time) error {
	if !account.frozen() || n.CreatedAt.Before(account.FrozenFrom) {
		account.FrozenFrom = n.CreatedAt
	}
	err := shutOut(tx, account, now)
	if err != nil {
		return err
	}
	facts := MailFacts{GivenName: firstName(person), Reference: newReference(), At: now, Browser: by.Browser, Case: number, Language: account.Language}
	return s.notify(tx, news{Subject: account.Subject, Kind: MailFrozen}, on, facts, now)
}

// shutOut saves an account that no clave opens any more, and ends what could still
// open it: sessions, known devices and an unused code.
func shutOut(tx Tx, account Account, now time.Time) error {
	err := tx.SaveAccount(account)
	if err == nil {
		err = tx.EndSessions(account.Subject, ID{})
	}
	if err == nil {
		err = tx.ForgetDevices(account.Subject)
	}
	if err == nil && account.Level >= InPerson { // below, none of those has a say in what a visit gave
		err = endCode(tx, account.Subject, now)
	}
	return err
}

// endCode ends a code that staff handed over and nobody has used: whoever has it
// may be whom the owner disputes.
func endCode(tx Tx, subject Subject, now time.Time) error {
	code, err := tx.ActivationCode(subject)
	if err != nil || !code.usableAt(now) {
		return ignoreNoRow(err)
	}
	_, err = tx.UseActivationCode(subject, code.ID, now)
	return err
}

// thaw ends a freeze by a finished procedure, whose proof stood before the
// disputed act; any other is refused, and with it what it would have set.
func thaw(tx Tx, by Actor, p Procedure, account *Account, proven []Address, now time.Time) error {
	if !account.frozen() {
		return nil
	}
	able := !p.Typed.Proof.IsZero()
	if !able {
		email, err := ParseEmail(p.Typed.Email)
		if err != nil {
			return err
		}
		_, able = amongThem(account.usable(proven), email)
	}
	if !able {
		return &Error{Kind: Expired, Rule: string(Objected)}
	}
	account.FrozenFrom = time.Time{}
	return tx.Audit(entryOf(by, p.Subject, ActThawed, now))
}
