package stats

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"aldaba/internal/credential"
)

// Published is what the public sees: everything in it may be shown to anybody.
type Published struct {
	Until      string // the last day that is counted, YYYY-MM-DD: yesterday
	Rows       []Row  // in order of month; a correction follows what it corrects
	Days       []Day  // of the months that this program counted, exact
	Breakdowns []Breakdown
	Records    []Seal

	Earlier Total // the institution's own figures, with their corrections
	All     Total

	PublicKey []byte // Ed25519, by which the seals are checked
}

// Total sums rows.
type Total struct {
	Months                 int // corrections count none
	Complaints, Attentions int64
}

func (t *Total) add(r Row) {
	if r.State != Correction {
		t.Months++
	}
	t.Complaints, t.Attentions = t.Complaints+r.Complaints, t.Attentions+r.Attentions
}

// Row is the two official figures of a month, or what a correction adds to them.
type Row struct {
	Month      Month
	State      State
	Complaints int64
	Attentions int64
	Reason     string // of a correction that the institution asked for
}

// Seal is what shows later that a record is still the one it was.
type Seal struct {
	Seq       int64
	Month     Month
	State     State
	At        time.Time
	Hash      [32]byte
	Signature []byte
}

// Breakdown is how a closed month was made up. Counts are rounded to the nearest
// ten, and what is nought then is left out: few are told like none. Percentiles stand only where at least a hundred events are behind them.
type Breakdown struct {
	Month          Month
	Finished       []Part // attentions by procedure
	Unfinished     []Part // by procedure and how they ended
	Durations      []Timing
	Mail           *Timing // from when a mail could leave until the relay took it
	Expired        *int    // of a hundred procedures whose mail left, in how many nobody used it in time
	OpenComplaints int64   // that nobody confirmed; rounded
	Answers        *Timing // from a complaint's confirmation to its answer
}

// Part is how often something happened, rounded to the nearest ten.
type Part struct {
	Kind    credential.ProcedureKind
	Outcome string // of those that did not finish
	N       int64
}

// Timing is how long something took, in the sense of [Bucket].
type Timing struct {
	Kind          credential.ProcedureKind // empty for all together
	P50, P95, P99 time.Duration
}

// What the public sees of small numbers.
const (
	nearest     = 10
	fewestTimed = 100
)

func rounded(n int64) int64 { return (n + nearest/2) / nearest * nearest }

// publishedFor is how long what was computed is given again.
const publishedFor = time.Minute

// Published gives what the public sees. It is computed at most once a minute, by
// whoever asks first; the others wait for that.
func (s *Service) Published(ctx context.Context) (*Published, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if p := s.published; p != nil && p.goodAt(now) {
		return p.Published, nil
	}
	p, err := s.compute(ctx, now)
	if err != nil {
		return nil, err
	}
	s.published = &computed{p, now}
	return p, nil
}

// computed is what was published, and when it was computed.
type computed struct {
	*Published
	at time.Time
}

// goodAt reports whether the picture is still good: on the same day, and not
// long after (nor before, where a demo's clock went back).
func (c computed) goodAt(now time.Time) bool {
	return DayOf(now) == DayOf(c.at) && now.Sub(c.at).Abs() < publishedFor
}

// forget makes the next one who asks compute anew.
func (s *Service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published = nil
}

