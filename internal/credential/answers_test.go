package credential

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestNormaliseAnswer(t *testing.T) {
	tests := []struct{ typed, want string }{
		{"Escuela Simón Bolívar", "escuelasimonbolivar"},
		{"ESCUELA  SIMO\u0301N-BOLIVAR.", "escuelasimonbolivar"},
		{"La Ñusta", "lanusta"},
		{"el locro", "ellocro"}, // articles stay
		{"ﬁesta", "fiesta"},
		{"Ｑｕｉｔｏ １２", "quito12"},
		{"1º de Mayo", "1odemayo"},
		{"Mama\u200bcita", "mamacita"},
		{"", ""},
		{"¡¿?! ", ""},
		{"🐶🐱", ""},
		{"\xff\xfe", ""},
		{strings.Repeat("a", 100), strings.Repeat("a", 100)},
		{strings.Repeat("ñ", 101), ""},
	}
	for _, test := range tests {
		if got := NormaliseAnswer(test.typed); got != test.want {
			t.Errorf("NormaliseAnswer(%q) = %q, want %q", test.typed, got, test.want)
		}
	}
}

func rosa(t testing.TB) OwnData {
	t.Helper()
	return OwnData{
		Number:     mustParseNumber(t, Cedula, "2051234561"),
		GivenNames: NewText("Ana Lucía"),
		Surnames:   NewText("Quishpe de la O Díaz del Pozo"),
		Birth:      Date{1985, time.May, 3},
		Email:      mustParseEmail(t, "anita.quito85+iess@gmail.com"),
	}
}

func answer(question PersonalQuestionID, text string) PersonalAnswer {
	return PersonalAnswer{question, NewText(text)}
}

func TestCheckAnswers(t *testing.T) {
	q := PersonalQuestions()
	good := []PersonalAnswer{answer(q[0], "Escuela Sucre"), answer(q[1], "Calle Larga 24"), answer(q[2], "Mamá Dolores")}
	with := func(a ...PersonalAnswer) []PersonalAnswer { return append(slices.Clone(good), a...) }
	tests := []struct {
		name        string
		answers     []PersonalAnswer
		field, rule string
	}{
		{"three", good, "", ""},
		{"blanks beside three", with(answer(q[3], ""), answer(q[4], " \u00a0")), "", ""},
		{"none", nil, "", "too_few"},
		{"two and a blank", []PersonalAnswer{good[0], good[1], answer(q[2], "  ")}, "", "too_few"},
		{"short", with(answer(q[3], "Jo")), "bank." + string(q[3]), "too_short"},
		{"nothing but signs", with(answer(q[3], "-----")), "bank." + string(q[3]), "too_short"},
		{"just long enough", with(answer(q[3], "a b-c")), "", ""},
		{"hundred", with(answer(q[3], strings.Repeat("ñx", 50))), "", ""},
		{"above hundred", with(answer(q[3], strings.Repeat("ñx", 50)+"y")), "bank." + string(q[3]), "too_long"},
		{"twice", with(answer(q[3], "ESCUELA-SUCRE")), "bank." + string(q[3]), "repeated"},
		{"not of the bank", with(answer("shoe_size\n", "cuarenta")), "", "unknown_question"},
		{"question twice", with(answer(q[0], "otra escuela")), "bank." + string(q[0]), "duplicate_question"},
		{"question twice, blank", with(answer(q[0], "")), "bank." + string(q[0]), "duplicate_question"},
		{"own name", with(answer(q[3], "lucia")), "bank." + string(q[3]), "own_data"},
		{"own number", with(answer(q[3], "mi cédula: 205123456-1")), "bank." + string(q[3]), "own_data"},
		{"the fault of the first comes first", []PersonalAnswer{answer(q[0], "x"), answer(q[1], "lucia")}, "bank." + string(q[0]), "too_short"},
	}
	seen := map[string]bool{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			field, rule := ruleOf(t, CheckAnswers(test.answers, 3, rosa(t)))
			if field != test.field || rule != test.rule {
				t.Errorf("CheckAnswers = %s/%s, want %s/%s", field, rule, test.field, test.rule)
			}
			seen[rule] = true
		})
	}
	for _, rule := range AnswersRules() {
		if !seen[rule] {
			t.Errorf("no case for rule %q", rule)
		}
	}
}

