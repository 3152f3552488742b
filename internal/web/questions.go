package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// questionsView is the bank of ten.
type questionsView struct {
	base
	Questions []questionView
	First     int // how many of them, in front, a recover will ask
	Least     int // how many must be answered
}

func (s *Server) showQuestions(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepQuestions, credential.StepContact, credential.StepContactReview)
	if err != nil {
		return err
	}
	if v.Kind != credential.Generate || len(v.Bank) == 0 {
		return &credential.Error{Kind: credential.Conflict, Rule: "step"}
	}
	return s.questionsOf(w, r, http.StatusOK, v, nil)
}

// questionsOf is the page that the policy shows behind the verdict.
func (s *Server) questionsOf(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	if s.Service.Policy().SecurityImage {
		return s.securityPage(w, r, status, v, p)
	}
	return s.questionsPage(w, r, status, v, p)
}

func (s *Server) questionsPage(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	v.Step = credential.StepQuestions
	view := questionsView{base: s.within(r, v, s.Words.Text("questions.title")).with(p), Least: s.Service.Policy().BankAnswers}
	view.First = credential.AskedAtRecovery
	for _, id := range v.Bank {
		one := s.personalQuestion(id, p)
		one.Value = clip(r.PostForm.Get(one.Name))
		view.Questions = append(view.Questions, one)
	}
	s.render(w, r, status, "questions", view)
	return nil
}

func (s *Server) setQuestions(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	if s.Service.Policy().SecurityImage {
		return s.setSecurity(w, r, claim)
	}
	typed := map[credential.PersonalQuestionID]string{}
	for _, id := range credential.PersonalQuestions() {
		typed[id] = r.PostForm.Get("bank." + string(id))
	}
	err = s.Service.SetQuestions(r.Context(), s.actor(r), claim, typed)
	if err == nil {
		redirect(w, pathContact)
		return nil
	}
	return s.refused(w, r, err, s.again(claim, s.questionsPage))
}
