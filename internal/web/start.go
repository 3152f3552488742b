package web

import (
	"errors"
	"net/http"

	"aldaba/internal/credential"
)

// startView is the first page of generate / recover.
type startView struct {
	base
	Kinds     []choice
	Documents []choice
	Audiences []choice
	Number    string
	Captcha   string // the challenge as JSON; empty where the policy leaves it out
}

func (s *Server) showStart(w http.ResponseWriter, r *http.Request) error {
	return s.startPage(w, r, http.StatusOK, nil)
}

// startPage shows the first page, filled with what was posted.
func (s *Server) startPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	view := startView{
		base:   s.base(r, s.Words.Text("start.title")).with(p),
		Number: r.PostForm.Get("numero"),
	}
	view.Position, view.Of = 1, 0
	view.Blank = r.Method != http.MethodPost
	kind := r.PostForm.Get("necesita")
	for _, k := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
		view.Kinds = append(view.Kinds, s.choice("start.kind.", string(k), kind))
	}
	document := r.PostForm.Get("documento")
	if document == "" {
		document = string(credential.Cedula)
	}
	for _, d := range credential.Documents() {
		view.Documents = append(view.Documents, s.choice("start.document.", string(d), document))
	}
	audience := r.PostForm.Get("soy")
	if audience == "" {
		audience = r.URL.Query().Get("soy") // the door links to each audience
	}
	if _, err := credential.ParseAudience(audience); err != nil {
		audience = string(credential.Affiliate)
	}
	for _, a := range credential.Audiences() {
		view.Audiences = append(view.Audiences, s.choice("start.audience.", string(a), audience))
	}
	challenge, ok, err := s.Service.Challenge(r.Context(), s.actor(r), "")
	if err != nil {
		return err
	}
	if ok {
		view.Captcha = challenge.String()
	}
	s.render(w, r, status, "start", view)
	return nil
}

func (s *Server) choice(prefix, value, chosen string) choice {
	c := choice{Value: value, Label: s.Words.Text(prefix + value), Chosen: value == chosen}
	if s.Words.Has(prefix + value + "_hint") {
		c.Hint = s.Words.Text(prefix + value + "_hint")
	}
	return c
}

// start is «Buscar»: every well-formed number leads to the proof page.
func (s *Server) start(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	in, err := parseStart(r)
	if err == nil {
		var claim credential.Claim
		claim, err = s.Service.Start(r.Context(), s.actor(r), in)
		if err == nil {
			s.setCookie(w, cookieProcedure, claim.Token(), 0)
			redirect(w, pathProve)
			return nil
		}
	}
	return s.refused(w, r, err, s.startPage)
}

// parseStart parses the first page; it collects every fault.
func parseStart(r *http.Request) (credential.StartForm, error) {
	var faults credential.Errors
	note := func(err error) {
		if refusal, ok := errors.AsType[*credential.Error](err); ok {
			faults = append(faults, refusal)
		}
	}
	kind, err := credential.ParseProcedureKind(r.PostForm.Get("necesita"))
	note(err)
	document, err := credential.ParseDocument(r.PostForm.Get("documento"))
	note(err)
	in := credential.StartForm{Kind: kind, Captcha: r.PostForm.Get("altcha")}
	if kind == credential.Generate {
		in.Audience, err = credential.ParseAudience(r.PostForm.Get("soy"))
		note(err)
	}
	if document != "" {
		in.Number, err = credential.ParseNumber(document, r.PostForm.Get("numero"))
		note(err)
	}
	if len(faults) > 0 {
		return credential.StartForm{}, faults
	}
	return in, nil
}
