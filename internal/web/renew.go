package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// renewView is the renewal of the personal questions: the bank, or one question.
type renewView struct {
	base
	One       bool // the policy keeps one answer
	Questions []questionView
	Choices   []choice
	First     int // how many of the bank, in front, a recover will ask
	Least     int
}

func (s *Server) showRenew(w http.ResponseWriter, r *http.Request) error {
	return s.renewPage(w, r, http.StatusOK, nil)
}

func (s *Server) renewPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	token, err := s.loggedIn(r)
	if err != nil {
		return err
	}
	bank, err := s.Service.LookQuestions(r.Context(), token)
	if err != nil {
		return err
	}
	policy := s.Service.Policy()
	view := renewView{
		base: s.base(r, s.Words.Text("renew.title")).with(p), One: policy.OwnQuestions == 1,
		First: credential.AskedAtRecovery, Least: policy.BankAnswers,
	}
	for _, id := range bank {
		if view.One {
			view.Choices = append(view.Choices, choice{
				Value: string(id), Label: s.Words.PersonalQuestion(id), Chosen: string(id) == r.PostForm.Get("pregunta"),
			})
			continue
		}
		one := s.personalQuestion(id, p)
		one.Value = clip(r.PostForm.Get(one.Name))
		view.Questions = append(view.Questions, one)
	}
	s.render(w, r, status, "renew", view)
	return nil
}

// renewQuestions is «Guardar mis preguntas».
func (s *Server) renewQuestions(w http.ResponseWriter, r *http.Request) error {
	token, err := s.insideForm(r)
	if err != nil {
		return err
	}
	in := credential.RenewForm{
		Current: r.PostForm.Get("actual"), Bank: map[credential.PersonalQuestionID]string{},
		Question: credential.PersonalQuestionID(r.PostForm.Get("pregunta")), Answer: r.PostForm.Get("respuesta"),
	}
	for _, id := range credential.PersonalQuestions() {
		in.Bank[id] = r.PostForm.Get("bank." + string(id))
	}
	fresh, err := s.Service.RenewQuestions(r.Context(), s.actor(r), token, in)
	if err == nil {
		s.setCookie(w, cookieSession, fresh.Token(), 0)
		redirect(w, pathRenew+"/listo")
		return nil
	}
	return s.refused(w, r, err, s.renewPage)
}
