package site

import (
	"slices"
	"time"

	"aldaba/internal/credential"
)

// model says, of one person's account, what may happen and what must. It is
// written from the design's tables and not from the code, knows nothing of hashes,
// rows or tokens, and is told by each act what the program answered: the rule of
// its refusal, or "" for none. Browsers are known by their names.
type model struct {
	broken func(format string, args ...any)
	policy credential.Policy
	now    time.Time

	clave    string // "" for none
	answers  string // whose own answers the account keeps; "" for none
	level    credential.Level
	on       []place // addresses on record
	known    string  // the browser that the person is known by
	code     *handed // the newest activation code
	visits   []*visit
	trials   map[credential.ID]*trial
	notices  map[credential.ID]*notice
	disputed time.Time            // no change of address before
	closed   time.Time            // since when the owner closed the web way; zero for open
	proven   time.Time            // when a proof last set a clave
	frozen   time.Time            // from the act that was disputed; zero while nothing is
	homes    map[string]time.Time // networks that the person was let in from
	latest   map[owed]*news       // the latest notice of a kind to an address

	proof, strangers, codes         counter // see design.md «Attempts»
	handedTried                     counter // activation codes, with the right date
	wrong, wrongKnown               counter
	mails, unproven, unlocks, moves counter
	heldMails                       counter
	unlockMails                     int // asked and not seen yet
	owedMails                       []*news
	owedActs                        []credential.Act
}

// place is an address on record.
type place struct {
	address string
	origin  credential.Origin
	at      time.Time
}

// rank orders addresses by how well they prove whose they are.
func (p place) rank() int {
	switch p.origin {
	case credential.OriginInPerson:
		return 3
	case credential.OriginConfirmed, credential.OriginSucceeds, credential.OriginImportedInPerson:
		return 2
	}
	return 0
}

// fixed reports whether questions do not change it.
func (p place) fixed() bool { return p.rank() >= 2 && p.origin != credential.OriginConfirmed }

// seen reports whether somebody saw the person.
func (p place) seen() bool { return p.fixed() && p.origin != credential.OriginSucceeds }

// handed is an activation code that was handed over.
type handed struct {
	text string
	ends time.Time
	used bool
}

// visit is a session.
type visit struct {
	browser    string
	token      credential.SessionToken
	seen, ends time.Time
	over       bool
}

// notice is a mail with «No fui yo».
type notice struct {
	*news
	about *trial // nil for none
	ends  time.Time
}

// owed is a notice that must leave.
type owed struct {
	kind credential.MailKind
	to   string
}

// news is a notice as it was queued.
type news struct {
	owed
	at, due   time.Time // of the act, of the mail
	mayFreeze bool
	used      bool
}

// typedProof is what was typed on a proof page, and how right it is.
type typedProof struct {
	date, record bool
	answers      string // whose
	code         string
}

// trial is one procedure.
type trial struct {
	kind   credential.ProcedureKind
	step   credential.Step
	holder string    // the browser that holds it
	begun  time.Time // of a change of address
	ends   time.Time
	ended  bool
	typed  typedProof
	failed int     // verdicts lost
	byCode bool    // «Tengo un código de activación» was pressed
	code   *handed // that it was proven by
	bank   string  // whose answers it leaves

	typedTo, to string // addresses
	old         string // of a change of address: the one that proves it
	fixed       bool
	untold      bool
	hold        time.Time
	mail        uint16 // which one is the living one
	unsent      bool   // it was not tried yet
	until       time.Time
	again       int    // sent again, of an untold one; of an unlock, new claves begun behind it
	tries       int    // codes, and birthdays behind a link of a told one
	linkTries   int    // birthdays behind a link of an untold one
	from        *trial // whose link began it
	mailProven  bool   // by that link: it asks no mail of its own
	doneAt      time.Time
}

// counter says when something was taken, and how often since it began anew.
type counter struct {
	times []time.Time
	total int
}

func (a counter) in(window time.Duration, now time.Time) (n int) {
	for _, t := range a.times {
		if t.After(now.Add(-window)) {
			n++
		}
	}
	return n
}

func (a *counter) take(now time.Time) { a.times, a.total = append(a.times, now), a.total+1 }

const day = 24 * time.Hour

// law holds that something is as it must be.
func (r *model) law(holds bool, text string, args ...any) {
	if !holds {
		r.broken(text, args...)
	}
}

// answered holds that the program gave the one answer that is right.
func (r *model) answered(what, rule, want string) {
	r.law(rule == want, "%s: answered %q, want %q", what, rule, want)
}

// tell owes a notice to each address. The first of a kind leaves at once, and what
// repeats it within five minutes leaves as one more, but for those that each ask for
// something else. seen says that whoever acted was proven in person.
func (r *model) tell(kind credential.MailKind, to []place, seen bool) {
	most := place{origin: credential.OriginConfirmed}.rank()
	for _, p := range to {
		most = max(most, p.rank())
	}
	if seen {
		most = place{origin: credential.OriginInPerson}.rank()
	}
	for _, p := range to {
		r.tellOne(kind, p, kind != credential.MailFrozen && p.rank() >= most)
	}
}

