package registry

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aldaba/internal/credential"
)

var today = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

func TestGenerateIsDeterministic(t *testing.T) {
	all := Generate("semilla", 200, today)
	if got := Generate("semilla", 200, today); !reflect.DeepEqual(got, all) {
		t.Error("the same seed gives other people")
	}
	if got := Generate("semilla", 50, today); !reflect.DeepEqual(got, all[:len(got)]) {
		t.Error("people depend on how many there are")
	}
	for _, now := range []time.Time{today.AddDate(9, 0, 0), today.AddDate(-30, 0, 0), {}} {
		if !reflect.DeepEqual(Generate("semilla", 50, now), all[:63]) {
			t.Errorf("people depend on the clock: other ones at %v", now)
		}
	}
	later := Generate("semilla", 50, today.AddDate(20, 0, 0))
	if got, want := later[0].Person.Birth.Year, all[0].Person.Birth.Year+20; got != want {
		t.Errorf("twenty years later the first person is born in %d, want %d", got, want)
	}
	other := Generate("otra", 200, today)
	for i := range all {
		if other[i].Person.Number == all[i].Person.Number {
			t.Errorf("another seed gives the same number to %s", all[i].Case)
		}
	}
	if got := len(Generate("semilla", -1, today)); got != 13 {
		t.Errorf("%d people for n = -1, want the cases alone", got)
	}
}

func TestCases(t *testing.T) {
	const (
		never = iota // no clave
		own          // a clave of their own, with answers
		handed
	)
	want := []struct {
		name      string
		document  credential.Document
		audience  credential.Audience
		email, in bool
		clave     int
		locked    bool
	}{
		{"nueva", credential.Cedula, credential.Affiliate, false, false, never, false},
		{"nueva-presencial", credential.Cedula, credential.Affiliate, true, true, never, false},
		{"con-clave", credential.Cedula, credential.Affiliate, true, false, own, false},
		{"con-clave-presencial", credential.Cedula, credential.Affiliate, true, true, own, false},
		{"bloqueada", credential.Cedula, credential.Affiliate, true, false, own, true},
		{"bloqueada-presencial", credential.Cedula, credential.Affiliate, true, true, own, true},
		{"extranjera", credential.ForeignCode, credential.Affiliate, false, false, never, false},
		{"pensionista", credential.Cedula, credential.Pensioner, false, false, never, false},
		{"derechohabiente", credential.Cedula, credential.Survivor, false, false, never, false},
		{"empleador", credential.RUC, credential.Employer, false, false, never, false},
		{"fallecida", credential.Cedula, credential.Affiliate, true, false, own, false},
		{"registro-delgado", credential.Cedula, credential.Affiliate, false, false, never, false},
		{"primera-clave", credential.Cedula, credential.Affiliate, true, true, handed, false},
	}
	for _, seed := range []string{"", "1", "aldaba", "ñandú"} {
		fakes := Generate(seed, 0, today)
		if len(fakes) != len(want) {
			t.Fatalf("%d cases, want %d", len(fakes), len(want))
		}
		for i, w := range want {
			f := fakes[i]
			if f.Case != w.name || f.Case != Cases()[i] {
				t.Errorf("case %d is %s, want %s", i, f.Case, w.name)
			}
			if f.Person.Number.Document() != w.document || !slices.Equal(f.Person.Audiences, []credential.Audience{w.audience}) {
				t.Errorf("%s: %s of %v", f.Case, f.Person.Number.Document(), f.Person.Audiences)
			}
			if (f.Email != "") != w.email || f.InPerson != w.in || f.Locked != w.locked {
				t.Errorf("%s: e-mail %q, in person %v, locked %v", f.Case, f.Email, f.InPerson, f.Locked)
			}
			if (f.Clave != "") != (w.clave != never) || (len(f.Answers) > 0) != (w.clave == own) || f.MustChange != (w.clave == handed) {
				t.Errorf("%s: clave %q, answers %v, must change %v", f.Case, f.Clave, f.Answers, f.MustChange)
			}
			if dead := f.Case == "fallecida"; f.Person.Death.IsZero() == dead {
				t.Errorf("%s: death %s", f.Case, f.Person.Death.ISO())
			}
			if got, want := credential.ThinRecord(f.Person, w.audience), f.Case == "registro-delgado"; got != want {
				t.Errorf("%s: thin record %v, want %v", f.Case, got, want)
			}
			if f.Case != "registro-delgado" && len(f.Person.Facts) != len(credential.RecordQuestions(w.audience)) {
				t.Errorf("%s: facts %v, want them all", f.Case, f.Person.Facts)
			}
		}
	}
}

