package site

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
	"aldaba/internal/sqlstore"
	"aldaba/internal/wordlists"
)

// A play is a random sequence of acts of one citizen, one thief and time passing,
// on the use cases themselves over a real database. Each act is told to the
// reference model, which says what the program must have answered and what must be
// so afterwards: see [model] and [play.settle].
type play struct {
	*rapid.T
	r       *model
	service *credential.Service
	store   *sqlstore.Store
	clock   *testClock
	n       int // of the play

	person  credential.Person
	subject credential.Subject

	citizen, thief *player
	seats          []*seat
	reads          bool // the thief reads the citizen's mailbox now
	everRead       bool
	nextClave      int

	seenAt time.Time
	seen   int // audit rows of that instant that were looked at
}

// player is somebody with what they know and read.
type player struct {
	name      string
	address   string
	addresses []string // whose mail they read
	record    bool     // knows the record
	answers   []string // knows whose own answers
	claves    []string
	code      string // the newest activation code in hand
	mails     []credential.Outgoing
}

// seat is a browser with somebody before it.
type seat struct {
	name   string
	who    *player
	device credential.DeviceID
	claim  *credential.Claim
	visit  *visit
}

// networks are where the browsers are, each with a kind of device of its own.
var networks = map[string]string{"home": "192.0.2.10", "elsewhere": "203.0.113.7", "thief's": "198.51.100.66"}

// GoString is the browser in the story of a failure.
func (b *seat) GoString() string { return b.name }

// The addresses of the play.
const (
	ownAddress   = "propia@correo.example"
	otherAddress = "otra@correo.example"
	thiefAddress = "ladron@correo.example"
	staleAddress = "antigua@correo.example" // nobody reads it any more
)

// stage is what all plays share: a database, in which each play has a person of its
// own, and a clock that only goes forward. Bulk, because a play outlives no power cut.
type stage struct {
	keys   *credential.KeyRing
	words  *wordlists.List
	store  *sqlstore.Store
	clock  *testClock
	person credential.Person // but for the number
	plays  int
}