// alone are the notices that no other is merged with.
var alone = []credential.MailKind{
	credential.MailAddressChange, credential.MailAddressChanged, credential.MailActivationCode, credential.MailFrozen,
}

func (r *model) tellOne(kind credential.MailKind, p place, mayFreeze bool) {
	key := owed{kind, p.address}
	n := &news{owed: key, at: r.now, due: r.now, mayFreeze: mayFreeze}
	if last := r.latest[key]; last != nil && !slices.Contains(alone, kind) && r.now.Before(last.due.Add(5*time.Minute)) {
		if r.now.Before(last.due) {
			return // told with it
		}
		n.due = last.due.Add(5 * time.Minute)
	}
	r.latest[key] = n
	r.owedMails = append(r.owedMails, n)
}

func (r *model) noted(act credential.Act) {
	r.owedActs = append(r.owedActs, act)
}

func fixedPlace(on []place) (place, bool) {
	for _, p := range on {
		if p.fixed() {
			return p, true
		}
	}
	return place{}, false
}

func recorded(on []place, address string) (place, bool) {
	i := slices.IndexFunc(on, func(p place) bool { return p.address == address })
	if i < 0 {
		return place{}, false
	}
	return on[i], true
}

// usable are the addresses that may prove the owner: of a frozen account those that
// stood before the disputed act.
func (r *model) usable() []place {
	if r.frozen.IsZero() {
		return r.on
	}
	return slices.DeleteFunc(slices.Clone(r.on), func(p place) bool {
		return !p.seen() && (p.rank() < 2 || !p.at.Before(r.frozen))
	})
}

// closedForGood reports whether a code from staff alone opens the web way: an act
// that was disputed, or that came after one, is not known to be the owner's.
func (r *model) closedForGood() bool {
	return !r.closed.IsZero() && (r.frozen.IsZero() || r.closed.Before(r.frozen))
}

// past reports whether a procedure has won its verdict.
func (x *trial) past() bool {
	return x.step != credential.StepProve && x.step != credential.StepProveReview
}

// endProven ends what was proven and has not finished.
func (r *model) endProven(but *trial, heldOnly bool) {
	for _, x := range r.trials {
		if x != but && x.past() && (!heldOnly || x.hold.After(r.now)) {
			x.ended = true
		}
	}
}

// stands reports whether a browser has a procedure at one of the steps. One of
// which no page tells the verdict goes on waiting whatever ended it.
func (r *model) stands(x *trial, browser string, at ...credential.Step) bool {
	if x == nil || x.holder != browser || !r.now.Before(x.ends) || !slices.Contains(at, x.step) {
		return false
	}
	return !x.ended || x.untold && x.step == credential.StepSent
}

// refusedOutOfStep holds that what was not earned is refused, and reports whether
// it was earned.
func (r *model) earned(what string, x *trial, browser, rule string, at ...credential.Step) bool {
	if r.stands(x, browser, at...) {
		return true
	}
	r.law(rule != "", "%s: taken, and it was not earned", what)
	return false
}

// ── the procedure ──

func (r *model) started(id credential.ID, kind credential.ProcedureKind, browser string) {
	r.trials[id] = &trial{kind: kind, step: credential.StepProve, holder: browser, ends: r.now.Add(r.policy.ProcedureLife)}
}

func (r *model) proved(x *trial, browser string, typed typedProof, rule string) {
	if !r.earned("prove", x, browser, rule, credential.StepProve, credential.StepProveReview) {
		return
	}
	if x.byCode && typed.code == "" {
		r.answered("prove", rule, "empty")
		return
	}
	r.answered("prove", rule, "")
	x.typed, x.step = typed, credential.StepProveReview
}

// turnedToCode is «Tengo un código de activación»: under every policy the code is
// then the proof, of a procedure that sets everything anew.
func (r *model) turnedToCode(x *trial, browser, rule string) {
	if !r.earned("by code", x, browser, rule, credential.StepProve, credential.StepProveReview) {
		return
	}
	r.answered("by code", rule, "")
	x.step, x.kind, x.byCode = credential.StepProve, credential.Generate, !r.policy.ActivationCode
	if x.mailProven {
		x.mailProven, x.from, x.to, x.fixed = false, nil, "", false
	}
}

// asksCode reports whether what was typed is a code that was asked for.
func (r *model) asksCode(x *trial) bool {
	return (r.policy.ActivationCode || x.byCode) && x.kind == credential.Generate && x.typed.code != ""
}

// proves reports whether what was typed besides the date proves its person.
func (r *model) proves(x *trial) bool {
	switch {
	case r.asksCode(x):
		return r.code != nil && x.typed.code == r.code.text && !r.code.used && r.now.Before(r.code.ends)
	case x.kind == credential.Generate && r.clave != "":
		return false
	case x.kind == credential.Recover && r.closedForGood():
		return false
	case r.policy.AsksRecord(x.kind):
		return x.typed.record
	case x.kind == credential.Recover && r.policy.OwnQuestions == 0:
		return r.clave != ""
	case x.kind == credential.Recover && !r.policy.AskedBehindLink:
		return r.answers != "" && x.typed.answers == r.answers
	case x.kind == credential.Recover:
		return r.answers != ""
	}
	return true
}

