package web

import (
	"net/http"
	"strconv"
	"strings"

	"aldaba/internal/credential"
)

// questionView is one question of a page: options for a record question, a text
// for a personal one.
type questionView struct {
	Name    string // of the input
	ID      string // of the first control
	Text    string
	Problem string
	Options []choice // of a record question
	Select  bool     // shown as one list instead of radios
	Value   string   // of a personal question
}

// radiosUpTo is the number of options up to which a question shows radios;
// longer domains are one list.
const radiosUpTo = 8

// proveView is the proof page: day and month first, then the questions.
type proveView struct {
	base
	Kind      credential.ProcedureKind
	Audience  credential.Audience
	Day       string
	Month     string
	Year      string
	AsksYear  bool
	Months    []choice
	AsksCode  bool
	Code      string // activation code
	MayByCode bool   // another page asks it
	Questions []questionView
	Way       string // of the policy, a word of its sentences
	TriesLeft int
	Failed    bool
}

// What a proof page asks besides the birthday, as its sentences tell it apart.
const (
	wayQuestions = "questions"
	wayDate      = "date" // the whole birth date, and nothing else
	wayMail      = "mail" // no verdict on a page: a code, or the mail tells
	wayHeld      = "held" // day and month, where the mailbox is proven
	wayCode      = "code" // the applicant has one, where the policy asks something else
)

func wayOf(p credential.Policy, v credential.Progress) string {
	switch {
	case v.AsksCode && !p.ActivationCode:
		return wayCode
	case p.ActivationCode && v.MailProven:
		return wayHeld
	case p.ActivationCode:
		return wayMail
	case p.BirthYear:
		return wayDate
	}
	return wayQuestions
}

func (s *Server) showProve(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepProve, credential.StepProveReview)
	if err != nil {
		return err
	}
	return s.provePage(w, r, http.StatusOK, v, nil)
}

// provePage shows the proof page: filled with what was posted just now, or else
// with what the procedure holds.
func (s *Server) provePage(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	v.Step = credential.StepProve
	typed := func(name, held string) string {
		if _, posted := r.PostForm[name]; posted {
			return clip(r.PostForm.Get(name))
		}
		return held
	}
	view := proveView{
		base: s.within(r, v, s.Words.Text("prove.title")).with(p),
		Kind: v.Kind, Audience: v.Audience,
		Day: typed("dia", numberText(v.Day)), Month: typed("mes", numberText(v.Month)),
		Year: typed("anio", numberText(v.Year)), AsksYear: s.Service.Policy().BirthYear,
		Code: typed("activacion", v.Code), AsksCode: v.AsksCode, MayByCode: v.MayByCode, Way: wayOf(s.Service.Policy(), v),
		TriesLeft: v.TriesLeft, Failed: v.Failed > 0,
	}
	view.Months = s.months(view.Month)
	if v.AsksRecord {
		for _, q := range credential.RecordQuestions(v.Audience) {
			name := "record." + string(q.ID)
			one := questionView{
				Name: name, ID: anchor(name), Text: s.Words.RecordQuestion(q.ID), Problem: p.Of(name),
				Select: len(q.Options) > radiosUpTo,
			}
			answer := typed(name, v.Record[q.ID])
			for _, code := range q.Options {
				one.Options = append(one.Options, choice{
					Value: code, Label: s.Words.RecordOption(q.ID, code), Chosen: code == answer,
				})
			}
			view.Questions = append(view.Questions, one)
		}
	}
	for _, id := range v.Asked {
		one := s.personalQuestion(id, p)
		one.Value = typed(one.Name, v.Answers[id])
		view.Questions = append(view.Questions, one)
	}
	s.render(w, r, status, "prove", view)
	return nil
}

// personalQuestion is one question of the bank as a page asks it.
func (s *Server) personalQuestion(id credential.PersonalQuestionID, p problems) questionView {
	name := "bank." + string(id)
	return questionView{Name: name, ID: anchor(name), Text: s.Words.PersonalQuestion(id), Problem: p.Of(name)}
}

// clip bounds what is shown again of something typed that was too long to take.
func clip(text string) string { return clipTo(200, text) }

// clipTo is clip for a field that takes more.
func clipTo(most int, text string) string {
	runes := []rune(text)
	if len(runes) > most {
		return string(runes[:most])
	}
	return text
}

