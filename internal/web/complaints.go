package web

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"aldaba/internal/credential"
)

// The paths of complaints. The mail's link stands in package mail; a test in
// package site walks through both.
const (
	pathComplaints       = "/quejas"
	pathComplaintDone    = pathComplaints + "/listo"
	pathComplaintFollow  = pathComplaints + "/seguimiento"
	PathComplaintConfirm = pathComplaints + "/confirmar"
)

// complaintCookieLife is for how long the page that shows number and code waits to be
// loaded.
const complaintCookieLife = 10 * time.Minute

// A complaint that is too long comes back to its writer whole, so more of it is read
// than is taken: 100 kB of any letters. As they are much larger than every other
// form, few are read at once, fewer from one network, and none for long: who sends
// slowly must not keep the places from others.
const (
	maxComplaintBody      = 512 << 10
	complaintsAtOnce      = 8
	complaintsOfNetwork   = 2
	complaintReadingLimit = 10 * time.Second // 100 kB at 80 kbit/s
)

// largeForms are the places of large complaints that are read, in whatever language.
// The zero one is all free.
type largeForms struct {
	mu    sync.Mutex
	taken int
	by    map[string]int // how many of them by one network; never 0
}

// take gives a network one of the places, if it may have one more.
func (l *largeForms) take(network string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken == complaintsAtOnce || l.by[network] == complaintsOfNetwork {
		return false
	}
	if l.by == nil {
		l.by = map[string]int{}
	}
	l.taken++
	l.by[network]++
	return true
}

// leave gives a place back.
func (l *largeForms) leave(network string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken--
	l.by[network]--
	if l.by[network] == 0 {
		delete(l.by, network)
	}
}

// bounded limits what a request may bring.
func (s *Server) bounded(next http.Handler) http.Handler {
	small := http.MaxBytesHandler(next, maxBody)
	large := http.MaxBytesHandler(next, maxComplaintBody)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == pathComplaints && r.ContentLength > maxBody {
			from := network(s.applicant(r))
			if s.spoken.large.take(from) {
				defer s.spoken.large.leave(from)
				// Where there is no connection to set it on, nobody sends slowly.
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(complaintReadingLimit))
				large.ServeHTTP(w, r)
				return
			}
		}
		small.ServeHTTP(w, r)
	})
}

// complaintsView is the page where a complaint is written, and followed.
type complaintsView struct {
	base
	Kinds     []choice
	Topics    []choice
	Text      string
	Email     string
	Inside    bool   // somebody is logged in
	Reference string // of the browser's procedure; empty for none
	Named     bool   // it goes with the complaint
	Captcha   string // the challenge as JSON; empty where the policy leaves it out
}

func (s *Server) showComplaints(w http.ResponseWriter, r *http.Request) error {
	return s.complaintsPage(w, r, http.StatusOK, nil)
}

func (s *Server) complaintsPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	view := complaintsView{
		base: s.base(r, s.Words.Text("complaints.title")).with(p), Text: r.PostForm.Get("texto"), Email: clipTo(maxRequestShown, r.PostForm.Get("correo")),
		Named: r.PostForm.Get("referencia") != "",
	}
	topic := ""
	if token, ok := s.session(r); ok {
		var err error
		view.Inside, err = s.Service.LoggedIn(r.Context(), token)
		if err != nil {
			return err
		}
	}
	if claim, ok := s.claim(r); ok {
		var kind credential.ProcedureKind
		var err error
		view.Reference, kind, err = s.Service.HeldReference(r.Context(), claim)
		if err != nil {
			return err
		}
		topic = string(kind) // of the same name, where it has one
	}
	switch asked := r.URL.Query().Get("asunto"); {
	case r.Method == http.MethodPost:
		topic = r.PostForm.Get("asunto")
	case asked != "":
		topic = asked
	}
	for _, kind := range credential.ComplaintKinds() {
		view.Kinds = append(view.Kinds, s.choice("complaints.kind.", string(kind), r.PostForm.Get("tipo")))
	}
	for _, one := range credential.ComplaintTopics() {
		view.Topics = append(view.Topics, s.choice("complaints.topic.", string(one), topic))
	}
	challenge, ok, err := s.Service.ComplaintChallenge(r.Context(), s.actor(r))
	if err != nil {
		return err
	}
	if ok {
		view.Captcha = challenge.String()
	}
	s.render(w, r, status, "complaints", view)
	return nil
}

// ComplaintTopic is what a complaint that begins on this page is about, as its link
// says it: a word of ours, and never the address of the page, which may hold a secret.
func (b base) ComplaintTopic() credential.ComplaintTopic {
	for _, one := range []struct {
		path  string
		topic credential.ComplaintTopic
	}{
		{pathUnlock, credential.TopicUnlock}, {pathChange, credential.TopicChange}, {pathLogIn, credential.TopicLogIn}, {pathAccount, credential.TopicAccount},
	} {
		if b.Path == one.path || strings.HasPrefix(b.Path, one.path+"/") {
			return one.topic
		}
	}
	return ""
}

