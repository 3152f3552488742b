package credential

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ComplaintKind is what somebody has to say to the institution. All kinds are taken
// and answered alike; the public figures count [Complain] alone.
type ComplaintKind string

// The kinds.
const (
	Complain   ComplaintKind = "complaint"
	Suggestion ComplaintKind = "suggestion"
	Praise     ComplaintKind = "praise"
)

// ComplaintKinds lists them in the order of the page.
func ComplaintKinds() []ComplaintKind { return []ComplaintKind{Complain, Suggestion, Praise} }

// ComplaintTopic is the procedure that a complaint is about.
type ComplaintTopic string

// The topics.
const (
	TopicGenerate ComplaintTopic = "generate"
	TopicRecover  ComplaintTopic = "recover"
	TopicUnlock   ComplaintTopic = "unlock"
	TopicChange   ComplaintTopic = "change"
	TopicLogIn    ComplaintTopic = "log_in"
	TopicAccount  ComplaintTopic = "account" // what one sees and does inside
	TopicOffice   ComplaintTopic = "office"  // how one was seen at a counter or by telephone
	TopicOther    ComplaintTopic = "other"
)

// ComplaintTopics lists them in the order of the page.
func ComplaintTopics() []ComplaintTopic {
	return []ComplaintTopic{TopicGenerate, TopicRecover, TopicUnlock, TopicChange, TopicLogIn, TopicAccount, TopicOffice, TopicOther}
}

// ComplaintProof says by what a complaint was confirmed.
type ComplaintProof string

// The proofs. A complaint without one is kept and can be read, and is no complaint
// in the public figures. An officer's belongs to the desk that answers.
const (
	Unconfirmed ComplaintProof = ""
	ByMail      ComplaintProof = "mail"    // the link in the mail to the address that was typed
	BySession   ComplaintProof = "session" // whoever made it was logged in
)

// Complaint is what somebody wrote, and its clock.
type Complaint struct {
	ID           ID
	Number       string  // as people read it: Q-XXXX-XXXX
	Subject      Subject // of who was logged in; zero for anybody else
	Kind         ComplaintKind
	Topic        ComplaintTopic
	Text         Text   // stored sealed
	Email        Email  // stored sealed; zero for none
	Reference    string // of the procedure that its writer wanted named; empty for none
	ReceivedAt   time.Time
	DueAt        time.Time // the last instant of the last day to answer, in Ecuador's time
	ConfirmUntil time.Time // after it a mail confirms nothing
	ConfirmedAt  time.Time // zero while nobody confirmed it
	Proof        ComplaintProof
	AnsweredAt   time.Time // zero while nobody answered
	KeepUntil    time.Time
}

// LapsedComplaint is one whose time to be confirmed ran out.
type LapsedComplaint struct {
	Kind  ComplaintKind
	Until time.Time // when it did
}

const (
	// ComplaintConfirmLife is how long the link in the mail confirms. Nothing but a
	// figure depends on it, so that it can wait for who reads mail once a week.
	ComplaintConfirmLife = 7 * day
	// keepUnconfirmed and keepComplaints are for how long one is kept, from its
	// receipt: what nobody confirmed is of use as long as what it tells of can still
	// be mended.
	keepUnconfirmed = year
	keepComplaints  = 3 * year
	// defaultAnswerDays is within how many days a complaint is answered where the
	// institution does not say.
	defaultAnswerDays = 15
	// lapseGrace is how long after its time an unconfirmed complaint is counted as
	// one: longer than a press that read the clock before can take.
	lapseGrace = 10 * time.Minute
	// lapseBatch is how many are counted in one transaction.
	lapseBatch = 200
)

// ComplaintForm is the page of complaints as typed.
type ComplaintForm struct {
	Kind    ComplaintKind
	Topic   ComplaintTopic
	Text    string
	Email   string // may be empty
	Captcha string
	Session *SessionToken // nil for who is not logged in
	// Procedure is the browser's procedure, if its writer ticked that its reference
	// goes with the complaint; else nil.
	Procedure *Claim
}

// captchaComplaint binds a captcha to that page.
const captchaComplaint = "complaint"

// The scope and the budget of what is written.
const (
	// markComplaint notes complaints made from a network.
	markComplaint = "complaint"
	// BudgetComplaintMail counts mails to one mailbox. Its subject is no number's but
	// the mailbox's keyed hash.
	BudgetComplaintMail Budget = "complaint_mail"
)

// ComplaintChallenge makes a captcha challenge for the page of complaints, dearer
// for a network that made many. ok is false where the policy leaves the captcha out.
func (s *Service) ComplaintChallenge(ctx context.Context, by Actor) (challenge CaptchaChallenge, ok bool, err error) {
	return s.challenge(ctx, by, captchaComplaint, markComplaint, markCaptcha)
}

