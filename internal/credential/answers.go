package credential

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// NormaliserVersion names the rules of [NormaliseAnswer]. It goes into what is
// hashed, so that answers kept under older rules are known as such; whoever
// changes a rule raises it and keeps the older rules.
const NormaliserVersion = 1

const (
	// maxAnswerTyped bounds an answer as typed, in code points.
	maxAnswerTyped = 100
	// minAnswer is the shortest answer after normalising, in code points.
	minAnswer = 3
)

// NormaliseAnswer folds an answer to what is compared: letters and digits
// alone, lower case, without accents (ñ becomes n). Spaces and punctuation
// vanish, so that «San José» and «SAN-JOSE» are one answer; articles stay. It is
// idempotent. An answer above 100 code points as typed gives "", which is
// nobody's answer, because [CheckAnswers] refuses both.
func NormaliseAnswer(typed string) string {
	if len(typed) > maxAnswerTyped*utf8.UTFMax || utf8.RuneCountInString(typed) > maxAnswerTyped {
		return ""
	}
	return fold(typed)
}

// fold is NormaliseAnswer without the bound.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, foldCase(s))
}

// foldCase lowers the case and takes accents apart. Lowering can bring forth
// what decomposes further, hence the second round.
func foldCase(s string) string {
	return norm.NFKD.String(strings.ToLower(norm.NFKD.String(s)))
}

// PersonalAnswer is the answer to one question of the bank, as typed.
type PersonalAnswer struct {
	Question PersonalQuestionID
	Answer   Text
}

// AnswersRules lists every rule by which [CheckAnswers] refuses, so that a test
// can ask for a sentence for each.
func AnswersRules() []string {
	return []string{"unknown_question", "duplicate_question", "too_long", "too_short", "repeated", "own_data", "too_few"}
}

// CheckAnswers refuses answers that protect nobody. Answers left blank count as
// not given; least is how many must be given (policy bank_answers). The refusal
// is Invalid, of the first answer at fault in the order given, with field
// "bank.<question id>" and one of [AnswersRules]; "unknown_question" and
// "too_few" have no field, the one because what is not in the bank is no name
// of ours, the other because it is about all of them.
func CheckAnswers(answers []PersonalAnswer, least int, about OwnData) error {
	bank := PersonalQuestions()
	asked := make(map[PersonalQuestionID]bool, len(bank))
	given := make(map[string]bool, len(bank))
	own := about.fragments()
	for _, a := range answers {
		if !slices.Contains(bank, a.Question) {
			return invalid("", "unknown_question")
		}
		field := "bank." + string(a.Question)
		if asked[a.Question] { // also what bounds the loop, whatever was sent
			return invalid(field, "duplicate_question")
		}
		asked[a.Question] = true

		typed := a.Answer.Reveal()
		if len(typed) > maxAnswerTyped*utf8.UTFMax || utf8.RuneCountInString(typed) > maxAnswerTyped {
			return invalid(field, "too_long")
		}
		if strings.TrimSpace(typed) == "" {
			continue
		}
		answer := NormaliseAnswer(typed)
		switch {
		case utf8.RuneCountInString(answer) < minAnswer:
			return invalid(field, "too_short")
		case given[answer]:
			return invalid(field, "repeated")
		case foundIn(own, typed):
			return invalid(field, "own_data")
		}
		given[answer] = true
	}
	if len(given) < least {
		return invalid("", "too_few")
	}
	return nil
}

// EncodeAnswers gives the bytes that one hash keeps several answers as:
// normaliser version, how many, then for each in order of question id the id
// and the normalised answer, each after its length in four bytes. No two sets of
// answers share an encoding, and the order in which they come does not matter.
// The bytes are a secret.
func EncodeAnswers(answers []PersonalAnswer) []byte {
	type pair struct{ question, answer string }
	pairs := make([]pair, 0, len(answers))
	for _, a := range answers {
		pairs = append(pairs, pair{string(a.Question), NormaliseAnswer(a.Answer.Reveal())})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.question, b.question); c != 0 {
			return c
		}
		return strings.Compare(a.answer, b.answer)
	})
	out := binary.BigEndian.AppendUint32(nil, NormaliserVersion)
	out = binary.BigEndian.AppendUint32(out, uint32(len(pairs)))
	for _, p := range pairs {
		for _, s := range []string{p.question, p.answer} {
			out = binary.BigEndian.AppendUint32(out, uint32(len(s)))
			out = append(out, s...)
		}
	}
	return out
}

// OwnData is what a stranger knows or guesses first about a person, and
// therefore what no secret of theirs may be built from. Any part may be zero.
type OwnData struct {
	Number     Number
	GivenNames Text
	Surnames   Text
	Birth      Date
	Email      Email
}

// Fragments returns the normalised pieces (see [NormaliseAnswer]) that own data
// is recognised by, without repetition: each name of three letters or more, the
// number (of a RUC also its first ten digits), the birth date in the usual
// spellings, its year, day and month, and the local part of the address from four
// characters on. For a plain yes or no use [OwnData.FoundIn], which knows that
// short pieces are found inside innocent words.
func (o OwnData) Fragments() []string {
	var out []string
	for _, f := range o.fragments() {
		if !slices.Contains(out, f.text) {
			out = append(out, f.text)
		}
	}
	return out
}

