// Package web is the citizens' pages: routes, handlers, views, templates and
// assets. A page is thin: it parses what was typed, calls one use case of the
// domain and shows what came back. Every sentence comes from package words.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
	"aldaba/internal/stats"
	"aldaba/internal/words"
)

// Config is what a [Server] is made of.
type Config struct {
	Service     *credential.Service
	Languages   []*words.Language       // the first for browsers that ask for none of them
	PublicURL   *url.URL                // where citizens reach the site; https decides the cookies
	Institution institution.Institution // who runs it, for header, footer, help and the services behind the clave
	Logger      *slog.Logger            // one line per request; discarded when nil
	Demo        *Demo                   // the demo's own pages; nil in serve, where they are 404
	Now         func() time.Time        // the program's clock
	Observe     func(Request)           // told of every request, for figures; may be nil
	Proxies     []netip.Prefix          // before this program: of them alone X-Forwarded-For counts

	// Figures gives what is published of the public figures.
	Figures func(context.Context) (*stats.Published, error)
}

// Server is the citizens' site, in one language: there is one for each, and they
// differ in their words alone (language.go).
type Server struct {
	Config
	Words  *words.Language // that it speaks
	spoken *spoken         // all languages; shared
	routes *http.ServeMux  // of this site
	pages  map[string]*page
	assets assets
	index  *index                      // what the search finds
	secure bool                        // https: cookies are Secure and carry the __Host- prefix
	staff  bool                        // this is the staff listener's site
	origin *http.CrossOriginProtection // of this site: its refusal is a page
}