func numberText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// months are the options of «Mes», the typed one chosen.
func (s *Server) months(typed string) []choice {
	chosen := parseNumber(typed)
	var list []choice
	for m := 1; m <= 12; m++ {
		list = append(list, choice{Value: strconv.Itoa(m), Label: s.Words.Month(m), Chosen: m == chosen})
	}
	return list
}

// parseNumber reads a day or a month; 0 is none.
func parseNumber(text string) int { return parseUpTo(99, text) }

// parseUpTo reads a whole number up to most; 0 is none.
func parseUpTo(most int, text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 0 || n > most {
		return 0
	}
	return n
}

// byCode is «Tengo un código de activación».
func (s *Server) byCode(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	err = s.Service.ByCode(r.Context(), claim)
	if err != nil {
		return s.refused(w, r, err, s.again(claim, s.provePage))
	}
	redirect(w, pathProve)
	return nil
}

func (s *Server) prove(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	in := credential.ProofForm{
		Day: parseNumber(r.PostForm.Get("dia")), Month: parseNumber(r.PostForm.Get("mes")),
		Year: parseUpTo(9999, r.PostForm.Get("anio")), Code: r.PostForm.Get("activacion"),
		Record: map[credential.FactID]string{}, Answers: map[credential.PersonalQuestionID]string{},
	}
	for name := range r.PostForm {
		if id, ok := strings.CutPrefix(name, "record."); ok {
			in.Record[credential.FactID(id)] = r.PostForm.Get(name)
		}
		if id, ok := strings.CutPrefix(name, "bank."); ok {
			in.Answers[credential.PersonalQuestionID(id)] = r.PostForm.Get(name)
		}
	}
	err = s.Service.Prove(r.Context(), s.actor(r), claim, in)
	if err == nil {
		redirect(w, pathProveReview)
		return nil
	}
	return s.refused(w, r, err, s.again(claim, s.provePage))
}

// afterVerdict is the proof page after a lost verdict: personal answers and codes
// are secrets, and not filled in again.
func (s *Server) afterVerdict(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	v.Answers, v.Code = nil, ""
	return s.provePage(w, r, status, v, p)
}

// formPage shows a page of the journey, with problems.
type formPage func(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error

// again gives the function that shows a page of the journey again after a
// refusal.
func (s *Server) again(claim credential.Claim, page formPage) problemPage {
	return func(w http.ResponseWriter, r *http.Request, status int, p problems) error {
		v, err := s.Service.Look(r.Context(), claim)
		if err != nil {
			return err
		}
		return page(w, r, status, v, p)
	}
}

// answerView is one typed answer on a review.
type answerView struct{ Question, Answer string }

// proveReviewView shows what was typed; the answers stand behind «Mostrar».
type proveReviewView struct {
	base
	Kind    credential.ProcedureKind
	Way     string
	Day     int
	Month   string
	Year    int  // 0 where it is not asked
	NoCode  bool // none was typed where one may be
	Answers []answerView
}

func (s *Server) showProveReview(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepProveReview)
	if err != nil {
		return err
	}
	view := proveReviewView{
		base: s.within(r, v, s.Words.Text("prove_review.title."+wayOf(s.Service.Policy(), v))),
		Kind: v.Kind, Way: wayOf(s.Service.Policy(), v), Day: v.Day, Month: s.Words.Month(v.Month), Year: v.Year,
	}
	if v.AsksCode {
		view.NoCode = v.Code == ""
		if !view.NoCode {
			view.Answers = append(view.Answers, answerView{s.Words.Text("prove.code"), v.Code})
		}
	}
	if v.AsksRecord {
		for _, q := range credential.RecordQuestions(v.Audience) {
			view.Answers = append(view.Answers, answerView{
				s.Words.RecordQuestion(q.ID), s.Words.RecordOption(q.ID, v.Record[q.ID]),
			})
		}
	}
	for _, id := range v.Asked {
		view.Answers = append(view.Answers, answerView{s.Words.PersonalQuestion(id), v.Answers[id]})
	}
	s.render(w, r, http.StatusOK, "prove_review", view)
	return nil
}

// judgeProof is «Aceptar»: the verdict. A lost one shows the proof page again.
func (s *Server) judgeProof(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	fresh, err := s.Service.JudgeProof(r.Context(), s.actor(r), claim)
	if err == nil {
		s.setCookie(w, cookieProcedure, fresh.Token(), 0)
		return s.toStandingOf(w, r, fresh)
	}
	if credential.IsKind(err, credential.Unavailable) {
		return err // the review still stands, for another «Aceptar»
	}
	return s.refused(w, r, err, s.again(claim, s.afterVerdict))
}