// judged is the verdict.
func (r *model) judged(x *trial, browser, rule string) {
	const what = "verdict"
	switch {
	case !r.earned(what, x, browser, rule, credential.StepProveReview):
		return
	case x.failed >= r.policy.Attempts:
		r.answered(what, rule, "attempts")
		return
	case r.policy.ActivationCode && !r.asksCode(x) && !x.mailProven:
		r.answered(what, rule, "")
		r.askedUntold(x)
		return
	}
	dateAlone := !r.policy.AsksRecord(x.kind) && !r.asksCode(x) && (x.kind == credential.Generate || r.policy.AskedBehindLink || r.policy.OwnQuestions == 0)
	shown := r.strangers.in(day, r.now) < r.policy.Attempts && r.strangers.in(30*day, r.now) < r.policy.AttemptsTotal
	tries, room := &r.proof, r.ownerRoom()
	if r.asksCode(x) {
		tries, room = &r.handedTried, r.handedTried.in(day, r.now) < 100
	}
	charged := x.typed.date && room && (shown || !dateAlone)
	if charged && r.proves(x) {
		r.answered(what, rule, "")
		x.step = credential.StepContact
		switch {
		case x.mailProven && r.policy.AskedBehindLink:
			x.step = credential.StepOwnQuestion
		case x.mailProven:
			x.step = credential.StepClave
		case x.kind == credential.Generate && r.policy.OwnQuestions > 0:
			x.step = credential.StepQuestions
		}
		if r.asksCode(x) {
			x.code = r.code
		}
		return
	}
	if shown {
		r.answered(what, rule, "proof")
		r.strangers.take(r.now)
	} else {
		r.answered(what, rule, "attempts")
	}
	if charged {
		tries.take(r.now)
	}
	x.failed++
	x.step, x.typed.answers, x.typed.code = credential.StepProve, "", ""
}

func (r *model) ownerRoom() bool {
	return r.proof.in(r.policy.AttemptWindow, r.now) < r.policy.Attempts && r.proof.total < r.policy.AttemptsTotal
}

// askedUntold is a verdict that no page tells: a mail leaves only to an address
// that was proven before.
func (r *model) askedUntold(x *trial) {
	x.untold, x.step, x.ends = true, credential.StepSent, r.now.Add(r.policy.LinkCap)
	if !x.typed.date || r.closedForGood() || (x.kind == credential.Recover) != (r.clave != "") {
		return
	}
	on := r.usable()
	if p, ok := fixedPlace(on); ok {
		x.to, x.fixed = p.address, true
	} else if i := slices.IndexFunc(on, func(p place) bool { return p.origin == credential.OriginConfirmed }); i >= 0 && x.kind == credential.Recover {
		x.to = on[i].address
	}
	if !r.queuedUntold(x) {
		x.to = ""
	}
}

func (r *model) queuedUntold(x *trial) bool {
	if x.to == "" || r.unproven.in(r.policy.MailWindow, r.now) >= r.policy.UnprovenMails {
		return false
	}
	r.unproven.take(r.now)
	x.newMail()
	return true
}

func (x *trial) newMail() { x.mail, x.unsent, x.until = x.mail+1, true, time.Time{} }

// answersSet is the page of the bank, or that of picture, question and address.
func (r *model) answersSet(x *trial, browser, whose, to, rule string) {
	if !r.earned("questions", x, browser, rule, credential.StepQuestions, credential.StepContact, credential.StepContactReview) {
		return
	}
	if x.kind != credential.Generate || r.policy.OwnQuestions == 0 {
		r.law(rule != "", "questions: taken where none are asked")
		return
	}
	if r.policy.SecurityImage && !r.mayTurnTo(x, to) {
		r.answered("questions", rule, "frozen")
		return
	}
	r.answered("questions", rule, "")
	x.bank, x.step = whose, credential.StepContact
	if r.policy.SecurityImage {
		x.typedTo, x.step = to, credential.StepContactReview
	}
}

// mayTurnTo reports whether an address may be typed: for a frozen account none but one
// that proves its owner, unless the fixed one is taken whatever is typed.
func (r *model) mayTurnTo(x *trial, to string) bool {
	if r.frozen.IsZero() || x.code != nil {
		return true
	}
	_, fixed := fixedPlace(r.usable())
	_, stands := recorded(r.usable(), to)
	return fixed || stands
}

func (r *model) contactSet(x *trial, browser, to, rule string) {
	if !r.earned("contact", x, browser, rule, credential.StepContact, credential.StepContactReview) {
		return
	}
	if !r.mayTurnTo(x, to) {
		r.answered("contact", rule, "frozen")
		return
	}
	r.answered("contact", rule, "")
	x.typedTo, x.step = to, credential.StepContactReview
}

// supersedes reports whether a procedure is proven by somebody who saw the person,
// and the account by less, or disputed: what was set before has no say in what comes.
func (r *model) supersedes(x *trial) bool {
	return x.code != nil && (r.level < credential.InPerson || !r.frozen.IsZero())
}