func TestEveryoneIsSoundAndUnique(t *testing.T) {
	numbers, emails, audiences, documents := map[string]string{}, map[string]string{}, map[credential.Audience]int{}, map[credential.Document]int{}
	for i, f := range Generate("sound", 20_000, today) {
		p := f.Person
		number, err := credential.ParseNumber(p.Number.Document(), p.Number.Reveal())
		if err != nil || number != p.Number {
			t.Errorf("%s: number %q: %v", f.Case, p.Number.Reveal(), err)
		}
		// The cédula inside a RUC counts too.
		key := p.Number.Reveal()[:min(10, len(p.Number.Reveal()))]
		if other, ok := numbers[key]; ok {
			t.Errorf("%s and %s have the number %s", f.Case, other, key)
		}
		numbers[key] = f.Case
		if f.Email != "" {
			email, err := credential.ParseEmail(f.Email)
			if err != nil || email.Reveal() != f.Email || !strings.HasSuffix(f.Email, ".example") {
				t.Errorf("%s: e-mail %q: %v", f.Case, f.Email, err)
			}
			if other, ok := emails[email.Mailbox()]; ok {
				t.Errorf("%s and %s have the mailbox %s", f.Case, other, f.Email)
			}
			emails[email.Mailbox()] = f.Case
		}
		if f.InPerson && f.Email == "" {
			t.Errorf("%s was seen in person and left no address", f.Case)
		}
		if len(p.Audiences) != 1 {
			t.Fatalf("%s: audiences %v", f.Case, p.Audiences)
		}
		a := p.Audiences[0]
		audiences[a]++
		documents[p.Number.Document()]++
		if (a == credential.Employer) != (p.Number.Document() == credential.RUC) {
			t.Errorf("%s: a %s with a %s", f.Case, a, p.Number.Document())
		}
		asked := map[credential.FactID]bool{}
		for _, q := range credential.RecordQuestions(a) {
			asked[q.ID] = true
		}
		for id, code := range p.Facts {
			if !asked[id] || code == credential.NotOnRecord || !credential.FactDomainOK(id, code) {
				t.Errorf("%s: fact %s is %q", f.Case, id, code)
			}
		}
		if got := credential.ThinRecord(p, a); got != (f.Case == CaseThin) {
			t.Errorf("%s: thin record %v", f.Case, got)
		}
		birth := time.Date(p.Birth.Year, p.Birth.Month, p.Birth.Day, 0, 0, 0, 0, time.UTC)
		if age := today.Sub(birth).Hours() / 8766; birth.Day() != p.Birth.Day || age < 20 || age > 95 {
			t.Errorf("%s is born on %s", f.Case, p.Birth.ISO())
		}
		if n := len(strings.Fields(p.GivenNames.Reveal())); n != 2 {
			t.Errorf("%s: given names %q", f.Case, p.GivenNames.Reveal())
		}
		if n := len(strings.Fields(p.Surnames.Reveal())); n != 2 {
			t.Errorf("%s: surnames %q", f.Case, p.Surnames.Reveal())
		}
		if i < 13 {
			continue
		}
		if want := i < 13+WithClave; (f.Clave != "") != want || (len(f.Answers) > 0) != want || f.Locked || f.MustChange {
			t.Errorf("%s (random person %d): clave %q", f.Case, i-12, f.Clave)
		}
		if !strings.HasPrefix(f.Case, "azar-") || !p.Death.IsZero() {
			t.Errorf("random person %d: case %q, death %s", i-12, f.Case, p.Death.ISO())
		}
	}
	for _, a := range credential.Audiences() {
		if audiences[a] < 2_000 {
			t.Errorf("only %d of %s", audiences[a], a)
		}
	}
	for _, d := range credential.Documents() {
		if documents[d] < 500 {
			t.Errorf("only %d with a %s", documents[d], d)
		}
	}
}