func (s *Service) compute(ctx context.Context, now time.Time) (*Published, error) {
	p := &Published{Until: DayOf(now.Add(-24 * time.Hour)), PublicKey: s.keys.PublicKey()}
	var records []Record
	var daily []Count
	err := s.store.ViewFigures(ctx, func(tx Tx) (err error) {
		records, err = tx.Records()
		if err == nil {
			daily, err = tx.Daily(DayOf(now))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	recorded := map[Month]bool{}
	earlier := map[Month]bool{}
	for _, r := range records {
		f, err := r.figures()
		if err != nil {
			return nil, err
		}
		recorded[r.Month] = true
		earlier[r.Month] = earlier[r.Month] || r.State == Earlier
		p.Records = append(p.Records, Seal{r.Seq, r.Month, r.State, r.At, r.hash(), r.Signature})
		p.Days = append(p.Days, f.Days...)
		if r.State == Closed {
			p.Breakdowns = append(p.Breakdowns, breakdown(r.Month, f.Counts))
		}
		if r.State != Correction || f.Complaints != 0 || f.Attentions != 0 {
			p.Rows = append(p.Rows, Row{r.Month, r.State, f.Complaints, f.Attentions, f.Reason})
		}
	}
	p.addOpen(daily, recorded)
	slices.SortStableFunc(p.Rows, func(a, b Row) int { return cmp.Compare(a.Month, b.Month) })
	for _, r := range p.Rows {
		p.All.add(r)
		if earlier[r.Month] {
			p.Earlier.add(r)
		}
	}
	slices.SortFunc(p.Breakdowns, func(a, b Breakdown) int { return cmp.Compare(b.Month, a.Month) })
	return p, nil
}

// addOpen adds the months that are of no record yet. What came for a recorded one
// waits for its correction.
func (p *Published) addOpen(daily []Count, recorded map[Month]bool) {
	open := slices.DeleteFunc(daily, func(c Count) bool { return recorded[monthOfDay(c.Day)] })
	months := map[Month][]Count{}
	for _, c := range open {
		months[monthOfDay(c.Day)] = append(months[monthOfDay(c.Day)], c)
	}
	for m, counts := range months {
		f := freeze(counts)
		p.Days = append(p.Days, f.Days...)
		p.Rows = append(p.Rows, Row{Month: m, State: Provisional, Complaints: f.Complaints, Attentions: f.Attentions})
	}
	// A day of a correction stands beside the same day of its month: one day, one figure.
	byDay := map[string]Day{}
	for _, d := range p.Days {
		is := byDay[d.Day]
		byDay[d.Day] = Day{d.Day, is.Complaints + d.Complaints, is.Attentions + d.Attentions}
	}
	p.Days = p.Days[:0]
	for _, d := range byDay {
		p.Days = append(p.Days, d)
	}
	slices.SortFunc(p.Days, func(a, b Day) int { return strings.Compare(a.Day, b.Day) })
}

// breakdown makes what is published of a closed month's sums.
func breakdown(m Month, counts []Count) Breakdown {
	b := Breakdown{Month: m}
	finished, unfinished := map[credential.ProcedureKind]int64{}, map[Part]int64{}
	took, mail, answers := map[credential.ProcedureKind]histogram{}, histogram{}, histogram{}
	var open, expired, opened int64
	for _, c := range counts {
		switch c.Measure {
		case credential.FigureFinished:
			finished[c.Kind] += c.N
			if c.Bucket == 0 {
				continue // done in one press, without a mail
			}
			if took[c.Kind] == nil {
				took[c.Kind] = histogram{}
			}
			took[c.Kind][c.Bucket] += c.N
			opened += c.N
		case credential.FigureUnfinished:
			unfinished[Part{Kind: c.Kind, Outcome: c.Detail}] += c.N
			switch c.Detail {
			case outcomeExpired:
				expired += c.N
			case gaveUp + string(credential.StepClave), gaveUp + string(credential.StepOwnQuestion):
				opened += c.N
			}
		case credential.FigureMail:
			mail[c.Bucket] += c.N
		case credential.FigureComplaintOpen:
			open += c.N
		case credential.FigureAnswered:
			answers[c.Bucket] += c.N
		}
	}
	for kind, n := range finished {
		b.Finished = told(b.Finished, Part{Kind: kind, N: rounded(n)})
		if t := timing(kind, took[kind]); t != nil {
			b.Durations = append(b.Durations, *t)
		}
	}
	for part, n := range unfinished {
		part.N = rounded(n)
		b.Unfinished = told(b.Unfinished, part)
	}
	for _, parts := range [][]Part{b.Finished, b.Unfinished} {
		slices.SortFunc(parts, func(a, b Part) int {
			return cmp.Or(cmp.Compare(order(a.Kind), order(b.Kind)), cmp.Compare(b.N, a.N), strings.Compare(a.Outcome, b.Outcome))
		})
	}
	slices.SortFunc(b.Durations, func(a, b Timing) int { return cmp.Compare(order(a.Kind), order(b.Kind)) })
	b.Mail, b.Answers, b.OpenComplaints = timing("", mail), timing("", answers), rounded(open)
	if sent := expired + opened; sent >= fewestTimed {
		b.Expired = new(int((expired*100 + sent/2) / sent))
	}
	return b
}

// told adds a part that is not too small to be told.
func told(parts []Part, one Part) []Part {
	if one.N == 0 {
		return parts
	}
	return append(parts, one)
}

func timing(kind credential.ProcedureKind, h histogram) *Timing {
	if h.total() < fewestTimed {
		return nil
	}
	return &Timing{Kind: kind, P50: h.percentile(50), P95: h.percentile(95), P99: h.percentile(99)}
}

// publicKinds are the procedures that the public is told of, in the order of the page.
var publicKinds = []credential.ProcedureKind{
	credential.Generate, credential.Recover, credential.Unlock, credential.KindChange, credential.KindFirstClave,
}

// order is how procedures are listed.
func order(kind credential.ProcedureKind) int { return slices.Index(publicKinds, kind) }

// codes are the words of a file for states: they are the format's, and no language's.
var codes = map[State]string{Earlier: "anterior", Provisional: "provisional", Closed: "cerrado", Correction: "correccion"}

// WriteCSV writes the months, or with byDay the days, as published. Every cell is a
// number, a date or a word of the format's own: nothing that a spreadsheet could
// take for a formula.
func (p *Published) WriteCSV(to io.Writer, byDay bool) error {
	out := csv.NewWriter(to)
	rows := [][]string{{"anio", "mes", "quejas", "atenciones", "estado"}}
	if byDay {
		rows[0] = []string{"fecha", "quejas", "atenciones"}
		for _, d := range p.Days {
			rows = append(rows, []string{d.Day, decimal(d.Complaints), decimal(d.Attentions)})
		}
		return out.WriteAll(rows)
	}
	for _, r := range p.Rows {
		rows = append(rows, []string{
			strconv.Itoa(r.Month.Year()), strconv.Itoa(r.Month.Number()), decimal(r.Complaints), decimal(r.Attentions), codes[r.State],
		})
	}
	return out.WriteAll(rows)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// The JSON of the figures; docs/transparency.md documents it.
type (
	jsonAll struct {
		Zone       string          `json:"zona"`
		Until      string          `json:"hasta"`
		Total      jsonTotal       `json:"total"`
		Earlier    jsonTotal       `json:"anteriores"`
		Months     []jsonMonth     `json:"meses"`
		Days       []jsonDay       `json:"dias"`
		Breakdowns []jsonBreakdown `json:"desgloses"`
		Chain      jsonChain       `json:"cadena"`
	}
	jsonTotal struct {
		Months     int   `json:"meses"`
		Complaints int64 `json:"quejas"`
		Attentions int64 `json:"atenciones"`
	}
	jsonMonth struct {
		Year       int    `json:"anio"`
		Month      int    `json:"mes"`
		Complaints int64  `json:"quejas"`
		Attentions int64  `json:"atenciones"`
		State      string `json:"estado"`
		Reason     string `json:"motivo,omitempty"`
	}
	jsonDay struct {
		Day        string `json:"fecha"`
		Complaints int64  `json:"quejas"`
		Attentions int64  `json:"atenciones"`
	}
	jsonBreakdown struct {
		Month          string       `json:"mes"`
		Finished       []jsonPart   `json:"atenciones"`
		Unfinished     []jsonPart   `json:"sin_terminar"`
		Durations      []jsonTiming `json:"duracion"`
		Mail           *jsonTiming  `json:"correo"`
		Expired        *int         `json:"enlaces_vencidos_por_ciento"`
		OpenComplaints int64        `json:"quejas_sin_confirmar"`
		Answers        *jsonTiming  `json:"respuesta_a_quejas"`
	}
	jsonPart struct {
		Kind    string `json:"tramite"`
		Outcome string `json:"como,omitempty"`
		N       int64  `json:"cerca_de"`
	}
	jsonTiming struct {
		Kind string  `json:"tramite,omitempty"`
		P50  float64 `json:"p50_s"`
		P95  float64 `json:"p95_s"`
		P99  float64 `json:"p99_s"`
	}
	jsonChain struct {
		PublicKey string     `json:"llave"`
		Records   []jsonSeal `json:"registros"`
	}
	jsonSeal struct {
		Seq       int64  `json:"n"`
		Month     string `json:"mes"`
		State     string `json:"estado"`
		At        string `json:"registrado"`
		Hash      string `json:"sha256"`
		Signature string `json:"firma"`
	}
)

// WriteJSON writes everything that is published.
func (p *Published) WriteJSON(to io.Writer) error {
	all := jsonAll{
		Zone: "America/Guayaquil", Until: p.Until, Total: jsonTotal(p.All), Earlier: jsonTotal(p.Earlier),
		Months: []jsonMonth{}, Days: []jsonDay{}, Breakdowns: []jsonBreakdown{},
		Chain: jsonChain{PublicKey: base64.StdEncoding.EncodeToString(p.PublicKey), Records: []jsonSeal{}},
	}
	for _, r := range p.Rows {
		all.Months = append(all.Months, jsonMonth{r.Month.Year(), r.Month.Number(), r.Complaints, r.Attentions, codes[r.State], r.Reason})
	}
	for _, d := range p.Days {
		all.Days = append(all.Days, jsonDay(d))
	}
	for _, b := range p.Breakdowns {
		all.Breakdowns = append(all.Breakdowns, b.json())
	}
	for _, r := range p.Records {
		all.Chain.Records = append(all.Chain.Records, jsonSeal{
			r.Seq, string(r.Month), codes[r.State], r.At.UTC().Format(time.RFC3339), hex.EncodeToString(r.Hash[:]),
			base64.StdEncoding.EncodeToString(r.Signature),
		})
	}
	out := json.NewEncoder(to)
	out.SetIndent("", " ")
	return out.Encode(all)
}

func (b Breakdown) json() jsonBreakdown {
	out := jsonBreakdown{
		Month: string(b.Month), Finished: jsonParts(b.Finished), Unfinished: jsonParts(b.Unfinished), Durations: []jsonTiming{},
		Mail: b.Mail.json(), Expired: b.Expired, OpenComplaints: b.OpenComplaints, Answers: b.Answers.json(),
	}
	for _, t := range b.Durations {
		out.Durations = append(out.Durations, *t.json())
	}
	return out
}

func jsonParts(parts []Part) []jsonPart {
	list := []jsonPart{}
	for _, p := range parts {
		list = append(list, jsonPart{kindCodes[p.Kind], outcomeCode(p.Outcome), p.N})
	}
	return list
}

func (t *Timing) json() *jsonTiming {
	if t == nil {
		return nil
	}
	return &jsonTiming{kindCodes[t.Kind], t.P50.Seconds(), t.P95.Seconds(), t.P99.Seconds()}
}

// kindCodes are the words of a file for procedures.
var kindCodes = map[credential.ProcedureKind]string{
	credential.Generate: "generar", credential.Recover: "recuperar", credential.Unlock: "desbloquear",
	credential.KindChange: "cambiar", credential.KindFirstClave: "primera_clave",
}

// outcomeCode is the word of a file for how a procedure did not finish.
func outcomeCode(how string) string {
	if step, ok := strings.CutPrefix(how, gaveUp); ok {
		return "abandonado_en_" + stepCodes[credential.Step(step)]
	}
	return map[string]string{
		outcomeReplaced: "reemplazado", outcomeObjected: "objetado", outcomeExpired: "enlace_vencido", outcomeNoMail: "sin_correo",
	}[how]
}

var stepCodes = map[credential.Step]string{
	credential.StepProve: "datos", credential.StepProveReview: "revision_de_datos", credential.StepQuestions: "preguntas",
	credential.StepContact: "correo", credential.StepContactReview: "revision_de_correo",
	credential.StepOwnQuestion: "su_pregunta", credential.StepClave: "nueva_clave",
}
