package site

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
)

// A month of traffic for the public figures (S30): people, strangers, staff's notices
// and the relay act through the use cases, over five weeks of a clock of their own.
// What they did is noted in a tally as they do it, and never read from the program.

// tally is what happened.
type tally struct {
	attended   []attention
	unfinished []unfinished
	mails      []delivery
	complaints []time.Time // when they were confirmed
	open       []time.Time // when the time to confirm them was over
}

// attention is a finished procedure.
type attention struct {
	kind credential.ProcedureKind
	at   time.Time
	took time.Duration // from when it was asked for; 0 for what is done in one press
	late bool          // its month was closed already
}

// unfinished is any other procedure, and how the files call its end.
type unfinished struct {
	kind credential.ProcedureKind
	how  string
	over time.Time // its time
}

// delivery is a mail with a link that the relay took.
type delivery struct {
	at   time.Time
	took time.Duration // since it could leave
}

// The stages at which a procedure is left, as the files call them.
const (
	leftProof     = "abandonado_en_datos"
	leftReview    = "abandonado_en_revision_de_datos"
	leftQuestions = "abandonado_en_preguntas"
	leftContact   = "abandonado_en_correo"
	leftAddress   = "abandonado_en_revision_de_correo"
	leftMail      = "enlace_vencido"
	leftClave     = "abandonado_en_nueva_clave"
	noMail        = "sin_correo"
	objectedTo    = "objetado"
	replacedBy    = "reemplazado"
)

// What the sheet promises: how long there is for the pages before the mail and for
// the one behind it, for the mail, and for the one to a changed address.
const (
	pagesLife   = 30 * time.Minute
	mailCap     = 2 * time.Hour
	addressHold = 24 * time.Hour
	heldLife    = 7 * 24 * time.Hour
	confirmLife = 7 * 24 * time.Hour // of a complaint
)

// resident is somebody of the register, as they know themselves.
type resident struct {
	registry.Fake
	clave   string // empty before the first
	address string
	answers map[credential.PersonalQuestionID]string
	busy    time.Time // until then nothing else is begun for them
}

// happening is something that is due.
type happening struct {
	at time.Time
	do func()
}

// agenda is a heap, earliest first.
type agenda []happening

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// month is the traffic: everybody who acts, one after the other.
type month struct {
	*world
	s      *credential.Service
	draw   *rand.Rand // the same in every run
	agenda agenda
	tally  tally

	people []*resident
	next   int // in people
	ghosts []credential.Number
	serial int // of claves and addresses

	linkAsked time.Time // from when the mail with a link that waits could leave
	upkept    string    // the day of the latest upkeep
}

// residents is how many people the month has.
const residents = 320

// newMonth is a world at the beginning of November of 2026, in Ecuador.
func newMonth(w *world) *month {
	m := &month{world: w, s: w.site.Service, draw: rand.New(rand.NewPCG(30, 2026))}
	for _, f := range registry.Generate("prueba", residents, seedEpoch) {
		if !strings.HasPrefix(f.Case, "azar-") && f.Case != registry.CaseTemporaryClave {
			continue
		}
		r := &resident{Fake: f, clave: f.Clave, address: f.Email, answers: map[credential.PersonalQuestionID]string{}}
		if r.address == "" {
			r.address = m.newAddress()
		}
		for _, id := range credential.PersonalQuestions() {
			r.answers[id] = f.BankAnswer(id)
		}
		m.people = append(m.people, r)
	}
	for _, p := range w.unknowns("cedula", 150) {
		n, err := credential.ParseNumber(credential.Cedula, p.Number)
		m.ok(err)
		m.ghosts = append(m.ghosts, n)
	}
	return m
}

// plan puts f n times on the agenda, at moments drawn from the month, from a day of
// it on and up to a few hours before its end.
func (m *month) plan(n, day int, f func()) {
	from, end := monthStart.AddDate(0, 0, day).Add(time.Hour), monthEnd.Add(-4*time.Hour)
	for range n {
		m.at(from.Add(time.Duration(m.draw.Int64N(int64(end.Sub(from))))), f)
	}
}