func TestOwnDataFoundIn(t *testing.T) {
	found := []string{
		"Ana", "ANA", "ana 85", "ana1985", "Escuela Ana Paredes", "Lucía", "lu-ci-a", "SantaLucia", "xxquishpe99", "Díaz", "diaz",
		"2051234561", "205 123 456 1", "ced2051234561x",
		"1985", "0305", "0503", "03/05/1985", "1985-05-03", "3.5.1985", "030585", "850503", "nací 03051985",
		"3 de mayo", "03 de Mayo de 1985", "3mayo85", "mayo de 1985", "mayo 1985", "05/1985",
		"anitaquito85", "anita.quito85!",
	}
	clean := []string{
		"banana", "Mariana", "Dianita", "Escuela 24 de Mayo", "13 de mayo", "24mayo", "Los Andes", "Las Peñas", "del monte",
		"viaje a Galápagos 1985", "calle 0305 norte", "12051234561", "20512345610", "103051985", "diazepam", "quito", "anita", "", "???", "1986", "mayor",
	}
	for _, typed := range found {
		if !rosa(t).FoundIn(typed) {
			t.Errorf("FoundIn(%q) = false, want true", typed)
		}
	}
	for _, typed := range clean {
		if rosa(t).FoundIn(typed) {
			t.Errorf("FoundIn(%q) = true, want false", typed)
		}
		if (OwnData{}).FoundIn(typed) {
			t.Errorf("nobody's data found in %q", typed)
		}
	}
	employer := OwnData{Number: mustParseNumber(t, RUC, "2051234561001")}
	for _, typed := range []string{"2051234561001", "2051234561"} {
		if !employer.FoundIn(typed) {
			t.Errorf("FoundIn(%q) of an employer = false, want true", typed)
		}
	}
}

func TestFragments(t *testing.T) {
	got := rosa(t).Fragments()
	for _, want := range []string{"ana", "lucia", "quishpe", "diaz", "pozo", "2051234561", "1985", "0305", "0503", "03051985", "19850503", "05031985", "3demayo", "anitaquito85"} {
		if !slices.Contains(got, want) {
			t.Errorf("Fragments lacks %q", want)
		}
	}
	seen := map[string]bool{}
	for _, f := range got {
		if len(f) < 3 || f != NormaliseAnswer(f) || seen[f] || f == "del" {
			t.Errorf("fragment %q", f)
		}
		seen[f] = true
	}
	if got := (OwnData{}).Fragments(); len(got) != 0 {
		t.Errorf("Fragments of nobody = %q", got)
	}
	// A date that is no date must not panic.
	_ = OwnData{Birth: Date{-7, 13, 99}}.Fragments()
}

func TestEncodeAnswers(t *testing.T) {
	a, b, c := answer("a", "uno dos"), answer("b", "tres"), answer("c", "Ñandú")
	want := []byte("\x00\x00\x00\x01\x00\x00\x00\x03" +
		"\x00\x00\x00\x01a\x00\x00\x00\x06unodos" + "\x00\x00\x00\x01b\x00\x00\x00\x04tres" + "\x00\x00\x00\x01c\x00\x00\x00\x05nandu")
	if diff := cmp.Diff(want, EncodeAnswers([]PersonalAnswer{c, a, b})); diff != "" {
		t.Errorf("EncodeAnswers (-want +got):\n%s", diff)
	}
	if !bytes.Equal(EncodeAnswers([]PersonalAnswer{a, b, c}), EncodeAnswers([]PersonalAnswer{b, c, answer("a", "UNO, dos.")})) {
		t.Error("order or spelling changes the encoding")
	}
	others := [][]PersonalAnswer{
		{a, b}, {answer("a", "unodostres"), answer("b", ""), c}, {answer("a", "unodost"), answer("b", "res"), c},
		{answer("b", "uno dos"), answer("a", "tres"), c}, {a, a, b, c}, {answer("au", "nodos"), b, c}, nil,
	}
	encodings := map[string]bool{string(want): true}
	for _, other := range others {
		encoding := string(EncodeAnswers(other))
		if encodings[encoding] {
			t.Errorf("%q is the encoding of two sets", encoding)
		}
		encodings[encoding] = true
	}
}

