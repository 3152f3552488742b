package credential

import (
	"context"
	"time"
)

// ObjectionView is what the page behind «No fui yo» needs to know.
type ObjectionView struct {
	Kind        MailKind
	Cancellable bool   // a change of address still waits: one press cancels it
	Freezes     bool   // one press freezes the account
	Used        bool   // it was pressed before
	Case        string // the number of the case that was opened then
}

// LookObjection reads what a «No fui yo» link refers to; it changes nothing. A
// forged link is NotFound, one past its ten days Expired.
func (s *Service) LookObjection(ctx context.Context, o Objection) (ObjectionView, error) {
	now := s.now()
	n, p, err := s.noticeBehind(ctx, o, now)
	if err != nil {
		return ObjectionView{}, err
	}
	v := ObjectionView{Kind: n.Kind, Used: !n.UsedAt.IsZero(), Case: n.Case}
	if v.Used {
		return v, nil
	}
	v.Cancellable = cancels(n, p, now)
	person, _, err := s.person(ctx, n.Subject)
	if err != nil {
		return ObjectionView{}, err
	}
	err = s.store.View(ctx, func(tx Tx) (err error) {
		_, _, v.Freezes, err = s.freezable(tx, n, p, person, now)
		return err
	})
	return v, err
}

// noticeBehind is objected in a transaction of its own.
func (s *Service) noticeBehind(ctx context.Context, o Objection, now time.Time) (n Notice, p Procedure, err error) {
	err = s.store.View(ctx, func(tx Tx) (err error) {
		n, p, err = s.objected(tx, o, now)
		return err
	})
	return n, p, err
}

// objected finds the notice behind an objection, and its procedure (zero where
// it is gone).
func (s *Service) objected(tx Tx, o Objection, now time.Time) (Notice, Procedure, error) {
	if !s.keys.objectionHolds(o) {
		return Notice{}, Procedure{}, &Error{Kind: NotFound, Rule: "objection"}
	}
	n, err := tx.Notice(o.Notice)
	if isNoRow(err) || err == nil && !now.Before(n.ExpiresAt) {
		return Notice{}, Procedure{}, &Error{Kind: Expired, Rule: "objection"}
	}
	if err != nil {
		return Notice{}, Procedure{}, err
	}
	p, err := tx.Procedure(n.Procedure)
	if isNoRow(err) {
		return n, Procedure{End: Finished}, nil
	}
	return n, p, err
}

// cancels reports whether a press cancels a change of address that waits.
func cancels(n Notice, p Procedure, now time.Time) bool {
	return n.Kind == MailAddressChange && p.over(now) == nil
}

// freezable reports whether a press freezes an account: there is one, the address
// it was told to is on record and as well proven as the act, and there is more to
// end than a change that still waits.
func (s *Service) freezable(tx Tx, n Notice, p Procedure, person Person, now time.Time) (Account, []Address, bool, error) {
	on, err := addressesOf(tx, n.Subject, person)
	if err != nil {
		return Account{}, nil, false, err
	}
	account, err := tx.Account(n.Subject)
	if err != nil {
		return Account{}, on, false, ignoreNoRow(err)
	}
	return account, on, n.MayFreeze && s.toldTo(n, on) && !cancels(n, p, now), nil
}

// ObjectionDone is what a press of «No fui yo» came to.
type ObjectionDone struct {
	Case      string // the number of the case; of an earlier press where it was not the first
	First     bool   // this press did it
	Cancelled bool   // a change of address that waited is cancelled
	Frozen    bool   // the account opens nothing until its owner is proven
}

// Object is the one press behind «No fui yo», without a log-in. It opens a case,
// cancels a change of address that still waits, with everything that was proven
// by the same answers, and freezes the account where [ObjectionView.Freezes]
// says so: its sessions, links, devices and unused codes end, and every address
// on record is told. It counts once in the life of the notice. Refusals: those
// of [Service.LookObjection].
func (s *Service) Object(ctx context.Context, by Actor, o Objection) (_ ObjectionDone, err error) {
	var kind ProcedureKind
	defer s.observed(PressObjection, &kind, &err)
	now := s.now()
	n, _, err := s.noticeBehind(ctx, o, now)
	if err != nil {
		return ObjectionDone{}, err
	}
	person, _, err := s.person(ctx, n.Subject)
	if err != nil {
		return ObjectionDone{}, err
	}
	var done ObjectionDone
	err = s.store.Update(ctx, o.Notice.Shard(), func(tx Tx) error {
		n, p, err := s.objected(tx, o, now)
		if err != nil {
			return err
		}
		kind = p.Kind
		number := newCaseNumber()
		first, err := tx.UseNotice(n.ID, number, cancels(n, p, now), now)
		if err != nil || !first {
			done = ObjectionDone{Case: n.Case}
			return err
		}
		account, on, freezes, err := s.freezable(tx, n, p, person, now)
		if err != nil {
			return err
		}
		done = ObjectionDone{Case: number, First: true, Cancelled: cancels(n, p, now), Frozen: freezes}
		act := ActCaseOpened
		if done.Cancelled || done.Frozen {
			act = ActObjected
			err = tx.EndProven(n.Subject, ID{}, Objected, now)
		}
		if err == nil && done.Frozen {
			act = ActFrozen
			err = s.freeze(tx, by, account, n, person, on, number, now)
		}
		if err != nil {
			return err
		}
		err = tx.OpenCase(Case{Number: number, Subject: n.Subject, Kind: n.Kind, Froze: done.Frozen, OpenedAt: now})
		if err != nil {
			return err
		}
		return noted(tx, by, n.Subject, act, now, map[string]string{"reference": number, "notice": string(n.Kind)})
	})
	if err != nil {
		return ObjectionDone{}, err
	}
	s.mailQueued()
	return done, nil
}