// at puts something on the agenda.
func (m *month) at(t time.Time, f func()) { heap.Push(&m.agenda, happening{t, f}) }

// November in Ecuador, which is five hours behind Greenwich all the year.
var (
	monthStart = time.Date(2026, time.November, 1, 5, 0, 0, 0, time.UTC)
	monthEnd   = time.Date(2026, time.December, 1, 5, 0, 0, 0, time.UTC)
)

// until lets happen what is due up to an instant, and keeps house each day as the
// program does each hour.
func (m *month) until(end time.Time) {
	m.t.Helper()
	for len(m.agenda) > 0 && !m.agenda[0].at.After(end) {
		next := heap.Pop(&m.agenda).(happening)
		m.to(next.at)
		if today := dayIn(m.clock.Now()); today != m.upkept {
			m.upkept = today
			m.site.sweep(m.t.Context())
		}
		next.do()
	}
	m.to(end)
	m.site.sweep(m.t.Context())
}

// to moves the clock to an instant, unless it is past it.
func (m *month) to(t time.Time) {
	if d := t.Truncate(time.Millisecond).Sub(m.clock.Now()); d > 0 {
		m.clock.advance(d)
	}
}

func (m *month) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatalf("%v: %v", m.clock.Now(), err)
	}
}

// refused wants a refusal of a kind.
func (m *month) refused(err error, kind credential.Kind) {
	m.t.Helper()
	if !credential.IsKind(err, kind) {
		m.t.Fatalf("%v: %v, want a refusal of kind %s", m.clock.Now(), err, kind)
	}
}

// pause lets somebody read and type.
func (m *month) pause() { m.clock.advance(time.Duration(5000+m.draw.IntN(60_000)) * time.Millisecond) }

// somebody is at a machine of their own.
func (m *month) somebody() credential.Actor {
	network := netip.AddrFrom4([4]byte{198, 51, byte(m.draw.IntN(256)), byte(m.draw.IntN(256))})
	return credential.Actor{Kind: credential.Citizen, Network: network.String(), Browser: "android", Route: "test"}
}

func (m *month) newClave() string {
	m.serial++
	return fmt.Sprintf("colibrí-maletín-abrigo-%d", m.serial)
}

func (m *month) newAddress() string {
	m.serial++
	return fmt.Sprintf("vecina.%d@correo.example", m.serial)
}

// turn gives the next person who fits and has nothing under way.
func (m *month) turn(fits func(*resident) bool) *resident {
	m.t.Helper()
	for range m.people {
		m.next = (m.next + 1) % len(m.people)
		r := m.people[m.next]
		if r.Case != registry.CaseTemporaryClave && fits(r) && r.busy.Before(m.clock.Now()) {
			r.busy = m.clock.Now().Add(25 * time.Hour)
			return r
		}
	}
	m.t.Fatalf("%v: nobody fits", m.clock.Now())
	return nil
}

func anybody(*resident) bool     { return true }
func hasClave(r *resident) bool  { return r.clave != "" }
func mayUnlock(r *resident) bool { return r.clave != "" && r.InPerson }
func mayMove(r *resident) bool   { return r.clave != "" && !r.InPerson }

// deliver is the relay: it takes what is due, after a while, or refuses what carries
// a link. It gives what there was.
func (m *month) deliver(refuse bool) (all []credential.Outgoing) {
	m.t.Helper()
	ctx := m.t.Context()
	for {
		out, err := m.s.NextMails(ctx, 20)
		m.ok(err)
		if len(out) == 0 {
			return all
		}
		for _, o := range out {
			hasLink := o.Kind == credential.MailActivation || o.Kind == credential.MailUnlock
			if hasLink && refuse {
				m.ok(m.s.MailRefused(ctx, o, true))
				continue
			}
			m.clock.advance(time.Duration(m.draw.ExpFloat64()*4000) * time.Millisecond)
			m.ok(m.s.MailAccepted(ctx, o))
			if hasLink {
				m.tally.mails = append(m.tally.mails, delivery{m.clock.Now(), m.clock.Now().Sub(m.linkAsked)})
			}
		}
		all = append(all, out...)
	}
}