// TestS14OneAnswerThreeTimes shows that one known question and answer does not
// pass as three (security case S14).
func TestS14OneAnswerThreeTimes(t *testing.T) {
	q := PersonalQuestions()
	kept := EncodeAnswers([]PersonalAnswer{answer(q[0], "Escuela Sucre"), answer(q[1], "Calle Larga"), answer(q[2], "Dolores")})
	one := answer(q[0], "Escuela Sucre")
	thrice := []PersonalAnswer{one, one, one}
	if bytes.Equal(EncodeAnswers(thrice), kept) {
		t.Error("one answer three times encodes as three")
	}
	if _, rule := ruleOf(t, CheckAnswers(thrice, 3, OwnData{})); rule != "duplicate_question" {
		t.Errorf("CheckAnswers = %q, want duplicate_question", rule)
	}
}

func TestPersonalAnswerMasked(t *testing.T) {
	about := rosa(t)
	out := fmt.Sprintf("%v %+v %#v %v %+v %v", answer("first_pet", "Firulais"), answer("first_pet", "Firulais"), answer("first_pet", "Firulais"), about, about,
		CheckAnswers([]PersonalAnswer{answer("first_pet", "Lucía")}, 1, about))
	for _, secret := range []string{"Firulais", "Luc", "Quishpe", "2051234561", "anita", "1985"} {
		if strings.Contains(out, secret) {
			t.Errorf("%q shows in %s", secret, out)
		}
	}
}

func FuzzNormaliseAnswer(f *testing.F) {
	for _, s := range []string{"Escuela Simón Bolívar", "İstanbul", "ẞ", "ﷺ", "\u0345\u03b9", "ª1º", "ǅ", "\xff", "한국", "ϓ", "K", "𝔊𝔬"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got := NormaliseAnswer(typed)
		if again := NormaliseAnswer(got); len([]rune(got)) <= maxAnswerTyped && again != got {
			t.Fatalf("NormaliseAnswer(%q) = %q, again %q", typed, got, again)
		}
		for _, r := range got {
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				t.Fatalf("NormaliseAnswer(%q) = %q holds %q", typed, got, r)
			}
		}
		if len(got) > 18*4*maxAnswerTyped {
			t.Fatalf("%d bytes from %d", len(got), len(typed))
		}
	})
}

func FuzzCheckAnswers(f *testing.F) {
	f.Add("Escuela Sucre", "Ana Lucía", "Quishpe", 1985, 5, 3)
	f.Add("ana", "\xff", "de la O'", -1, 0, 99)
	f.Add("", "", "", 0, 0, 0)
	f.Fuzz(func(t *testing.T, text, given, surnames string, year, month, day int) {
		about := OwnData{GivenNames: NewText(given), Surnames: NewText(surnames), Birth: Date{year, time.Month(month), day}}
		for _, fragment := range about.Fragments() {
			if fragment == "" || !about.FoundIn(fragment) {
				t.Fatalf("fragment %q is not found in itself", fragment)
			}
		}
		answers := []PersonalAnswer{answer("first_pet", text)}
		err := CheckAnswers(answers, 1, about)
		if err == nil {
			if about.FoundIn(text) || NormaliseAnswer(text) == "" {
				t.Fatalf("%q accepted", text)
			}
			if len(EncodeAnswers(answers)) <= 8 {
				t.Fatal("nothing encoded")
			}
			return
		}
		refusal, ok := errors.AsType[*Error](err)
		if !ok || !slices.Contains(AnswersRules(), refusal.Rule) {
			t.Fatalf("refusal %v", err)
		}
	})
}
