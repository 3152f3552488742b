package credential

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The facts of the record that are asked for. Nobody is asked only about the
// employer of today, whom a colleague knows. The suffix after the last
// underscore names the domain of the answer.
const (
	// Of an affiliate; a pensioner is asked some of them too.
	FactFirstYear    FactID = "first_year"    // year of the first contribution
	FactFirstMonth   FactID = "first_month"   // its month
	FactFirstSector  FactID = "first_sector"  // sector of the first employer
	FactEmployers    FactID = "employers"     // how many employers contributed
	FactLastProvince FactID = "last_province" // where the latest employer is
	FactLastMonth    FactID = "last_month"    // month of entering the latest employer
	FactLastSalary   FactID = "last_salary"   // band of the latest monthly wage, US dollars

	// Of somebody with a pension of their own.
	FactPensionYear   FactID = "pension_year"   // year of the first payment
	FactPensionMonth  FactID = "pension_month"  // its month
	FactPensionBank   FactID = "pension_bank"   // where it is paid
	FactPensionAmount FactID = "pension_amount" // band of the monthly payment, US dollars

	// Of somebody with a pension that another person left.
	FactSurvivorYear          FactID = "survivor_year"          // year of the first payment
	FactSurvivorMonth         FactID = "survivor_month"         // its month
	FactSurvivorSector        FactID = "survivor_sector"        // sector of the deceased's latest employer
	FactSurvivorProvince      FactID = "survivor_province"      // where the pension was asked for
	FactSurvivorBank          FactID = "survivor_bank"          // where it is paid
	FactSurvivorAmount        FactID = "survivor_amount"        // band of the monthly payment, US dollars
	FactSurvivorBeneficiaries FactID = "survivor_beneficiaries" // how many people share it

	// Of the legal representative of an employer: the representative's own
	// record as an affiliate. Names of their own, because the same human being
	// may be asked as an affiliate under the cédula.
	FactRepFirstYear    FactID = "rep_first_year"
	FactRepFirstMonth   FactID = "rep_first_month"
	FactRepFirstSector  FactID = "rep_first_sector"
	FactRepEmployers    FactID = "rep_employers"
	FactRepLastProvince FactID = "rep_last_province"
	FactRepLastMonth    FactID = "rep_last_month"
	FactRepLastSalary   FactID = "rep_last_salary"
)

// The range of years that are offered one by one. It is fixed, so that the page
// is the same at any clock; what lies outside has an option of its own. Raise
// LastRecordYear with the first release of a year: codes already stored stay
// right, except that [LaterYear] facts of that year need a new import.
const (
	FirstRecordYear = 1960
	LastRecordYear  = 2026

	EarlierYear = "earlier" // before FirstRecordYear
	LaterYear   = "later"   // after LastRecordYear
)

// RecordYear gives the option for a year.
func RecordYear(year int) string {
	switch {
	case year < FirstRecordYear:
		return EarlierYear
	case year > LastRecordYear:
		return LaterYear
	}
	return strconv.Itoa(year)
}

// EmployerCount gives the option for a number of employers; below one it is
// [NotOnRecord].
func EmployerCount(n int) string {
	switch {
	case n < 1:
		return NotOnRecord
	case n <= 5:
		return strconv.Itoa(n)
	case n <= 7:
		return "6_7"
	case n <= 10:
		return "8_10"
	}
	return "11_more"
}

// recordDomains are the whole domains of answers, in page order, by the suffix
// of the fact.
var recordDomains = map[string][]string{
	"year":     yearOptions(),
	"month":    numberOptions(12, "%d"),
	"province": append(numberOptions(24, "%02d"), "abroad"),
	"sector": {
		"agriculture", "mining", "manufacturing", "energy", "construction", "commerce", "transport", "hospitality",
		"finance", "professional", "public", "education", "health", "household", "other",
	},
	"employers": {"1", "2", "3", "4", "5", "6_7", "8_10", "11_more"},
	"salary":    numberOptions(10, "b%d"),
	"amount":    numberOptions(10, "b%d"),
	"bank": {
		"pichincha", "guayaquil", "pacifico", "produbanco", "bolivariano", "internacional", "austro", "banecuador",
		"loja", "machala", "jep", "october29", "azuayo", "other_bank", "other_coop", "window",
	},
	"beneficiaries": {"1", "2", "3", "4", "5_more"},
}

