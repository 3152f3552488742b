package credential

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServicesFor(t *testing.T) {
	all := []OnlineService{
		{ID: "low", Audiences: []Audience{Affiliate, Pensioner}, Level: Declared},
		{ID: "high", Audiences: []Audience{Pensioner}, Level: InPerson},
		{ID: "firms", Audiences: []Audience{Employer}, Level: Declared},
	}
	for _, c := range []struct {
		name        string
		audiences   []Audience
		level       Level
		open, above []string
	}{
		{"declared", []Audience{Affiliate}, Declared, []string{"low"}, nil},
		{"of two audiences, each once", []Audience{Affiliate, Pensioner}, Declared, []string{"low"}, []string{"high"}},
		{"in person", []Audience{Pensioner}, InPerson, []string{"low", "high"}, nil},
		{"never proven", []Audience{Pensioner}, NoLevel, nil, []string{"low", "high"}},
		{"of none", nil, InPerson, nil, nil},
	} {
		open, above := ServicesFor(all, c.audiences, c.level)
		ids := func(list []OnlineService) (out []string) {
			for _, o := range list {
				out = append(out, o.ID)
			}
			return out
		}
		if diff := cmp.Diff([][]string{c.open, c.above}, [][]string{ids(open), ids(above)}); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	// A service that states no level, which no configuration can have, opens to nobody
	// who was never proven.
	if open, _ := ServicesFor([]OnlineService{{Audiences: []Audience{Affiliate}}}, []Audience{Affiliate}, NoLevel); len(open) > 0 {
		t.Error("an account of no level opens something")
	}
}
