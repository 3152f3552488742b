package credential

import (
	"crypto/ed25519"
	"time"
)

// Zone is the time of mainland Ecuador. It has had no daylight saving since 1993,
// so a fixed offset says the same as America/Guayaquil and needs no time zone data
// in the program or on the machine.
var Zone = time.FixedZone("ECT", -5*60*60)

// Measure is what a [Figure] counts.
type Measure string

// The measures. Package stats says which of them are published, and how.
const (
	// FigureFinished is an attention: a finished procedure of a person on record.
	FigureFinished Measure = "finished"
	// FigureMail is a mail with a link that the relay took; Took is how long it waited.
	FigureMail Measure = "mail"
	// FigureUnfinished is a procedure that ended otherwise; Detail says how. It is
	// counted once its time is over, by whoever tidies up.
	FigureUnfinished Measure = "unfinished"
	// FigureComplaint is a complaint that a mail, a session or an officer confirmed;
	// it counts when that happens. FigureComplaintOpen is one that nobody confirmed:
	// it counts when its time to be confirmed is over.
	FigureComplaint     Measure = "complaint"
	FigureComplaintOpen Measure = "complaint_open"
	// FigureAnswered is a complaint that was answered; Took is since it was confirmed.
	FigureAnswered Measure = "complaint_answered"
)

// Changes of a clave are attentions without a row of a procedure.
const (
	KindChange     ProcedureKind = "change"      // «Cambio de clave»
	KindFirstClave ProcedureKind = "first_clave" // the compulsory change of one that the institution handed over
)

// Figure is one thing to count for the public: what happened and on which day,
// and nothing of whom. It commits with the act it counts ([Tx.Count]).
type Figure struct {
	Measure Measure
	Kind    ProcedureKind // empty where it is of none
	Detail  string        // of the measures that have one; a word of the program's own
	At      time.Time     // its day in [Zone] is what is stored
	Took    time.Duration // zero for none
}

// attended counts a finished procedure; began is when it was asked for, zero for
// one that is done in one press.
func attended(tx Tx, kind ProcedureKind, began, now time.Time) error {
	return tx.Count(Figure{Measure: FigureFinished, Kind: kind, At: now, Took: since(began, now)})
}

// delivered counts a mail with a link that the relay took, from when it could leave.
func delivered(tx Tx, p Procedure, m Mail, now time.Time) error {
	from := m.QueuedAt
	if p.HoldUntil.After(from) {
		from = p.HoldUntil
	}
	return tx.Count(Figure{Measure: FigureMail, Kind: p.Kind, At: now, Took: since(from, now)})
}

// since is how long something took: never nothing, which means that it has no
// duration.
func since(began, now time.Time) time.Duration {
	if began.IsZero() {
		return 0
	}
	return max(now.Sub(began), time.Millisecond)
}

// changeKind is what a change of clave counts as.
func changeKind(mustChange bool) ProcedureKind {
	if mustChange {
		return KindFirstClave
	}
	return KindChange
}

// SignFigures signs a record of the public figures; FiguresHold reports whether
// this ring signed it.
func (k *KeyRing) SignFigures(hash [32]byte) []byte {
	return ed25519.Sign(k.signer, figuresMessage(hash))
}

// FiguresHold is the other side of [KeyRing.SignFigures].
func (k *KeyRing) FiguresHold(hash [32]byte, signature []byte) bool {
	return ed25519.Verify(k.PublicKey(), figuresMessage(hash), signature)
}

func figuresMessage(hash [32]byte) []byte { return append([]byte("aldaba figures\n"), hash[:]...) }
