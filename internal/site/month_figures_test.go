package site

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"aldaba/internal/credential"
	"aldaba/internal/words"
)

// ecuador is five hours behind Greenwich all the year.
var ecuador = time.FixedZone("Ecuador", -5*60*60)

func dayIn(t time.Time) string   { return t.In(ecuador).Format("2006-01-02") }
func monthIn(t time.Time) string { return t.In(ecuador).Format("2006-01") }

// published is what the public reads, written as the files write it.
type published struct {
	Months [][]string // year, month, complaints, attentions, state; oldest first
	Days   [][]string // day, complaints, attentions; likewise
	Total  []string   // complaints, attentions
	// Detail has, of each closed month, a value for each thing that is told of it.
	Detail map[string]map[string]string
}

// The names of what is told of a closed month besides its procedures. A duration is
// three: within which so many of a hundred were done.
const (
	detailOpen    = "quejas_sin_confirmar"
	detailExpired = "enlaces_vencidos"
	detailTook    = "duracion "
	detailMail    = detailTook + "correo"
	detailAnswers = detailTook + "respuesta"
)

// codesOf are the words of the files for procedures.
var codesOf = map[credential.ProcedureKind]string{
	credential.Generate: "generar", credential.Recover: "recuperar", credential.Unlock: "desbloquear",
	credential.KindChange: "cambiar", credential.KindFirstClave: "primera_clave",
}

// public makes of what happened what the public is to read by a day: the given
// months, then those of the tally, of which some are closed.
func (c *tally) public(given [][]string, until string, closed []string) published {
	f := published{Detail: map[string]map[string]string{}}
	byDay, byMonth, corrected := map[string]*[2]int64{}, map[string]*[2]int64{}, map[string]*[2]int64{}
	count := func(sums map[string]*[2]int64, key string, which int) {
		if sums[key] == nil {
			sums[key] = new([2]int64)
		}
		sums[key][which]++
	}
	event := func(t time.Time, which int, late bool) {
		sums := byMonth
		if late {
			sums = corrected
		}
		if dayIn(t) <= until {
			count(byDay, dayIn(t), which)
			count(sums, monthIn(t), which)
		}
	}
	for _, t := range c.complaints {
		event(t, 0, false)
	}
	for _, a := range c.attended {
		event(a.at, 1, a.late)
	}
	for day, n := range byDay {
		f.Days = append(f.Days, []string{day, decimal(n[0]), decimal(n[1])})
	}
	f.Months = slices.Clone(given)
	add := func(m map[string]*[2]int64, state func(month string) string) {
		for month, n := range m {
			f.Months = append(f.Months, []string{month[:4], strings.TrimPrefix(month[5:], "0"), decimal(n[0]), decimal(n[1]), state(month)})
		}
	}
	add(byMonth, func(month string) string {
		if slices.Contains(closed, month) {
			return "cerrado"
		}
		return "provisional"
	})
	add(corrected, func(string) string { return "correccion" })
	var sum [2]int64
	for _, row := range f.Months {
		sum[0], sum[1] = sum[0]+number(row[2]), sum[1]+number(row[3])
	}
	f.Total = []string{decimal(sum[0]), decimal(sum[1])}
	for _, month := range closed {
		f.Detail[month] = c.detail(month)
	}
	when := func(row []string) int64 { return number(row[0])*12 + number(row[1]) }
	slices.SortStableFunc(f.Months, func(a, b []string) int { return cmp.Compare(when(a), when(b)) })
	slices.SortFunc(f.Days, slices.Compare)
	return f
}

// detail is what is told of a closed month, by the published definition: numbers to
// the nearest ten, percentiles over a hundred or more.
func (c *tally) detail(month string) map[string]string {
	const mail = "correo"
	counts, took := map[string]int64{detailOpen: 0}, map[string][]time.Duration{}
	var expired, used int64
	for _, a := range c.attended {
		if monthIn(a.at) != month || a.late {
			continue
		}
		counts[codesOf[a.kind]]++
		if a.took > 0 {
			took[codesOf[a.kind]] = append(took[codesOf[a.kind]], a.took)
			used++
		}
	}
	for _, u := range c.unfinished {
		if monthIn(u.over) != month {
			continue
		}
		counts[codesOf[u.kind]+" "+u.how]++
		switch u.how {
		case leftMail:
			expired++
		case leftClave:
			used++
		}
	}
	for _, d := range c.mails {
		if monthIn(d.at) == month {
			took[mail] = append(took[mail], d.took)
		}
	}
	for _, t := range c.open {
		if monthIn(t) == month {
			counts[detailOpen]++
		}
	}
	lines := map[string]string{}
	for what, n := range counts {
		if n = (n + 5) / 10 * 10; n > 0 || what == detailOpen {
			lines[what] = decimal(n)
		}
	}
	for what, all := range took {
		if len(all) >= 100 {
			lines[detailTook+what] = fmt.Sprint(percentile(all, 50), percentile(all, 95), percentile(all, 99))
		}
	}
	if all := expired + used; all >= 100 {
		lines[detailExpired] = decimal(int64(math.Round(float64(expired*100) / float64(all))))
	}
	return lines
}