// mailOf finds the mail of a kind among what was delivered.
func (m *month) mailOf(all []credential.Outgoing, kind credential.MailKind) credential.Outgoing {
	m.t.Helper()
	for _, o := range all {
		if o.Kind == kind {
			return o
		}
	}
	m.t.Fatalf("%v: no mail %s", m.clock.Now(), kind)
	return credential.Outgoing{}
}

func (m *month) attend(kind credential.ProcedureKind, took time.Duration) {
	m.tally.attended = append(m.tally.attended, attention{kind: kind, at: m.clock.Now(), took: took})
}

func (m *month) unfinish(kind credential.ProcedureKind, how string, over time.Time) {
	m.tally.unfinished = append(m.tally.unfinished, unfinished{kind, how, over})
}

// underWay is a procedure of somebody.
type underWay struct {
	m     *month
	r     *resident
	by    credential.Actor
	kind  credential.ProcedureKind
	claim credential.Claim
	began time.Time
	over  time.Time // its time
}

// begin is the first page: who has a clave recovers it, who has none generates one.
func (m *month) begin(r *resident) *underWay {
	m.t.Helper()
	j := &underWay{m: m, r: r, by: m.somebody(), kind: credential.Generate, began: m.clock.Now()}
	if r.clave != "" {
		j.kind = credential.Recover
	}
	var err error
	j.claim, err = m.s.Start(m.t.Context(), j.by, credential.StartForm{Kind: j.kind, Number: r.Person.Number, Audience: r.Person.Audiences[0]})
	m.ok(err)
	j.over = j.began.Add(pagesLife)
	return j
}

// prove answers what the page asks, as the person would.
func (j *underWay) prove() error {
	ctx := j.m.t.Context()
	v, err := j.m.s.Look(ctx, j.claim)
	j.m.ok(err)
	form := credential.ProofForm{
		Day: j.r.Person.Birth.Day, Month: int(j.r.Person.Birth.Month),
		Record: map[credential.FactID]string{}, Answers: map[credential.PersonalQuestionID]string{},
	}
	if v.AsksRecord {
		for _, q := range credential.RecordQuestions(j.r.Person.Audiences[0]) {
			form.Record[q.ID] = j.r.Person.Facts.Answer(q.ID)
		}
	}
	for _, id := range v.Asked {
		form.Answers[id] = j.r.answers[id]
	}
	return j.m.s.Prove(ctx, j.by, j.claim, form)
}

func (j *underWay) judge() (err error) {
	j.claim, err = j.m.s.JudgeProof(j.m.t.Context(), j.by, j.claim)
	return err
}

func (j *underWay) questions() error {
	if j.kind == credential.Recover {
		return nil
	}
	for i, id := range credential.PersonalQuestions() {
		j.r.answers[id] = fakeAnswers[i]
	}
	return j.m.s.SetQuestions(j.m.t.Context(), j.by, j.claim, j.r.answers)
}

// walk goes through the pages before the mail. It reports whether they were left at
// the given one: by a press, or by going away.
func (j *underWay) walk(left, address string) bool {
	m, ctx := j.m, j.m.t.Context()
	m.t.Helper()
	for _, page := range []struct {
		name  string
		press func() error
	}{
		{leftProof, j.prove},
		{leftReview, j.judge},
		{leftQuestions, j.questions},
		{leftContact, func() error { return m.s.SetContact(ctx, j.by, j.claim, address) }},
		{leftAddress, func() error { return m.s.AcceptContact(ctx, j.by, j.claim) }},
	} {
		m.pause()
		if page.name != left {
			m.ok(page.press())
			continue
		}
		if m.draw.IntN(2) == 0 {
			_, err := m.s.Abandon(ctx, j.by, j.claim)
			m.ok(err)
		}
		m.unfinish(j.kind, left, j.over)
		return true
	}
	m.linkAsked = m.clock.Now()
	return false
}