// contactAccepted queues the mail. To an address that is not on record, where one
// is, it leaves after the hold, and every address on record is told first, unless
// they have no say.
func (r *model) contactAccepted(x *trial, browser, rule string) {
	if !r.earned("send", x, browser, rule, credential.StepContactReview) {
		return
	}
	change, on := false, r.on
	byMail := !r.frozen.IsZero() && x.code == nil // a freeze ends by a code, or an address that stood before
	if byMail {
		on = r.usable()
	}
	x.to = x.typedTo
	if p, ok := fixedPlace(on); ok {
		x.to, x.fixed = p.address, true
	} else if _, ok := recorded(on, x.to); ok {
	} else if byMail {
		r.answered("send", rule, "frozen")
		return
	} else if len(on) > 0 && r.supersedes(x) {
		r.endProven(x, true)
	} else if len(on) > 0 {
		if r.now.Before(r.disputed) {
			r.answered("send", rule, "disputed")
			return
		}
		change = true
		r.endProven(x, true)
	}
	r.answered("send", rule, "")
	x.step, x.ends = credential.StepSent, r.now.Add(7*day)
	if change {
		x.hold = r.now.Add(r.policy.AddressHold)
		x.ends = x.hold.Add(7 * day)
	}
	if r.queued(x) && change {
		r.tell(credential.MailAddressChange, r.on, false)
	}
}

func (r *model) queued(x *trial) bool {
	mails := &r.mails
	if !x.hold.IsZero() { // spends nobody's
		mails = &r.heldMails
	}
	if mails.in(r.policy.MailWindow, r.now) >= r.policy.ProvenMails {
		return false
	}
	mails.take(r.now)
	x.newMail()
	return true
}

func (r *model) resent(x *trial, browser, rule string) {
	if !r.earned("resend", x, browser, rule, credential.StepSent) {
		return
	}
	spent := int(x.mail) > r.policy.Resends
	if x.untold {
		spent = x.again >= r.policy.Resends
	}
	switch waits := x.hold.After(r.now) || x.unsent; {
	case !x.untold && waits:
		r.answered("resend", rule, "")
	case spent:
		r.answered("resend", rule, "resends")
	case x.untold:
		r.answered("resend", rule, "")
		x.again++
		if !x.ended {
			r.queuedUntold(x)
		}
	default:
		r.answered("resend", rule, "")
		r.queued(x)
	}
}

func (r *model) abandoned(x *trial, browser, rule string) {
	if x == nil || x.holder != browser || rule != "" {
		return
	}
	x.holder = ""
	x.ended = x.ended || !slices.Contains([]credential.Step{credential.StepSent, credential.StepOwnQuestion, credential.StepClave, credential.StepDone}, x.step)
}

// mailed is a mail with a link that left.
func (r *model) mailed(o credential.Outgoing, to string) {
	x := r.trials[o.Procedure]
	if o.Kind == credential.MailUnlock {
		fixed, ok := fixedPlace(r.on)
		r.law(r.unlockMails > 0 && ok && to == fixed.address, "a mail of an unlock that nobody is due")
		r.unlockMails--
		x = &trial{kind: credential.Unlock, step: credential.StepSent, to: to, mail: 1, unsent: true, ends: r.now.Add(r.policy.LinkCap)}
		r.trials[o.Procedure] = x
	}
	held := x != nil && r.now.Before(x.hold) && x.step != credential.StepOldCode
	r.law(x != nil && !x.ended && x.unsent && r.now.Before(x.ends) && !held && o.Generation == x.mail && to == x.to,
		"a mail left that is not due")
	x.unsent = false
	life, most := r.policy.LinkLife, r.policy.LinkCap
	if o.Kind == credential.MailAddressLink {
		life, most = day, day
	}
	if end := r.now.Add(most); end.Before(x.ends) {
		x.ends = end
	}
	x.until = r.now.Add(life)
	if x.ends.Before(x.until) {
		x.until = x.ends
	}
}

// notified is a notice that left: one that is owed and due.
func (r *model) notified(o credential.Outgoing, to string) {
	i := slices.IndexFunc(r.owedMails, func(n *news) bool { return n.owed == owed{o.Kind, to} && !r.now.Before(n.due) })
	r.law(i >= 0, "a notice left that nobody is owed: %s to %s", o.Kind, to)
	r.notices[o.Notice] = &notice{news: r.owedMails[i], about: r.trials[o.Procedure], ends: r.owedMails[i].at.Add(r.policy.FreezeLinkLife)}
	r.owedMails = slices.Delete(r.owedMails, i, i+1)
}

// allTold holds that no notice that is due is still to leave.
func (r *model) allTold() {
	for _, n := range r.owedMails {
		r.law(r.now.Before(n.due), "nobody was told: %s to %s", n.kind, n.to)
	}
}

// lives reports whether a mailed link still opens something.
func (r *model) lives(x *trial, mail uint16) bool {
	behind := []credential.Step{credential.StepSent, credential.StepOwnQuestion, credential.StepClave}
	return x != nil && !x.ended && r.now.Before(x.ends) && slices.Contains(behind, x.step) && mail == x.mail && r.now.Before(x.until)
}

