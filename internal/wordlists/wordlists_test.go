package wordlists

import (
	"bytes"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func mustLoad(t testing.TB) *List {
	t.Helper()
	l, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestIsCommon(t *testing.T) {
	l := mustLoad(t)
	for _, in := range []string{
		// entries, whatever their case, accents and separators
		"Contraseña", "CONTRASEÑA", "mariposa", "te quiero mucho", "Dios es mi pastor", "Barcelona S.C.",
		"liga-de-quito", "10987654321",
		// a base with affixes
		"Contraseña2026!", "contrasena-2026", "mariposa1985", "quito123456789", "Ecuador.2026.", "¡Guayaquil1!",
		"Emelec1929****", "maria12031985", "19850312maria", "Seguridad#2025", "elefante1234", "!!!!mariposa!!!!",
		// letters replaced
		"C0ntr4señ4.2026", "M4r1p0s4123!", "P@$$w0rd2026",
		// repetitions, sequences, walks
		"aaaaaaaaaaaa", "123456789012", "098765432109", "abcdefghijkl", "zyxwvutsrqpo", "qwertyuiop12",
		"asdfghjklñ12", "1qaz2wsx3edc", "246824682468", "mnbvcxzlkjhgfdsa", "5tgb6yhn7ujm8ik", "poiuytrewqlkjhg!", "mariposamariposa", "Mariposa mariposa", "gatogatogatogato", "abc1abc1abc1",
		"............", "            ", "", "12-34-56-78-90",
	} {
		if !l.IsCommon(in) {
			t.Errorf("IsCommon(%q) = false, want true (%.1f bits)", in, bits(l, in))
		}
	}
	for _, in := range []string{
		"gato verde luna mar", "gato-verde-luna-mar", "mi perro come mangos", "Llueve en la laguna", "correct horse battery staple",
		"k7Qz!p0xVt2m", "493857201846", "wxkqpzjvbmrt", "Tres Tristes Tigres 3", "ñandú y cóndor vuelan", "кот зелёная луна", "猫は緑色の月と海が好きです",
		"Ve)7/pL3=x9&",
	} {
		if l.IsCommon(in) {
			t.Errorf("IsCommon(%q) = true, want false (%.1f bits)", in, bits(l, in))
		}
	}
}

func bits(l *List, in string) float64 {
	text, _ := squeeze(in)
	return l.cost(text)
}

// Strings that are random must pass: a refusal that a person cannot understand
// is worse than a missing one.
func TestIsCommonLetsRandomPass(t *testing.T) {
	l := mustLoad(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		alphabet string
		length   int
		most     int // refused of 2,000
	}{
		{"abcdefghijklmnopqrstuvwxyz", 12, 2},
		{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&/()=", 12, 2},
		{"0123456789abcdef", 16, 10},
	} {
		refused := 0
		for range 2000 {
			var b strings.Builder
			for range c.length {
				b.WriteByte(c.alphabet[random.IntN(len(c.alphabet))])
			}
			if l.IsCommon(b.String()) {
				refused++
			}
		}
		if refused > c.most {
			t.Errorf("%d of 2000 random strings over %q refused, want at most %d", refused, c.alphabet, c.most)
		}
	}
}

func TestPhrase(t *testing.T) {
	l := mustLoad(t)
	seen := map[string]bool{}
	for range 3000 {
		p := l.Phrase()
		if utf8.RuneCountInString(p) < minPhrase || len(strings.Split(p, "-")) != phraseWords || l.IsCommon(p) || seen[p] {
			t.Fatalf("Phrase() = %q: short, common, not four words, or seen before", p)
		}
		seen[p] = true
	}
}

func TestPhraseWords(t *testing.T) {
	l := mustLoad(t)
	plain := regexp.MustCompile(`^[a-z]{4,8}$`)
	for i, w := range l.words {
		if !plain.MatchString(w) {
			t.Errorf("phrase.txt has %q, want four to eight plain letters", w)
		}
		if i > 0 && w <= l.words[i-1] {
			t.Errorf("phrase.txt has %q after %q, want sorted, each once", w, l.words[i-1])
		}
	}
	if got := phraseWords * math.Log2(float64(len(l.words))); got < 44 {
		t.Errorf("a phrase has %.1f bits, want 44", got)
	}
	for _, rude := range []string{"mierda", "puta", "culo", "negro", "mono", "cholo", "concha", "verga", "tonto", "idiota", "muerte", "matar"} {
		if slices.Contains(l.words, rude) {
			t.Errorf("phrase.txt has %q", rude)
		}
	}
}

func TestCompile(t *testing.T) {
	entries := []string{"Mariposa", "mari-posa", "Ñandú", "abc", "quito2026", strings.Repeat("larga", 20)}
	var one, two bytes.Buffer
	if n, err := Compile(&one, entries); err != nil || n != 3 {
		t.Fatalf("Compile = %d, %v, want 3 entries", n, err)
	}
	slices.Reverse(entries)
	if _, err := Compile(&two, entries); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("Compile depends on the order of its entries (%v)", err)
	}
	filter, err := decode(one.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !filter.Contains(keyOf([]rune("nandu"))) || filter.Contains(keyOf([]rune("colibri"))) {
		t.Error("the filter read back holds other entries")
	}
	if _, err := Compile(&one, []string{"abc"}); err == nil {
		t.Error("Compile of nothing succeeded")
	}
}

func TestReadRefusesDamage(t *testing.T) {
	for at := 0; at < len(commonFile); at += 1 + len(commonFile)/40 {
		damaged := bytes.Clone(commonFile)
		damaged[at] ^= 1
		if _, err := decode(damaged); err == nil {
			t.Errorf("a file damaged at %d was read", at)
		}
		if _, err := decode(commonFile[:at]); err == nil {
			t.Errorf("a file cut at %d was read", at)
		}
	}
	if _, err := read(commonFile, "gato\nluna\n"); err == nil {
		t.Error("too few words were read")
	}
}

func FuzzIsCommon(f *testing.F) {
	f.Add("Contraseña2026!")
	f.Add("gato verde luna mar")
	f.Add("a\u0301\u0301\xff\x00")
	f.Add(strings.Repeat("a", 256))
	f.Fuzz(func(t *testing.T, s string) {
		l := mustLoad(t)
		if l.IsCommon(s) != l.IsCommon(strings.ToValidUTF8(s, "")) {
			t.Errorf("IsCommon(%q) depends on bytes that are no text", s)
		}
	})
}

func FuzzDecode(f *testing.F) {
	var small bytes.Buffer
	if _, err := Compile(&small, []string{"mariposa", "contrasena", "nandu"}); err != nil {
		f.Fatal(err)
	}
	f.Add(small.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		if filter, err := decode(file); err == nil {
			filter.Contains(1)
		}
	})
}

func BenchmarkIsCommon(b *testing.B) {
	l := mustLoad(b)
	for _, in := range []string{"Contraseña2026!", "gato verde luna mar azul", strings.Repeat("a", 256)} {
		b.Run(in[:8], func(b *testing.B) {
			for b.Loop() {
				l.IsCommon(in)
			}
		})
	}
}