// check refuses what cannot be taken, and gives the parts.
func (f ComplaintForm) check(faults *Errors) (text Text, to Email) {
	if !slices.Contains(ComplaintKinds(), f.Kind) {
		faults.add(invalid("complaint_kind", "choose"))
	}
	if !slices.Contains(ComplaintTopics(), f.Topic) {
		faults.add(invalid("topic", "choose"))
	}
	inert := inertText(f.Text)
	switch {
	case inert == "":
		faults.add(invalid("complaint", "empty"))
	case utf8.RuneCountInString(inert) > MaxLetter:
		faults.add(invalid("complaint", "too_long"))
	}
	if strings.TrimSpace(f.Email) != "" {
		var err error
		to, err = ParseEmail(f.Email)
		_ = faults.take(err) // all that it returns are refusals
	}
	return NewText(inert), to
}

// ComplaintMade is what the last page tells, once.
type ComplaintMade struct {
	Number string
	Code   string // as people read it
}

// MakeComplaint is «Enviar». Whoever is logged in is its owner, and it is confirmed;
// a typed address gets a mail with number, code and the link that confirms, up to
// the cap of its mailbox, beyond which nothing is sent and nothing said. Refusals:
// [Errors] of "complaint_kind", "topic", "complaint", "email" and "captcha";
// TooMany "complaints_network".
func (s *Service) MakeComplaint(ctx context.Context, by Actor, form ComplaintForm) (_ ComplaintMade, err error) {
	defer s.pressed(PressComplaint, &err)
	now := s.now()
	var faults Errors
	text, to := form.check(&faults)
	captchaID, captchaExpires, err := s.checkCaptcha(ctx, by, captchaComplaint, form.Captcha, now)
	err = faults.take(err)
	if err == nil && len(faults) > 0 {
		err = faults
	}
	if err != nil {
		return ComplaintMade{}, err
	}
	reference := ""
	if form.Procedure != nil {
		reference, _, err = s.HeldReference(ctx, *form.Procedure)
		if err != nil {
			return ComplaintMade{}, err
		}
	}
	network := s.networkKey(by)
	shard := Subject(network[:16]).Shard()
	if form.Session != nil {
		shard = form.Session.ID.Shard()
	}
	c := Complaint{
		ID: newID(shard), Kind: form.Kind, Topic: form.Topic, Text: text, Email: to, Reference: reference,
		ReceivedAt: now, DueAt: lastDay(now, s.answerDays), ConfirmUntil: now.Add(ComplaintConfirmLife), KeepUntil: now.Add(keepUnconfirmed),
	}
	err = s.store.Update(ctx, shard, func(tx Tx) error {
		fresh := c // an update may run more than once
		fresh.Number = newComplaintNumber()
		err := s.networkMayComplain(tx, network, now)
		if err == nil {
			err = s.useCaptcha(tx, captchaID, captchaExpires)
		}
		if err == nil {
			err = s.own(tx, &fresh, form.Session, now)
		}
		if err == nil {
			err = tx.CreateComplaint(fresh)
		}
		if err == nil {
			err = tx.Mark(markComplaint, network, Subject(newID(shard)), now) // of none: nothing joins it to its network
		}
		if err == nil {
			err = complaintAct(tx, by, fresh, ActComplaintMade, now)
		}
		if err == nil {
			err = s.mailComplaint(tx, by, fresh, now)
		}
		c.Number = fresh.Number
		return err
	})
	if err != nil {
		return ComplaintMade{}, err
	}
	s.mailQueued()
	return ComplaintMade{c.Number, s.keys.complaintCode(c.ID)}, nil
}

// networkMayComplain refuses a network from which too many were written. Saying so
// tells nothing of anybody.
func (s *Service) networkMayComplain(tx Tx, network [32]byte, now time.Time) error {
	most := s.policy.NumbersPerNetwork
	if most == 0 {
		return nil
	}
	n, err := tx.Marks(markComplaint, network, now.Add(-s.policy.AttemptWindow), most)
	if err == nil && n >= most {
		err = &Error{Kind: TooMany, Rule: "complaints_network", RetryAfter: s.policy.AttemptWindow}
	}
	return err
}

// own makes a complaint that of who is logged in, and confirmed. A session that
// ended meanwhile makes it nobody's: what was written is not lost for that.
func (s *Service) own(tx Tx, c *Complaint, t *SessionToken, now time.Time) error {
	if t == nil {
		return nil
	}
	x, err := s.session(tx, *t, now)
	if IsKind(err, Expired) {
		return nil
	}
	if err != nil {
		return err
	}
	c.Subject, c.ConfirmedAt, c.Proof, c.KeepUntil = x.Subject, now, BySession, now.Add(keepComplaints)
	return countComplaint(tx, c.Kind, now)
}

