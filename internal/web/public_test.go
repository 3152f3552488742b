package web

import (
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
	"aldaba/internal/stats"
	"aldaba/internal/words"
)

// exampleSite is the example's site as its own institution would run it, or as a demo.
func exampleSite(t testing.TB, official bool, demo *Demo) (*Server, func(path string) *httptest.ResponseRecorder) {
	t.Helper()
	of := institution.Example()
	of.Official = official
	s := newSiteOf(t, of, demo)
	s.Now = func() time.Time { return time.Date(2026, time.March, 5, 15, 4, 5, 0, time.UTC) }
	site := s.Citizens()
	return s, func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w
	}
}

// TestSearch: people find what they look for by their own words, whatever the accents.
func TestSearch(t *testing.T) {
	s, get := exampleSite(t, true, nil)
	index := s.newIndex(policyOf(credential.Ficha2026))
	for query, want := range map[string]string{
		"CLAVE BLOQUEADA": "/tramites/desbloqueo-de-clave", "desbloquear": "/tramites/desbloqueo-de-clave",
		"olvide mi contraseña": "/tramites/generar-recuperar-clave", "cambiar clave": "/tramites/cambio-de-clave",
		"no tengo correo": "/ayuda#sin-correo", "estoy fuera del pais": "/ayuda#exterior", "videollamada": "/ayuda#video",
		"oficina Cuenca": "/ayuda#oficinas", "sin cédula": "/ayuda#sin-cedula", "cookies": "/cookies", "estadisticas atenciones": "/transparencia",
		"phishing": "/ayuda#enganos", "queja": "/quejas", "ingresar": "/ingresar", "abuela": "/ayuda#con-ayuda", "mis datos": "/ayuda#mis-datos",
	} {
		found := s.find(query, index)
		if at := slices.IndexFunc(found, func(f foundView) bool { return f.To == want }); at < 0 || at > 2 {
			t.Errorf("%q finds %s at %d of %+v, want it among the first three", query, want, at, found)
		}
	}
	for _, query := range []string{"", "xyzzy", "de la el", "日本", "%00", "<script>", strings.Repeat("ñ", 5000), strings.Repeat("a ", 5000)} {
		if found := s.find(query, index); len(found) > maxResults {
			t.Errorf("%.20q finds %d", query, len(found))
		}
	}
	for _, path := range []string{"/buscar", "/buscar?q=", "/buscar?q=%ff%00", "/buscar?q=<b>clave</b>", "/buscar?q=" + strings.Repeat("clave+", 2000), "/buscar?q=a&q=b"} {
		w := get(path)
		if body := w.Body.String(); w.Code != http.StatusOK || strings.Contains(body, "<b>") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%.40s: %d", path, w.Code)
		}
	}
	if body := get("/buscar?q=clave").Body.String(); !strings.Contains(body, `<meta name="robots" content="noindex">`) {
		t.Error("a search engine may show a search")
	}
}