// percentile is how long the p fastest of a hundred took at most, written up to the
// end of its bucket: 100 ms, and from there on eight to each doubling.
func percentile(all []time.Duration, p int) time.Duration {
	slices.Sort(all)
	exact := all[(len(all)*p+99)/100-1]
	for i := 0; ; i++ {
		end := time.Duration(math.Round(100*math.Pow(2, float64(i)/8))) * time.Millisecond
		if exact <= end {
			return end
		}
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// number reads a number as the files and the page write it.
func number(s string) int64 {
	n, err := strconv.ParseInt(strings.NewReplacer(".", "", "−", "-", "+", "").Replace(s), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// inFiles reads both files, which must say the same of months and days.
func (w *world) inFiles() (inCSV, inJSON published) {
	w.t.Helper()
	inCSV = published{Months: w.figures(""), Days: w.figures("?por=dia")}
	type span struct {
		Kind string  `json:"tramite"`
		P50  float64 `json:"p50_s"`
		P95  float64 `json:"p95_s"`
		P99  float64 `json:"p99_s"`
	}
	type part struct {
		Kind string `json:"tramite"`
		How  string `json:"como"`
		N    int64  `json:"cerca_de"`
	}
	type total struct {
		Complaints int64 `json:"quejas"`
		Attentions int64 `json:"atenciones"`
	}
	var all struct {
		Total  total `json:"total"`
		Months []struct {
			Year  int `json:"anio"`
			Month int `json:"mes"`
			total
			State string `json:"estado"`
		} `json:"meses"`
		Days []struct {
			Day string `json:"fecha"`
			total
		} `json:"dias"`
		Breakdowns []struct {
			Month          string `json:"mes"`
			Finished       []part `json:"atenciones"`
			Unfinished     []part `json:"sin_terminar"`
			Durations      []span `json:"duracion"`
			Mail           *span  `json:"correo"`
			Expired        *int64 `json:"enlaces_vencidos_por_ciento"`
			OpenComplaints int64  `json:"quejas_sin_confirmar"`
			Answers        *span  `json:"respuesta_a_quejas"`
		} `json:"desgloses"`
	}
	err := json.Unmarshal(w.browser().get("/transparencia.json").want(200).Body.Bytes(), &all)
	if err != nil {
		w.t.Fatal(err)
	}
	inJSON = published{Total: []string{decimal(all.Total.Complaints), decimal(all.Total.Attentions)}, Detail: map[string]map[string]string{}}
	for _, m := range all.Months {
		inJSON.Months = append(inJSON.Months, []string{strconv.Itoa(m.Year), strconv.Itoa(m.Month), decimal(m.Complaints), decimal(m.Attentions), m.State})
	}
	for _, d := range all.Days {
		inJSON.Days = append(inJSON.Days, []string{d.Day, decimal(d.Complaints), decimal(d.Attentions)})
	}
	for _, b := range all.Breakdowns {
		lines := map[string]string{detailOpen: decimal(b.OpenComplaints)}
		for _, p := range slices.Concat(b.Finished, b.Unfinished) {
			lines[strings.TrimSpace(p.Kind+" "+p.How)] = decimal(p.N)
		}
		timed := func(what string, s *span) {
			if s != nil {
				lines[what] = fmt.Sprint(seconds(s.P50), seconds(s.P95), seconds(s.P99))
			}
		}
		for _, s := range b.Durations {
			timed(detailTook+s.Kind, &s)
		}
		timed(detailMail, b.Mail)
		timed(detailAnswers, b.Answers)
		if b.Expired != nil {
			lines[detailExpired] = decimal(*b.Expired)
		}
		inJSON.Detail[b.Month] = lines
	}
	return inCSV, inJSON
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s*1000)) * time.Millisecond }

// onPage reads the page, which shows the days of the latest month, and breaks down one
// of those closed; none for empty.
func (w *world) onPage(month string) published {
	w.t.Helper()
	a := w.browser().get("/transparencia?mes=" + month).want(200)
	f := published{Detail: map[string]map[string]string{}}
	l, lines := words.Spanish(), map[string]string{}
	plain := func(text string) string { return strings.Join(strings.Fields(text), " ") } // as textOf reads it
	// in finds what stands for an argument of one of our sentences; empty for nothing.
	in := func(text, key, argument string) string {
		const mark = "MARK"
		value := "(.+?)"
		if argument == "n" {
			value = `(\d(?:[\d.]*\d)?)` // without the stop behind it
		}
		sentence := strings.ReplaceAll(regexp.QuoteMeta(plain(l.Text("transparency."+key, argument, mark))), mark, value)
		if found := regexp.MustCompile(sentence).FindStringSubmatch(text); found != nil {
			return found[1]
		}
		return ""
	}
	few, byMonth := plain(l.Text("transparency.few")), plain(l.Text("transparency.months.caption"))
	months := map[string]string{}
	for n := range 12 {
		months[l.Month(n+1)] = strconv.Itoa(n + 1)
	}
	procedures := map[string]string{} // in words, to the files' own
	for kind, code := range codesOf {
		procedures[l.Text("transparency.kind."+string(kind))] = code
		if doing := "transparency.doing." + string(kind); l.Has(doing) {
			for how, key := range outcomes {
				procedures[l.Text(doing)+": "+l.Text("transparency.outcome."+key)] = code + " " + how
			}
		}
	}
	for table := range descendants(a.root, "table") {
		caption := textOf(find(table, func(n *html.Node) bool { return n.Data == "caption" }))
		for row := range descendants(table, "tr") {
			var cells []string
			for _, tag := range []string{"th", "td"} {
				for cell := range descendants(row, tag) {
					cells = append(cells, textOf(cell))
				}
			}
			name := strings.Fields(cells[0])
			numbers := make([]string, 0, 2)
			for _, cell := range cells[1:] {
				switch {
				case cell == few:
					numbers = append(numbers, "0")
				case strings.ContainsAny(cell, "0123456789"):
					numbers = append(numbers, decimal(number(cell)))
				}
			}
			switch {
			case len(numbers) == 0: // the head
			case caption == byMonth && cells[0] == l.Text("transparency.column.sum"):
				f.Total = numbers
			case caption == byMonth: // noviembre de 2026 cerrado
				f.Months = append(f.Months, []string{name[2], months[name[0]], numbers[0], numbers[1], strings.ReplaceAll(name[3], "ó", "o")})
			case in(caption, "days.caption", "month") != "": // 5 de noviembre de 2026
				f.Days = append(f.Days, []string{fmt.Sprintf("%s-%02d-%02d", name[4], number(months[name[2]]), number(name[0])), numbers[0], numbers[1]})
			default:
				lines[procedures[cells[0]]] = numbers[0]
			}
		}
	}
	slices.Reverse(f.Months) // the page has the latest first
	for title := range descendants(a.root, "h3") {
		what := procedures[in(textOf(title), "took", "what")]
		if textOf(title) == plain(l.Text("transparency.mail")) {
			what = "correo"
		}
		if what == "" {
			continue
		}
		list := title.NextSibling
		for list.Data != "ul" {
			list = list.NextSibling
		}
		var times []string
		for item := range descendants(list, "li") {
			text := textOf(item)
			times = append(times, cmp.Or(in(text, "half", "time"), in(text, "ninety_five", "time"), in(text, "ninety_nine", "time")))
		}
		lines[detailTook+what] = strings.Join(times, ", ")
	}
	if n := in(a.text(), "expired", "n"); n != "" {
		lines[detailExpired] = n
	}
	if n := in(a.text(), "open", "n"); n != "" {
		lines[detailOpen] = decimal(number(n))
	} else if strings.Contains(a.text(), plain(l.Text("transparency.open_few"))) {
		lines[detailOpen] = "0"
	}
	if month != "" {
		f.Detail[month] = lines
	}
	return f
}

// outcomes are the ends of procedures: as the files call them, to the keys of their words.
var outcomes = map[string]string{
	leftProof: "gave_up_prove", leftReview: "gave_up_prove_review", leftQuestions: "gave_up_questions", leftContact: "gave_up_contact",
	leftAddress: "gave_up_contact_review", leftClave: "gave_up_clave", leftMail: "expired", noMail: "no_mail", objectedTo: "objected", replacedBy: "replaced",
}

// asOnPage is what the page has of all that: the days of the latest month, one month
// in detail, and durations as people read them.
func (f published) asOnPage(month string) published {
	if n := len(f.Days); n > 0 {
		last := f.Days[n-1][0][:len("2006-01")]
		f.Days = slices.DeleteFunc(slices.Clone(f.Days), func(row []string) bool { return !strings.HasPrefix(row[0], last) })
	}
	lines := map[string]string{}
	for name, value := range f.Detail[month] {
		if strings.HasPrefix(name, detailTook) {
			var times []string
			for _, one := range strings.Fields(value) {
				d, err := time.ParseDuration(one)
				if err != nil {
					panic(err)
				}
				times = append(times, inWords(d))
			}
			value = strings.Join(times, ", ")
		}
		lines[name] = value
	}
	if f.Detail = map[string]map[string]string{}; month != "" {
		f.Detail[month] = lines
	}
	return f
}

// inWords writes a duration: to the second below ten minutes, else to the minute.
func inWords(d time.Duration) string {
	switch {
	case d < time.Second:
		return words.Spanish().Text("transparency.under_second")
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 10*time.Minute:
		s := int(math.Round(d.Seconds()))
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	m := int(math.Round(d.Minutes()))
	var parts []string
	for _, unit := range []struct {
		name string
		n    int
	}{{"d", m / (24 * 60)}, {"h", m / 60 % 24}, {"min", m % 60}} {
		if unit.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", unit.n, unit.name))
		}
	}
	return strings.Join(parts, " ")
}
