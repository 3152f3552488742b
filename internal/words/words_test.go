package words

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aldaba/internal/credential"
)

func TestLanguages(t *testing.T) {
	all, err := languages()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 2 || all[0] != Spanish() || len(Spanish().Keys()) < 1500 {
		t.Fatalf("%d languages, %d keys in Spanish; want Spanish first, and all keys", len(all), len(Spanish().Keys()))
	}
	taken := map[string]bool{}
	for _, l := range all {
		for _, one := range []string{l.Tag(), l.Name()} {
			if taken[one] {
				t.Errorf("%s.toml: %q is another language's", l.Code(), one)
			}
			taken[one] = true
		}
		t.Run(string(l.Code()), func(t *testing.T) {
			for _, key := range l.Keys() {
				text := l.Text(key)
				if strings.Contains(text, "[[") || strings.TrimSpace(text) != text {
					t.Errorf("%s = %q", key, text)
				}
				if strings.Count(text, "{") != strings.Count(text, "}") {
					t.Errorf("%s = %q has an odd brace", key, text)
				}
			}
			complete(t, l)
		})
	}
}

// own reports whether a key is one of which each language has its own: words that
// mean the same to the search.
func own(key string) bool { return strings.HasPrefix(key, "search.same.") }

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// complete names each sentence that a language lacks, has too many, or has with other
// {names} than Spanish: what it would say without them is not the same.
func complete(t *testing.T, l *Language) {
	t.Helper()
	names := func(text string) []string {
		found := placeholder.FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	for _, key := range Spanish().Keys() {
		switch {
		case own(key):
		case !l.Has(key):
			t.Errorf("%s.toml lacks %s: %q in Spanish", l.Code(), key, Spanish().Text(key))
		case !slices.Equal(names(l.Text(key)), names(Spanish().Text(key))):
			t.Errorf("%s.toml: %s = %q, want the {names} of %q", l.Code(), key, l.Text(key), Spanish().Text(key))
		}
	}
	for _, key := range l.Keys() {
		if !own(key) && !Spanish().Has(key) {
			t.Errorf("%s.toml has %s, which nobody asks for", l.Code(), key)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"no TOML":    {"[a", "words: toml"},
		"number":     {"[a]\nb = 3", "a.b"},
		"list":       {"[a]\nb = [\"x\"]", "a.b"},
		"empty":      {"[a.b]\nc = \" \"", "a.b.c"},
		"same twice": {"[a]\nb = \"x\"\nb = \"y\"", "words: toml"},
	} {
		if _, err := Load("es", tt.file); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Load() = %v, want it to name %q", name, err, tt.want)
		}
	}
}

func TestText(t *testing.T) {
	l, err := Load("es", "[mail]\nsubject = \"Hola, {name}: {n} de {n}\"\nplain = \"a {b}\"")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		key  string
		args []any
		want string
	}{
		{"mail.subject", []any{"name", "Inti", "n", 3}, "Hola, Inti: 3 de 3"},
		{"mail.subject", []any{"name", "{n}", "n", 3}, "Hola, {n}: 3 de 3"},
		{"mail.subject", []any{"name", credential.NewText("Inti"), "n", 1}, "Hola, •••: 1 de 1"},
		{"mail.plain", nil, "a {b}"},
		{"mail.plain", []any{"b"}, "a {b}"},
		{"mail.plain", []any{"other", 1}, "a {b}"},
		{"mail.nothing", []any{"b", 1}, "[[mail.nothing]]"},
		{"mail", nil, "[[mail]]"},
	}
	for _, tt := range tests {
		if got := l.Text(tt.key, tt.args...); got != tt.want {
			t.Errorf("Text(%q, %v) = %q, want %q", tt.key, tt.args, got, tt.want)
		}
	}
	if !l.Has("mail.plain") || l.Has("mail") {
		t.Error("Has() is wrong")
	}
}

func TestCalendar(t *testing.T) {
	l := Spanish()
	// Four in the morning of London is still the day before in Quito.
	at := time.Date(2026, time.March, 1, 4, 5, 6, 0, time.UTC)
	if got, want := l.Date(at), "28 de febrero de 2026"; got != want {
		t.Errorf("Date() = %q, want %q", got, want)
	}
	if got, want := l.Clock(at), "23:05"; got != want {
		t.Errorf("Clock() = %q, want %q", got, want)
	}
	if got, want := l.DateTime(at), "28 de febrero de 2026, 23:05"; got != want {
		t.Errorf("DateTime() = %q, want %q", got, want)
	}
	if got := l.Month(0) + l.Month(13) + l.Month(-1); got != "" {
		t.Errorf("months out of range = %q, want none", got)
	}
	if got := l.Month(9); got != "septiembre" {
		t.Errorf("Month(9) = %q", got)
	}
}

