package credential

import (
	"slices"
	"time"
)

// Budget names one counter of a number. Numbers that nobody has are counted
// alike: one table, one life, one eviction rule.
type Budget string

const (
	// BudgetProof is the owner's: proofs with the right birth date.
	BudgetProof Budget = "proof"
	// BudgetActivation counts proofs by an activation code with the right birth date:
	// a counter of its own, so that who knows the date does not spend a code that
	// somebody was handed in person. 50 bits bear a hundred tries.
	BudgetActivation Budget = "activation"
	// BudgetStrangers counts every failed proof, whatever was wrong. It alone
	// decides what the page says, so that the page tells nothing of the record;
	// time alone brings it down, so that nobody learns when the owner was here.
	BudgetStrangers Budget = "strangers"
	// BudgetCode counts mailed codes typed, over all procedures.
	BudgetCode Budget = "code"
	// BudgetMail counts mails asked with proof.
	BudgetMail Budget = "mail"
	// BudgetMailHeld counts those to an address that is not on record, which wait: who
	// asks for them spends none of the owner's.
	BudgetMailHeld Budget = "mail_held"
	// BudgetUnproven counts mails that were asked with a birth date alone and had
	// somebody to go to (untold.go).
	BudgetUnproven Budget = "unproven"
	// BudgetUnlock counts mails of an unlock, asked with a number alone, likewise.
	BudgetUnlock Budget = "unlock"
	// BudgetClave counts wrong claves (log in, change) from browsers that the
	// person is not known by; BudgetClaveKnown those from the others.
	BudgetClave      Budget = "clave"
	BudgetClaveKnown Budget = "clave_known"
	// BudgetAddress counts changes of address asked for.
	BudgetAddress Budget = "address"
)

// Attempts is one counter: when its latest charges were taken, and how many
// there were in all since it was last reset.
type Attempts struct {
	Subject Subject
	Budget  Budget
	Times   []time.Time // ascending, bounded by the limits it is used with
	Total   int
	Version int64 // of the row; 0 for one that is not stored yet
}

// limit is how many charges a counter takes: Count within each Window, and Total
// in all where Total is not 0.
type limit struct {
	Count  int
	Window time.Duration
	Total  int
}

// room says whether one more charge fits at now, and if not, when the window
// will have room again (zero where time does not cure it).
func (a Attempts) room(now time.Time, l limit) (ok bool, again time.Time) {
	if l.Total > 0 && a.Total >= l.Total {
		return false, time.Time{}
	}
	since := now.Add(-l.Window)
	var inside []time.Time
	for _, t := range a.Times {
		if t.After(since) {
			inside = append(inside, t)
		}
	}
	if len(inside) < l.Count {
		return true, time.Time{}
	}
	return false, inside[len(inside)-l.Count].Add(l.Window)
}

// take charges one attempt at now and forgets charges older than keep.
func (a *Attempts) take(now time.Time, keep time.Duration) {
	a.forget(now, keep)
	a.Times = append(a.Times, now)
	slices.SortFunc(a.Times, time.Time.Compare) // a demo's clock also runs backwards
	a.Total++
}

// giveBack returns the charge that was taken at the given instant, and only
// that one.
func (a *Attempts) giveBack(at time.Time) {
	i := slices.IndexFunc(a.Times, at.Equal)
	if i < 0 {
		return
	}
	a.Times = slices.Delete(a.Times, i, i+1)
	a.Total = max(0, a.Total-1) // a procedure that finished meanwhile has reset it
}

func (a *Attempts) forget(now time.Time, keep time.Duration) {
	since := now.Add(-keep)
	a.Times = slices.DeleteFunc(a.Times, func(t time.Time) bool { return !t.After(since) })
}
