package credential

import (
	"errors"
	"regexp"
	"slices"
	"testing"
)

func TestSecurityImages(t *testing.T) {
	list := SecurityImages()
	if len(list) < 12 {
		t.Errorf("%d pictures, want at least the twelve of M14", len(list))
	}
	code := regexp.MustCompile(`^[a-z]+$`)
	seen := map[SecurityImage]bool{}
	for _, image := range list {
		if !code.MatchString(string(image)) || seen[image] {
			t.Errorf("%q is no code of its own", image)
		}
		seen[image] = true
		if got, err := ParseSecurityImage(string(image)); got != image || err != nil {
			t.Errorf("ParseSecurityImage(%q) = %q, %v", image, got, err)
		}
	}
	list[0] = "other"
	if slices.Contains(SecurityImages(), "other") {
		t.Error("a caller can change the list")
	}
}

func TestParseSecurityImageRefuses(t *testing.T) {
	for _, s := range []string{"", " ", "Colibri", "colibri ", "colibrí", "../colibri", "colibri.svg"} {
		got, err := ParseSecurityImage(s)
		refusal, ok := errors.AsType[*Error](err)
		if got != "" || !ok || refusal.Kind != Invalid || refusal.Field != "image" || refusal.Rule != "choose" {
			t.Errorf("ParseSecurityImage(%q) = %q, %v", s, got, err)
		}
	}
}

func FuzzParseSecurityImage(f *testing.F) {
	f.Add("colibri")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseSecurityImage(s)
		if (err == nil) != slices.Contains(SecurityImages(), SecurityImage(s)) || (err == nil) != (got == SecurityImage(s) && got != "") {
			t.Errorf("ParseSecurityImage(%q) = %q, %v", s, got, err)
		}
	})
}
