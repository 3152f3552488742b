// Package registry is the institution's record of people: it reads a register
// from a file (see docs/register.md), and it invents one, of people who do not
// exist, for the demo, the tests and the benchmarks.
package registry

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"aldaba/internal/credential"
)

// MaxPeople bounds how many random people one register may have.
const MaxPeople = 1_000_000

// WithClave is how many of the random people, the first ones, have a clave.
const WithClave = 20

// The named cases of a fake register, in order (contract, «Demo only»).
const (
	CaseNew            = "nueva"                // never had a clave, never in person
	CaseNewInPerson    = "nueva-presencial"     // never had a clave, address verified in person
	CaseClave          = "con-clave"            // address typed and confirmed by link
	CaseClaveInPerson  = "con-clave-presencial" // address verified in person
	CaseLocked         = "bloqueada"            // locked, never in person
	CaseLockedInPerson = "bloqueada-presencial" // locked, address verified in person
	CaseForeign        = "extranjera"           // identification code, never had a clave
	CasePensioner      = "pensionista"          // never had a clave
	CaseSurvivor       = "derechohabiente"      // never had a clave
	CaseEmployer       = "empleador"            // RUC, never had a clave
	CaseDeceased       = "fallecida"            // had a clave
	CaseThin           = "registro-delgado"     // too few facts to prove anything
	CaseTemporaryClave = "primera-clave"        // handed over at a counter, must be changed
)

const (
	randomCasePrefix     = "azar-"
	emailDomain          = "correo.example" // RFC 2606: can never be registered, so no mail ever reaches anybody
	firstAnchor          = 2026
	anchorStep           = 10
	minAge               = 23
	foreignResidentDigit = '6'
)

// Cases lists the named cases in the order in which [Generate] gives them.
func Cases() []string {
	return []string{
		CaseNew, CaseNewInPerson, CaseClave, CaseClaveInPerson, CaseLocked, CaseLockedInPerson, CaseForeign,
		CasePensioner, CaseSurvivor, CaseEmployer, CaseDeceased, CaseThin, CaseTemporaryClave,
	}
}

// Fake is one invented person, with what nobody could read back from a real
// record: the clave and the answers in the clear. It must never hold a real one.
type Fake struct {
	Case       string // one of [Cases], or "azar-1" and on
	Person     credential.Person
	Email      string // the address on record, unique, under .example; "" where there is none
	InPerson   bool   // the address was verified in person
	Clave      string // "" where the person never had one
	Locked     bool
	MustChange bool // the clave was handed over at a counter

	// Answers are the personal questions that the person answered when the clave
	// was made: three or four of the bank; none where there is no clave, or one
	// from a counter.
	Answers map[credential.PersonalQuestionID]string

	// ActivationCode and Image belong to the policies reforzada and guia. A fresh
	// register has neither: a seeder that knows the policy gives them.
	ActivationCode, Image string

	bank map[credential.PersonalQuestionID]string
}

// BankAnswer gives what the person would answer to any question of the bank,
// the same as in Answers where it is there. A seeder that needs the three
// questions which the key of the installation names takes it from here. It is
// "" for a person without Answers.
func (f Fake) BankAnswer(id credential.PersonalQuestionID) string { return f.bank[id] }

// Generate invents a register: the thirteen [Cases], then n random people
// (0 to [MaxPeople]; beyond, the nearest), of whom the first [WithClave] have a
// clave. The same seed gives the same people whatever n is, and whatever now is
// before 2036; from then on all dates move by ten years each decade, so that
// ages stay sane. Contributions and pensions begin before 2026 (then 2036, …).
func Generate(seed string, n int, now time.Time) []Fake {
	fakes := make([]Fake, 0, len(Cases())+min(max(n, 0), MaxPeople))
	for f := range All(seed, n, now) {
		fakes = append(fakes, f)
	}
	return fakes
}

// All gives the people of [Generate] one after the other, without keeping them.
func All(seed string, n int, now time.Time) iter.Seq[Fake] {
	n = min(max(n, 0), MaxPeople)
	g := &generator{
		seed:    seed,
		anchor:  firstAnchor,
		used:    map[string]bool{},
		mailbox: map[string]int{},
	}
	// Only ever forward: a demo whose clock was put back keeps its people.
	if later := now.Year() - firstAnchor; later > 0 {
		g.anchor += later / anchorStep * anchorStep
	}
	return func(yield func(Fake) bool) {
		for _, name := range Cases() {
			if !yield(g.named(name)) {
				return
			}
		}
		for i := 1; i <= n; i++ {
			if !yield(g.random(i)) {
				return
			}
		}
	}
}

