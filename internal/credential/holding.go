package credential

import "context"

// Extend renews the time of a procedure that has not reached its mail (WCAG
// 2.2.1), at most ten times.
func (s *Service) Extend(ctx context.Context, by Actor, c Claim) error {
	now := s.now()
	return s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.heldAt(tx, c, now, StepProve, StepProveReview, StepQuestions, StepContact, StepContactReview)
		if err != nil {
			return err
		}
		if p.Extensions >= maxExtensions {
			return &Error{Kind: TooMany, Rule: "extensions", RetryAfter: p.ExpiresAt.Sub(now)}
		}
		p.Extensions++
		p.ExpiresAt = now.Add(s.policy.ProcedureLife)
		return saved(tx, p, by, ActExtended, now, nil)
	})
}

// Abandon is «Terminar aquí» and «Finalizar»: this browser holds the procedure
// no longer. Before the mail was sent the procedure ends; afterwards the mailed
// link still works, and asks day and month again. It gives the number of one that
// is done, which the log-in need not ask again; zero of any other.
func (s *Service) Abandon(ctx context.Context, by Actor, c Claim) (number Number, err error) {
	var kind ProcedureKind
	defer s.observed(PressAbandon, &kind, &err)
	now := s.now()
	err = s.store.Update(ctx, c.ID.Shard(), func(tx Tx) error {
		p, err := s.held(tx, c, now)
		if err != nil {
			return err
		}
		kind = p.Kind
		p.Browser = [32]byte{}
		switch p.Step {
		case StepDone:
			number = p.Typed.Number
			return tx.SaveProcedure(p)
		case StepSent, StepOwnQuestion, StepClave:
		default:
			p.End, p.EndedAt = Abandoned, now
		}
		return saved(tx, p, by, ActAbandoned, now, nil)
	})
	return number, err
}