// mailed is what happens once the address is accepted: the mail leaves soon.
func (j *underWay) mailed(refuse bool) credential.Outgoing {
	j.m.t.Helper()
	j.m.clock.advance(time.Duration(j.m.draw.IntN(900)) * time.Millisecond)
	j.over = j.m.clock.Now().Add(mailCap)
	return j.m.mailOf(j.m.deliver(refuse), credential.MailActivation)
}

// open answers the mail: by its link, here or at another machine, or by its code.
func (j *underWay) open(mail credential.Outgoing) {
	m, ctx := j.m, j.m.t.Context()
	m.t.Helper()
	m.pause()
	var err error
	switch m.draw.IntN(4) {
	case 0:
		j.claim, err = m.s.EnterCode(ctx, j.by, j.claim, mail.Code)
	case 1:
		j.by = m.somebody()
		j.claim, err = m.s.ContinueLink(ctx, j.by, mail.Link, nil, j.r.Person.Birth.Day, int(j.r.Person.Birth.Month))
	default:
		j.claim, err = m.s.ContinueLink(ctx, j.by, mail.Link, &j.claim, 0, 0)
	}
	m.ok(err)
	if end := m.clock.Now().Add(pagesLife); end.Before(j.over) {
		j.over = end
	}
}

// finish sets the clave.
func (j *underWay) finish() {
	m := j.m
	m.t.Helper()
	m.pause()
	j.r.clave = m.newClave()
	_, err := m.s.SetClave(m.t.Context(), j.by, j.claim, credential.ClaveForm{Declared: true, Clave: j.r.clave, Repeat: j.r.clave})
	m.ok(err)
	m.attend(j.kind, m.clock.Now().Sub(j.began))
	m.deliver(false)
}

// ── what people do ──

// procedure is a generate or a recover from its first page to where it is left;
// empty for its end.
func (m *month) procedure(left string) func() {
	return func() {
		fits := anybody
		if left == leftQuestions {
			fits = func(r *resident) bool { return r.clave == "" }
		}
		j := m.begin(m.turn(fits))
		if j.walk(left, j.r.address) {
			return
		}
		mail := j.mailed(left == noMail)
		if left == noMail || left == leftMail {
			m.unfinish(j.kind, left, j.over)
			return
		}
		if m.draw.IntN(8) == 0 { // the mail came too late, and another one was asked for
			m.clock.advance(4 * time.Minute)
			m.ok(m.s.Resend(m.t.Context(), j.by, j.claim))
			m.linkAsked = m.clock.Now()
			mail = m.mailOf(m.deliver(false), credential.MailActivation)
		}
		j.open(mail)
		if left == leftClave {
			m.unfinish(j.kind, left, j.over)
			return
		}
		j.finish()
	}
}

// begunTwice is somebody who begins anew while a mail waits: the second finishes.
func (m *month) begunTwice() {
	r := m.turn(anybody)
	first := m.begin(r)
	first.walk("", r.address)
	first.mailed(false)
	second := m.begin(r)
	second.walk("", r.address)
	second.open(second.mailed(false))
	second.finish()
	m.unfinish(first.kind, replacedBy, first.over)
}

// moved is somebody whose mail goes to another address: it waits for a day, in which
// the old one may object.
func (m *month) moved(objects bool) func() {
	return func() {
		r, to := m.turn(mayMove), m.newAddress()
		r.busy = m.clock.Now().Add(60 * 24 * time.Hour)
		j := m.begin(r)
		j.walk("", to)
		accepted := m.clock.Now()
		notice := m.mailOf(m.deliver(false), credential.MailAddressChange)
		if objects {
			m.pause()
			_, err := m.s.Object(m.t.Context(), m.somebody(), notice.Objection)
			m.ok(err)
			m.unfinish(j.kind, objectedTo, accepted.Add(addressHold+heldLife))
			m.deliver(false)
			return
		}
		m.at(accepted.Add(addressHold), func() {
			m.linkAsked = accepted.Add(addressHold)
			j.open(j.mailed(false))
			j.finish()
		})
	}
}

// changes is who knows their clave and sets another one.
func (m *month) changes() { m.change(m.turn(hasClave), credential.KindChange) }

