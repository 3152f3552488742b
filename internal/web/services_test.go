package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
)

// TestInstitutionOnPages: colours stand behind our own, each for its kind of screen;
// the logo is served; who is not official says so.
func TestInstitutionOnPages(t *testing.T) {
	of := institution.Example()
	of.Light = nil
	s := newSiteOf(t, of, nil)
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.Citizens().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		return w
	}
	body := get("/").Body.String()
	if !strings.Contains(body, s.Words.Text("page.unofficial")) {
		t.Error("the page does not say that it is not official")
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	style, logo := "", ""
	for n := range doc.Descendants() {
		switch {
		case n.Data == "link" && attribute(n, "rel") == "stylesheet" && strings.HasSuffix(attribute(n, "href"), "aldaba.css"):
			style = attribute(n, "href")
		case n.Data == "img":
			logo = attribute(n, "src")
		}
	}
	sheet := get(style).Body.String()
	added := sheet[strings.LastIndex(sheet, "@media"):]
	if !strings.HasPrefix(added, "@media screen and (prefers-color-scheme:dark){:root{--al-masthead:#0a3a44;") || !strings.HasSuffix(added, "--al-button-text:#062126}}") {
		t.Errorf("the style sheet ends in %s", added)
	}
	if strings.Contains(sheet, "prefers-color-scheme:light") {
		t.Error("colours that the institution left out are in the style sheet")
	}
	if w := get(logo); w.Body.String() != string(of.Logo.Content) || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("the logo comes as %s", w.Header().Get("Content-Type"))
	}
}

func TestServicesByGroup(t *testing.T) {
	s := newPages(t)
	all := []credential.Audience{credential.Affiliate}
	s.Institution.Services = []credential.OnlineService{
		{ID: "a", Name: "A", Group: "Uno", Audiences: all, Level: credential.Declared},
		{ID: "b", Name: "B", Group: "Uno", Audiences: all, Level: credential.InPerson},
		{ID: "c", Name: "C", Group: "Uno", Audiences: all, Level: credential.Declared},
		{ID: "d", Name: "D", Group: "Dos", Audiences: all, Level: credential.Declared},
	}
	one := s.Institution.Services
	got := s.services(credential.Home{Audiences: all, Level: credential.Declared})
	want := servicesView{Groups: []serviceGroup{{"Uno", []credential.OnlineService{one[0], one[2]}}, {"Dos", one[3:]}}, Above: []string{"B"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if cities := s.cities(); len(cities) != 2 || cities[0].Name != "Quito" || len(cities[0].Offices) != 2 || cities[1].Name != "Loja" {
		t.Errorf("cities %+v, want the offices of Quito together", cities)
	}
}