// TestSearchOfOwnWords: what people type who do not know how this site says it, or how
// a word is spelt. What must come first does, what must be there is, and what is shown
// of it has the words that matched.
func TestSearchOfOwnWords(t *testing.T) {
	const (
		generate, change, unlock = "/tramites/generar-recuperar-clave", "/tramites/cambio-de-clave", "/tramites/desbloqueo-de-clave"
		contact, offices, oldOne = "/ayuda#contacto", "/ayuda#oficinas", "/ayuda#correo-anterior"
	)
	s, _ := exampleSite(t, true, nil)
	for language, cases := range map[credential.Language][]struct {
		query string
		first string
		among []string
		shown string // in what is shown of the first
	}{
		"es": {
			{"iess", generate, []string{change, unlock}, ""}, {"www.iess.gob.ec", generate, []string{change, unlock}, ""},
			{"iess clave", generate, []string{change, unlock}, "clave"}, {"clave IESS", generate, []string{change, unlock}, "clave"},
			{"iess teléfono", contact, nil, "394 5666"}, {"seguro social", generate, []string{change, unlock}, "seguro social"},
			{"seguridad", generate, []string{change, unlock, "/ayuda#no-coincide"}, "Seguridad"},
			{"telefono", contact, nil, "teléfono (02) 394 5666"}, {"número de teléfono", contact, nil, "394 5666"}, {"llamar", contact, nil, "394 5666"},
			{"hablar con alguien", contact, nil, "394 5666"}, {"quiero hablar", contact, nil, ""}, {"número", contact, nil, "número"},
			{"horario", "", []string{contact, offices}, "horario: de lunes a viernes"}, {"horario de atención", "", []string{contact, offices}, "08:00"},
			{"bloquiada", "", []string{unlock, "/ayuda#bloqueada"}, "bloque"}, {"clave bloquiada", "", []string{unlock, "/ayuda#bloqueada"}, "bloque"},
			{"sedula", "/ayuda#sin-cedula", nil, "cédula"}, {"pasword", generate, nil, "clave"}, {"fallesido", generate, nil, ""},
			{"emial", "", []string{oldOne, "/ayuda#no-llega", "/ayuda#sin-correo"}, "correo"}, {"no me yega el correo", "/ayuda#no-llega", nil, "correo"},
			{"kiero rrecuperar mi clabe", generate, nil, "clave"}, {"desvloqear", unlock, nil, ""}, {"contraceña", generate, nil, "clave"},
			{"montepío", generate, nil, ""}, {"viuda", generate, nil, ""}, {"huérfanos", generate, nil, ""}, {"orfandad", generate, nil, ""},
			{"contraseña", generate, []string{change, unlock}, "clave"}, {"clave", generate, []string{change, unlock}, "clave"},
			{"cambiar contraseña", change, nil, ""}, {"cambiar correo", oldOne, nil, "correo"}, {"cambiar dirección de correo", oldOne, nil, "correo"},
			{"dirección", offices, nil, ""}, {"costo", "", []string{generate, change, unlock}, "costo"},
		},
		"en": {
			{"iess", generate, []string{change, unlock}, ""}, {"social security password", generate, nil, "password"}, {"password", generate, []string{change, unlock}, "password"},
			{"telephone", contact, nil, "phone number (02) 394 5666"}, {"phone number", contact, nil, "394 5666"}, {"call", "", []string{contact}, ""}, {"talk to someone", contact, nil, ""},
			{"opening hours", "", []string{contact, offices}, "08:00"}, {"schedule", "", []string{contact, offices}, ""},
			{"pasword", generate, nil, "password"}, {"emial", "", []string{oldOne, "/ayuda#no-llega"}, "mail"}, {"lokced", "", []string{unlock, "/ayuda#bloqueada"}, "lock"},
			{"widow", generate, nil, ""}, {"orphan", generate, nil, ""}, {"deceased", generate, nil, ""}, {"montepio", generate, nil, ""},
			{"change email", oldOne, nil, "change"}, {"change my e-mail address", oldOne, nil, "change"}, {"change password", change, nil, "password"}, {"adress", "", []string{oldOne, offices}, "address"},
		},
	} {
		site := s.spoken.in(language, s)
		in := site.newIndex(policyOf(credential.Ficha2026))
		for _, c := range cases {
			found := site.find(c.query, in)
			at := func(to string) int { return slices.IndexFunc(found, func(f foundView) bool { return f.To == to }) }
			if len(found) == 0 || c.first != "" && at(c.first) != 0 {
				t.Errorf("%s: %q finds %+v, want %s first", language, c.query, found, c.first)
				continue
			}
			for _, to := range c.among {
				if at(to) < 0 {
					t.Errorf("%s: %q does not find %s among %d", language, c.query, to, len(found))
				}
			}
			if !strings.Contains(strings.ToLower(found[0].Text), strings.ToLower(c.shown)) {
				t.Errorf("%s: %q shows %q, want %q in it", language, c.query, found[0].Text, c.shown)
			}
		}
		for _, query := range []string{"zapato", "1712345678", "shoes", "atencionalusuario", "gob", "ec"} {
			if found := site.find(query, in); len(found) > 0 {
				t.Errorf("%s: %q finds %+v, want nothing", language, query, found)
			}
		}
	}
}