// linkOpened is «Continuar»; mine is the procedure that the browser holds, birthday
// whether the right one was typed. id is the procedure that it holds afterwards.
func (r *model) linkOpened(x, mine *trial, mail uint16, browser string, birthday bool, id credential.ID, rule string) {
	const what = "link"
	switch {
	case !r.lives(x, mail) || x.kind != credential.Generate && x.kind != credential.Recover:
		r.law(rule != "", "a link that is over, or opens no page, was taken")
		return
	case mine != nil && mine.from == x && mine.holder == browser && !mine.ended && r.now.Before(mine.ends):
		r.answered(what, rule, "") // begun here before
		return
	case mine == x && x.holder == browser:
		r.answered(what, rule, "")
		if x.step != credential.StepClave {
			r.openClave(x, browser)
		}
		return
	}
	spent := &x.tries
	if x.untold {
		spent = &x.linkTries
	}
	switch {
	case *spent >= r.policy.CodeTries:
		r.answered(what, rule, "code_tries")
		return
	case !x.untold && !r.codeRoom():
		r.answered(what, rule, "code_day")
		return
	}
	*spent++
	if !birthday {
		r.answered(what, rule, "birthday")
		if !x.untold {
			r.codes.take(r.now)
		}
		return
	}
	r.answered(what, rule, "")
	if x.untold { // it stays as it is where it waits
		begun := *x
		begun.untold, begun.from, begun.tries = false, x, 0
		x = &begun
		r.trials[id] = x
	}
	r.openClave(x, browser)
}

func (r *model) codeRoom() bool { return r.codes.in(day, r.now) < 20 && r.codes.total < 100 }

func (r *model) codeTyped(x *trial, browser string, right bool, rule string) {
	const what = "code"
	if !r.earned(what, x, browser, rule, credential.StepSent) {
		return
	}
	alive := x.to != "" && !x.ended && r.now.Before(x.until) && r.codes.total < 100
	wrong := "code_untold"
	switch {
	case !x.untold && !r.now.Before(x.until):
		r.answered(what, rule, "mail_expired")
		return
	case x.tries >= r.policy.CodeTries:
		r.answered(what, rule, "code_tries")
		return
	case !x.untold && !r.codeRoom():
		r.answered(what, rule, "code_day")
		return
	case !x.untold:
		wrong = "code"
	}
	x.tries++
	if right && alive {
		r.answered(what, rule, "")
		r.openClave(x, browser)
		return
	}
	r.answered(what, rule, wrong)
	if alive {
		r.codes.take(r.now)
	}
}

func (r *model) openClave(x *trial, browser string) {
	x.step, x.holder = credential.StepClave, browser
	if x.kind == credential.Recover && r.policy.AskedBehindLink {
		x.step = credential.StepOwnQuestion
	}
	if end := r.now.Add(r.policy.ProcedureLife); end.Before(x.ends) {
		x.ends = end
	}
}

func (r *model) ownAnswered(x *trial, browser, whose, rule string) {
	if !r.earned("own answer", x, browser, rule, credential.StepOwnQuestion) {
		return
	}
	switch {
	case x.failed >= r.policy.Attempts, !r.ownerRoom():
		r.answered("own answer", rule, "attempts")
	case whose == r.answers:
		r.answered("own answer", rule, "")
		x.step = credential.StepClave
	default:
		r.answered("own answer", rule, "own_answer")
		r.proof.take(r.now)
		x.failed++
	}
}

// claveSet is «Generar», the one act that sets a clave by a proof.
func (r *model) claveSet(x *trial, browser, clave, rule string) {
	const what = "clave"
	switch {
	case x != nil && x.step == credential.StepDone && x.holder == browser && r.now.Before(x.ends):
		if rule == "" {
			r.law(clave == r.clave && r.now.Sub(x.doneAt) <= time.Minute, "a used link set a clave again")
		}
		return
	case !r.earned(what, x, browser, rule, credential.StepClave):
		return
	case !r.frozen.IsZero() && clave == r.clave: // somebody else knows it
		r.answered(what, rule, "frozen")
		return
	case x.code != nil && (x.code.used || x.code != r.code):
		r.answered(what, rule, "activation_code")
		return
	case x.mailProven && x.from.ended:
		r.law(rule != "", "a link counted twice: for a lock, and for a clave")
		return
	}
	if r.closedForGood() && x.code == nil {
		r.law(rule != "", "a clave was set, and its owner had closed the web way")
		return
	}
	if _, stood := recorded(r.usable(), x.to); !r.frozen.IsZero() && x.code == nil && !stood {
		r.answered(what, rule, "objected")
		return
	}
	r.answered(what, rule, "")
	if !r.closed.IsZero() {
		r.closed = time.Time{}
		r.noted(credential.ActWebReopened)
	}
	if !r.frozen.IsZero() {
		r.frozen = time.Time{}
		r.noted(credential.ActThawed)
	}
	x.step, x.ended, x.doneAt = credential.StepDone, true, r.now
	if x.code != nil {
		x.code.used = true
	}
	if x.from != nil {
		x.from.ended = true
	}
	r.endProven(x, false)
	told, level, endsLock := r.addressProven(x)
	if x.code != nil {
		level = credential.InPerson
	}
	if r.level == credential.Declared && level == credential.InPerson {
		r.answers = "" // nothing set below opens the account above
	}
	if x.kind == credential.Generate {
		r.answers = x.bank
	}
	r.clave, r.level, r.proven = clave, level, r.now
	r.remember(browser)
	r.endVisits()
	r.proof.total, r.codes.total = 0, 0
	r.newClaveCount(x.kind == credential.Recover && endsLock || level == credential.InPerson)
	if x.kind == credential.Generate {
		r.noted(credential.ActClaveGenerated)
		r.tell(credential.MailClaveSet, told, level == credential.InPerson)
	} else {
		r.noted(credential.ActClaveRecovered)
		r.tell(credential.MailClaveRecovered, told, level == credential.InPerson)
	}
}