// TestSecretsOfFakesPassTheRules looks at many seeds, since only a few people
// of each register have secrets.
func TestSecretsOfFakesPassTheRules(t *testing.T) {
	for seed := range 100 {
		claves := map[string]bool{}
		for _, f := range Generate(strings.Repeat("x", seed), WithClave, today) {
			if f.Clave == "" {
				continue
			}
			if n := utf8.RuneCountInString(f.Clave); n < 15 || n > 64 {
				t.Errorf("%s: clave %q has %d characters", f.Case, f.Clave, n)
			}
			if claves[f.Clave] {
				t.Errorf("clave %q comes twice", f.Clave)
			}
			claves[f.Clave] = true
			about := credential.OwnData{
				Number: f.Person.Number, GivenNames: f.Person.GivenNames, Surnames: f.Person.Surnames, Birth: f.Person.Birth,
			}
			if f.Email != "" {
				about.Email, _ = credential.ParseEmail(f.Email)
			}
			if about.FoundIn(f.Clave) {
				t.Errorf("%s: clave %q is built from own data", f.Case, f.Clave)
			}
			if f.MustChange {
				continue
			}
			var typed []credential.PersonalAnswer
			for _, id := range credential.PersonalQuestions() {
				typed = append(typed, credential.PersonalAnswer{Question: id, Answer: credential.NewText(f.BankAnswer(id))})
			}
			if err := credential.CheckAnswers(typed, len(typed), about); err != nil {
				t.Errorf("%s %s %s: %v", f.Case, f.Person.GivenNames.Reveal(), f.Person.Surnames.Reveal(), err)
			}
			if n := len(f.Answers); n < 3 || n > 4 {
				t.Errorf("%s answered %d questions, want 3 or 4", f.Case, n)
			}
			seen := map[string]bool{}
			for _, id := range credential.PersonalQuestions() {
				answer := f.BankAnswer(id)
				if utf8.RuneCountInString(answer) < 4 || seen[fold(answer)] || strings.ContainsAny(answer, "0123456789") {
					t.Errorf("%s: answer %q to %s", f.Case, answer, id)
				}
				seen[fold(answer)] = true
				if given, ok := f.Answers[id]; ok && given != answer {
					t.Errorf("%s: BankAnswer(%s) = %q, but answered %q", f.Case, id, answer, given)
				}
			}
		}
	}
}

// TestGuessingSpace computes what a thief has to guess who knows the number and
// the birth date and answers each question with what is most likely for it. The
// chance of getting in at one try, averaged over the people whose number the
// thief may have, must be below 1 in 100,000 for every audience.
func TestGuessingSpace(t *testing.T) {
	people := Generate("guess", 60_000, today)[13:]
	for _, a := range credential.Audiences() {
		var of []credential.Person
		for _, f := range people {
			if f.Person.HasAudience(a) {
				of = append(of, f.Person)
			}
		}
		chance := make([]float64, len(of))
		for i := range chance {
			chance[i] = 1
		}
		for _, q := range credential.RecordQuestions(a) {
			most := likeliest(of, q.ID)
			sum := 0.0
			for i, p := range of {
				chance[i] *= most[known(p, q.ID)]
				sum += most[known(p, q.ID)]
			}
			t.Logf("%-16s %-24s 1 in %4.1f", a, q.ID, float64(len(of))/sum)
		}
		sum, worst := 0.0, 0.0
		for _, c := range chance {
			sum += c
			worst = max(worst, c)
		}
		space := float64(len(of)) / sum
		t.Logf("%-16s 1 in %.0f on average of %d people, 1 in %.0f for the easiest", a, space, len(of), 1/worst)
		if space < 1e5 {
			t.Errorf("%s: guessing space %.0f, want at least 1e5", a, space)
		}
	}
}

