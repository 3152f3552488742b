package web

import (
	"net/http"

	"aldaba/internal/credential"
)

// numberView is «Documento» and the number, as every page asks them.
type numberView struct {
	Documents []choice
	Number    string
}

func (s *Server) numberView(r *http.Request) numberView {
	document := r.PostForm.Get("documento")
	if document == "" {
		document = string(credential.Cedula)
	}
	v := numberView{Number: clip(r.PostForm.Get("numero"))}
	for _, d := range credential.Documents() {
		v.Documents = append(v.Documents, s.choice("start.document.", string(d), document))
	}
	return v
}

// carriedNumber fills in the number that was typed on the page before, once: who
// loads the page again, or opens it later in the same browser, sees none.
func (s *Server) carriedNumber(w http.ResponseWriter, r *http.Request, v *numberView) {
	token := s.cookie(r, cookieNumber)
	if token == "" {
		return
	}
	s.dropCookie(w, cookieNumber)
	number, ok := s.Service.OpenNumber(token)
	if !ok {
		return
	}
	v.Number = number.Reveal()
	for i := range v.Documents {
		v.Documents[i].Chosen = v.Documents[i].Value == string(number.Document())
	}
}

// postedNumber parses «Documento» and the number of a form.
func postedNumber(r *http.Request) (credential.Number, error) {
	document, err := credential.ParseDocument(r.PostForm.Get("documento"))
	if err != nil {
		return credential.Number{}, err
	}
	return credential.ParseNumber(document, r.PostForm.Get("numero"))
}