// generator keeps what must be unique over the whole register. Everything else
// comes from a stream of each person's own.
type generator struct {
	seed    string
	anchor  int             // facts end in the year before
	used    map[string]bool // subject keys, and the cédula inside each RUC
	mailbox map[string]int  // how often a name was used in an address
}

// stream gives the random numbers of one person. ChaCha8 is specified, so that
// they are the same with every release of Go.
func (g *generator) stream(name string) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256([]byte("aldaba fake register\x00" + g.seed + "\x00" + name))))
}

// named makes the person of a named case.
func (g *generator) named(name string) Fake {
	r := g.stream(name)
	document, audience := credential.Cedula, credential.Affiliate
	switch name {
	case CaseForeign:
		document = credential.ForeignCode
	case CasePensioner:
		audience = credential.Pensioner
	case CaseSurvivor:
		audience = credential.Survivor
	case CaseEmployer:
		document, audience = credential.RUC, credential.Employer
	}
	f := Fake{Case: name, Person: g.person(r, document, audience)}
	switch name {
	case CaseNewInPerson:
		f.Email, f.InPerson = g.email(f.Person), true
	case CaseClave, CaseLocked, CaseDeceased:
		f.Email = g.email(f.Person)
		f.giveClave(r)
	case CaseClaveInPerson, CaseLockedInPerson:
		f.Email, f.InPerson = g.email(f.Person), true
		f.giveClave(r)
	case CaseTemporaryClave:
		f.Email, f.InPerson = g.email(f.Person), true
		f.Clave, f.MustChange = passphrase(r, f.Person), true
	case CaseThin:
		// What is left when a paper file was never typed in: two facts of seven.
		for _, q := range credential.RecordQuestions(audience)[2:] {
			delete(f.Person.Facts, q.ID)
		}
	}
	f.Locked = name == CaseLocked || name == CaseLockedInPerson
	if name == CaseDeceased {
		f.Person.Death = credential.Date{Year: g.anchor - 1, Month: time.Month(1 + r.IntN(12)), Day: 1 + r.IntN(28)}
	}
	return f
}

// random makes the i-th random person, counted from 1.
func (g *generator) random(i int) Fake {
	name := randomCasePrefix + strconv.Itoa(i)
	r := g.stream(name)
	audience := pick(r, []weighted[credential.Audience]{
		{credential.Affiliate, 50}, {credential.Pensioner, 18}, {credential.Survivor, 16}, {credential.Employer, 16},
	})
	document := credential.Cedula
	switch {
	case audience == credential.Employer:
		document = credential.RUC
	case r.IntN(100) < 4:
		document = credential.ForeignCode
	}
	f := Fake{Case: name, Person: g.person(r, document, audience)}
	if r.IntN(100) < 8 {
		// One gap is common in old files, and leaves enough to prove with.
		questions := credential.RecordQuestions(audience)
		delete(f.Person.Facts, questions[r.IntN(len(questions))].ID)
	}
	f.InPerson = r.IntN(100) < 40
	if i <= WithClave {
		f.giveClave(r)
	}
	if f.InPerson || f.Clave != "" {
		f.Email = g.email(f.Person)
	}
	return f
}

// giveClave gives the person a clave of their own and the answers that were
// asked for it.
func (f *Fake) giveClave(r *rand.Rand) {
	f.Clave = passphrase(r, f.Person)
	f.bank = map[credential.PersonalQuestionID]string{}
	f.Answers = map[credential.PersonalQuestionID]string{}
	refused, given := ownData(f.Person), map[string]bool{}
	bank := credential.PersonalQuestions()
	for _, id := range bank {
		answer := drawUnlike(r, answerPools[id], func(s string) bool { return given[s] || refused(s) })
		given[answer] = true
		f.bank[id] = answer
	}
	r.Shuffle(len(bank), func(i, j int) { bank[i], bank[j] = bank[j], bank[i] })
	for _, id := range bank[:3+r.IntN(2)] {
		f.Answers[id] = f.bank[id]
	}
}

