package web

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"aldaba/internal/credential"
)

// The cookies. Over https each has the __Host- prefix and Secure; over plain
// http (the demo on a telephone of the same network) neither.
const (
	cookieProcedure = "tramite"     // the claim of the browser that holds a procedure
	cookieLink      = "enlace"      // a mailed link, taken out of the URL
	cookieSession   = "sesion"      // a log-in
	cookieDevice    = "dispositivo" // a browser that finished a procedure
	cookieNumber    = "numero"      // a number just typed, sealed, for the page that comes next
	cookieComplaint = "queja"       // number and code of a complaint, for the page that shows them once
	cookieLanguage  = "idioma"      // the language that was chosen
)

// linkCookieLife bounds how long a link waits in its cookie: its own end is
// decided by the procedure.
const linkCookieLife = 24 * time.Hour

func (s *Server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// setCookie sends a cookie to this site only, out of reach of scripts; Lax,
// because people come from their webmail. life 0 ends with the browser.
func (s *Server) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (s *Server) dropCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Path: "/", MaxAge: -1,
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (s *Server) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// claim reads the browser's claim; ok is false without one that reads.
func (s *Server) claim(r *http.Request) (credential.Claim, bool) {
	return credential.ParseClaim(s.cookie(r, cookieProcedure))
}

// posted is claim for a form of the journey. A form of another procedure than
// the browser's (a second tab, another person's) is 409; no procedure at all is
// one that is over.
func (s *Server) posted(r *http.Request) (credential.Claim, error) {
	err := form(r)
	if err != nil {
		return credential.Claim{}, err
	}
	claim, ok := s.claim(r)
	if !ok {
		return credential.Claim{}, &credential.Error{Kind: credential.Expired, Rule: "no_procedure"}
	}
	if r.PostForm.Get("tramite") != claim.ID.String() {
		return credential.Claim{}, &credential.Error{Kind: credential.Conflict, Rule: "other_procedure"}
	}
	return claim, nil
}

// standing looks the browser's procedure up for a GET of one of the steps; at
// any other step it leads there.
func (s *Server) standing(r *http.Request, at ...credential.Step) (credential.Progress, error) {
	claim, ok := s.claim(r)
	if !ok {
		return credential.Progress{}, &credential.Error{Kind: credential.Conflict, Rule: "step"}
	}
	v, err := s.Service.Look(r.Context(), claim)
	if err != nil {
		return credential.Progress{}, err
	}
	for _, step := range at {
		if v.Step == step {
			return v, nil
		}
	}
	return credential.Progress{}, &credential.Error{Kind: credential.Conflict, Rule: "step"}
}

// actor says who sends a request, as far as that can be told.
func (s *Server) actor(r *http.Request) credential.Actor {
	device, _ := credential.ParseDeviceID(s.cookie(r, cookieDevice))
	return credential.Actor{
		Kind:     credential.Citizen,
		Network:  network(s.applicant(r)),
		Device:   device,
		Browser:  browserKind(r.UserAgent()),
		Route:    eventOf(r).route,
		Language: s.Words.Code(),
	}
}

// network is what counts as one network: an IPv4 address, or an IPv6 /56, which
// is what a home is given.
func network(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unknown"
	}
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(56)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// browserKind is the kind of device in a word key ("browser.<kind>"), as coarse
// as a notice needs it.
func browserKind(userAgent string) string {
	for _, kind := range []struct{ sign, key string }{
		{"iPad", "ipad"}, {"iPhone", "iphone"}, {"Android", "android"}, {"Windows", "windows"},
		{"CrOS", "chromebook"}, {"Mac OS X", "mac"}, {"Linux", "linux"},
	} {
		if strings.Contains(userAgent, kind.sign) {
			return kind.key
		}
	}
	return "unknown"
}