// BenchmarkSearch measures what takes longest: words that none is, and as many answers
// as there may be.
func BenchmarkSearch(b *testing.B) {
	s, _ := exampleSite(b, true, nil)
	for _, site := range s.spoken.sites {
		b.Run(string(site.Words.Code()), func(b *testing.B) {
			for b.Loop() {
				site.find("klave qlave clafe clawe korreo correp numerp documemto sedula bloquiada pasword emial zapatos quirografario", site.index)
			}
		})
	}
}

func TestSpelling(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"cedula", "sedula", true}, {"clave", "klabe", true}, {"llega", "yega", true}, {"hacer", "aser", true}, {"quiero", "kiero", true}, {"direccion", "diresion", true},
		{"genero", "jenero", true}, {"chat", "cat", false}, {"guia", "jia", false}, {"casa", "cosa", false}, {"claves", "clave", true},
	} {
		if got := sounding(c.a) == sounding(c.b); got != c.same {
			t.Errorf("%q sounds like %q is %v, want %v", sounding(c.a), sounding(c.b), got, c.same)
		}
	}
	for _, c := range []struct {
		a, b string
		slip bool
	}{
		{"correo", "corre", true}, {"corre", "correo", true}, {"correo", "xcorreo", true}, {"correo", "coreo", true}, {"correo", "corrwo", true}, {"correo", "correp", true},
		{"correo", "ocrreo", true}, {"correo", "corroe", true}, {"correo", "correo", true}, {"correo", "corr", false}, {"correo", "cerroo", false}, {"correo", "oorrec", false}, {"", "a", true}, {"", "ab", false},
	} {
		if got := slip(c.a, c.b); got != c.slip {
			t.Errorf("slip(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

// TestSentences: a text is cut where its sentences end, and a long one shows what matched.
func TestSentences(t *testing.T) {
	if diff := cmp.Diff([]string{"Vaya a la Av. Uno, art. 2.", "¿Y si no?", "«Llámenos.»", "Abra el RUC. Es todo"}, sentences("Vaya a la Av. Uno, art. 2. ¿Y si no? «Llámenos.» Abra el RUC. Es todo")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	e := entry{texts: []string{"Escriba a ayuda@instituto.example, o venga."}}
	if e.fold(); !slices.Equal(e.words, []string{"escriba", "a", "o", "venga"}) {
		t.Errorf("an address is found by %q", e.words)
	}
	long := strings.Repeat("palabra ", 60) + "aguja " + strings.Repeat("palabra ", 60)
	if got := clipped(long, []string{"aguja"}); !strings.Contains(got, "aguja") || len([]rune(got)) > maxExcerpt+1 || !strings.HasPrefix(got, "…") || !strings.HasSuffix(got, "…") {
		t.Errorf("clipped to %q", got)
	}
}

func FuzzFind(f *testing.F) {
	f.Add("¿Cómo recupero mi clave?")
	f.Add("ǅ\u0301 ﬃ 𝟙")
	s := &Server{Config: newPagesConfig(), Words: words.Spanish()}
	index := s.newIndex(policyOf(credential.Guia))
	f.Fuzz(func(t *testing.T, query string) {
		for _, word := range folded(query) {
			if word == "" || !isASCII(word) || word != strings.ToLower(word) {
				t.Errorf("%q has the word %q", query, word)
			}
		}
		if found := s.find(query, index); len(found) > maxResults {
			t.Errorf("%q finds %d", query, len(found))
		}
	})
}

// TestPoliciesDecideTheSheet: one institution, three policies, each sheet true.
func TestPoliciesDecideTheSheet(t *testing.T) {
	s, _ := exampleSite(t, true, nil)
	at := slices.IndexFunc(s.Institution.Sheets, func(one institution.Sheet) bool { return one.Procedure == institution.Generate })
	for preset, want := range map[string][2]string{
		credential.Ficha2026: {"Vale 3 minutos", "preguntas sobre su historial"}, credential.Guia: {"Vale 15 minutos", "fecha de nacimiento completa"},
		credential.Reforzada: {"Vale 15 minutos", "código de activación"},
	} {
		policy := policyOf(preset)
		policy.Attempts = 7
		v := s.sheet(aRequest(pathSheets+"/x"), s.Institution.Sheets[at], policy)
		text := ""
		for _, c := range v.Cases {
			text += strings.Join(c.Steps, "\n")
		}
		for _, part := range append(want[:], "Tiene 7 intentos cada 24 horas") {
			if !strings.Contains(text, part) {
				t.Errorf("%s: the steps lack %q", preset, part)
			}
		}
		if strings.Contains(text, "{") {
			t.Errorf("%s: a mark is left in %s", preset, text)
		}
		if file := string(s.paper(v).Write()); strings.Count(file, "/Type/Page/") != 1 {
			t.Errorf("%s: the PDF has %d pages", preset, strings.Count(file, "/Type/Page/"))
		}
	}
	for _, mark := range institution.Marks() {
		if s.decided(policyOf(credential.Guia), mark) == "" {
			t.Errorf("nothing decides {%s}", mark)
		}
	}
}

func TestSheetPage(t *testing.T) {
	_, get := exampleSite(t, true, nil)
	w := get("/tramites/generar-recuperar-clave")
	doc, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil || w.Code != http.StatusOK {
		t.Fatal(w.Code, err)
	}
	var data map[string]any
	for n := range doc.Descendants() {
		if n.Data == "script" && attribute(n, "type") == "application/ld+json" {
			if err := json.Unmarshal([]byte(n.FirstChild.Data), &data); err != nil {
				t.Fatal(err)
			}
		}
	}
	if data["@type"] != "GovernmentService" || data["name"] != "Generar / Recuperar clave" || data["url"] != "http://127.0.0.1:8080/tramites/generar-recuperar-clave" {
		t.Errorf("structured data %v", data)
	}
	if strings.Contains(w.Body.String(), "noindex") {
		t.Error("no search engine may show an official sheet")
	}
	pdf := get("/tramites/generar-recuperar-clave.pdf")
	if pdf.Code != http.StatusOK || pdf.Header().Get("Content-Type") != "application/pdf" || !strings.HasPrefix(pdf.Body.String(), "%PDF-1.7") {
		t.Errorf("the file: %d %s", pdf.Code, pdf.Header().Get("Content-Type"))
	}
	if got := pdf.Header().Get("Vary"); got != "Accept-Language, Cookie" {
		t.Errorf("the file is another one in each language, and says Vary %q", got)
	}
	for _, path := range []string{"/tramites/no-existe", "/tramites/no-existe.pdf", "/tramites/.pdf", "/tramites/generar-recuperar-clave.pdf.pdf", "/tramites/"} {
		if w := get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}

// TestFiguresOfASheet: the months before this program are those of one procedure, and
// stand on its sheet alone; on the others, page and file, no number is told as theirs.
func TestFiguresOfASheet(t *testing.T) {
	s, get := exampleSite(t, true, nil)
	figures := sampleFigures()
	figures.All = stats.Total{Months: 4, Complaints: 1, Attentions: 1_478_650}
	s.Figures = func(context.Context) (*stats.Published, error) { return figures, nil }
	const sum = "Atenciones de enero de 2024 a diciembre de 2026: 1.478.650. Quejas: 1. "
	elsewhere := s.Words.Text("sheet.figures.elsewhere")
	for _, sheet := range s.Institution.Sheets {
		main := sheet.Procedure == institution.Generate
		body := get(pathSheets + "/" + sheet.ID).Body.String()
		if strings.Contains(body, sum) != main || strings.Contains(body, "43.110") != main || strings.Contains(body, elsewhere) == main {
			t.Errorf("%s: its figures are not those that are its own", sheet.ID)
		}
		if main && !strings.Contains(body, "No hay datos de marzo de 2024 a octubre de 2026.") {
			t.Errorf("%s: the months without figures are not named", sheet.ID)
		}
		var paper []string
		for _, block := range s.paper(s.sheet(aRequest(pathSheets+"/x"), sheet, policyOf(credential.Ficha2026))).Blocks {
			for _, span := range block.Spans {
				paper = append(paper, span.Text)
			}
		}
		if text := strings.Join(paper, "\n"); strings.Contains(text, sum) != main || strings.Contains(text, elsewhere) == main || !strings.Contains(text, pathTransparency) {
			t.Errorf("%s, on paper: %s", sheet.ID, text)
		}
	}
}

// TestSheetWithoutFigures: a sheet is there when the database is not.
func TestSheetWithoutFigures(t *testing.T) {
	s, get := exampleSite(t, true, nil)
	s.Figures = func(context.Context) (*stats.Published, error) { return nil, errors.New("away") }
	for _, path := range []string{"/tramites/generar-recuperar-clave", "/tramites/generar-recuperar-clave.pdf", "/", "/ayuda", "/buscar?q=clave"} {
		if w := get(path); w.Code != http.StatusOK {
			t.Errorf("%s: %d without the database", path, w.Code)
		}
	}
}

func TestWellKnown(t *testing.T) {
	s, get := exampleSite(t, true, nil)
	if w := get(pathChangePassword); w.Code != http.StatusSeeOther || w.Header().Get("Location") != pathChange {
		t.Errorf("change-password: %d to %q", w.Code, w.Header().Get("Location"))
	}
	want := "Contact: mailto:seguridad@institucion.example\nPreferred-Languages: es, en\n" +
		"Canonical: http://127.0.0.1:8080/.well-known/security.txt\nExpires: 2026-09-03T00:00:00Z\n"
	if w := get(pathSecurity); w.Body.String() != want || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("security.txt is %q, want %q", w.Body, want)
	}
	if body := get(pathRobots).Body.String(); !strings.Contains(body, "Disallow: /clave/\n") || strings.Contains(body, "Disallow: /\n") {
		t.Errorf("robots.txt of an official site: %s", body)
	}
	s.Institution.Security = institution.SecurityContact{}
	if w := get(pathSecurity); w.Code != http.StatusNotFound {
		t.Errorf("security.txt of nobody: %d, want 404", w.Code)
	}
	s.Institution.Security = institution.SecurityContact{Contact: "https://a.example/", Policy: "https://b.example/"}
	if body := get(pathSecurity).Body.String(); !strings.HasPrefix(body, "Contact: https://a.example/\nPolicy: https://b.example/\n") {
		t.Errorf("security.txt with a policy: %s", body)
	}
	for name, site := range map[string]func(string) *httptest.ResponseRecorder{
		"example": second(exampleSite(t, false, nil)), "demo": second(exampleSite(t, true, &Demo{})),
	} {
		if body := site(pathRobots).Body.String(); body != "User-agent: *\nDisallow: /\n" {
			t.Errorf("robots.txt of the %s: %s", name, body)
		}
		if !strings.Contains(site("/").Body.String(), `content="noindex"`) {
			t.Errorf("search engines may show the %s", name)
		}
	}
}

func second(_ *Server, get func(string) *httptest.ResponseRecorder) func(string) *httptest.ResponseRecorder {
	return get
}

// TestCookiesAreTold holds the page against the cookies that the program sets.
func TestCookiesAreTold(t *testing.T) {
	s := newPages(t)
	s.secure = true
	told := map[string]bool{}
	for _, f := range s.cookiesView(aRequest(pathCookies), policyOf(credential.Ficha2026)).Sections[0].Facts {
		told[f.Name] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := 0
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for n := range ast.Preorder(tree) {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "cookie") {
				continue
			}
			set++
			if name := "__Host-" + literal(spec.Values[0]); !told[name] {
				t.Errorf("the page does not tell of %s", name)
			}
		}
	}
	if set != len(told) || set < 6 {
		t.Errorf("%d cookies are set, %d told", set, len(told))
	}
}

// TestPrivacyTellsTheRetention: each time by which the program deletes stands on the
// page.
func TestPrivacyTellsTheRetention(t *testing.T) {
	s := newPages(t)
	kept := credential.Kept{
		Procedures: 11 * 24 * time.Hour, Counters: 12 * 24 * time.Hour, Marks: 13 * 24 * time.Hour, Mails: 14 * 24 * time.Hour,
		Requests: 15 * 24 * time.Hour, Complaints: 16 * 24 * time.Hour, Unconfirmed: 17 * 24 * time.Hour, Devices: 18 * 24 * time.Hour,
		SessionsAtMost: 19 * 24 * time.Hour,
	}
	text := execute(t, s, shown{"text", "privacy", s.privacyView(aRequest(pathPrivacy), kept)})
	for n := 11; n <= 19; n++ {
		if part := numberText(n) + " días"; !strings.Contains(text, part) {
			t.Errorf("the page does not say %s", part)
		}
	}
}

// TestLegalTexts: what the institution answers for stands on its pages, and what it left
// out leaves no empty part.
func TestLegalTexts(t *testing.T) {
	s := newPages(t)
	r := aRequest(pathPrivacy)
	read := func(v textView) string { return execute(t, s, shown{"text", "legal", v}) }
	pages := func() (string, string, string) {
		return read(s.privacyView(r, credential.Kept{})), read(s.accessibilityView(r)), read(s.cookiesView(r, policyOf(credential.Ficha2026)))
	}
	privacy, accessibility, cookies := pages()
	for _, c := range []struct{ page, part string }{
		{privacy, "Instituto Entero"}, {privacy, "Calle 1"}, {privacy, "Ley, art. 1. Otra, art. 2."}, {privacy, `href="mailto:datos@example.com"`}, {privacy, `href="https://politica.example/"`},
		{accessibility, "2 de noviembre de 2026"}, {accessibility, "La unidad"}, {accessibility, "todos@example.com"}, {accessibility, "Rampa."}, {cookies, "Otras."},
	} {
		if !strings.Contains(c.page, c.part) {
			t.Errorf("no %q on its page", c.part)
		}
	}
	s.Institution.Privacy.Delegate, s.Institution.Privacy.Policy, s.Institution.Accessibility, s.Institution.Cookies = "", "", institution.Statement{}, nil
	privacy, accessibility, cookies = pages()
	for _, c := range []struct{ page, key string }{
		{privacy, "privacy.who.delegate"}, {privacy, "privacy.who.policy"}, {accessibility, "accessibility.own.title"}, {cookies, "cookies.own.title"},
	} {
		if text := s.Words.Text(c.key); strings.Contains(c.page, text) {
			t.Errorf("%q stands on a page that has nothing for it", text)
		}
	}
}

// Months without a row are told apart from months in which nothing happened.
func TestGaps(t *testing.T) {
	s := newPages(t)
	for _, c := range []struct {
		months []stats.Month
		want   []string
	}{
		{nil, nil},
		{[]stats.Month{"2026-12"}, nil},
		{[]stats.Month{"2026-03"}, []string{"No hay datos de abril de 2026 a diciembre de 2026."}},
		{[]stats.Month{"2026-11", "2026-12", "2026-12"}, nil},
		{[]stats.Month{"2026-09", "2026-11"}, []string{"No hay datos de octubre de 2026.", "No hay datos de diciembre de 2026."}},
		{[]stats.Month{"2026-04", "2026-11", "2026-04", "2026-12"}, []string{"No hay datos de mayo de 2026 a octubre de 2026."}},
	} {
		var rows []stats.Row
		for _, m := range c.months {
			rows = append(rows, stats.Row{Month: m})
		}
		if diff := cmp.Diff(c.want, s.gaps(&stats.Published{Rows: rows, Until: "2026-12-04"})); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.months, diff)
		}
	}
}
