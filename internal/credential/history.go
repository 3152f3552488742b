package credential

import (
	"context"
	"time"
)

// HistoryAct is one act on an account, as its owner reads it.
type HistoryAct struct {
	At        time.Time
	Act       Act
	Actor     ActorKind
	Office    string // of staff; empty for none
	Reason    string // that staff gave; empty for none
	Reference string // of the notice or mail about it; empty for none
	To        string // masked address; empty for none
}

// maxHistory bounds how many acts a history shows.
const maxHistory = 500

// History gives the acts on the account of who is logged in, latest first: since
// the account's last proof, or all of them at level 2. What was done before the
// proof of level 1 may be somebody else's to know. Expired "session" for who is
// not logged in.
func (s *Service) History(ctx context.Context, t SessionToken) ([]HistoryAct, error) {
	now := s.now()
	var acts []HistoryAct
	var x Session
	err := s.store.View(ctx, func(tx Tx) (err error) {
		x, err = s.session(tx, t, now)
		if err != nil {
			return err
		}
		account, err := tx.Account(x.Subject)
		if err != nil {
			return err
		}
		var since time.Time
		if account.Level < InPerson {
			since = account.ProvenAt
		}
		entries, err := tx.AuditOf(x.Subject, since, maxHistory)
		if err != nil {
			return err
		}
		acts = nil
		for _, e := range entries {
			acts = append(acts, HistoryAct{
				At: e.At, Act: e.Act, Actor: e.Actor, Office: e.Office,
				Reason: e.Details["reason"], Reference: e.Details["reference"], To: e.Details["to"],
			})
		}
		return nil
	})
	if err == nil {
		err = s.used(ctx, x, now)
	}
	if err != nil {
		return nil, err
	}
	return acts, nil
}