// New checks the configuration, reads the templates and makes the site.
func New(c Config) (*Server, error) {
	if c.Service == nil || len(c.Languages) == 0 || c.PublicURL == nil || c.Now == nil || c.Figures == nil {
		return nil, errors.New("web: service, languages, public URL, clock and figures are all needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{Config: c, secure: c.PublicURL.Scheme == "https"}
	var err error
	s.assets, err = loadAssets(c.Institution)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s.pages, err = s.loadPages()
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s.spoken, err = s.inEach(c.Languages)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return s.spoken.sites[0], nil
}

// sameOrigin refuses the forms of other sites. Browsers too old to say whence a form
// comes are judged by their Origin, which a proxy that changes the Host header would
// make another site's.
func sameOrigin(public *url.URL) (*http.CrossOriginProtection, error) {
	origin := http.NewCrossOriginProtection()
	return origin, origin.AddTrustedOrigin(rootOf(public))
}

// rootOf is the site's own origin: what stands before every path of ours in an address
// that is read elsewhere.
func rootOf(public *url.URL) string { return public.Scheme + "://" + public.Host }

// Limits of what a request may bring. The longest honest form (ten answers of
// 100 characters) is under 4 KiB, a captcha solution under 4 KiB. Complaints may
// bring more (complaints.go).
const (
	maxBody      = 64 << 10
	maxHeader    = 16 << 10
	readTimeout  = 20 * time.Second // a slow telephone sending a form
	writeTimeout = 60 * time.Second // longer than the gate's longest wait
	idleTimeout  = 2 * time.Minute
)

// HTTPServer gives a server with this site's limits for a handler.
func HTTPServer(h http.Handler, errorLog *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(errorLog.Handler(), slog.LevelWarn),
	}
}

// The paths of the journey. The mails' links stand in package mail; a test in
// package site walks through both.
const (
	PathStart         = "/clave/generar-recuperar"
	pathProve         = PathStart + "/prueba"
	pathProveReview   = PathStart + "/prueba/revision"
	pathQuestions     = PathStart + "/preguntas"
	pathContact       = PathStart + "/correo"
	pathContactReview = PathStart + "/correo/revision"
	pathWaiting       = PathStart + "/espera"
	pathOwnQuestion   = PathStart + "/su-pregunta"
	pathClave         = PathStart + "/nueva-clave"
	pathDone          = PathStart + "/listo"
	pathMoreTime      = PathStart + "/mas-tiempo"
	PathLink          = "/clave/enlace"
	PathObjection     = "/no-fui-yo"
	pathHelp          = "/ayuda"
	pathLogIn         = "/ingresar"
	pathLogOut        = "/salir"
	pathAccount       = "/mi-cuenta"
	pathAddress       = pathAccount + "/correo"
	pathSessions      = pathAccount + "/sesiones"
	pathHistory       = pathAccount + "/historia"
	pathRenew         = pathAccount + "/preguntas"
	pathClosing       = pathAccount + "/cerrar-via-web"
	pathRights        = pathAccount + "/mis-datos"
	pathChange        = "/clave/cambiar"
	pathUnlock        = "/clave/desbloquear"
)

// Citizens is the whole site, in every language.
func (s *Server) Citizens() http.Handler { return s.spoken.handler((*Server).citizens) }

// citizens is the site in one language: route table and middleware.
func (s *Server) citizens() http.Handler {
	mux := http.NewServeMux()
	s.routes = mux
	handle := func(pattern string, h handler) { mux.Handle(pattern, s.page(pattern, h)) }

	handle("GET /{$}", s.door)
	handle("GET "+PathStart, s.showStart)
	handle("POST "+PathStart, s.start)
	handle("GET "+pathProve, s.showProve)
	handle("POST "+pathProve, s.prove)
	handle("POST "+pathProve+"/codigo", s.byCode)
	handle("GET "+pathProveReview, s.showProveReview)
	handle("POST "+pathProveReview, s.judgeProof)
	handle("GET "+pathQuestions, s.showQuestions)
	handle("POST "+pathQuestions, s.setQuestions)
	handle("GET "+pathContact, s.showContact)
	handle("POST "+pathContact, s.setContact)
	handle("GET "+pathContactReview, s.showContactReview)
	handle("POST "+pathContactReview, s.acceptContact)
	handle("GET "+pathWaiting, s.showWaiting)
	handle("POST "+pathWaiting, s.enterCode)
	handle("GET "+pathWaiting+"/estado", s.waitingStatus)
	handle("POST "+pathWaiting+"/reenviar", s.resend)
	handle("GET "+pathOwnQuestion, s.showOwnQuestion)
	handle("POST "+pathOwnQuestion, s.answerOwn)
	handle("GET "+pathClave, s.showClave)
	handle("POST "+pathClave, s.setClave)
	handle("POST "+pathClave+"/frase", s.phrase)
	handle("GET "+pathDone, s.showDone)
	handle("POST "+pathDone, s.finish)
	handle("GET "+pathMoreTime, s.showStanding) // the address bar of the page that comes back
	handle("POST "+pathMoreTime, s.extend)
	handle("POST "+PathStart+"/terminar", s.abandon)

	handle("GET "+PathLink+"/{token}", s.openLink)
	handle("GET "+PathLink, s.showLink)
	handle("POST "+PathLink, s.continueLink)
	handle("POST "+PathLink+"/reenviar", s.resendFromLink)
	handle("POST "+PathLink+"/desbloquear", s.openLock)
	handle("POST "+PathLink+"/clave-nueva", s.newClaveBehindUnlock)
	handle("POST "+PathLink+"/confirmar", s.confirmAddress)
	handle("GET "+PathObjection+"/{token}", s.showObjection)
	handle("POST "+PathObjection+"/{token}", s.object)

	handle("GET "+pathHelp, s.help)
	handle("GET "+pathSearch, s.search)
	handle("GET "+pathPrivacy, s.privacy)
	handle("GET "+pathAccessibility, s.accessibility)
	handle("GET "+pathCookies, s.cookies)
	handle("GET "+pathChangePassword, s.changePassword)
	handle("GET "+pathSecurity, s.security)
	handle("GET "+pathRobots, s.robots)
	handle("GET "+pathSheets, s.showSheets)
	handle("GET "+pathSheets+"/{name}", s.showSheet)
	handle("GET "+pathTransparency, s.showTransparency)
	handle("GET "+pathFiguresCSV, s.figuresCSV)
	handle("GET "+pathFiguresJSON, s.figuresJSON)
	handle("GET "+pathComplaints, s.showComplaints)
	handle("POST "+pathComplaints, s.makeComplaint)
	handle("GET "+pathComplaintDone, s.showComplaintDone)
	handle("GET "+pathComplaintFollow, s.showFollow)
	handle("POST "+pathComplaintFollow, s.follow)
	handle("GET "+PathComplaintConfirm+"/{token}", s.showConfirm)
	handle("POST "+PathComplaintConfirm+"/{token}", s.confirmComplaint)
	handle("GET "+pathLogIn, s.showLogIn)
	handle("POST "+pathLogIn, s.logIn)
	handle("GET "+pathLogOut, s.said("logged_out"))
	handle("POST "+pathLogOut, s.logOut)
	handle("GET "+pathAccount, s.showAccount)
	handle("GET "+pathSessions, s.showClose)
	handle("POST "+pathSessions, s.closeSession)
	handle("GET "+pathHistory, s.showHistory)
	handle("GET "+pathHistory+".csv", s.historyCSV)
	handle("GET "+pathAddress, s.showAddress)
	handle("POST "+pathAddress, s.askAddress)
	handle("POST "+pathAddress+"/codigo", s.enterOldCode)
	handle("POST "+pathAddress+"/reenviar", s.resendChange)
	handle("POST "+pathAddress+"/cancelar", s.cancelAddress)
	handle("GET "+pathAddress+"/cancelado", s.said("address_cancelled"))
	handle("GET "+pathAddress+"/listo", s.said("address_confirmed"))
	handle("GET "+pathRenew, s.showRenew)
	handle("POST "+pathRenew, s.renewQuestions)
	handle("GET "+pathRenew+"/listo", s.said("questions_renewed"))
	handle("GET "+pathClosing, s.showClosing)
	handle("POST "+pathClosing, s.closeWeb)
	handle("GET "+pathClosing+"/listo", s.said("web_closed"))
	handle("GET "+pathRights, s.showRights)
	handle("POST "+pathRights, s.makeRequest)
	handle("POST "+pathRights+"/descarga", s.download)
	handle("GET "+pathChange, s.showChange)
	handle("POST "+pathChange, s.changeClave)
	handle("GET "+pathChange+"/listo", s.said("changed"))
	handle("GET "+pathChange+"/listo-primera", s.said("changed_first"))
	handle("GET "+pathChange+"/listo-adentro", s.said("changed_inside"))
	handle("GET "+pathChange+"/listo-conservadas", s.said("changed_kept"))
	handle("GET "+pathUnlock, s.showUnlock)
	handle("POST "+pathUnlock, s.askUnlock)
	handle("GET "+pathUnlock+"/correo", s.showUnlockSent)
	handle("GET "+pathUnlock+"/listo", s.said("unlocked"))

	handle("GET "+pathStatic+"{hash}/{file}", s.static)
	handle("GET /favicon.ico", s.favicon)
	if s.Demo != nil {
		handle("GET /demo/personas.json", s.demoPeople)
		handle("GET /demo/personas", s.demoPeoplePage)
		handle("GET /demo/correo.json", s.demoMails)
		handle("GET /demo/correo", s.demoMailbox)
		handle("GET /demo/correo/{id}", s.demoMail)
		handle("GET /demo/correo/{id}/html", s.demoMailHTML)
		handle("GET "+PathDemoService+"{id}", s.demoService)
		handle("POST /demo/reloj", s.demoClock)
	}

	s.origin.SetDenyHandler(s.page("cross-origin", s.crossSite))

	var h http.Handler = s.otherPages(mux)
	h = s.bounded(h)
	h = s.origin.Handler(h) // before places are given: another site's form gets none
	h = s.headers(h)
	h = s.logged(h, mux) // outermost: it sees every status
	return h
}
