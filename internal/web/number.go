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

// postedNumber parses «Documento» and the number of a form.
func postedNumber(r *http.Request) (credential.Number, error) {
	document, err := credential.ParseDocument(r.PostForm.Get("documento"))
	if err != nil {
		return credential.Number{}, err
	}
	return credential.ParseNumber(document, r.PostForm.Get("numero"))
}
