package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// closingView is the closing of the web way.
type closingView struct {
	base
	Understood bool
}

func (s *Server) showClosing(w http.ResponseWriter, r *http.Request) error {
	return s.closingPage(w, r, http.StatusOK, nil)
}

func (s *Server) closingPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	err := s.lookInside(r)
	if err != nil {
		return err
	}
	view := closingView{base: s.base(r, s.Words.Text("closing.title")).with(p), Understood: r.PostForm.Get("entiendo") != ""}
	s.render(w, r, status, "closing", view)
	return nil
}

// closeWeb is «Cerrar la vía web».
func (s *Server) closeWeb(w http.ResponseWriter, r *http.Request) error {
	token, err := s.insideForm(r)
	if err != nil {
		return err
	}
	err = s.Service.CloseWeb(r.Context(), s.actor(r), token, credential.CloseForm{
		Current: r.PostForm.Get("actual"), Understood: r.PostForm.Get("entiendo") != "",
	})
	if err == nil {
		s.dropCookie(w, cookieSession)
		w.Header().Set("Clear-Site-Data", `"cache"`)
		redirect(w, pathClosing+"/listo")
		return nil
	}
	return s.refused(w, r, err, s.closingPage)
}