// countComplaint counts a complaint that was confirmed just now.
func countComplaint(tx Tx, kind ComplaintKind, now time.Time) error {
	if kind != Complain {
		return nil
	}
	return tx.Count(Figure{Measure: FigureComplaint, At: now})
}

// complaintAct notes an act: on its owner, or on nobody.
func complaintAct(tx Tx, by Actor, c Complaint, act Act, now time.Time) error {
	return noted(tx, by, c.Subject, act, now, map[string]string{"reference": c.Number, "kind": string(c.Kind), "proof": string(c.Proof)})
}

// mailComplaint queues the mail to a typed address. It quotes nothing of what was
// written, and a mailbox gets so many and no more: nobody writes to others through us.
func (s *Service) mailComplaint(tx Tx, by Actor, c Complaint, now time.Time) error {
	if c.Email.IsZero() {
		return nil
	}
	mailbox := s.keys.Lookup("complaint mailbox", []byte(c.Email.Mailbox()))
	mails, err := tx.Attempts(Subject(mailbox[:16]), BudgetComplaintMail)
	if err != nil {
		return err
	}
	to := c.Email
	if room, _ := mails.room(now, limit{Count: s.policy.UnprovenMails, Window: s.policy.MailWindow}); room {
		mails.take(now, s.policy.MailWindow)
	} else {
		to = Email{} // the same rows, of which nothing is sent
	}
	err = tx.SaveAttempts(mails)
	if err != nil {
		return err
	}
	kind := MailComplaint
	if c.Proof != Unconfirmed {
		kind = MailComplaintTaken
	}
	return tx.QueueMail(Mail{
		ID: newID(c.ID.Shard()), Kind: kind, To: to, Procedure: c.ID, QueuedAt: now, Due: now,
		Facts: MailFacts{Reference: c.Number, At: now, LastDay: c.DueAt, HoldUntil: c.ConfirmUntil, Language: by.Language},
	})
}

// HeldReference gives the reference of the procedure that a browser holds, and its kind,
// at whatever step it is and also once it is over; both are empty where there is none.
func (s *Service) HeldReference(ctx context.Context, c Claim) (reference string, kind ProcedureKind, err error) {
	err = s.store.Glance(ctx, func(tx Tx) error {
		p, err := tx.Procedure(c.ID)
		if err != nil {
			return ignoreNoRow(err)
		}
		if p.Browser == s.claimHash(c) {
			reference, kind = p.Reference, p.Kind
		}
		return nil
	})
	return reference, kind, err
}

// ComplaintView is what whoever has number and code, or the link, is shown. What was
// written is not in it: the address may have been somebody else's.
type ComplaintView struct {
	Number       string
	Kind         ComplaintKind
	Topic        ComplaintTopic
	Mask         string // of the address; empty for none
	ReceivedAt   time.Time
	DueAt        time.Time
	ConfirmUntil time.Time
	ConfirmedAt  time.Time
	Proof        ComplaintProof
	AnsweredAt   time.Time
	Late         bool // it was not confirmed in time
}

func (c Complaint) view(now time.Time) ComplaintView {
	return ComplaintView{
		Number: c.Number, Kind: c.Kind, Topic: c.Topic, Mask: c.Email.Mask(), ReceivedAt: c.ReceivedAt, DueAt: c.DueAt,
		ConfirmUntil: c.ConfirmUntil, ConfirmedAt: c.ConfirmedAt, Proof: c.Proof, AnsweredAt: c.AnsweredAt,
		Late: c.Proof == Unconfirmed && !now.Before(c.ConfirmUntil),
	}
}

// FollowComplaint gives how a complaint stands to who has its number and code, as
// typed. Refusals: [Errors] of "complaint_number" and "complaint_code", empty;
// Denied "complaint_code", wrong, whichever of the two it was.
func (s *Service) FollowComplaint(ctx context.Context, number, code string) (ComplaintView, error) {
	now := s.now()
	number, code = plainLetters(number), plainLetters(code)
	var faults Errors
	if number == "" {
		faults.add(invalid("complaint_number", "empty"))
	}
	if code == "" {
		faults.add(invalid("complaint_code", "empty"))
	}
	if len(faults) > 0 {
		return ComplaintView{}, faults
	}
	var c Complaint
	err := s.store.Glance(ctx, func(tx Tx) (err error) {
		c, err = tx.ComplaintNumbered(complaintNumberOf(number))
		return ignoreNoRow(err)
	})
	if err != nil {
		return ComplaintView{}, err
	}
	// The code of the zero ID is nobody's: no row has it, and the work is the same.
	right := constantTimeEqual(code, plainLetters(s.keys.complaintCode(c.ID)))
	if !right || c.ID.IsZero() {
		return ComplaintView{}, &Error{Kind: Denied, Field: "complaint_code", Rule: "wrong"}
	}
	return c.view(now), nil
}