// person makes somebody who deals with the institution as a, with a full record.
func (g *generator) person(r *rand.Rand, document credential.Document, a credential.Audience) credential.Person {
	province := pick(r, provincesOfBirth)
	p := credential.Person{
		Number:     g.number(r, document, province),
		GivenNames: credential.NewText(givenNames(r)),
		Surnames:   credential.NewText(oneOf(r, surnames) + " " + oneOf(r, surnames)),
		Audiences:  []credential.Audience{a},
		Facts:      credential.Facts{},
	}
	p.Birth = g.birth(r, a)
	born := p.Birth.Year
	switch a {
	case credential.Affiliate:
		g.affiliateFacts(r, p.Facts, "", born, province)
	case credential.Employer:
		g.affiliateFacts(r, p.Facts, "rep_", born, province)
	case credential.Pensioner:
		g.pensionerFacts(r, p.Facts, born, province)
	case credential.Survivor:
		g.survivorFacts(r, p.Facts, born, province)
	}
	return p
}

// number invents a valid number that nobody else of the register has. The
// province is where a cédula was issued.
func (g *generator) number(r *rand.Rand, document credential.Document, province string) credential.Number {
	for {
		var typed string
		if document == credential.ForeignCode {
			typed = fmt.Sprintf("%c%c%07d", 'A'+rune(r.IntN(26)), 'A'+rune(r.IntN(26)), r.IntN(10_000_000))
		} else {
			third := byte('0' + r.IntN(6))
			if document == credential.Cedula && r.IntN(100) < 3 {
				third = foreignResidentDigit
			}
			nine := fmt.Sprintf("%s%c%06d", province, third, r.IntN(1_000_000))
			typed = nine + string(rune(credential.CheckDigit(nine)))
			if document == credential.RUC {
				typed += "001"
			}
		}
		// Nobody else is the representative inside a RUC: a cédula and the RUC
		// over it would be one human being under two invented names.
		key := typed[:min(len(typed), 10)]
		number, err := credential.ParseNumber(document, typed)
		if err != nil || g.used[key] {
			continue
		}
		g.used[key] = true
		return number
	}
}

// birth invents a birth date fit for the audience.
func (g *generator) birth(r *rand.Rand, a credential.Audience) credential.Date {
	age := 0
	switch a {
	case credential.Pensioner:
		age = 62 + min(r.IntN(31), r.IntN(31))
	case credential.Survivor:
		age = minAge + max(r.IntN(68), r.IntN(68))
	case credential.Employer:
		age = 28 + min(r.IntN(46), r.IntN(60))
	default:
		age = minAge + min(r.IntN(44), r.IntN(60))
	}
	month := 1 + r.IntN(12)
	year := g.anchor - age
	days := time.Date(year, time.Month(month+1), 0, 0, 0, 0, 0, time.UTC).Day()
	return credential.Date{Year: year, Month: time.Month(month), Day: 1 + r.IntN(days)}
}

// email invents the address of a person, unlike every other also where dots and
// tags are folded.
func (g *generator) email(p credential.Person) string {
	given, _, _ := strings.Cut(fold(p.GivenNames.Reveal()), " ")
	surname, _, _ := strings.Cut(fold(p.Surnames.Reveal()), " ")
	local := given + "." + surname
	key := given + surname
	g.mailbox[key]++
	return fmt.Sprintf("%s%02d@%s", local, g.mailbox[key], emailDomain)
}

// affiliateFacts invents the working life of somebody born in that year, under
// the facts that begin with prefix.
func (g *generator) affiliateFacts(r *rand.Rand, facts credential.Facts, prefix credential.FactID, born int, home string) {
	firstYear := g.firstYear(r, born)
	firstMonth := pick(r, months)
	// How often people change jobs differs widely from one to the next.
	expected := (0.6 + float64(g.anchor-1-firstYear)/7) * (0.3 + 1.4*r.Float64())
	employers := 1 + poisson(r, expected)
	lastMonth := firstMonth
	if employers > 1 {
		lastMonth = pick(r, months)
	}
	facts[prefix+credential.FactFirstYear] = credential.RecordYear(firstYear)
	facts[prefix+credential.FactFirstMonth] = firstMonth
	facts[prefix+credential.FactFirstSector] = pick(r, sectors)
	facts[prefix+credential.FactEmployers] = credential.EmployerCount(employers)
	facts[prefix+credential.FactLastProvince] = province(r, home)
	facts[prefix+credential.FactLastMonth] = lastMonth
	facts[prefix+credential.FactLastSalary] = pick(r, salaries)
}