func (m *month) change(r *resident, kind credential.ProcedureKind) {
	m.t.Helper()
	fresh := m.newClave()
	_, err := m.s.ChangeClave(m.t.Context(), m.somebody(), nil, credential.ChangeForm{
		Number: r.Person.Number, Current: r.clave, New: fresh, Repeat: fresh, Agreed: true,
	})
	m.ok(err)
	r.clave = fresh
	m.attend(kind, 0)
}

// changesWrongly is who does not know it: nothing is to be counted.
func (m *month) changesWrongly() {
	r := m.turn(hasClave)
	_, err := m.s.ChangeClave(m.t.Context(), m.somebody(), nil, credential.ChangeForm{
		Number: r.Person.Number, Current: "otra cosa del todo", New: goodClave, Repeat: goodClave, Agreed: true,
	})
	m.refused(err, credential.Denied)
}

// locked is somebody whom five wrong claves locked, and who asks for the link that
// ends it: it is used, or leads to a new clave, or is left.
func (m *month) locked(then string) func() {
	return func() {
		ctx, r := m.t.Context(), m.turn(mayUnlock)
		for range 5 {
			m.pause()
			_, err := m.s.LogIn(ctx, m.somebody(), credential.LogInForm{Number: r.Person.Number, Clave: "otra cosa del todo"})
			m.refused(err, credential.Denied)
		}
		m.deliver(false)
		asked := m.clock.Now()
		m.ok(m.s.AskUnlock(ctx, m.somebody(), credential.UnlockForm{Number: r.Person.Number}))
		m.linkAsked = asked
		mail := m.mailOf(m.deliver(false), credential.MailUnlock)
		m.pause()
		switch then {
		case leftMail:
			m.unfinish(credential.Unlock, leftMail, asked.Add(mailCap))
		case "":
			_, err := m.s.OpenLock(ctx, m.somebody(), mail.Link)
			m.ok(err)
			m.attend(credential.Unlock, m.clock.Now().Sub(asked))
			m.deliver(false)
		default: // the link leads to a recover, which counts once
			j := &underWay{m: m, r: r, by: m.somebody(), kind: credential.Recover, began: m.clock.Now()}
			var err error
			j.claim, err = m.s.NewClaveBehindUnlock(ctx, j.by, mail.Link)
			m.ok(err)
			m.ok(j.prove())
			m.ok(j.judge())
			j.finish()
		}
	}
}

// unlocksNothing is who asks for the link of a lock that is none, or of nobody.
func (m *month) unlocksNothing() {
	n := m.ghosts[m.draw.IntN(len(m.ghosts))]
	if m.draw.IntN(2) == 0 {
		n = m.turn(anybody).Person.Number
	}
	m.ok(m.s.AskUnlock(m.t.Context(), m.somebody(), credential.UnlockForm{Number: n}))
	m.unfinish(credential.Unlock, noMail, m.clock.Now().Add(mailCap))
	m.deliver(false)
}

// guesses is who tries a number: nobody's, or somebody else's.
func (m *month) guesses() {
	ctx, by := m.t.Context(), m.somebody()
	form := credential.StartForm{Kind: credential.Recover, Number: m.ghosts[m.draw.IntN(len(m.ghosts))], Audience: credential.Affiliate}
	if m.draw.IntN(4) == 0 {
		form.Number = m.turn(anybody).Person.Number
	}
	if m.draw.IntN(2) == 0 {
		form.Kind = credential.Generate
	}
	began := m.clock.Now()
	claim, err := m.s.Start(ctx, by, form)
	m.ok(err)
	m.unfinish(form.Kind, leftProof, began.Add(pagesLife))
	if m.draw.IntN(2) == 0 {
		return
	}
	v, err := m.s.Look(ctx, claim)
	m.ok(err)
	proof := credential.ProofForm{Day: 1, Month: 1, Record: map[credential.FactID]string{}, Answers: map[credential.PersonalQuestionID]string{}}
	if v.AsksRecord {
		for _, q := range credential.RecordQuestions(v.Audience) {
			proof.Record[q.ID] = credential.NotOnRecord
		}
	}
	for _, id := range v.Asked {
		proof.Answers[id] = "no tengo idea"
	}
	m.pause()
	m.ok(m.s.Prove(ctx, by, claim, proof))
	m.pause()
	_, err = m.s.JudgeProof(ctx, by, claim)
	m.refused(err, credential.Denied)
}

