package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
)

// The pages of a procedure.
const (
	pageStart         = "/clave/generar-recuperar"
	pageProve         = pageStart + "/prueba"
	pageProveReview   = pageStart + "/prueba/revision"
	pageQuestions     = pageStart + "/preguntas"
	pageContact       = pageStart + "/correo"
	pageContactReview = pageStart + "/correo/revision"
	pageWaiting       = pageStart + "/espera"
	pageLink          = "/clave/enlace"
	pageClave         = pageStart + "/nueva-clave"
	pageDone          = pageStart + "/listo"
	pageLogIn         = "/ingresar"
	pageAccount       = "/mi-cuenta"
	pageChange        = "/clave/cambiar"
)

// newClient is a client that follows no redirect, for up to n connections, which
// it keeps.
func newClient(n int) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
			MaxIdleConnsPerHost: n, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       2 * time.Minute,
	}
}

// citizen is a browser: its cookies, and a client that may be others' too.
type citizen struct {
	client  *http.Client
	base    string
	cookies map[string]string
}

func newCitizen(client *http.Client, base string) *citizen {
	return &citizen{client: client, base: base, cookies: map[string]string{}}
}

// page is what came back.
type page struct {
	status     int
	location   string
	retryAfter string
	body       []byte
	took       time.Duration // from sending to the last byte
}

// get asks for a page.
func (c *citizen) get(ctx context.Context, path string) (page, error) {
	return c.send(ctx, http.MethodGet, path, "")
}