// addressProven is what a used link proves of its address: whom to tell, the
// level, and whether it was confirmed before.
func (r *model) addressProven(x *trial) (told []place, level credential.Level, before bool) {
	if x.fixed {
		level = credential.Declared
		if p, _ := fixedPlace(r.on); p.origin == credential.OriginInPerson {
			level = credential.InPerson
		}
		return r.on, level, true
	}
	proven := place{x.to, credential.OriginConfirmed, r.now}
	for _, p := range r.on {
		switch {
		case p.address != x.to:
			told = append(told, p)
		case p.origin == proven.origin:
			proven, before = p, true
		}
	}
	r.on = []place{proven}
	return append(told, proven), credential.Declared, before
}

// remember makes a browser the one that the person is known by.
func (r *model) remember(browser string) {
	r.known = browser
	r.homes[networks[browser]] = r.now
}

func (r *model) endVisits() {
	for _, v := range r.visits {
		v.over = true
	}
}

// newClaveCount ends what was counted against a clave that is no more.
func (r *model) newClaveCount(endLock bool) {
	r.wrong.total, r.wrongKnown.total = 0, 0
	if endLock {
		r.wrong.times, r.wrongKnown.times = nil, nil
	}
}

// ── the clave ──

// opens reports whether any clave opens the account.
func (r *model) opens() bool { return r.frozen.IsZero() && r.closed.IsZero() }

// claveTried holds the answer to a clave against the lock, and reports whether it
// was the right one; wrong is the answer to another. Inside a session every browser
// is a known one.
func (r *model) claveTried(browser string, inside bool, clave, rule, wrong string) bool {
	count := &r.wrong
	if inside || r.known == browser {
		count = &r.wrongKnown
	}
	locked := count.in(r.policy.LockLife, r.now) >= r.policy.LockAfter
	right := r.clave != "" && clave == r.clave && count.total < 100 && r.opens()
	switch {
	case locked:
		r.answered("clave typed", rule, "locked")
		return false
	case rule == "wait":
		n := len(count.times)
		r.law(n >= 2 && r.now.Sub(count.times[n-1]) < 10*time.Second, "made to wait without a reason")
		return false
	case !right:
		r.answered("clave typed", rule, wrong)
		count.take(r.now)
		if count.in(r.policy.LockLife, r.now) >= r.policy.LockAfter && r.clave != "" && len(r.on) > 0 {
			r.tellOne(credential.MailLocked, r.on[0], false)
		}
		return false
	}
	r.wrongKnown.times = nil
	r.wrong.total, r.wrongKnown.total = 0, 0
	return true
}

func (r *model) loggedIn(browser, clave string, token credential.SessionToken, rule string) {
	if r.claveTried(browser, false, clave, rule, "log_in") {
		r.answered("log in", rule, "")
		r.visits = append(r.visits, &visit{browser: browser, token: token, seen: r.now, ends: r.now.Add(r.policy.SessionLife)})
		r.noted(credential.ActLoggedIn)
		home := networks[browser]
		if since := later(r.now.Add(-30*day), r.proven); r.known != browser && r.homes[home].Before(since) {
			r.homes[home] = r.now
			r.tell(credential.MailNewDevice, r.on, false)
		}
	}
}

// live reports whether a session is.
func (r *model) live(v *visit) bool {
	return v != nil && !v.over && r.now.Before(v.ends) && r.now.Before(v.seen.Add(r.policy.SessionIdle))
}

// looked is a use of a session, noted at most once a minute.
func (r *model) looked(v *visit, shown bool) {
	r.law(shown == r.live(v), "the account is shown: %v, want %v", shown, !shown)
	if shown && r.now.Sub(v.seen) >= time.Minute {
		v.seen = r.now
	}
}

func (r *model) sessionEnded(v *visit, rule string) {
	if r.live(v) {
		r.answered("log out", rule, "")
		v.over = true
		r.noted(credential.ActLoggedOut)
		return
	}
	r.answered("log out", rule, "session")
}