// FoundIn reports whether a secret, as typed, equals or contains own data. A
// piece of five letters or more is found anywhere, a shorter name as a word of
// its own («Ana 85», not «banana»), digits only where no further digit joins
// them, and a year or a day and month only as the whole.
func (o OwnData) FoundIn(typed string) bool { return foundIn(o.fragments(), typed) }

// fragment is one piece of own data and how it is looked for.
type fragment struct {
	text  string
	where match
}

type match int

const (
	matchWhole    match = iota // the secret is nothing but this
	matchWord                  // a run of letters or of digits in the secret
	matchAnywhere              // also inside a word
)

// nameParticles are parts of names that are no name by themselves.
var nameParticles = []string{"del", "las", "los", "san", "santa", "von", "van", "der"}

// monthNames are the months in Spanish, for dates written out.
var monthNames = [...]string{"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"}

func (o OwnData) fragments() []fragment {
	var out []fragment
	add := func(text string, where match) {
		if text != "" {
			out = append(out, fragment{text, where})
		}
	}

	for _, names := range []Text{o.GivenNames, o.Surnames} {
		for _, name := range strings.FieldsFunc(names.Reveal(), notInName) {
			name = fold(name)
			switch length := utf8.RuneCountInString(name); {
			case length < 3, slices.Contains(nameParticles, name):
			case length < 5:
				add(name, matchWord)
			default:
				add(name, matchAnywhere)
			}
		}
	}

	number := fold(o.Number.Reveal())
	add(number, matchAnywhere)
	if o.Number.Document() == RUC && len(number) > cedulaLength {
		add(number[:cedulaLength], matchAnywhere)
	}

	if b := o.Birth; 1 <= b.Year && b.Year <= 9999 && 1 <= b.Month && b.Month <= 12 && 1 <= b.Day && b.Day <= 31 {
		yyyy, mm, dd := fmt.Sprintf("%04d", b.Year), fmt.Sprintf("%02d", int(b.Month)), fmt.Sprintf("%02d", b.Day)
		m, d := fmt.Sprint(int(b.Month)), fmt.Sprint(b.Day)
		yy := yyyy[2:]
		for _, text := range []string{dd + mm + yyyy, yyyy + mm + dd, mm + dd + yyyy, yyyy + dd + mm, d + m + yyyy, yyyy + m + d,
			dd + mm + yy, yy + mm + dd, mm + dd + yy} {
			add(text, matchAnywhere)
		}
		names := []string{monthNames[b.Month-1]}
		if b.Month == 9 {
			names = append(names, "setiembre")
		}
		for _, name := range names {
			for _, day := range []string{d, dd} {
				add(day+name, matchAnywhere)
				add(day+"de"+name, matchAnywhere)
			}
			add(name+yyyy, matchAnywhere)
			add(name+"de"+yyyy, matchAnywhere)
			add(name+"del"+yyyy, matchAnywhere)
		}
		for _, text := range []string{yyyy, dd + mm, mm + dd, mm + yyyy, yyyy + mm, m + yyyy, yyyy + m} {
			add(text, matchWhole)
		}
	}

	local, _, _ := strings.Cut(o.Email.Mailbox(), "@")
	local = fold(local)
	switch length := len(local); {
	case length < 4:
	case length < 8: // «quito@…» must not forbid the town inside a sentence's word
		add(local, matchWord)
	default:
		add(local, matchAnywhere)
	}
	return out
}

// notInName splits names at everything that is no letter, digit or accent, but
// not at the apostrophe of a name.
func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) && r != '\'' && r != '’'
}

func foundIn(own []fragment, typed string) bool {
	secret := fold(typed)
	if secret == "" {
		return false
	}
	words := runs(typed)
	for _, f := range own {
		if secret == f.text ||
			f.where >= matchWord && slices.Contains(words, f.text) ||
			f.where == matchAnywhere && containsApart(secret, f.text) {
			return true
		}
	}
	return false
}

// runs splits what was typed into normalised words and, inside them, into runs
// of letters and of digits; whole words that mix both are given too.
func runs(typed string) []string {
	var out []string
	for _, field := range strings.FieldsFunc(typed, notInName) {
		s := []rune(fold(field))
		out = append(out, string(s))
		start := 0
		for i := 1; i <= len(s); i++ {
			if i == len(s) || unicode.IsDigit(s[i]) != unicode.IsDigit(s[start]) {
				out = append(out, string(s[start:i]))
				start = i
			}
		}
	}
	return out
}

// containsApart reports whether s contains piece with no further digit joined
// to an end of piece that is a digit: «24 de mayo» is not «4 de mayo».
func containsApart(s, piece string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], piece)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(piece)
		joinedBefore := isDigit(piece[0]) && i > 0 && isDigit(s[i-1])
		joinedAfter := isDigit(piece[len(piece)-1]) && end < len(s) && isDigit(s[end])
		if !joinedBefore && !joinedAfter {
			return true
		}
		from = i + 1
	}
}
