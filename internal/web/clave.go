package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// claveView is the last page: declare and set the clave. Secrets are never
// filled in again.
type claveView struct {
	base
	Declared  bool
	Min, Max  int
	Reference string
	PhraseURL string
	EndsAt    string // clock time
}

func (s *Server) showClave(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepClave)
	if err != nil {
		return err
	}
	return s.clavePage(w, r, http.StatusOK, v, nil)
}

func (s *Server) clavePage(w http.ResponseWriter, r *http.Request, status int, v credential.Progress, p problems) error {
	if v.Step != credential.StepClave {
		return &credential.Error{Kind: credential.Conflict, Rule: "step"}
	}
	view := claveView{
		base:     s.within(r, v, s.Words.Text("clave.title")).with(p),
		Declared: r.PostForm.Get("declaro") != "",
		Min:      s.Service.Policy().PasswordMin, Max: s.Service.Policy().PasswordMax,
		Reference: v.Reference, PhraseURL: pathClave + "/frase", EndsAt: s.Words.Clock(v.ExpiresAt),
	}
	s.render(w, r, status, "clave", view)
	return nil
}

// setClave is «Generar».
func (s *Server) setClave(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err != nil {
		return err
	}
	device, err := s.Service.SetClave(r.Context(), s.actor(r), claim, credential.ClaveForm{
		Declared: r.PostForm.Get("declaro") != "",
		Clave:    r.PostForm.Get("clave"),
		Repeat:   r.PostForm.Get("repita"),
	})
	if err == nil {
		if !device.IsZero() {
			s.setCookie(w, cookieDevice, device.Token(), s.Service.Policy().DeviceLife)
		}
		redirect(w, pathDone)
		return nil
	}
	return s.refused(w, r, err, s.again(claim, s.clavePage))
}

// phraseAnswer is a proposed clave.
type phraseAnswer struct {
	Phrase string `json:"phrase"`
}

// phrase proposes a clave to the page's script. It is a POST, so that no cache
// and no history keeps it.
func (s *Server) phrase(w http.ResponseWriter, r *http.Request) error {
	_, err := s.standing(r, credential.StepClave)
	if err != nil {
		return &httpError{http.StatusNotFound, "not_found"}
	}
	return writeJSON(w, phraseAnswer{s.Service.Phrase()})
}

// doneView is the page of success.
type doneView struct {
	base
	Kind credential.ProcedureKind
	Mask string
}

func (s *Server) showDone(w http.ResponseWriter, r *http.Request) error {
	v, err := s.standing(r, credential.StepDone)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "done", doneView{s.within(r, v, s.Words.Text("done.title."+string(v.Kind))), v.Kind, v.Mask})
	return nil
}

// finish is «Finalizar»: this browser lets go of the procedure, and the log-in that
// follows need not ask the number again. Pressed twice
// it leads to the same place.
func (s *Server) finish(w http.ResponseWriter, r *http.Request) error {
	claim, err := s.posted(r)
	if err == nil {
		_, err = s.standing(r, credential.StepDone)
	}
	var number credential.Number
	if err == nil {
		number, err = s.Service.Abandon(r.Context(), s.actor(r), claim)
	}
	if err != nil && !credential.IsKind(err, credential.Expired) {
		return err
	}
	s.dropCookie(w, cookieProcedure)
	s.dropCookie(w, cookieLink)
	if !number.IsZero() {
		s.setCookie(w, cookieNumber, s.Service.SealNumber(number), credential.SealedNumberLife)
	}
	redirect(w, pathLogIn)
	return nil
}