// claveChanged is «Cambio de clave»; in is the session it is done in, or nil.
func (r *model) claveChanged(browser string, in *visit, within, keep bool, current, clave string, token credential.SessionToken, rule string) {
	if within && !r.live(in) {
		r.answered("change", rule, "session")
		return
	}
	if !r.claveTried(browser, within, current, rule, "log_in") {
		return
	}
	r.answered("change", rule, "")
	r.clave = clave
	r.remember(browser)
	r.endProven(nil, false)
	if within && keep {
		in.over = true
	} else {
		r.endVisits()
	}
	if within {
		r.visits = append(r.visits, &visit{browser: browser, token: token, seen: r.now, ends: in.ends})
	}
	r.noted(credential.ActClaveChanged)
	r.tell(credential.MailClaveChanged, r.on, false)
}

// ── another address, from inside ──

// waitingMove is the change of address that waits.
func (r *model) waitingMove() (id credential.ID, x *trial) {
	for i, y := range r.trials {
		if y.kind == credential.ChangeAddress && !y.ended && r.now.Before(y.ends) && (x == nil || y.begun.After(x.begun)) {
			id, x = i, y
		}
	}
	return id, x
}

func (r *model) insider(what string, v *visit, least credential.Level, rule string) bool {
	switch {
	case !r.live(v):
		r.answered(what, rule, "session")
	case r.level < least:
		r.answered(what, rule, "level")
	default:
		return true
	}
	return false
}

// moveAsked begins a change of address: the clave again, everybody told, and a code
// to the address that was proven.
func (r *model) moveAsked(v *visit, to, current string, token credential.SessionToken, id credential.ID, rule string) {
	const what = "change of address"
	if !r.insider(what, v, credential.InPerson, rule) || !r.claveTried(v.browser, true, current, rule, "wrong") {
		return
	}
	_, known := recorded(r.on, to)
	switch {
	case len(r.on) == 0 || r.on[0].rank() < 2:
		r.answered(what, rule, "no_proven")
	case known:
		r.answered(what, rule, "same")
	case r.now.Before(r.disputed):
		r.answered(what, rule, "disputed")
	case r.moves.in(day, r.now) >= 5:
		r.answered(what, rule, "changes")
	default:
		r.answered(what, rule, "")
		r.moves.take(r.now)
		r.endProven(nil, true)
		r.renewed(v, token)
		x := &trial{
			kind: credential.ChangeAddress, step: credential.StepOldCode, begun: r.now, ends: r.now.Add(7 * day),
			hold: r.now.Add(r.policy.AddressHold), typedTo: to, to: r.on[0].address, old: r.on[0].address,
		}
		x.newMail()
		r.trials[id] = x
		r.noted(credential.ActAddressAsked)
		r.tell(credential.MailAddressChange, r.on, false)
	}
}

// renewed is a session whose token was changed.
func (r *model) renewed(v *visit, token credential.SessionToken) {
	v.over = true
	r.visits = append(r.visits, &visit{browser: v.browser, token: token, seen: r.now, ends: v.ends})
}

// oldCodeTyped is the code of the mail to the old address: the link to the new one
// leaves after the hold.
func (r *model) oldCodeTyped(v *visit, x *trial, right bool, rule string) {
	const what = "code of the old address"
	if !r.insider(what, v, credential.InPerson, rule) {
		return
	}
	switch _, waits := r.waitingMove(); {
	case x == nil, x != waits, x.step != credential.StepOldCode:
		r.answered(what, rule, "other_change")
	case !r.now.Before(x.until):
		r.answered(what, rule, "mail_expired")
	case x.tries >= r.policy.CodeTries:
		r.answered(what, rule, "code_tries")
	case !r.codeRoom():
		r.answered(what, rule, "code_day")
	case !right:
		r.answered(what, rule, "code")
		x.tries++
		r.codes.take(r.now)
	default:
		r.answered(what, rule, "")
		x.tries++
		x.step, x.to, x.ends = credential.StepSent, x.typedTo, later(r.now, x.hold).Add(7*day)
		x.newMail()
	}
}

// moveConfirmed is the link to the new address: it takes the place of the old one,
// fixed like that.
func (r *model) moveConfirmed(x *trial, mail uint16, rule string) {
	const what = "new address"
	if !r.lives(x, mail) || x.kind != credential.ChangeAddress {
		r.law(rule != "", "a link that is over, or of something else, changed the address")
		return
	}
	if r.level < credential.InPerson || r.on[0].rank() < 2 || r.on[0].address != x.old {
		r.answered(what, rule, "address_replaced")
		return
	}
	r.answered(what, rule, "")
	x.ended = true
	r.endProven(x, false)
	fresh := place{x.typedTo, credential.OriginConfirmed, r.now}
	if r.on[0].fixed() {
		fresh.origin = credential.OriginSucceeds
	}
	r.noted(credential.ActAddressChanged)
	r.tell(credential.MailAddressChanged, []place{r.on[0], fresh}, false)
	r.on = []place{fresh}
}

// ── questions and the web way, from inside ──

// answersRenewed is the personal questions answered anew.
func (r *model) answersRenewed(v *visit, whose, current string, token credential.SessionToken, rule string) {
	const what = "questions renewed"
	if r.policy.OwnQuestions == 0 {
		r.answered(what, rule, "own_questions")
		return
	}
	if !r.insider(what, v, credential.InPerson, rule) || !r.claveTried(v.browser, true, current, rule, "wrong") {
		return
	}
	r.answered(what, rule, "")
	r.answers = whose
	r.renewed(v, token)
	r.noted(credential.ActQuestionsRenewed)
	r.tell(credential.MailQuestionsRenewed, r.on, false)
}

