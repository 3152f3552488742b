package credential

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRecordQuestionsAreWholeDomains(t *testing.T) {
	owner := map[FactID]Audience{}
	for _, a := range Audiences() {
		questions := RecordQuestions(a)
		if n := len(questions); n < 6 || n > 7 {
			t.Errorf("%s is asked %d questions, want 6 or 7", a, n)
		}
		seen := map[FactID]bool{}
		present := 0
		for _, q := range questions {
			if seen[q.ID] {
				t.Errorf("%s is asked %s twice", a, q.ID)
			}
			seen[q.ID] = true
			if a == Employer {
				if other, ok := owner[q.ID]; ok {
					t.Errorf("%s is asked of %s and of an employer, whose right answers may differ", q.ID, other)
				}
			}
			owner[q.ID] = a
			if len(q.Options) < 5 {
				t.Errorf("%s has only %d options", q.ID, len(q.Options))
			}
			if last := q.Options[len(q.Options)-1]; last != NotOnRecord {
				t.Errorf("%s ends with %q, want NotOnRecord", q.ID, last)
			}
			options := slices.Sorted(slices.Values(q.Options))
			if len(slices.Compact(options)) != len(q.Options) {
				t.Errorf("%s offers an option twice", q.ID)
			}
			for _, code := range q.Options {
				if !FactDomainOK(q.ID, code) {
					t.Errorf("FactDomainOK(%q, %q) = false, want true", q.ID, code)
				}
			}
			if q.ID == FactLastProvince || q.ID == FactLastMonth || q.ID == FactLastSalary {
				present++
			}
		}
		if present == len(questions) {
			t.Errorf("%s is asked only about the employer of today", a)
		}
	}
	years := RecordQuestions(Affiliate)[0].Options
	if years[0] != "2026" || years[1] != "2025" {
		t.Errorf("years begin %q, want them to descend", years[:2])
	}
	years[0] = "spoilt"
	if RecordQuestions(Affiliate)[0].Options[0] == "spoilt" {
		t.Error("a caller can change the options of everyone")
	}
	if got := RecordQuestions("nobody"); got != nil {
		t.Errorf("RecordQuestions(nobody) = %v, want none", got)
	}
	provinces := RecordQuestions(Affiliate)[4].Options
	if len(provinces) != 26 || provinces[0] != "01" || provinces[23] != "24" || provinces[24] != "abroad" {
		t.Errorf("provinces = %v, want 01 to 24 and abroad", provinces)
	}
}

func TestRecordYear(t *testing.T) {
	for year, want := range map[int]string{1959: "earlier", 1960: "1960", 2026: "2026", 2027: "later", -5: "earlier"} {
		if got := RecordYear(year); got != want {
			t.Errorf("RecordYear(%d) = %q, want %q", year, got, want)
		}
	}
}

func TestEmployerCount(t *testing.T) {
	for n, want := range map[int]string{0: "none", -1: "none", 1: "1", 5: "5", 6: "6_7", 7: "6_7", 8: "8_10", 10: "8_10", 11: "11_more", 99: "11_more"} {
		got := EmployerCount(n)
		if got != want {
			t.Errorf("EmployerCount(%d) = %q, want %q", n, got, want)
		}
		if !FactDomainOK(FactEmployers, got) {
			t.Errorf("EmployerCount(%d) = %q, which is no option", n, got)
		}
	}
}

func TestFactDomainOK(t *testing.T) {
	tests := []struct {
		id   FactID
		code string
		want bool
	}{
		{FactFirstMonth, "12", true},
		{FactFirstMonth, "13", false},
		{FactFirstMonth, "01", false},
		{FactLastProvince, "01", true},
		{FactLastProvince, "1", false},
		{FactLastProvince, "25", false},
		{FactFirstYear, "", false},
		{FactFirstYear, "none", true},
		{"shoe_size", "none", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got := FactDomainOK(tt.id, tt.code); got != tt.want {
			t.Errorf("FactDomainOK(%q, %q) = %v, want %v", tt.id, tt.code, got, tt.want)
		}
	}
}

// fullFacts answers every question of an audience by its first option.
func fullFacts(a Audience) Facts {
	facts := Facts{}
	for _, q := range RecordQuestions(a) {
		facts[q.ID] = q.Options[0]
	}
	return facts
}

func TestThinRecord(t *testing.T) {
	for _, a := range Audiences() {
		questions := RecordQuestions(a)
		p := Person{Facts: fullFacts(a)}
		if ThinRecord(p, a) {
			t.Errorf("%s: a full record is thin", a)
		}
		delete(p.Facts, questions[0].ID)
		if ThinRecord(p, a) {
			t.Errorf("%s: a record with one missing fact is thin", a)
		}
		p.Facts[questions[1].ID] = NotOnRecord
		if !ThinRecord(p, a) {
			t.Errorf("%s: a record with two missing facts is not thin", a)
		}
	}
	if !ThinRecord(Person{Facts: fullFacts(Survivor)}, Affiliate) {
		t.Error("facts of another audience count as one's own")
	}
	if !ThinRecord(Person{}, "nobody") {
		t.Error("an unknown audience has a full record")
	}
}

func TestParseRecordAnswers(t *testing.T) {
	for _, a := range Audiences() {
		want := fullFacts(a)
		got, faults := ParseRecordAnswers(a, func(id FactID) string { return want[id] })
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", a, diff)
		}
		questions := RecordQuestions(a)
		for _, wrong := range []string{"", "nowhere", questions[2].Options[0] + " "} {
			got, faults := ParseRecordAnswers(a, func(id FactID) string {
				if id == questions[2].ID || id == questions[5].ID {
					return wrong
				}
				return want[id]
			})
			both := Errors{invalid("record."+string(questions[2].ID), "choose"), invalid("record."+string(questions[5].ID), "choose")}
			if diff := cmp.Diff(both, faults); diff != "" {
				t.Errorf("%s with two answers %q (-want +got):\n%s", a, wrong, diff)
			}
			if len(got) != len(want)-2 {
				t.Errorf("%s: %d right answers kept, want %d", a, len(got), len(want)-2)
			}
		}
	}
	if _, faults := ParseRecordAnswers("nobody", func(FactID) string { return NotOnRecord }); !IsKind(faults, Invalid) {
		t.Errorf("unknown audience: %v, want Invalid", faults)
	}
}

func TestQuestionsAudience(t *testing.T) {
	for _, a := range Audiences() {
		if got := QuestionsAudience(RUC, a); got != Employer {
			t.Errorf("QuestionsAudience(RUC, %s) = %s, want %s", a, got, Employer)
		}
		if got := QuestionsAudience(Cedula, a); got != a {
			t.Errorf("QuestionsAudience(Cedula, %s) = %s", a, got)
		}
		if got := QuestionsAudience(ForeignCode, a); got != a {
			t.Errorf("QuestionsAudience(ForeignCode, %s) = %s", a, got)
		}
	}
}

func FuzzParseRecordAnswers(f *testing.F) {
	f.Add("afiliado", "1999")
	f.Add("empleador", "none")
	f.Add("", "\x00")
	f.Fuzz(func(t *testing.T, audience, answer string) {
		facts, faults := ParseRecordAnswers(Audience(audience), func(FactID) string { return answer })
		if asked := len(RecordQuestions(Audience(audience))); asked > 0 && len(facts)+len(faults) != asked {
			t.Fatalf("%d questions, facts %v and faults %v", asked, facts, faults)
		}
		for id, code := range facts {
			if !FactDomainOK(id, code) {
				t.Errorf("accepted %q for %s", code, id)
			}
		}
	})
}