func yearOptions() []string {
	var codes []string
	for year := LastRecordYear; year >= FirstRecordYear; year-- {
		codes = append(codes, strconv.Itoa(year))
	}
	return append(codes, EarlierYear, LaterYear)
}

// numberOptions numbers codes from 1 to last in the given format.
func numberOptions(last int, format string) []string {
	var codes []string
	for n := 1; n <= last; n++ {
		codes = append(codes, fmt.Sprintf(format, n))
	}
	return codes
}

// recordLists are the questions of each audience. Seven each: with fewer, a
// thief who knows the birth date has a better chance than 1 in 100,000 (package
// registry computes it from the synthetic register).
var recordLists = map[Audience][]FactID{
	Affiliate: {
		FactFirstYear, FactFirstMonth, FactFirstSector, FactEmployers, FactLastProvince, FactLastMonth, FactLastSalary,
	},
	Pensioner: {
		FactPensionYear, FactPensionMonth, FactPensionBank, FactPensionAmount,
		FactFirstYear, FactFirstSector, FactLastProvince,
	},
	Survivor: {
		FactSurvivorYear, FactSurvivorMonth, FactSurvivorBank, FactSurvivorAmount,
		FactSurvivorBeneficiaries, FactSurvivorProvince, FactSurvivorSector,
	},
	Employer: {
		FactRepFirstYear, FactRepFirstMonth, FactRepFirstSector, FactRepEmployers, FactRepLastProvince,
		FactRepLastMonth, FactRepLastSalary,
	},
}

// recordOptions are the options of every fact, [NotOnRecord] last.
var recordOptions = func() map[FactID][]string {
	all := map[FactID][]string{}
	for _, ids := range recordLists {
		for _, id := range ids {
			all[id] = append(slices.Clone(recordDomains[id.Domain()]), NotOnRecord)
		}
	}
	return all
}()

// Domain names the domain of the fact's answers, the same word as in the texts
// "record.option.<domain>.<code>": year, month, province, sector, employers,
// salary, amount, bank or beneficiaries.
func (id FactID) Domain() string {
	return string(id[strings.LastIndexByte(string(id), '_')+1:])
}

// RecordQuestions lists the questions about the record for an audience, in page
// order: always all of them, with whole domains of options, the same for
// everyone. An unknown audience has none. The caller owns the result.
func RecordQuestions(a Audience) []RecordQuestion {
	var questions []RecordQuestion
	for _, id := range recordLists[a] {
		questions = append(questions, RecordQuestion{ID: id, Options: slices.Clone(recordOptions[id])})
	}
	return questions
}

// QuestionsAudience gives the audience whose questions are asked. A RUC is an
// employer whatever was chosen: it proves through its legal representative.
func QuestionsAudience(doc Document, chosen Audience) Audience {
	if doc == RUC {
		return Employer
	}
	return chosen
}

// FactDomainOK reports whether code is an option of the question for id,
// [NotOnRecord] included. An unknown fact has none.
func FactDomainOK(id FactID, code string) bool {
	return slices.Contains(recordOptions[id], code)
}

// ThinRecord reports whether so many of the facts that an audience is asked for
// are missing (more than one) that answering «No consta» throughout would be a
// fair guess. Such a record proves nobody.
func ThinRecord(p Person, a Audience) bool {
	known := 0
	for _, id := range recordLists[a] {
		if p.Facts.Answer(id) != NotOnRecord {
			known++
		}
	}
	return known == 0 || known < len(recordLists[a])-1
}

// ParseRecordAnswers reads the answers to the questions of an audience; get
// gives what was sent for a fact. Every answer must be one of the options; each
// that is none is refused, [Invalid] in field "record.<fact>" by rule "choose",
// in page order. The facts hold the others. An unknown audience is refused in
// field "audience".
func ParseRecordAnswers(a Audience, get func(FactID) string) (Facts, Errors) {
	ids, ok := recordLists[a]
	if !ok {
		return nil, Errors{invalid("audience", "choose")}
	}
	var faults Errors
	answers := make(Facts, len(ids))
	for _, id := range ids {
		code := get(id)
		if !FactDomainOK(id, code) {
			faults.add(invalid("record."+string(id), "choose"))
			continue
		}
		answers[id] = code
	}
	return answers, faults
}
