package credential

import (
	"context"
	"slices"
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

// historyAct is an entry of the audit as its owner reads it.
func historyAct(e AuditEntry) HistoryAct {
	return HistoryAct{
		At: e.At, Act: e.Act, Actor: e.Actor, Office: e.Office,
		Reason: e.Details["reason"], Reference: e.Details["reference"], To: e.Details["to"],
	}
}

// HistoryKind is a kind of acts in the words of who reads them, as forms send it.
// Each act is of one of them; HistoryStaff gathers whatever staff did, of any kind,
// and the empty one everything.
type HistoryKind string

// The kinds of acts.
const (
	HistoryAll     HistoryKind = ""
	HistoryClave   HistoryKind = "claves"
	HistoryEmail   HistoryKind = "correo"
	HistoryLogIns  HistoryKind = "ingresos"
	HistoryProofs  HistoryKind = "tramites"
	HistoryStaff   HistoryKind = "personal"
	HistoryTheRest HistoryKind = "otros" // acts of no other kind
)

// HistoryKinds lists all kinds, in the order of the page.
func HistoryKinds() []HistoryKind {
	return []HistoryKind{HistoryAll, HistoryClave, HistoryEmail, HistoryLogIns, HistoryProofs, HistoryStaff, HistoryTheRest}
}

// historyActs are the acts of each kind that is a list of acts.
var historyActs = map[HistoryKind][]Act{
	HistoryClave: {
		ActClaveGenerated, ActClaveRecovered, ActClaveChanged, ActUnlockAsked, ActUnlocked, ActQuestionsSet, ActQuestionsRenewed, ActActivationCodeIssued,
		ActFrozen, ActThawed, ActCaseOpened, ActWebClosed, ActWebReopened,
	},
	HistoryEmail: {
		ActContactTyped, ActMailAsked, ActLinkOpened, ActCodeFailed, ActCodeHeld, ActRegisterAddress,
		ActAddressAsked, ActAddressCancelled, ActAddressChanged, ActAddressInPerson, ActObjected,
	},
	HistoryLogIns: {ActLoggedIn, ActLogInFailed, ActLoggedOut},
	HistoryProofs: {ActStarted, ActTyped, ActProofFailed, ActProofPassed, ActExtended, ActAbandoned},
}

// HistoryQuery is which acts of a history are asked for. The zero query asks for
// the latest of all.
type HistoryQuery struct {
	Kind        HistoryKind
	From, Until time.Time // instants: from the first on, before the second; zero for no bound
	Page        int       // from 0
	PerPage     int       // at most [MaxHistory]; as many where it is 0
}

// MaxHistory bounds how many acts one page of a history has.
const MaxHistory = 500

// maxHistoryPages bounds how far back pages go: a page costs the reading of those
// before it.
const maxHistoryPages = 200

// HistoryPage is one page of a history, latest act first.
type HistoryPage struct {
	Acts []HistoryAct
	More bool // there is a page after it
}

// audit gives the acts of a kind, and of whom, as the store looks for them.
func (k HistoryKind) audit(q *AuditQuery) error {
	switch k {
	case HistoryAll:
	case HistoryStaff:
		q.Actor = Staff
	case HistoryTheRest:
		for _, kind := range HistoryKinds() {
			q.Acts = append(q.Acts, historyActs[kind]...)
		}
		q.Except = true
	default:
		acts, ok := historyActs[k]
		if !ok {
			return invalid("act_kind", "choose")
		}
		q.Acts = slices.Clone(acts)
	}
	return nil
}

// History gives a page of the acts on the account of who is logged in, latest
// first: since the account's last proof, or all of them at level 2. What was done
// before the proof of level 1 may be somebody else's to know. Invalid "act_kind" for a
// kind that there is not, "page" for one too far back; Expired "session" for who is
// not logged in.
func (s *Service) History(ctx context.Context, t SessionToken, query HistoryQuery) (HistoryPage, error) {
	now := s.now()
	per := query.PerPage
	if per <= 0 || per > MaxHistory {
		per = MaxHistory
	}
	if query.Page < 0 || query.Page >= maxHistoryPages {
		return HistoryPage{}, invalid("page", "too_far")
	}
	look := AuditQuery{Since: query.From, Until: query.Until, Skip: query.Page * per, N: per + 1}
	err := query.Kind.audit(&look)
	if err != nil {
		return HistoryPage{}, err
	}
	var page HistoryPage
	var x Session
	err = s.store.View(ctx, func(tx Tx) (err error) {
		x, err = s.session(tx, t, now)
		if err != nil {
			return err
		}
		account, err := tx.Account(x.Subject)
		if err != nil {
			return err
		}
		q := look
		if account.Level < InPerson && account.ProvenAt.After(q.Since) {
			q.Since = account.ProvenAt
		}
		entries, err := tx.AuditOf(x.Subject, q)
		if err != nil {
			return err
		}
		page = HistoryPage{More: len(entries) > per && query.Page+1 < maxHistoryPages}
		for _, e := range entries[:min(per, len(entries))] {
			page.Acts = append(page.Acts, historyAct(e))
		}
		return nil
	})
	if err == nil {
		err = s.used(ctx, x, now)
	}
	if err != nil {
		return HistoryPage{}, err
	}
	return page, nil
}
