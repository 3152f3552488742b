package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// securityView is the page behind the verdict of a first time where the policy
// asks a picture: picture, own question, telephone and address together.
type securityView struct {
	base
	Images    []imageView
	Questions []choice
	Answer    string
	Phone     string
	Fixed     bool // the address cannot be changed here
	Mask      string
	Email     string
}

func (s *Server) securityPage(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	v.Step = credential.StepQuestions
	posted := func(name string) string { return clip(r.PostForm.Get(name)) }
	view := securityView{
		base:   s.within(r, v, s.Words.Text("security.title")).with(p),
		Images: s.images(credential.SecurityImage(posted("imagen"))), Answer: posted("respuesta"), Phone: posted("telefono"),
		Fixed: v.Fixed, Mask: v.Mask, Email: v.Typed,
	}
	for _, id := range v.Bank {
		view.Questions = append(view.Questions, choice{
			Value: string(id), Label: s.Words.PersonalQuestion(id), Chosen: string(id) == posted("pregunta"),
		})
	}
	if r.PostForm.Has("correo") {
		view.Email = posted("correo")
	}
	s.render(w, r, status, "security", view)
	return nil
}

func (s *Server) setSecurity(w http.ResponseWriter, r *http.Request, claim credential.Claim) error {
	err := s.Service.SetSecurity(r.Context(), s.actor(r), claim, credential.SecurityForm{
		Image: r.PostForm.Get("imagen"), Question: credential.PersonalQuestionID(r.PostForm.Get("pregunta")),
		Answer: r.PostForm.Get("respuesta"), Phone: r.PostForm.Get("telefono"), Email: r.PostForm.Get("correo"),
	})
	if err == nil {
		redirect(w, pathContactReview)
		return nil
	}
	return s.refused(w, r, err, s.again(claim, s.securityPage))
}

// ownQuestionView asks the own questions behind the mailed link.
type ownQuestionView struct {
	base
	Image     *imageView // the picture chosen; nil in a browser that its owner is not known by
	Questions []questionView
	TriesLeft int
	Failed    bool
}

func (s *Server) showOwnQuestion(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepOwnQuestion)
	if err != nil {
		return err
	}
	return s.ownQuestionPage(w, r, http.StatusOK, v, nil)
}

func (s *Server) ownQuestionPage(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	claim, _ := s.claim(r)
	own, err := s.Service.LookOwnQuestion(r.Context(), s.actor(r), claim)
	if err != nil {
		return err
	}
	view := ownQuestionView{
		base:      s.within(r, v, s.Words.Text("own_question.title")).with(p),
		TriesLeft: v.TriesLeft, Failed: v.Failed > 0,
	}
	if own.Image != "" {
		image := s.image(own.Image)
		view.Image = &image
	}
	for _, id := range own.Asked {
		view.Questions = append(view.Questions, s.personalQuestion(id, p))
	}
	s.render(w, r, status, "own_question", view)
	return nil
}

func (s *Server) answerOwn(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	typed := map[credential.PersonalQuestionID]string{}
	for _, id := range credential.PersonalQuestions() {
		typed[id] = r.PostForm.Get("bank." + string(id))
	}
	fresh, err := s.Service.AnswerOwn(r.Context(), s.actor(r), claim, typed)
	if err == nil {
		s.setCookie(w, cookieProcedure, fresh.Token(), 0)
		redirect(w, pathClave)
		return nil
	}
	return s.refused(w, r, err, s.again(claim, s.ownQuestionPage))
}