// knowledge is what the thief knows that bears on a fact: the year of birth, or
// a band of years where the exact one says no more, and for provinces the one
// that the number begins with.
type knowledge struct {
	birth int
	home  string
}

func known(p credential.Person, id credential.FactID) knowledge {
	switch id.Domain() {
	case "year":
		return knowledge{birth: p.Birth.Year}
	case "province":
		return knowledge{birth: p.Birth.Year / 20, home: p.Number.Reveal()[:2]}
	}
	return knowledge{birth: p.Birth.Year / 5}
}

// likeliest gives for each knowledge the share of its most frequent answer. Small
// groups are taken together with the whole, or one person would count as sure.
func likeliest(people []credential.Person, id credential.FactID) map[knowledge]float64 {
	const enough = 50
	counts, total := map[knowledge]map[string]int{}, map[knowledge]int{}
	whole := map[string]int{}
	for _, p := range people {
		c, answer := known(p, id), p.Facts.Answer(id)
		if counts[c] == nil {
			counts[c] = map[string]int{}
		}
		counts[c][answer]++
		total[c]++
		whole[answer]++
	}
	share := func(of map[string]int, n int) float64 {
		most := 0
		for _, k := range of {
			most = max(most, k)
		}
		return float64(most) / float64(n)
	}
	shares := map[knowledge]float64{}
	for c, n := range total {
		shares[c] = share(counts[c], n)
		if n < enough {
			shares[c] = share(whole, len(people))
		}
	}
	return shares
}

// TestGuessingSpaceTogether looks at the answers together, which the product of
// single questions cannot: somebody with one employer answers two questions by
// one fact. The likeliest set of answers is at least as frequent as two people
// of one birth year are alike, so that this chance bounds the thief's from below.
func TestGuessingSpaceTogether(t *testing.T) {
	groups := map[credential.Audience]map[int]map[string]int{}
	for _, f := range Generate("alike", 40_000, today)[13:] {
		a := f.Person.Audiences[0]
		var all strings.Builder
		for _, q := range credential.RecordQuestions(a) {
			all.WriteString(f.Person.Facts.Answer(q.ID) + " ")
		}
		if groups[a] == nil {
			groups[a] = map[int]map[string]int{}
		}
		year := f.Person.Birth.Year
		if groups[a][year] == nil {
			groups[a][year] = map[string]int{}
		}
		groups[a][year][all.String()]++
	}
	for _, a := range credential.Audiences() {
		pairs, alike := 0.0, 0.0
		for _, sets := range groups[a] {
			n := 0
			for _, k := range sets {
				alike += float64(k*(k-1)) / 2
				n += k
			}
			pairs += float64(n*(n-1)) / 2
		}
		t.Logf("%s: %.0f of %.0f pairs alike", a, alike, pairs)
		if pairs < 2e5 || alike/pairs > 1e-5 {
			t.Errorf("%s: %.0f of %.0f pairs of one birth year are alike, want less than 1 in 100,000", a, alike, pairs)
		}
	}
}

func FuzzGenerate(f *testing.F) {
	f.Add("1", 3, int64(0))
	f.Add("", -7, int64(1<<60))
	f.Fuzz(func(t *testing.T, seed string, n int, unix int64) {
		people := Generate(seed, n%30, time.Unix(unix%(1<<37), 0))
		for _, p := range people {
			for id, code := range p.Person.Facts {
				if !credential.FactDomainOK(id, code) {
					t.Errorf("%s: %s is %q", p.Case, id, code)
				}
			}
		}
	})
}