// webClosed is the web way closed: everything ends, and a code from staff alone opens
// it again.
func (r *model) webClosed(v *visit, current, rule string) {
	const what = "web way closed"
	if !r.insider(what, v, credential.NoLevel, rule) || !r.claveTried(v.browser, true, current, rule, "wrong") {
		return
	}
	r.answered(what, rule, "")
	r.closed = r.now
	r.shut()
	r.noted(credential.ActWebClosed)
	r.tell(credential.MailWebClosed, r.on, false)
}

// shut ends what might still open an account that nothing opens. A code is left where
// who could have done this is proven by less than whoever was handed it.
func (r *model) shut() {
	r.endProven(nil, false)
	r.endVisits()
	r.known = ""
	if r.level >= credential.InPerson && r.code != nil && r.now.Before(r.code.ends) {
		r.code.used = true
	}
}

// ── lock, notices, counter ──

func (r *model) unlockAsked(rule string) {
	r.answered("unlock", rule, "")
	locked := r.wrong.in(r.policy.LockLife, r.now) >= r.policy.LockAfter || r.wrongKnown.in(r.policy.LockLife, r.now) >= r.policy.LockAfter
	if p, ok := fixedPlace(r.on); ok && p.seen() && r.opens() && locked && r.clave != "" && r.unlocks.in(r.policy.MailWindow, r.now) < r.policy.UnprovenMails {
		r.unlocks.take(r.now)
		r.unlockMails++
	}
}

func (r *model) lockOpened(x *trial, mail uint16, browser, rule string) {
	if !r.lives(x, mail) || x.kind != credential.Unlock {
		r.law(rule != "", "a link that is over, or of something else, ended a lock")
		return
	}
	r.answered("open lock", rule, "")
	x.ended = true
	r.endProven(x, false)
	r.newClaveCount(true)
	r.remember(browser)
	r.noted(credential.ActUnlocked)
	r.tell(credential.MailUnlocked, r.on, false)
}

// newClaveBehind is «Poner una clave nueva» behind the link of an unlock: a recover
// whose mail is proven.
func (r *model) newClaveBehind(x *trial, mail uint16, browser string, id credential.ID, rule string) {
	if !r.lives(x, mail) || x.kind != credential.Unlock {
		r.law(rule != "", "a link that is over, or of something else, began a recover")
		return
	}
	if x.again >= r.policy.Resends {
		r.answered("new clave", rule, "resends")
		return
	}
	r.answered("new clave", rule, "")
	x.again++
	r.started(id, credential.Recover, browser)
	begun := r.trials[id]
	begun.from, begun.mailProven, begun.to, begun.fixed = x, true, x.to, true
}

// objected is the press behind «No fui yo». It freezes the account if it was told to
// an address on record that is as well proven as the act; a change of address that
// still waits it cancels, and no more. It counts once.
func (r *model) objected(n *notice, done credential.ObjectionDone, rule string) {
	if !r.now.Before(n.ends) {
		r.answered("objection", rule, "objection")
		return
	}
	r.answered("objection", rule, "")
	r.law(done.First == !n.used, "an objection counted: %v, and was used: %v", done.First, n.used)
	if n.used {
		return
	}
	n.used = true
	_, stands := recorded(r.on, n.to)
	cancels := n.kind == credential.MailAddressChange && n.about != nil && !n.about.ended && r.now.Before(n.about.ends)
	freezes := n.mayFreeze && stands && !cancels && r.clave != ""
	r.law(done.Cancelled == cancels && done.Frozen == freezes, "objection: cancelled %v, want %v; froze %v, want %v", done.Cancelled, cancels, done.Frozen, freezes)
	if cancels {
		r.disputed = later(r.disputed, n.ends)
		r.endProven(nil, false)
	}
	switch {
	case freezes:
		r.noted(credential.ActFrozen)
		if r.frozen.IsZero() || n.at.Before(r.frozen) {
			r.frozen = n.at
		}
		r.shut()
		r.tell(credential.MailFrozen, r.on, false)
	case cancels:
		r.noted(credential.ActObjected)
	default:
		r.noted(credential.ActCaseOpened)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (r *model) codeIssued(text string, ends time.Time) {
	r.code = &handed{text: text, ends: ends}
	r.proof, r.handedTried = counter{}, counter{}
	r.noted(credential.ActActivationCodeIssued)
	r.tell(credential.MailActivationCode, r.on, true)
}

// addressTaken is the address of somebody whom staff saw: it takes the place of every
// other, ends what waits for a mail to another, and raises no level.
func (r *model) addressTaken(address string) {
	fresh := place{address, credential.OriginInPerson, r.now}
	told := slices.Clone(r.on)
	if _, known := recorded(told, address); !known {
		told = append(told, fresh)
	}
	r.endProven(nil, false)
	r.on = []place{fresh}
	r.noted(credential.ActAddressInPerson)
	r.tell(credential.MailAddressChanged, told, true)
}