// post sends a form of the citizen's procedure; pairs are names and values.
func (c *citizen) post(ctx context.Context, path string, pairs ...string) (page, error) {
	id, _, _ := strings.Cut(c.cookies["tramite"], ".")
	form := url.Values{"tramite": {id}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return c.send(ctx, http.MethodPost, path, form.Encode())
}

func (c *citizen) send(ctx context.Context, method, path, form string) (page, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(form))
	if err != nil {
		return page{}, err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	began := time.Now()
	answer, err := c.client.Do(r)
	if err != nil {
		return page{}, err
	}
	var body bytes.Buffer
	_, err = io.Copy(&body, answer.Body)
	took := time.Since(began)
	_ = answer.Body.Close() // read to its end
	for _, cookie := range answer.Cookies() {
		if cookie.MaxAge < 0 {
			delete(c.cookies, cookie.Name)
		} else {
			c.cookies[cookie.Name] = cookie.Value
		}
	}
	return page{
		status: answer.StatusCode, location: answer.Header.Get("Location"), retryAfter: answer.Header.Get("Retry-After"),
		body: body.Bytes(), took: took,
	}, err
}

// walk sends a form, and follows the redirect that must come back to the page
// that must come next.
func (c *citizen) walk(ctx context.Context, path, next string, pairs ...string) (page, error) {
	p, err := c.post(ctx, path, pairs...)
	if err == nil {
		err = p.want(path, http.StatusSeeOther)
	}
	if err == nil && p.location != next {
		err = fmt.Errorf("%s leads to %s instead of %s", path, p.location, next)
	}
	if err != nil {
		return p, err
	}
	return c.open(ctx, next)
}

// open asks for a page that must be there.
func (c *citizen) open(ctx context.Context, path string) (page, error) {
	p, err := c.get(ctx, path)
	if err == nil {
		err = p.want(path, http.StatusOK)
	}
	return p, err
}

// title is what a page is about, for the error of a status that was not wanted.
var title = regexp.MustCompile(`<title>([^<]*)`)

func (p page) want(path string, status int) error {
	if p.status == status {
		return nil
	}
	about := ""
	if found := title.FindSubmatch(p.body); found != nil {
		about = string(found[1])
	}
	return fmt.Errorf("%s: status %d instead of %d: %s", path, p.status, status, about)
}

// begin is the first page and «Buscar», up to the proof page.
func (c *citizen) begin(ctx context.Context, kind credential.ProcedureKind, number credential.Number, audience credential.Audience) (page, error) {
	_, err := c.open(ctx, pageStart)
	if err != nil {
		return page{}, err
	}
	return c.walk(ctx, pageStart, pageProve, startForm(kind, number, audience)...)
}

func startForm(kind credential.ProcedureKind, number credential.Number, audience credential.Audience) []string {
	return []string{"necesita", string(kind), "documento", string(number.Document()), "soy", string(audience), "numero", number.Reveal()}
}

// asked finds the personal questions of a proof page.
var asked = regexp.MustCompile(`name="bank\.([a-z0-9_-]+)"`)

// proofForm answers a proof page as a person would who knows what f knows; a
// question that f cannot answer gets an answer of the right shape.
func proofForm(proof page, kind credential.ProcedureKind, f registry.Fake, audience credential.Audience) []string {
	birth := f.Person.Birth
	pairs := []string{"dia", strconv.Itoa(birth.Day), "mes", strconv.Itoa(int(birth.Month))}
	if kind == credential.Generate {
		for _, q := range credential.RecordQuestions(audience) {
			pairs = append(pairs, "record."+string(q.ID), f.Person.Facts.Answer(q.ID))
		}
		return pairs
	}
	for _, found := range asked.FindAllSubmatch(proof.body, -1) {
		id := string(found[1])
		answer := f.BankAnswer(credential.PersonalQuestionID(id))
		if answer == "" {
			answer = "respuesta cualquiera"
		}
		pairs = append(pairs, "bank."+id, answer)
	}
	return pairs
}

// bankForm answers the first three questions of the bank.
func bankForm() []string {
	var pairs []string
	for i, answer := range []string{"Escuela del Arrayán", "Calle Larga", "Tamales de yuca"} {
		pairs = append(pairs, "bank."+string(credential.PersonalQuestions()[i]), answer)
	}
	return pairs
}

// address is where the mail of somebody goes who types one.
func address(f registry.Fake) string {
	if f.Email != "" {
		return f.Email
	}
	return "persona-" + f.Person.Number.Reveal() + "@correo.example"
}

// upToContact walks from the first page to the review of the address, where
// «Aceptar» sends the mail.
func (c *citizen) upToContact(ctx context.Context, kind credential.ProcedureKind, f registry.Fake) error {
	audience := f.Person.Audiences[0]
	proof, err := c.begin(ctx, kind, f.Person.Number, audience)
	if err == nil {
		_, err = c.walk(ctx, pageProve, pageProveReview, proofForm(proof, kind, f, audience)...)
	}
	if err == nil && kind == credential.Generate {
		_, err = c.walk(ctx, pageProveReview, pageQuestions)
		if err == nil {
			_, err = c.walk(ctx, pageQuestions, pageContact, bankForm()...)
		}
	} else if err == nil {
		_, err = c.walk(ctx, pageProveReview, pageContact)
	}
	if err == nil {
		_, err = c.walk(ctx, pageContact, pageContactReview, "correo", address(f))
	}
	return err
}

// goodClave is a clave that no rule refuses.
const goodClave = "colibrí-maletín-abrigo-77"

// claveForm is the last page as filled in.
func claveForm(clave string) []string {
	return []string{"declaro", "si", "clave", clave, "repita", clave}
}

// upToClave opens a mailed link and comes to the last page.
func (c *citizen) upToClave(ctx context.Context, link string) error {
	p, err := c.get(ctx, link)
	if err == nil {
		err = p.want(pageLink+"/…", http.StatusSeeOther)
	}
	if err == nil {
		_, err = c.open(ctx, pageLink)
	}
	if err == nil {
		_, err = c.walk(ctx, pageLink, pageClave)
	}
	return err
}

// whole walks a whole procedure, its mail included.
func (c *citizen) whole(ctx context.Context, kind credential.ProcedureKind, f registry.Fake, box *Sink) error {
	err := c.upToContact(ctx, kind, f)
	if err != nil {
		return err
	}
	mail := box.Expect(address(f))
	_, err = c.walk(ctx, pageContactReview, pageWaiting)
	if err != nil {
		return err
	}
	arrived, err := mail.Wait(ctx)
	if err != nil {
		return err
	}
	err = c.upToClave(ctx, arrived.Link)
	if err == nil {
		_, err = c.walk(ctx, pageClave, pageDone, claveForm(goodClave)...)
	}
	return err
}

// people are the demo's fake people, by what they can do, in a fixed order.
type people struct {
	first []registry.Fake // no clave yet, and nothing that stops them from generating one
	again []registry.Fake // a clave, personal answers and an address
	named map[string]registry.Fake
}

// fakes are the people of a demo with n random ones; the demo makes the same.
func fakes(n int) people {
	p := people{named: map[string]registry.Fake{}}
	for _, f := range registry.Generate("aldaba", n, demoEpoch) {
		p.named[f.Case] = f
		switch {
		case !strings.HasPrefix(f.Case, "azar-"):
		case f.Clave == "" && f.Email == "":
			p.first = append(p.first, f)
		case f.Clave != "" && f.Email != "" && f.BankAnswer(credential.PersonalQuestions()[0]) != "":
			p.again = append(p.again, f)
		}
	}
	return p
}

// demoEpoch is a day of the years for which the demo makes the same people.
var demoEpoch = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