func TestLasting(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		time.Second: "1 segundo", 45 * time.Second: "45 segundos", 90 * time.Second: "90 segundos", time.Minute: "1 minuto", 3 * time.Minute: "3 minutos",
		time.Hour: "1 hora", 90 * time.Minute: "90 minutos", 2 * time.Hour: "2 horas", day: "24 horas", 36 * time.Hour: "36 horas", 2 * day: "2 días", 30 * day: "30 días",
		365 * day: "1 año", 3 * 365 * day: "3 años",
	} {
		if got := Spanish().Lasting(d); got != want {
			t.Errorf("Lasting(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestParseDay(t *testing.T) {
	want := time.Date(2026, time.March, 5, 5, 0, 0, 0, time.UTC)
	for _, text := range []string{"2026-03-05", "5/3/2026", " 05/03/2026 ", "05-03-2026", "5-3-2026"} {
		if got, ok := ParseDay(text); !ok || !got.Equal(want) || InputDay(got) != "2026-03-05" {
			t.Errorf("ParseDay(%q) = %v, %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "ayer", "2026-02-30", "31/13/2026", "5/3/26", "2026-03-05T10:00", "0/0/0"} {
		if got, ok := ParseDay(text); ok {
			t.Errorf("ParseDay(%q) = %v, want none", text, got)
		}
	}
}

// ofRepresentative is how a question about an employer's record begins.
var ofRepresentative = map[credential.Language]string{"es": "Del representante legal: ", "en": "Legal representative: "}

// TestQuestionTexts holds that a question is found by its text alone: one text
// per fact and per personal question, none of them the label of another field
// of the same page, and options that a person can tell apart.
func TestQuestionTexts(t *testing.T) {
	for _, l := range Languages() {
		t.Run(string(l.Code()), func(t *testing.T) { questionTexts(t, l) })
	}
}

func questionTexts(t *testing.T, l *Language) {
	beginning, known := ofRepresentative[l.Code()]
	if !known {
		t.Fatalf("ofRepresentative does not say how %s.toml begins a question about an employer's record", l.Code())
	}
	used := map[string]string{}
	for _, label := range []string{
		"birthday.day", "birthday.month", "birthday.year", "security.question", "security.answer", "security.phone",
		"start.document.label", "contact.label", "prove.code",
	} {
		used[l.Text(label)] = "label"
	}
	claim := func(text, owner string) {
		t.Helper()
		if strings.Contains(text, "[[") || strings.Contains(text, "{") {
			t.Errorf("%s has no text: %q", owner, text)
		}
		for have, other := range used {
			if strings.EqualFold(have, text) && other != owner {
				t.Errorf("%s and %s are both %q", owner, other, text)
			}
		}
		used[text] = owner
	}
	for _, a := range credential.Audiences() {
		for _, q := range credential.RecordQuestions(a) {
			claim(l.RecordQuestion(q.ID), string(q.ID))
			if (a == credential.Employer) != strings.HasPrefix(l.RecordQuestion(q.ID), beginning) {
				t.Errorf("%s: %q does not say whose record it is", q.ID, l.RecordQuestion(q.ID))
			}
			options := map[string]bool{}
			for _, code := range q.Options {
				text := l.RecordOption(q.ID, code)
				if text == "" || strings.Contains(text, "[[") || strings.Contains(text, "{") || options[text] {
					t.Errorf("option %s of %s is %q", code, q.ID, text)
				}
				options[text] = true
			}
			if got := l.RecordOption(q.ID, "nonsense"); !strings.HasPrefix(got, "[[") {
				t.Errorf("an option that is none of %s is %q", q.ID, got)
			}
		}
	}
	for _, id := range credential.PersonalQuestions() {
		claim(l.PersonalQuestion(id), string(id))
	}
}

func TestRecordOption(t *testing.T) {
	tests := []struct {
		id         credential.FactID
		code, want string
	}{
		{credential.FactFirstYear, "1998", "1998"},
		{credential.FactFirstYear, "earlier", "Antes de 1960"},
		{credential.FactPensionYear, "later", "Después de 2026"},
		{credential.FactFirstMonth, "3", "marzo"},
		{credential.FactLastProvince, "10", "Imbabura"},
		{credential.FactRepLastProvince, "24", "Santa Elena"},
		{credential.FactEmployers, "5", "5"},
		{credential.FactRepEmployers, "11_more", "11 o más"},
		{credential.FactSurvivorBank, "none", "No consta"},
	}
	for _, tt := range tests {
		if got := Spanish().RecordOption(tt.id, tt.code); got != tt.want {
			t.Errorf("RecordOption(%s, %s) = %q, want %q", tt.id, tt.code, got, tt.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a {b} {{b}", "b", "{b}")
	f.Fuzz(func(t *testing.T, text, name, value string) {
		l := &Language{texts: map[string]string{"key": text}}
		got := l.Text("key", name, value)
		if want := strings.ReplaceAll(text, "{"+name+"}", value); got != want {
			t.Errorf("Text(%q) with %q=%q is %q, want %q", text, name, value, got, want)
		}
	})
}