// makeComplaint is «Enviar».
func (s *Server) makeComplaint(w http.ResponseWriter, r *http.Request) error {
	// Not through form: what cannot be shown is left out of the text, and nobody's
	// text is lost for it.
	err := r.ParseForm()
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &httpError{http.StatusRequestEntityTooLarge, "too_large_complaint"}
	}
	if err != nil {
		return &httpError{http.StatusBadRequest, "unreadable"}
	}
	typed := credential.ComplaintForm{
		Kind: credential.ComplaintKind(r.PostForm.Get("tipo")), Topic: credential.ComplaintTopic(r.PostForm.Get("asunto")),
		Text: r.PostForm.Get("texto"), Email: r.PostForm.Get("correo"), Captcha: r.PostForm.Get("altcha"),
	}
	if token, ok := s.session(r); ok {
		typed.Session = &token
	}
	if claim, ok := s.claim(r); ok && r.PostForm.Get("referencia") != "" {
		typed.Procedure = &claim
	}
	made, err := s.Service.MakeComplaint(r.Context(), s.actor(r), typed)
	if err == nil {
		s.setCookie(w, cookieComplaint, made.Number+"."+made.Code, complaintCookieLife)
		redirect(w, pathComplaintDone)
		return nil
	}
	return s.refused(w, r, err, s.complaintsPage)
}

// complaintView is how a complaint stands.
type complaintView struct {
	base
	Number, Code string // the code only on the page that shows it
	Kind, Topic  string
	Received     string
	LastDay      string
	State        string // a word of its sentences
	Until        string // when the link in the mail ends
	Mask         string // where that mail went; empty for none
	Action       string // of «Confirmar»; empty where there is nothing to confirm
}

func (s *Server) complaintOf(b base, c credential.ComplaintView) complaintView {
	v := complaintView{
		base: b, Number: c.Number, Kind: s.Words.Text("complaints.kind." + string(c.Kind)), Topic: s.Words.Text("complaints.topic." + string(c.Topic)),
		Received: s.Words.Date(c.ReceivedAt), LastDay: s.Words.Date(c.DueAt), Until: s.Words.DateTime(c.ConfirmUntil), Mask: c.Mask,
	}
	switch {
	case !c.AnsweredAt.IsZero():
		v.State = "answered"
	case c.Proof != credential.Unconfirmed:
		v.State = "confirmed"
	case c.Late:
		v.State = "late"
	case c.Mask != "":
		v.State = "waiting"
	default:
		v.State = "unconfirmed"
	}
	return v
}

// showComplaintDone shows number and code once, to the browser that just wrote.
func (s *Server) showComplaintDone(w http.ResponseWriter, r *http.Request) error {
	number, code, _ := strings.Cut(s.cookie(r, cookieComplaint), ".")
	look, err := s.Service.FollowComplaint(r.Context(), number, code)
	if err != nil {
		if _, _, refusal := s.explained(err); refusal {
			return &credential.Error{Kind: credential.NotFound, Rule: "complaint_shown"}
		}
		return err
	}
	if r.Method == http.MethodGet {
		s.dropCookie(w, cookieComplaint)
	}
	view := s.complaintOf(s.base(r, s.Words.Text("complaint_done.title")), look)
	view.Code, view.Languages = code, nil // asked for once more, it would show nothing
	s.render(w, r, http.StatusOK, "complaint_done", view)
	return nil
}

// followView asks number and code of a complaint.
type followView struct {
	base
	Number, Code string
}

func (s *Server) showFollow(w http.ResponseWriter, r *http.Request) error {
	return s.followPage(w, r, http.StatusOK, nil)
}

func (s *Server) followPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	view := followView{
		base: s.base(r, s.Words.Text("follow.title")).with(p), Number: clip(r.PostForm.Get("numero")), Code: clip(r.PostForm.Get("codigo")),
	}
	s.render(w, r, status, "complaint_follow", view)
	return nil
}

// follow is «Consultar». It reads, and changes nothing: its answer is the page.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) error {
	err := form(r)
	if err != nil {
		return err
	}
	look, err := s.Service.FollowComplaint(r.Context(), r.PostForm.Get("numero"), r.PostForm.Get("codigo"))
	if err != nil {
		return s.refused(w, r, err, s.followPage)
	}
	s.render(w, r, http.StatusOK, "complaint", s.complaintOf(s.base(r, s.Words.Text("complaint.title")), look))
	return nil
}

// showConfirm is the page behind the mailed link, which confirms nothing by itself.
func (s *Server) showConfirm(w http.ResponseWriter, r *http.Request) error {
	link, err := complaintLink(r)
	if err != nil {
		return err
	}
	look, err := s.Service.LookComplaint(r.Context(), link)
	if err != nil {
		return err
	}
	title := "complaint.confirmed_title"
	if look.Proof == credential.Unconfirmed {
		title = "complaint.confirm_title"
	}
	view := s.complaintOf(s.base(r, s.Words.Text(title)), look)
	if look.Proof == credential.Unconfirmed {
		view.Action = PathComplaintConfirm + "/" + link.Token()
	}
	s.render(w, r, http.StatusOK, "complaint", view)
	return nil
}

// confirmComplaint is «Confirmar».
func (s *Server) confirmComplaint(w http.ResponseWriter, r *http.Request) error {
	link, err := complaintLink(r)
	if err == nil {
		err = s.Service.ConfirmComplaint(r.Context(), s.actor(r), link)
	}
	if err != nil {
		return err
	}
	redirect(w, PathComplaintConfirm+"/"+link.Token())
	return nil
}

func complaintLink(r *http.Request) (credential.ComplaintLink, error) {
	link, ok := credential.ParseComplaintLink(r.PathValue("token"))
	if !ok {
		return link, &credential.Error{Kind: credential.NotFound, Rule: "complaint"}
	}
	return link, nil
}