func newStage(t *testing.T) *stage {
	keys, err := credential.ParseKeyRing(credential.NewKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{keys: keys, clock: &testClock{now: time.Date(2026, time.November, 20, 15, 0, 0, 0, time.UTC)}}
	s.words, err = wordlists.Load()
	if err != nil {
		t.Fatal(err)
	}
	s.person = registry.Generate("modelo", 0, seedEpoch)[0].Person
	s.person.Email, s.person.EmailFrom = credential.Email{}, credential.Provenance{}
	s.store, err = sqlstore.Open(t.Context(), sqlstore.Config{DSN: filepath.Join(t.TempDir(), "aldaba.db"), Keys: keys, Bulk: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := s.store.Close()
		if err != nil {
			t.Error(err)
		}
	})
	return s
}

// cedula makes the n-th number with the right check digit.
func cedula(n int) string {
	digits := fmt.Sprintf("170%06d", n)
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if i%2 == 0 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

// The ways an address may stand on record when a play begins.
var beginnings = []string{"none", "imported", "imported_in_person", "confirmed", "in_person", "in_person", "stale"}

// newPlay draws policy, record and who knows what.
func (s *stage) newPlay(t *rapid.T) *play {
	policy, err := credential.Preset(rapid.SampledFrom([]string{credential.Ficha2026, credential.Guia, credential.Reforzada}).Draw(t, "policy"))
	for key, value := range map[string]string{"captcha_cost": "0", "hash_memory_kib": "64", "hash_passes": "1", "numbers_per_network": "0"} {
		err = errors.Join(err, policy.Set(key, value, true))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.plays++
	p := &play{T: t, store: s.store, clock: s.clock, person: s.person, n: s.plays}
	p.person.Number, err = credential.ParseNumber(credential.Cedula, cedula(s.plays))
	if err != nil {
		t.Fatal(err)
	}
	p.subject = s.keys.Subject(p.person.Number)
	p.service, err = credential.New(credential.Config{
		Store: s.store, Registry: s.store, Keys: s.keys, Policy: policy, Common: s.words, Phrase: s.words.Phrase, Now: s.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.r = &model{
		broken: p.Fatalf, policy: policy, now: p.clock.Now(),
		trials: map[credential.ID]*trial{}, notices: map[credential.ID]*notice{},
		proven: p.clock.Now().Add(-90 * day), homes: map[string]time.Time{}, latest: map[owed]*news{},
	}
	p.citizen = &player{
		name: "citizen", address: ownAddress, addresses: []string{ownAddress, otherAddress},
		record: true, answers: []string{"citizen"},
	}
	p.thief = &player{name: "thief", address: thiefAddress, addresses: []string{thiefAddress}, answers: []string{"thief"}}
	p.thief.record = rapid.Bool().Draw(t, "the thief knows the record")
	if rapid.Bool().Draw(t, "the thief knows the own answers") {
		p.thief.answers = append(p.thief.answers, "citizen")
	}
	p.seats = []*seat{{name: "home", who: p.citizen}, {name: "elsewhere", who: p.citizen}, {name: "thief's", who: p.thief}}
	p.begin()
	return p
}

// begin stores person, address and account as they stand before the first act.
func (p *play) begin() {
	r := p.r
	before := r.now.Add(-90 * day)
	provenance := credential.Provenance{At: before, Origin: credential.OriginImported}
	var stored []credential.Address
	account := credential.Account{Subject: p.subject, Level: credential.Declared, CreatedAt: before, ProvenAt: before}
	switch how := rapid.SampledFrom(beginnings).Draw(p.T, "address"); how {
	case "imported", "stale":
		address := map[string]string{"imported": ownAddress, "stale": staleAddress}[how]
		p.person.Email, p.person.EmailFrom = p.email(address), provenance
		r.on = []place{{address, credential.OriginImported, before}}
	case "imported_in_person":
		provenance.Origin = credential.OriginImportedInPerson
		p.person.Email, p.person.EmailFrom = p.email(ownAddress), provenance
		r.on = []place{{ownAddress, credential.OriginImportedInPerson, before}}
	case "confirmed", "in_person":
		provenance.Origin = credential.Origin(how)
		stored = append(stored, credential.Address{
			Subject: p.subject, ID: credential.NewSeedID(p.subject), Email: p.email(ownAddress), Provenance: provenance,
		})
		r.on = []place{{ownAddress, provenance.Origin, before}}
		if how == "in_person" || p.bool("was seen") {
			account.Level = credential.InPerson
		}
	}
	clave := ""
	if p.mostly("has a clave") {
		clave = p.newClave()
		account.Clave = r.policy.HashParams().Hash([]byte(clave))
		if asked := r.policy.OwnQuestions; asked > 0 {
			var answers []credential.PersonalAnswer
			for _, id := range p.service.AskedFirst(p.person.Number)[:asked] {
				answers = append(answers, credential.PersonalAnswer{Question: id, Answer: credential.NewText(answerOf("citizen", id))})
			}
			account.Answers, r.answers = credential.HashAnswers(r.policy.HashParams(), answers), "citizen"
		}
		r.clave, r.level = clave, account.Level
		p.citizen.claves = []string{clave}
		if rapid.Bool().Draw(p.T, "the thief knows the clave") {
			p.thief.claves = []string{clave}
		}
	}
	p.update(func(tx credential.Tx) error {
		err := tx.PutPerson(p.subject, p.person)
		for _, a := range stored {
			err = errors.Join(err, tx.PutAddress(a))
		}
		if clave != "" {
			err = errors.Join(err, tx.SaveAccount(account))
		}
		return err
	})
}

func (p *play) update(f func(credential.Tx) error) {
	err := p.store.Update(context.Background(), p.subject.Shard(), f)
	if err != nil {
		p.Fatal(err)
	}
}

// email gives an address of the play as this play has it: people of other plays use
// other mailboxes.
func (p *play) email(address string) credential.Email {
	e, err := credential.ParseEmail(fmt.Sprintf("%d.%s", p.n, address))
	if err != nil {
		p.Fatal(err)
	}
	return e
}

func (p *play) newClave() string {
	p.nextClave++
	return fmt.Sprintf("colibrí-maletín-abrigo-%d", 100+p.nextClave)
}

// answerOf is what somebody answers to a question of the bank.
func answerOf(whose string, id credential.PersonalQuestionID) string {
	i := slices.Index(credential.PersonalQuestions(), id)
	if whose == "thief" {
		i = (i + 5) % len(fakeAnswers)
	}
	if whose == "nobody" {
		return "respuesta cualquiera"
	}
	return fakeAnswers[i]
}

func answersOf(whose string) map[credential.PersonalQuestionID]string {
	all := map[credential.PersonalQuestionID]string{}
	for _, id := range credential.PersonalQuestions() {
		all[id] = answerOf(whose, id)
	}
	return all
}

func (b *seat) actor() credential.Actor {
	return credential.Actor{Kind: credential.Citizen, Network: networks[b.name], Device: b.device, Browser: "android", Route: "model"}
}

// rule is the rule of a refusal, or "" for none. What is no refusal is a fault.
func (p *play) rule(err error) string {
	if err == nil {
		return ""
	}
	refusal, ok := errors.AsType[*credential.Error](err)
	if !ok {
		p.Fatalf("a fault: %v", err)
	}
	return refusal.Rule
}

func (p *play) trial(b *seat) *trial {
	if b.claim == nil {
		return nil
	}
	return p.r.trials[b.claim.ID]
}

func (p *play) bool(label string) bool { return rapid.Bool().Draw(p.T, label) }

// mostly is true three times of four.
func (p *play) mostly(label string) bool { return rapid.IntRange(0, 3).Draw(p.T, label) != 3 }

func (p *play) seat() *seat { return rapid.SampledFrom(p.seats).Draw(p.T, "browser") }

// ── acts ──

func (p *play) start(b *seat, kind credential.ProcedureKind) {
	claim, err := p.service.Start(context.Background(), b.actor(), credential.StartForm{
		Kind: kind, Number: p.person.Number, Audience: p.person.Audiences[0],
	})
	p.r.answered("start", p.rule(err), "")
	b.claim = &claim
	p.r.started(claim.ID, kind, b.name)
}

func (p *play) prove(b *seat, typed typedProof) {
	birth := p.person.Birth
	form := credential.ProofForm{
		Day: birth.Day, Month: int(birth.Month), Year: birth.Year, Record: map[credential.FactID]string{},
		Answers: answersOf(typed.answers), Code: typed.code,
	}
	if !typed.date {
		form.Day = birth.Day%28 + 1
	}
	for i, q := range credential.RecordQuestions(p.person.Audiences[0]) {
		form.Record[q.ID] = p.person.Facts.Answer(q.ID)
		if !typed.record && i == 0 {
			form.Record[q.ID] = q.Options[(slices.Index(q.Options, form.Record[q.ID])+1)%len(q.Options)]
		}
	}
	err := p.service.Prove(context.Background(), b.actor(), *b.claim, form)
	p.r.proved(p.trial(b), b.name, typed, p.rule(err))
}

func (p *play) byCode(b *seat) {
	err := p.service.ByCode(context.Background(), *b.claim)
	p.r.turnedToCode(p.trial(b), b.name, p.rule(err))
}

func (p *play) judge(b *seat) {
	claim, err := p.service.JudgeProof(context.Background(), b.actor(), *b.claim)
	p.r.judged(p.trial(b), b.name, p.rule(err))
	if err == nil {
		b.claim = &claim
	}
}

func (p *play) questions(b *seat, to string) {
	var err error
	if p.r.policy.SecurityImage {
		id := credential.PersonalQuestions()[0]
		err = p.service.SetSecurity(context.Background(), b.actor(), *b.claim, credential.SecurityForm{
			Image: string(credential.SecurityImages()[3]), Question: id, Answer: answerOf(b.who.name, id), Email: p.email(to).Reveal(),
		})
	} else {
		err = p.service.SetQuestions(context.Background(), b.actor(), *b.claim, answersOf(b.who.name))
	}
	p.r.answersSet(p.trial(b), b.name, b.who.name, to, p.rule(err))
}

func (p *play) contact(b *seat, to string) {
	err := p.service.SetContact(context.Background(), b.actor(), *b.claim, p.email(to).Reveal())
	p.r.contactSet(p.trial(b), b.name, to, p.rule(err))
}

func (p *play) send(b *seat) {
	err := p.service.AcceptContact(context.Background(), b.actor(), *b.claim)
	p.r.contactAccepted(p.trial(b), b.name, p.rule(err))
}

func (p *play) resend(b *seat) {
	err := p.service.Resend(context.Background(), b.actor(), *b.claim)
	p.r.resent(p.trial(b), b.name, p.rule(err))
}

func (p *play) abandon(b *seat) {
	_, err := p.service.Abandon(context.Background(), b.actor(), *b.claim)
	p.r.abandoned(p.trial(b), b.name, p.rule(err))
}

func (p *play) openLink(b *seat, o credential.Outgoing, birthday bool) {
	d, m := p.person.Birth.Day, int(p.person.Birth.Month)
	if !birthday {
		d = d%28 + 1
	}
	x := p.r.trials[o.Procedure]
	if o.Kind == credential.MailUnlock && birthday && p.bool("a new clave") {
		claim, err := p.service.NewClaveBehindUnlock(context.Background(), b.actor(), o.Link)
		p.r.newClaveBehind(x, o.Generation, b.name, claim.ID, p.rule(err))
		if err == nil {
			b.claim = &claim
		}
		return
	}
	if o.Kind == credential.MailUnlock && birthday {
		device, err := p.service.OpenLock(context.Background(), b.actor(), o.Link)
		p.r.lockOpened(x, o.Generation, b.name, p.rule(err))
		if err == nil {
			b.device = device
		}
		return
	}
	if o.Kind == credential.MailAddressLink && birthday {
		err := p.service.ConfirmAddress(context.Background(), b.actor(), o.Link)
		p.r.moveConfirmed(x, o.Generation, p.rule(err))
		return
	}
	claim, err := p.service.ContinueLink(context.Background(), b.actor(), o.Link, b.claim, d, m)
	p.r.linkOpened(x, p.trial(b), o.Generation, b.name, birthday, claim.ID, p.rule(err))
	if err == nil {
		b.claim = &claim
	}
}

func (p *play) typeCode(b *seat, o credential.Outgoing) {
	x := p.trial(b)
	right := o.Procedure == b.claim.ID && x != nil && o.Generation == x.mail
	claim, err := p.service.EnterCode(context.Background(), b.actor(), *b.claim, o.Code)
	p.r.codeTyped(x, b.name, right, p.rule(err))
	if err == nil {
		b.claim = &claim
	}
}

func (p *play) ownAnswer(b *seat, whose string) {
	claim, err := p.service.AnswerOwn(context.Background(), b.actor(), *b.claim, answersOf(whose))
	p.r.ownAnswered(p.trial(b), b.name, whose, p.rule(err))
	if err == nil {
		b.claim = &claim
	}
}

func (p *play) setClave(b *seat, clave string) {
	level := p.r.level
	device, err := p.service.SetClave(context.Background(), b.actor(), *b.claim, credential.ClaveForm{Declared: true, Clave: clave, Repeat: clave})
	p.r.claveSet(p.trial(b), b.name, clave, p.rule(err))
	if err != nil || device.IsZero() {
		return
	}
	b.device = device
	b.who.claves = append(b.who.claves, clave)
	p.r.law(b.who == p.citizen || p.everRead || p.r.level <= max(level, credential.Declared), "the thief alone raised the level")
}

func (p *play) logIn(b *seat, clave string) bool {
	token, err := p.service.LogIn(context.Background(), b.actor(), credential.LogInForm{Number: p.person.Number, Clave: clave})
	p.r.loggedIn(b.name, clave, token, p.rule(err))
	if err == nil {
		b.visit = p.r.visits[len(p.r.visits)-1]
	}
	return err == nil
}

func (p *play) change(b *seat, within, keep bool, current, clave string) {
	form := credential.ChangeForm{Number: p.person.Number, Current: current, New: clave, Repeat: clave, Agreed: true, KeepOthers: keep}
	var token *credential.SessionToken
	if within {
		token = &b.visit.token
	}
	done, err := p.service.ChangeClave(context.Background(), b.actor(), token, form)
	p.r.claveChanged(b.name, b.visit, within, keep, current, clave, done.Session, p.rule(err))
	if err != nil {
		return
	}
	b.device = done.Device
	b.who.claves = append(b.who.claves, clave)
	if within {
		b.visit = p.r.visits[len(p.r.visits)-1]
	}
}

// move asks for another address inside a session.
func (p *play) move(b *seat, to, current string) {
	form := credential.AddressForm{Email: p.email(to).Reveal(), Current: current}
	token, err := p.service.AskAddress(context.Background(), b.actor(), b.visit.token, form)
	var id credential.ID
	if err == nil {
		page, err := p.service.LookAddress(context.Background(), token)
		if err != nil {
			p.Fatal(err)
		}
		id = page.Pending.ID
	}
	p.r.moveAsked(b.visit, to, current, token, id, p.rule(err))
	if err == nil {
		b.visit = p.r.visits[len(p.r.visits)-1]
	}
}

func (p *play) typeOldCode(b *seat, o credential.Outgoing) {
	id, x := p.r.waitingMove()
	right := o.Procedure == id && x != nil && o.Generation == x.mail
	err := p.service.EnterOldCode(context.Background(), b.actor(), b.visit.token, id, o.Code)
	p.r.oldCodeTyped(b.visit, x, right, p.rule(err))
}

// renewAnswers has somebody inside answer the personal questions anew.
func (p *play) renewAnswers(b *seat, current string) {
	id := credential.PersonalQuestions()[0]
	token, err := p.service.RenewQuestions(context.Background(), b.actor(), b.visit.token, credential.RenewForm{
		Current: current, Bank: answersOf(b.who.name), Question: id, Answer: answerOf(b.who.name, id),
	})
	p.r.answersRenewed(b.visit, b.who.name, current, token, p.rule(err))
	if err == nil {
		b.visit = p.r.visits[len(p.r.visits)-1]
	}
}

func (p *play) closeWeb(b *seat, current string) {
	err := p.service.CloseWeb(context.Background(), b.actor(), b.visit.token, credential.CloseForm{Current: current, Understood: true})
	p.r.webClosed(b.visit, current, p.rule(err))
}

func (p *play) object(o credential.Outgoing) {
	n := p.r.notices[o.Notice]
	done, err := p.service.Object(context.Background(), credential.Actor{Kind: credential.Citizen, Route: "model"}, o.Objection)
	p.r.objected(n, done, p.rule(err))
}

func (p *play) visitCounter() {
	by := credential.Actor{Kind: credential.Staff, Route: "model"}
	code, ends, err := p.service.IssueActivationCode(context.Background(), by, p.person.Number, "Oficina", "Vino en persona")
	p.r.answered("counter", p.rule(err), "")
	p.citizen.code = code
	p.r.codeIssued(code, ends)
}

// leaveAddress has staff take down the address of the citizen whom they see.
func (p *play) leaveAddress(address string) {
	by := credential.Actor{Kind: credential.Staff, Route: "model"}
	err := p.service.SetAddressInPerson(context.Background(), by, p.person.Number, p.email(address).Reveal(), "Oficina", "Vino en persona")
	p.r.answered("address at the counter", p.rule(err), "")
	p.r.addressTaken(address)
}

// pass lets time pass, with mails leaving when they are due.
func (p *play) pass(d time.Duration) {
	end := p.r.now.Add(d)
	for {
		next := end
		for _, x := range p.r.trials {
			if x.unsent && x.hold.After(p.r.now) && x.hold.Before(next) {
				next = x.hold
			}
		}
		p.clock.advance(next.Sub(p.r.now))
		p.r.now = next
		p.settle()
		if !next.Before(end) {
			break
		}
	}
}

// ── what holds after every act ──

// settle lets the mails leave and holds the program's state against the model's.
func (p *play) settle() {
	p.post()
	p.r.allTold()
	var rows []credential.AuditEntry
	var account credential.Account
	var stored []credential.Address
	err := p.store.View(context.Background(), func(tx credential.Tx) (err error) {
		rows, err = tx.AuditOf(p.subject, credential.AuditQuery{Since: p.seenAt, Acts: changes, N: 1000})
		if err == nil {
			stored, err = tx.Addresses(p.subject)
		}
		if err == nil {
			account, err = tx.Account(p.subject)
		}
		if errors.Is(err, credential.ErrNoRow) {
			err = nil
		}
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
	p.heldAudit(rows)
	r := p.r
	r.law((account.Clave == "") == (r.clave == "") && (r.clave == "" || credential.VerifyHash(account.Clave, []byte(r.clave))), "the clave is not the one that was proven")
	r.law(account.Level == r.level, "level %v, want %v", account.Level, r.level)
	r.law(account.Answers.IsZero() == (r.answers == ""), "own answers kept: %v, want those of %q", !account.Answers.IsZero(), r.answers)
	for _, a := range stored {
		if a.Provenance.Origin == credential.OriginConfirmed {
			_, address, _ := strings.Cut(a.Email.Reveal(), ".")
			_, ok := recorded(r.on, address)
			r.law(ok, "an address is on record that nobody proved")
		}
	}
	for _, v := range r.visits {
		live, err := p.service.LoggedIn(context.Background(), v.token)
		if err != nil {
			p.Fatal(err)
		}
		r.law(live == r.live(v), "a session is live: %v, want %v", live, r.live(v))
	}
}

// post empties the outbox, as the dispatcher would, into the mailboxes.
func (p *play) post() {
	for {
		mails, err := p.service.NextMails(context.Background(), 50)
		if err != nil {
			p.Fatal(err)
		}
		if len(mails) == 0 {
			return
		}
		for _, o := range mails {
			play, to, _ := strings.Cut(o.To.Reveal(), ".")
			if play != strconv.Itoa(p.n) {
				continue // was held in a play before
			}
			if o.Notice.IsZero() {
				p.r.mailed(o, to)
			} else {
				p.r.notified(o, to)
			}
			err = p.service.MailAccepted(context.Background(), o)
			if err != nil {
				p.Fatal(err)
			}
			for _, who := range []*player{p.citizen, p.thief} {
				if slices.Contains(who.addresses, to) || who == p.thief && p.reads && slices.Contains(p.citizen.addresses, to) {
					who.mails = append(who.mails, o)
				}
			}
		}
	}
}

// changes are the acts that change something; the others are steps and failures.
var changes = []credential.Act{
	credential.ActClaveGenerated, credential.ActClaveRecovered, credential.ActClaveChanged, credential.ActObjected,
	credential.ActCaseOpened, credential.ActFrozen, credential.ActThawed, credential.ActAddressAsked, credential.ActAddressChanged, credential.ActUnlocked, credential.ActLoggedIn, credential.ActLoggedOut, credential.ActActivationCodeIssued,
	credential.ActAddressInPerson, credential.ActQuestionsRenewed, credential.ActWebClosed, credential.ActWebReopened,
}

// heldAudit holds that exactly the changes were written to the audit that happened.
func (p *play) heldAudit(rows []credential.AuditEntry) {
	slices.Reverse(rows)
	var acts []credential.Act
	for _, row := range rows[p.seen:] {
		acts = append(acts, row.Act)
	}
	p.r.law(slices.Equal(acts, p.r.owedActs), "audit has %v, want %v", acts, p.r.owedActs)
	p.r.owedActs = nil
	p.seenAt, p.seen = p.r.now, 0
	for _, row := range rows {
		if row.At.Equal(p.seenAt) {
			p.seen++
		}
	}
}

// ── who does what ──

// typing is what somebody types on a proof page: what they know, or a slip.
func (p *play) typing(b *seat) typedProof {
	typed := typedProof{date: true, record: b.who.record, answers: rapid.SampledFrom(b.who.answers).Draw(p.T, "answers of"), code: b.who.code}
	switch rapid.IntRange(0, 9).Draw(p.T, "slip") {
	case 9:
		typed.date = false
	case 8:
		typed.record, typed.answers = false, "nobody"
		if typed.code != "" {
			typed.code = wrongCode
		}
	case 7:
		typed.code = ""
	}
	return typed
}

func (p *play) address(b *seat) string {
	if b.who == p.thief {
		return rapid.SampledFrom([]string{thiefAddress, thiefAddress, ownAddress}).Draw(p.T, "to")
	}
	return rapid.SampledFrom([]string{ownAddress, ownAddress, otherAddress}).Draw(p.T, "to")
}

func (p *play) kind() credential.ProcedureKind {
	right := credential.Recover
	if p.r.clave == "" {
		right = credential.Generate
	}
	return rapid.SampledFrom([]credential.ProcedureKind{right, right, right, credential.Generate, credential.Recover}).Draw(p.T, "kind")
}

// mail draws one of the mails that somebody has, the newest most often.
func (p *play) mail(who *player, want func(credential.Outgoing) bool) (credential.Outgoing, bool) {
	var have []credential.Outgoing
	for _, o := range who.mails {
		if want(o) {
			have = append(have, o)
		}
	}
	if len(have) == 0 {
		return credential.Outgoing{}, false
	}
	back := max(0, rapid.IntRange(-4, len(have)-1).Draw(p.T, "mails back"))
	return have[len(have)-1-back], true
}

func withLink(o credential.Outgoing) bool { return o.Notice.IsZero() && !oldCode(o) }

func withCode(o credential.Outgoing) bool { return o.Code != "" }

func ofUnlock(o credential.Outgoing) bool { return o.Kind == credential.MailUnlock }

func toNewAddress(o credential.Outgoing) bool { return o.Kind == credential.MailAddressLink }

func oldCode(o credential.Outgoing) bool { return o.Kind == credential.MailAddressCode }

func withObjection(o credential.Outgoing) bool { return !o.Notice.IsZero() }

// goOn does the next step of what a browser has begun.
func (p *play) goOn(b *seat) {
	x := p.trial(b)
	if x == nil {
		p.start(b, p.kind())
		return
	}
	switch x.step {
	case credential.StepProve:
		if b.who.code != "" && !x.byCode && p.mostly("by code") {
			p.byCode(b)
		}
		p.prove(b, p.typing(b))
	case credential.StepProveReview:
		p.judge(b)
	case credential.StepQuestions:
		p.questions(b, p.address(b))
	case credential.StepContact:
		p.contact(b, p.address(b))
	case credential.StepContactReview:
		p.send(b)
	case credential.StepSent:
		own := func(o credential.Outgoing) bool { return withCode(o) && o.Procedure == b.claim.ID }
		switch o, ok := p.mail(b.who, own); {
		case !ok:
			p.pass(time.Minute)
		case p.mostly("link"):
			p.openLink(b, o, true)
		default:
			p.typeCode(b, o)
		}
	case credential.StepOwnQuestion:
		p.ownAnswer(b, rapid.SampledFrom(append([]string{"nobody"}, b.who.answers...)).Draw(p.T, "answers of"))
	case credential.StepClave:
		p.setClave(b, p.newClave())
	default:
		p.start(b, p.kind())
	}
}

func (p *play) goFurther(b *seat, steps int) {
	for range steps {
		p.goOn(b)
		p.settle()
		x := p.trial(b)
		if x.step == credential.StepDone || x.step == credential.StepProve && x.failed > 0 {
			return
		}
	}
}

// anyStep sends the form of any step, whatever the step is.
func (p *play) anyStep(b *seat) {
	if b.claim == nil {
		return
	}
	x := p.trial(b)
	switch rapid.IntRange(0, 9).Draw(p.T, "form") {
	case 7:
		p.byCode(b)
	case 0:
		if x.kind == credential.Generate {
			p.prove(b, p.typing(b))
		}
	case 1:
		p.judge(b)
	case 2:
		p.questions(b, p.address(b))
	case 3:
		p.contact(b, p.address(b))
	case 4:
		p.send(b)
	case 5:
		p.resend(b)
	case 6:
		p.ownAnswer(b, "nobody")
	default:
		p.setClave(b, rapid.SampledFrom([]string{p.newClave(), cmp.Or(p.r.clave, p.newClave())}).Draw(p.T, "clave"))
	}
}

// knownClave draws a clave that somebody knows, the newest most often, or one that
// nobody has.
func (p *play) knownClave(who *player) string {
	claves := append([]string{"equivocada"}, who.claves...)
	back := max(0, rapid.IntRange(-4, len(claves)-1).Draw(p.T, "claves back"))
	return claves[len(claves)-1-back]
}

// guess is wrong claves, one after the other.
func (p *play) guess(b *seat, times int) {
	for range times {
		p.pass(10 * time.Second)
		p.logIn(b, "equivocada")
	}
}

// inside has somebody log in who is not, if they know a clave, and reports whether
// they have been in.
func (p *play) inside(b *seat) bool {
	if !p.r.live(b.visit) && len(b.who.claves) > 0 {
		p.logIn(b, b.who.claves[len(b.who.claves)-1])
		p.settle()
	}
	return b.visit != nil
}

// acts are what can happen next.
func (p *play) acts() map[string]func(*rapid.T) {
	acts := map[string]func(){
		"begin": func() {
			if b := p.seat(); p.trial(b) == nil || rapid.IntRange(0, 3).Draw(p.T, "anew") == 0 {
				p.start(b, p.kind())
			}
		},
		"go on":          func() { p.goOn(p.seat()) },
		"go further":     func() { p.goFurther(p.seat(), rapid.IntRange(2, 9).Draw(p.T, "steps")) },
		"go all the way": func() { p.goFurther(p.seat(), 12) },
		"any step":       func() { p.anyStep(p.seat()) },
		"open a mail": func() {
			b := p.seat()
			if o, ok := p.mail(b.who, withLink); ok {
				p.openLink(b, o, p.mostly("birthday"))
			}
		},
		"type a code": func() {
			b := p.seat()
			if o, ok := p.mail(b.who, withCode); ok && b.claim != nil {
				p.typeCode(b, o)
			}
		},
		"log in": func() { b := p.seat(); p.logIn(b, p.knownClave(b.who)) },
		"come in": func() {
			for _, b := range p.seats {
				p.inside(b)
			}
		},
		"guess": func() { p.guess(p.seat(), rapid.IntRange(1, 6).Draw(p.T, "times")) },
		"change": func() {
			b := p.seat()
			p.change(b, p.bool("in the session") && p.inside(b), p.bool("keep others"), p.knownClave(b.who), p.newClave())
		},
		"unlock": func() {
			if p.bool("locked first") {
				p.guess(p.seat(), 5)
				p.settle()
			}
			err := p.service.AskUnlock(context.Background(), p.seat().actor(), credential.UnlockForm{Number: p.person.Number})
			p.r.unlockAsked(p.rule(err))
			p.settle()
			b := p.seat()
			if o, ok := p.mail(b.who, ofUnlock); ok && p.mostly("opened") {
				p.openLink(b, o, true)
				p.goFurther(b, rapid.IntRange(1, 5).Draw(p.T, "steps"))
			}
		},
		"move": func() {
			b := p.seat()
			if !p.inside(b) {
				return
			}
			if p.mostly("asked") {
				p.move(b, p.address(b), p.knownClave(b.who))
				p.settle()
			}
			if o, ok := p.mail(b.who, oldCode); ok && p.mostly("code") && p.inside(b) {
				p.typeOldCode(b, o)
				if p.bool("waits") {
					p.pass(p.r.policy.AddressHold)
				}
			}
			if o, ok := p.mail(b.who, toNewAddress); ok {
				p.openLink(b, o, true)
			}
		},
		"renew the questions": func() {
			if b := p.seat(); p.inside(b) {
				p.renewAnswers(b, p.knownClave(b.who))
			}
		},
		"close the web way": func() {
			if b := p.seat(); rapid.IntRange(0, 3).Draw(p.T, "really") == 0 && p.inside(b) {
				p.closeWeb(b, p.knownClave(b.who))
			}
		},
		"object": func() {
			if o, ok := p.mail(p.seat().who, withObjection); ok {
				p.object(o)
			}
		},
		"look at the account": func() {
			if b := p.seat(); b.visit != nil {
				_, err := p.service.Home(context.Background(), b.visit.token)
				p.r.looked(b.visit, p.rule(err) == "")
			}
		},
		"log out": func() {
			if b := p.seat(); b.visit != nil {
				err := p.service.EndSession(context.Background(), b.actor(), b.visit.token)
				p.r.sessionEnded(b.visit, p.rule(err))
			}
		},
		"send again": func() {
			if b := p.seat(); b.claim != nil {
				p.resend(b)
			}
		},
		"end here": func() {
			if b := p.seat(); b.claim != nil && rapid.IntRange(0, 3).Draw(p.T, "really") == 0 {
				p.abandon(b)
			}
		},
		"counter": func() {
			switch rapid.IntRange(0, 7).Draw(p.T, "goes there") {
			case 0, 1:
				p.visitCounter()
			case 2:
				p.leaveAddress(p.address(p.seats[0]))
			}
		},
		"eavesdrop": func() { p.reads = !p.reads; p.everRead = true },
		"wait": func() {
			p.pass(rapid.SampledFrom([]time.Duration{
				time.Second, 30 * time.Second, 2 * time.Minute, 3 * time.Minute, 14 * time.Minute, 16 * time.Minute, time.Hour, 3 * time.Hour,
				9 * time.Hour, day - time.Second, day, 3 * day, 11 * day,
			}).Draw(p.T, "time"))
			_, err := p.service.Sweep(context.Background())
			if err != nil {
				p.Fatal(err)
			}
		},
	}
	all := map[string]func(*rapid.T){"": func(*rapid.T) { p.settle() }}
	for name, act := range acts {
		all[name] = func(t *rapid.T) { p.T = t; p.r.broken = t.Fatalf; act() }
	}
	return all
}

// ── the owner gets in ──

// rescueTime is within what time the owner who was at the counter reaches a log-in: a
// lock and the hold of an address are a day each, and begin together at worst. From
// home a window of attempts, which a code ends, comes before the hold.
const rescueTime = day

// rescue has the owner, with nobody hindering, come in: with the clave, from home
// where the policy gives that, or else by a visit to the counter.
func (p *play) rescue() {
	b := p.seats[0]
	b.claim = nil
	home, within := p.fromHome() && p.bool("from home"), rescueTime
	if home {
		within += day
	}
	end := p.r.now.Add(within)
	for {
		if p.knows() && p.logIn(b, p.r.clave) {
			return
		}
		if !p.knows() && p.renew(b, home) && p.logIn(b, p.r.clave) {
			return
		}
		if !p.r.now.Before(end) {
			p.Fatalf("the owner did not get in within %v", within)
		}
		p.pass(rescueTime / 12)
	}
}

// knows reports whether the owner knows the clave and it opens.
func (p *play) knows() bool {
	return p.r.opens() && slices.Contains(p.citizen.claves, p.r.clave)
}

// needsAddress reports whether a code from the counter is no way for the owner: its
// link would go to a mailbox that the owner lost, or be kept from leaving by whoever
// reads the address on record.
func (p *play) needsAddress() bool {
	r := p.r
	fixed, isFixed := fixedPlace(r.on)
	if isFixed {
		return !slices.Contains(p.citizen.addresses, fixed.address)
	}
	supersedes := r.level < credential.InPerson || !r.frozen.IsZero()
	return !supersedes && len(r.on) > 0 && p.mine(r.on) == "" && r.now.Before(r.disputed)
}

// fromHome reports whether the owner who has no clave that opens can get one by
// proof and without a visit.
func (p *play) fromHome() bool {
	r := p.r
	on := r.usable()
	fixed, isFixed := fixedPlace(on)
	mine := p.mine(on)
	switch {
	case r.closedForGood():
		return false
	case r.policy.ActivationCode && isFixed:
		return slices.Contains(p.citizen.addresses, fixed.address)
	case r.policy.ActivationCode:
		proven, ok := recorded(on, mine)
		return r.clave != "" && ok && proven.rank() >= 2
	case isFixed && !slices.Contains(p.citizen.addresses, fixed.address):
		return false
	case mine == "" && (!r.frozen.IsZero() || len(on) > 0 && r.now.Before(r.disputed)):
		return false
	case r.proof.total >= r.policy.AttemptsTotal:
		return false // who knows the birth date spent all tries: see docs/decisions/0004
	}
	return r.clave == "" || r.answers == "citizen"
}

// renew gets a clave by proof, as far as it goes now, and reports whether it did:
// from home, or by a visit.
func (p *play) renew(b *seat, home bool) bool {
	r := p.r
	if !home && b.claim == nil && (r.code == nil || r.code.used || !r.now.Before(r.code.ends)) {
		if p.needsAddress() {
			p.leaveAddress(ownAddress)
		}
		p.visitCounter()
	}
	for range 12 {
		x, on := p.trial(b), r.on
		if home {
			on = r.usable()
		}
		switch {
		case x == nil || x.ended || !r.now.Before(x.ends) || x.holder != b.name:
			kind := credential.Recover
			if r.clave == "" {
				kind = credential.Generate
			}
			p.start(b, kind)
			if !home {
				p.byCode(b)
			}
		case x.step == credential.StepProve:
			typed := typedProof{date: true, record: true, answers: "citizen"}
			if !home {
				typed.code = p.citizen.code
			}
			p.prove(b, typed)
		case x.step == credential.StepProveReview:
			p.judge(b)
			if x.step != credential.StepProve {
				break
			}
			b.claim = nil
			return false
		case x.step == credential.StepContactReview:
			p.send(b)
			if x.step == credential.StepContactReview {
				return false
			}
		case x.step == credential.StepQuestions:
			p.questions(b, cmp.Or(p.mine(on), ownAddress))
		case x.step == credential.StepContact:
			p.contact(b, cmp.Or(p.mine(on), ownAddress))
		case x.step == credential.StepSent:
			i := slices.IndexFunc(p.citizen.mails, func(o credential.Outgoing) bool { return o.Procedure == b.claim.ID && o.Generation == x.mail })
			switch {
			case i >= 0 && r.now.Before(x.until):
				p.openLink(b, p.citizen.mails[i], true)
			case x.hold.After(r.now):
				return false
			default:
				p.resend(b)
			}
		case x.step == credential.StepOwnQuestion:
			p.ownAnswer(b, "citizen")
			if x.step == credential.StepOwnQuestion {
				return false
			}
		case x.step == credential.StepClave:
			p.setClave(b, p.newClave())
			b.claim = nil
			p.settle()
			return true
		}
		p.settle()
	}
	return false
}

// mine is an address on record that the owner reads.
func (p *play) mine(on []place) string {
	for _, a := range p.citizen.addresses {
		if _, ok := recorded(on, a); ok {
			return a
		}
	}
	return ""
}

// A random sequence of acts never does what the model forbids, never leaves out what
// it demands, and never leaves the owner without a way in. A failure is shrunk and
// kept in testdata/rapid, and run again first.
//
// For longer: go test ./internal/site -run TestModel -rapid.checks 5000 -rapid.steps 80
func TestModel(t *testing.T) {
	bounded := map[string]int{"rapid.checks": 30, "rapid.steps": 40}
	if testing.Short() { // rapid does a fifth of the checks and half of the steps
		bounded = map[string]int{"rapid.checks": 100, "rapid.steps": 80}
	}
	flag.Visit(func(f *flag.Flag) { delete(bounded, f.Name) })
	for name, value := range bounded {
		was := flag.Lookup(name).Value.String()
		err := flag.Set(name, strconv.Itoa(value))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = flag.Set(name, was) })
	}
	s := newStage(t)
	rapid.Check(t, func(t *rapid.T) {
		p := s.newPlay(t)
		t.Repeat(p.acts())
		p.T, p.r.broken = t, t.Fatalf
		p.rescue()
	})
}