// LookComplaint reads what a mailed link confirms; it changes nothing. NotFound
// "complaint" for a forged link, or one whose complaint is no longer kept; Expired
// "complaint_over" for one that nobody confirmed in time.
func (s *Service) LookComplaint(ctx context.Context, l ComplaintLink) (ComplaintView, error) {
	now := s.now()
	var v ComplaintView
	err := s.store.Glance(ctx, func(tx Tx) error {
		c, err := s.complaintBehind(tx, l, now)
		v = c.view(now)
		return err
	})
	return v, err
}

func (s *Service) complaintBehind(tx Tx, l ComplaintLink, now time.Time) (Complaint, error) {
	errNone := &Error{Kind: NotFound, Rule: "complaint"}
	if !s.keys.complaintLinkHolds(l) {
		return Complaint{}, errNone
	}
	c, err := tx.Complaint(l.ID)
	switch {
	case isNoRow(err):
		return Complaint{}, errNone
	case err != nil:
		return Complaint{}, err
	case c.view(now).Late:
		return Complaint{}, &Error{Kind: Expired, Rule: "complaint_over"}
	}
	return c, nil
}

// ConfirmComplaint is «Confirmar» behind the mailed link. It counts once, and a
// second press finds it done. Refusals: those of [Service.LookComplaint].
func (s *Service) ConfirmComplaint(ctx context.Context, by Actor, l ComplaintLink) (err error) {
	defer s.pressed(PressComplaintLink, &err)
	now := s.now()
	return s.store.Update(ctx, l.ID.Shard(), func(tx Tx) error {
		c, err := s.complaintBehind(tx, l, now)
		if err != nil {
			return err
		}
		first, err := tx.ConfirmComplaint(c.ID, ByMail, now, c.ReceivedAt.Add(keepComplaints))
		if err != nil || !first {
			return err
		}
		c.Proof = ByMail
		err = complaintAct(tx, by, c, ActComplaintConfirmed, now)
		if err != nil {
			return err
		}
		return countComplaint(tx, c.Kind, now)
	})
}

// LapseComplaints counts the complaints that nobody confirmed in time, each once.
func (s *Service) LapseComplaints(ctx context.Context) error {
	now := s.now()
	for n := lapseBatch; n == lapseBatch; {
		err := s.store.Update(ctx, 0, func(tx Tx) error {
			lapsed, err := tx.LapseComplaints(now.Add(-lapseGrace), lapseBatch)
			n = len(lapsed)
			for _, one := range lapsed {
				if err == nil && one.Kind == Complain {
					err = tx.Count(Figure{Measure: FigureComplaintOpen, At: one.Until})
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// OpenComplaints gives staff up to n complaints that nobody answered, received from
// an instant on, oldest first. The audit notes that they were read.
func (s *Service) OpenComplaints(ctx context.Context, by Actor, since time.Time, n int) (list []Complaint, err error) {
	now := s.now()
	err = s.store.Update(ctx, 0, func(tx Tx) (err error) {
		list, err = tx.OpenComplaints(since, n)
		if err != nil {
			return err
		}
		return tx.Audit(entryOf(by, Subject{}, ActComplaintsRead, now))
	})
	return list, err
}

// newComplaintNumber makes the number of a complaint: like a reference, and never
// taken for one.
func newComplaintNumber() string { return complaintPrefix + newReference() }

const complaintPrefix = "Q-"

// plainLetters is a number or code as it is compared: letters and digits alone, in
// capitals. More than anybody is given is nothing.
func plainLetters(typed string) string {
	if len(typed) > 64 {
		typed = typed[:64]
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(typed))
}

// complaintNumberOf writes a number, given in plain letters, as it is stored. The Q
// may be left out.
func complaintNumberOf(plain string) string {
	if len(plain) == 9 && plain[0] == 'Q' {
		plain = plain[1:]
	}
	if len(plain) != 8 {
		return plain
	}
	return complaintPrefix + plain[:4] + "-" + plain[4:]
}

// complaintCodeSize makes 65 bits: guessed never, without a counter that would keep
// its owner out.
const complaintCodeSize = 13

// complaintCode is the code that follows a complaint, XXXXX-XXXX-XXXX. It is a MAC
// over the complaint's id, made when it is shown and stored nowhere. The look-up
// key makes it, which does not change within the years that a complaint is kept.
func (k *KeyRing) complaintCode(id ID) string {
	sum := mac(k.lookup, "complaint code", id[:])
	text := make([]byte, 0, complaintCodeSize+2)
	for i, b := range sum[:complaintCodeSize] {
		if i == 5 || i == 9 {
			text = append(text, '-')
		}
		text = append(text, plainAlphabet[b%32])
	}
	return string(text)
}
