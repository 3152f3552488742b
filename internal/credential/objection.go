package credential

import "context"

// ObjectionView is what the page behind «No fui yo» needs to know.
type ObjectionView struct {
	Kind        MailKind
	Cancellable bool // a change of address still waits: one press cancels it
	Used        bool // it was pressed before
}

// LookObjection reads what a «No fui yo» link refers to; it changes nothing. A
// forged link is NotFound, one past its ten days Expired.
func (s *Service) LookObjection(ctx context.Context, o Objection) (ObjectionView, error) {
	now := s.now()
	var v ObjectionView
	err := s.store.View(ctx, func(tx Tx) error {
		n, p, err := s.objected(tx, o)
		if err != nil {
			return err
		}
		if !now.Before(n.ExpiresAt) {
			return &Error{Kind: Expired, Rule: "objection"}
		}
		v = ObjectionView{
			Kind:        n.Kind,
			Used:        !n.UsedAt.IsZero(),
			Cancellable: n.Kind == MailAddressChange && n.UsedAt.IsZero() && p.over(now) == nil,
		}
		return nil
	})
	return v, err
}

// objected finds the notice behind an objection, and its procedure (zero where
// it is gone).
func (s *Service) objected(tx Tx, o Objection) (Notice, Procedure, error) {
	if !s.keys.objectionHolds(o) {
		return Notice{}, Procedure{}, &Error{Kind: NotFound, Rule: "objection"}
	}
	n, err := tx.Notice(o.Notice)
	if isNoRow(err) {
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

// Object is the one press behind «No fui yo»: without a log-in it cancels a
// change of address that still waits, and with it everything that was proven
// with the same answers and has not finished. While the notice lives no other
// change is taken on the web. It reports whether this press cancelled something.
func (s *Service) Object(ctx context.Context, by Actor, o Objection) (_ bool, err error) {
	var kind ProcedureKind
	defer s.observed(PressObjection, &kind, &err)
	now := s.now()
	cancelled := false
	err = s.store.Update(ctx, o.Notice.Shard(), func(tx Tx) error {
		cancelled = false
		n, p, err := s.objected(tx, o)
		if err != nil {
			return err
		}
		kind = p.Kind
		if !now.Before(n.ExpiresAt) {
			return &Error{Kind: Expired, Rule: "objection"}
		}
		if n.Kind != MailAddressChange || p.over(now) != nil {
			return nil
		}
		first, err := tx.UseNotice(n.ID, now)
		if err != nil || !first {
			return err
		}
		cancelled = true
		err = tx.EndProven(n.Subject, ID{}, Objected, false, now)
		if err != nil {
			return err
		}
		return audited(tx, p, by, ActObjected, now, nil)
	})
	return cancelled, err
}
