package web

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// answered is what a site answers to a request.
func answered(t *testing.T, site http.Handler, method, to, accept, cookie string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, to, nil)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if accept != "" {
		r.Header.Set("Accept-Language", accept)
	}
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: cookieLanguage, Value: cookie})
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, r)
	return w
}

func TestLanguageOfAPage(t *testing.T) {
	site := newSite(t, nil).Citizens()
	const es, en = "es-EC", "en-GB"
	for _, tt := range []struct{ name, to, accept, cookie, want, kept string }{
		{"nothing asked", "/ayuda", "", "", es, ""},
		{"Spanish", "/ayuda", "es-EC,es;q=0.9,en;q=0.8", "", es, ""},
		{"English", "/ayuda", "en-US,en;q=0.9", "", en, ""},
		{"English before Spanish", "/ayuda", "en;q=0.9,es;q=0.8", "", en, ""},
		{"one that there is not, then English", "/ayuda", "ja,en;q=0.5", "", en, ""},
		{"none that there is", "/ayuda", "ja,ko;q=0.9", "", es, ""},
		{"Quechua", "/ayuda", "qu-EC", "", es, ""},
		{"anything", "/ayuda", "*", "", es, ""},
		{"nonsense", "/ayuda", ";;;=,\x00" + strings.Repeat("-", 3000), "", es, ""},
		{"kept", "/ayuda", "es", "en", en, ""},
		{"kept, and there is none such", "/ayuda", "en", "tlh", en, ""},
		{"chosen", "/ayuda?idioma=en", "es", "", en, "en"},
		{"chosen against what was kept", "/ayuda?idioma=es", "en", "en", es, "es"},
		{"chosen, and there is none such", "/ayuda?idioma=tlh", "en", "", en, ""},
		{"on a page that there is not", "/no-existe?idioma=en", "", "", en, "en"},
	} {
		w := answered(t, site, http.MethodGet, tt.to, tt.accept, tt.cookie)
		if !strings.Contains(w.Body.String(), `<html class="govuk-template" lang="`+tt.want+`">`) || w.Header().Get("Content-Language") != tt.want {
			t.Errorf("%s: Content-Language %q, want the page in %s", tt.name, w.Header().Get("Content-Language"), tt.want)
		}
		if vary := w.Header().Get("Vary"); !strings.Contains(vary, "Accept-Language") || !strings.Contains(vary, "Cookie") {
			t.Errorf("%s: Vary = %q", tt.name, vary)
		}
		kept := ""
		for _, c := range w.Result().Cookies() {
			if c.Name == cookieLanguage && c.HttpOnly && c.SameSite == http.SameSiteLaxMode && c.MaxAge > 0 {
				kept = c.Value
			}
		}
		if kept != tt.kept {
			t.Errorf("%s: the browser keeps %q, want %q", tt.name, kept, tt.kept)
		}
	}
}

// TestOtherLanguage holds where the link to another language leads: to the same page,
// with what was asked of it; from the answer to a form to the page of the form.
func TestOtherLanguage(t *testing.T) {
	site := newSite(t, nil).Citizens()
	for _, tt := range []struct{ method, to, want string }{
		{http.MethodGet, "/", "?idioma=en"},
		{http.MethodGet, "/ayuda", "?idioma=en"},
		{http.MethodGet, "/buscar?q=clave+%22%3E&clave=secreta", "?idioma=en&q=clave+%22%3E"},
		{http.MethodGet, "/ayuda?idioma=es&q=secreta", "?idioma=en"},
		{http.MethodGet, pathTransparency + "?mes=2026-03", "?idioma=en&mes=2026-03"},
		{http.MethodGet, "/no-existe/1700000001", "?idioma=en"},
		{http.MethodPost, "/no-existe/1700000001", "/?idioma=en"},
		{http.MethodPost, pathUnlock, pathUnlock + "?idioma=en"},
		{http.MethodPost, PathLink + "/reenviar", PathLink + "?idioma=en"},
		{http.MethodPost, PathObjection + "/secreto", "?idioma=en"},
		{http.MethodPost, PathComplaintConfirm + "/secreto", "?idioma=en"},
	} {
		body := html.UnescapeString(answered(t, site, tt.method, tt.to, "", "").Body.String())
		if !strings.Contains(body, `<a href="`+tt.want+`" lang="en-GB" hreflang="en-GB"`) {
			at := strings.Index(body, "hreflang=")
			t.Errorf("%s %s: no link to %s: …%s", tt.method, tt.to, tt.want, body[max(0, at-100):min(len(body), at+40)])
		}
	}
}

// TestPublicPageNamesItsLanguages: a page in a language has an address of its own, by
// which who finds or passes it on gets it in that language.
func TestPublicPageNamesItsLanguages(t *testing.T) {
	site := newSite(t, nil).Citizens()
	root := (&url.URL{Scheme: "http", Host: "127.0.0.1:8080"}).String()
	for _, tt := range []struct{ accept, address, locale string }{
		{"es", root + "/ayuda", "es_EC"},
		{"en", root + "/ayuda?idioma=en", "en_GB"},
	} {
		body := answered(t, site, http.MethodGet, "/ayuda", tt.accept, "").Body.String()
		for _, want := range []string{
			`<link rel="canonical" href="` + tt.address + `">`,
			`<meta property="og:url" content="` + tt.address + `">`,
			`<meta property="og:locale" content="` + tt.locale + `">`,
			`<link rel="alternate" hreflang="es-EC" href="` + root + `/ayuda">`,
			`<link rel="alternate" hreflang="en-GB" href="` + root + `/ayuda?idioma=en">`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %s", tt.accept, want)
			}
		}
	}
}

// TestSheetInOneLanguage: a sheet that nobody translated is read in the language that
// it is in, page and all, under a line that says so in the reader's.
func TestSheetInOneLanguage(t *testing.T) {
	i := newPagesConfig().Institution
	i.Sheets = slices.Clone(i.Sheets)
	i.Sheets[1].Language = "es"
	site := newSiteOf(t, i, nil).Citizens()
	const note = "only available in this language: Español"
	for _, tt := range []struct {
		accept, tag string
		noted       bool
	}{{"es", "es-EC", false}, {"en", "es-EC", true}} {
		w := answered(t, site, http.MethodGet, pathSheets+"/otro", tt.accept, "")
		body := w.Body.String()
		if w.Header().Get("Content-Language") != tt.tag || strings.Contains(body, note) != tt.noted {
			t.Errorf("%s: in %s, with the note: %v", tt.accept, w.Header().Get("Content-Language"), !tt.noted)
		}
		if tt.noted && !strings.Contains(body, `lang="en-GB">This procedure sheet`) {
			t.Errorf("%s: the note does not say its language", tt.accept)
		}
	}
}