// The ways to write a complaint.
const (
	withMail    = "with mail" // and the link in it is used
	mailUnused  = "mail unused"
	inSession   = "in a session"
	withNothing = "with nothing"
)

// complains writes to the institution. Of suggestions and praise nothing is counted.
func (m *month) complains(way string) func() {
	return func() {
		ctx, by := m.t.Context(), m.somebody()
		form := credential.ComplaintForm{Kind: credential.ComplaintKinds()[m.draw.IntN(4)%3], Topic: credential.ComplaintTopics()[0], Text: "No llegó el correo."}
		switch way {
		case withMail, mailUnused:
			form.Email = m.newAddress()
		case inSession:
			r := m.turn(hasClave)
			session, err := m.s.LogIn(ctx, by, credential.LogInForm{Number: r.Person.Number, Clave: r.clave})
			m.ok(err)
			form.Session = &session
		}
		m.pause()
		written := m.clock.Now()
		_, err := m.s.MakeComplaint(ctx, by, form)
		m.ok(err)
		mails := m.deliver(false)
		counts := form.Kind == credential.Complain
		switch way {
		case inSession:
			if counts {
				m.tally.complaints = append(m.tally.complaints, written)
			}
		case withMail:
			link := m.mailOf(mails, credential.MailComplaint).Complaint
			m.at(m.clock.Now().Add(time.Duration(m.draw.Int64N(int64(6*24*time.Hour)))), func() {
				for range 2 { // the second press finds it done
					m.ok(m.s.ConfirmComplaint(ctx, m.somebody(), link))
				}
				if counts {
					m.tally.complaints = append(m.tally.complaints, m.clock.Now())
				}
			})
		default:
			if counts {
				m.tally.open = append(m.tally.open, written.Add(confirmLife))
			}
		}
	}
}

// ordinary plans the month, with what stands on its edges.
func (m *month) ordinary() {
	for _, some := range []struct {
		n  int
		do func()
	}{
		{480, m.procedure("")}, {25, m.begunTwice}, {460, m.guesses}, {60, m.unlocksNothing},
		{70, m.procedure(leftProof)}, {70, m.procedure(leftReview)}, {60, m.procedure(leftQuestions)}, {60, m.procedure(leftContact)},
		{60, m.procedure(leftAddress)}, {70, m.procedure(leftMail)}, {50, m.procedure(leftClave)}, {30, m.procedure(noMail)},
		{40, m.complains(withMail)}, {25, m.complains(mailUnused)}, {25, m.complains(withNothing)},
	} {
		m.plan(some.n, 0, some.do)
	}
	const settled = 8 // days: by then enough people have a clave for what needs one
	m.plan(400, settled, m.changes)
	m.plan(40, settled, m.changesWrongly)
	m.plan(25, settled, m.complains(inSession))
	m.plan(110, settled, m.locked(""))
	m.plan(20, settled, m.locked(leftMail))
	m.plan(15, settled, m.locked("a new clave"))
	m.plan(12, settled, m.moved(false))
	m.plan(12, settled, m.moved(true))

	const instant = time.Millisecond
	first := func() {
		at := slices.IndexFunc(m.people, func(r *resident) bool { return r.Case == registry.CaseTemporaryClave })
		m.change(m.people[at], credential.KindFirstClave)
	}
	m.at(monthStart.Add(-instant), m.changes) // of October
	m.at(monthStart, first)
	m.at(monthEnd.Add(-pagesLife-instant), m.starts) // its time is over in November
	m.at(monthEnd.Add(-pagesLife), m.starts)         // and in December
	m.at(monthEnd.Add(-instant), m.changes)
	m.at(monthEnd, m.changes) // of December
}

// starts is who goes no further than the first page.
func (m *month) starts() {
	j := m.begin(m.turn(anybody))
	m.unfinish(j.kind, leftProof, j.over)
}