func (g *generator) pensionerFacts(r *rand.Rand, facts credential.Facts, born int, home string) {
	age := pick(r, retirementAges)
	if r.IntN(100) < 10 {
		age = 45 + r.IntN(15) // invalidity
	}
	for born+age > g.anchor-1 {
		age--
	}
	facts[credential.FactPensionYear] = credential.RecordYear(born + age)
	facts[credential.FactPensionMonth] = pick(r, months)
	facts[credential.FactPensionBank] = pick(r, banks)
	facts[credential.FactPensionAmount] = pick(r, amounts)
	facts[credential.FactFirstYear] = credential.RecordYear(g.firstYear(r, born))
	facts[credential.FactFirstSector] = pick(r, sectors)
	facts[credential.FactLastProvince] = province(r, home)
}

func (g *generator) survivorFacts(r *rand.Rand, facts credential.Facts, born int, home string) {
	// A pension may begin in childhood, and few live on one for over 35 years.
	earliest := max(born+1, g.anchor-35)
	facts[credential.FactSurvivorYear] = credential.RecordYear(earliest + r.IntN(g.anchor-earliest))
	facts[credential.FactSurvivorMonth] = pick(r, months)
	facts[credential.FactSurvivorBank] = pick(r, banks)
	facts[credential.FactSurvivorAmount] = pick(r, amounts)
	facts[credential.FactSurvivorBeneficiaries] = pick(r, beneficiaries)
	facts[credential.FactSurvivorProvince] = province(r, home)
	facts[credential.FactSurvivorSector] = pick(r, sectors)
}

// firstYear is the year of the first contribution: between 18 and 38, most
// around 22.
func (g *generator) firstYear(r *rand.Rand, born int) int {
	for {
		if year := born + pick(r, firstAges); year < g.anchor {
			return year
		}
	}
}

// province is where somebody from home works: often there, else where the
// country's jobs are.
func province(r *rand.Rand, home string) string {
	if home != provinceOfConsulates && r.IntN(100) < 40 {
		return home
	}
	return pick(r, provincesOfWork)
}

// poisson counts what happens mean times on average, at most 30.
func poisson(r *rand.Rand, mean float64) int {
	n := 0
	for left := mean - r.ExpFloat64(); left > 0 && n < 30; left -= r.ExpFloat64() {
		n++
	}
	return n
}

// givenNames draws two given names that go together.
func givenNames(r *rand.Rand) string {
	pool := womensNames
	if r.IntN(2) == 0 {
		pool = mensNames
	}
	first := oneOf(r, pool)
	return first + " " + drawUnlike(r, pool, func(s string) bool { return s == first })
}

// passphrase invents a clave: four words of the country, nothing of the person.
func passphrase(r *rand.Rand, p credential.Person) string {
	refused := ownData(p)
	words := make([]string, 0, 4)
	for len(words) < cap(words) {
		words = append(words, drawUnlike(r, claveWords, func(s string) bool {
			// Names are found across words too, hence all so far with this one.
			return slices.Contains(words, s) || refused(s) || refused(strings.Join(append(slices.Clone(words), s), "-"))
		}))
	}
	return strings.Join(words, "-")
}

// ownData gives what tells whether a secret of the person has a name of theirs
// in it: by the rule for real people, and for short names inside words as well.
// The address is made of the names.
func ownData(p credential.Person) func(string) bool {
	about := credential.OwnData{Number: p.Number, GivenNames: p.GivenNames, Surnames: p.Surnames, Birth: p.Birth}
	names := strings.Fields(fold(p.GivenNames.Reveal() + " " + p.Surnames.Reveal()))
	return func(s string) bool {
		return about.FoundIn(s) || slices.ContainsFunc(names, func(name string) bool { return strings.Contains(fold(s), name) })
	}
}

// drawUnlike draws from pool what is not refused. The pools are far larger than
// what one person can have refused; the last resort keeps it finite.
func drawUnlike(r *rand.Rand, pool []string, refused func(string) bool) string {
	start := r.IntN(len(pool))
	for i := range pool {
		if s := pool[(start+i)%len(pool)]; !refused(s) {
			return s
		}
	}
	return pool[start]
}

// fold gives s in lower case and without accents.
func fold(s string) string {
	plain, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), s)
	if err != nil {
		plain = s
	}
	return strings.ToLower(plain)
}

// weighted is a value with how often it comes up.
type weighted[T any] struct {
	value  T
	weight int
}

// oneOf draws one of the values, all alike.
func oneOf(r *rand.Rand, values []string) string { return values[r.IntN(len(values))] }

// pick draws by weight.
func pick[T any](r *rand.Rand, choices []weighted[T]) T {
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	at := r.IntN(total)
	for _, c := range choices {
		if at -= c.weight; at < 0 {
			return c.value
		}
	}
	return choices[len(choices)-1].value
}
