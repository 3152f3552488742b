package stats

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/credential"
)

func TestReadEarlier(t *testing.T) {
	const row = "2024,1,0,43651\n"
	got, err := ReadEarlier(strings.NewReader("\ufeffanio,mes,quejas,atenciones\r\n2024,01,3,43651\r\n\"2024\",2,0,0\r\n"))
	want := []EarlierRow{{2, "2024-01", 3, 43651}, {3, "2024-02", 0, 0}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ReadEarlier: %v\n%s", err, diff)
	}
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", "line 1: the header must be anio,mes,quejas,atenciones"},
		{"another header", "year,month,complaints,attentions\n" + row, "line 1: the header"},
		{"columns changed", "anio,mes,atenciones,quejas\n" + row, "line 1: the header"},
		{"no header", row, "line 1: the header"},
		{"header alone", EarlierHeader + "\n", "no month follows"},
		{"month 13", EarlierHeader + "\n" + row + "2024,13,0,1\n", "line 3: there is no month 13 of year 2024"},
		{"month 0", EarlierHeader + "\n2024,0,0,1\n", "line 2: there is no month 0"},
		{"year 24", EarlierHeader + "\n24,1,0,1\n", "line 2: there is no month 1 of year 24"},
		{"negative", EarlierHeader + "\n2024,1,0,-5\n", `line 2: atenciones "-5" is negative`},
		{"twice", EarlierHeader + "\n" + row + "2024,2,0,1\n2024,01,0,43651\n", "line 4: 2024-01 stands in line 2 already"},
		{"formula", EarlierHeader + "\n2024,1,=1+1,1\n", `line 2: quejas "=1+1" is a formula`},
		{"plus", EarlierHeader + "\n2024,1,+1,1\n", "is a formula"},
		{"at", EarlierHeader + "\n2024,1,0,@SUM(A1)\n", "is a formula"},
		{"tab", EarlierHeader + "\n2024,1,0,\"\t1\"\n", "is a formula"},
		{"points", EarlierHeader + "\n2024,1,0,43.651\n", `line 2: atenciones "43.651" is not a whole number`},
		{"space", EarlierHeader + "\n2024, 1,0,1\n", "line 2: mes"},
		{"empty", EarlierHeader + "\n2024,1,,1\n", "line 2: quejas is empty"},
		{"too large", EarlierHeader + "\n2024,1,0,1000000001\n", "is above 1000000000"},
		{"far too large", EarlierHeader + "\n2024,1,0,99999999999999999999\n", "is above 1000000000"},
		{"a column more", EarlierHeader + "\n2024,1,0,1,anterior\n", "line 2: 5 columns, want 4"},
		{"a column less", EarlierHeader + "\n2024,1,0\n", "line 2: 3 columns"},
		{"a total", EarlierHeader + "\n" + row + "Total,,0,43651\n", `line 3: anio "Total"`},
		{"a quote left open", EarlierHeader + "\n" + row + "2024,\"2,0,1\n", "line 3: "},
		{"two faults", EarlierHeader + "\n2024,0,0,1\n2024,14,0,1\n", "line 2: there is no month 0 of year 2024 (from 2000 to 2199); line 3: there is no month 14"},
		{"latin 1", EarlierHeader + "\n2024,1,0,\xf1\n", "not UTF-8"},
		{"too long", EarlierHeader + "\n" + strings.Repeat(row, 80_000), "longer than 1048576 bytes"},
	} {
		rows, err := ReadEarlier(strings.NewReader(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.want) || rows != nil {
			t.Errorf("%s: %d rows, %v; want none and %q", tt.name, len(rows), err, tt.want)
		}
	}
}

func FuzzReadEarlier(f *testing.F) {
	f.Add(EarlierHeader + "\n2024,1,0,43651\n")
	f.Add("\ufeff" + EarlierHeader + "\r\n\"2024\",12,5,1\r\n2025,1,=1,\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ReadEarlier(strings.NewReader(text))
		if err != nil {
			if !utf8.ValidString(err.Error()) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the refusal is not one line of text: %q", err)
			}
			return
		}
		seen := map[Month]bool{}
		for _, r := range rows {
			_, ok := NewMonth(r.Month.Year(), r.Month.Number())
			if !ok || seen[r.Month] || r.Complaints < 0 || r.Attentions < 0 || r.Line < 2 {
				t.Errorf("took %+v", r)
			}
			seen[r.Month] = true
		}
	})
}

func TestMonths(t *testing.T) {
	for _, tt := range []struct{ at, month, day string }{
		{"2026-12-01T04:59:59Z", "2026-11", "2026-11-30"}, // still November in Ecuador
		{"2026-12-01T05:00:00Z", "2026-12", "2026-12-01"},
		{"2027-01-01T00:00:00Z", "2026-12", "2026-12-31"},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		if m, d := MonthOf(at), DayOf(at); m != Month(tt.month) || d != tt.day || monthOfDay(d) != m {
			t.Errorf("%s is of %s, %s", tt.at, m, d)
		}
	}
	m := Month("2026-12")
	if m.next() != "2027-01" || m.Year() != 2026 || m.Number() != 12 || !m.end().Equal(time.Date(2027, 1, 1, 5, 0, 0, 0, time.UTC)) {
		t.Errorf("%s: next %s, ends %s", m, m.next(), m.end())
	}
}

func TestBuckets(t *testing.T) {
	if Bucket(0) != 0 || Bucket(time.Nanosecond) != 1 || Bucket(firstBucket) != 1 || Bucket(firstBucket+1) != 2 {
		t.Errorf("the first buckets: %d %d %d %d", Bucket(0), Bucket(1), Bucket(firstBucket), Bucket(firstBucket+1))
	}
	if Bucket(bucketEnds[closedBuckets]) != closedBuckets || Bucket(bucketEnds[closedBuckets]+1) != openBucket || Bucket(1<<62) != openBucket {
		t.Error("the last buckets")
	}
	for i := 1; i <= closedBuckets; i++ {
		if Bucket(bucketEnds[i]) != i || Bucket(bucketEnds[i]+1) != i+1 {
			t.Errorf("bucket %d ends at %v, which is of bucket %d", i, bucketEnds[i], Bucket(bucketEnds[i]))
		}
		if i > 1 {
			wider := float64(bucketEnds[i]) / float64(bucketEnds[i-1])
			if wider < 1.08 || wider > 1.10 {
				t.Errorf("bucket %d is %v of the one before", i, wider)
			}
		}
	}
	if last := bucketEnds[closedBuckets]; last < 35*24*time.Hour || last > 37*24*time.Hour {
		t.Errorf("the last bucket ends at %v", last)
	}
}

func TestPercentile(t *testing.T) {
	h := histogram{Bucket(time.Second): 50, Bucket(time.Minute): 45, Bucket(time.Hour): 4, openBucket: 1}
	for p, want := range map[int64]time.Duration{
		1: bucketEnd(Bucket(time.Second)), 50: bucketEnd(Bucket(time.Second)), 51: bucketEnd(Bucket(time.Minute)), 95: bucketEnd(Bucket(time.Minute)),
		96: bucketEnd(Bucket(time.Hour)), 99: bucketEnd(Bucket(time.Hour)), 100: bucketEnd(openBucket),
	} {
		if got := h.percentile(p); got != want {
			t.Errorf("percentile %d = %v, want %v", p, got, want)
		}
	}
	if got := (histogram{}).percentile(50); got != 0 {
		t.Errorf("percentile of nothing = %v", got)
	}
}

func TestDue(t *testing.T) {
	record := func(m Month, s State) Record { return Record{Month: m, State: s} }
	day := func(text string) time.Time {
		at, err := time.ParseInLocation(time.DateOnly, text, credential.Zone)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct {
		name    string
		records []Record
		counted []Month
		now     string
		month   Month
		state   State
	}{
		{"nothing", nil, nil, "2027-01-01", "", ""},
		{"nothing of ours", []Record{record("2026-04", Earlier)}, nil, "2027-01-01", "", ""},
		{"under way", nil, []Month{"2026-11"}, "2026-11-30", "", ""},
		{"just ended", nil, []Month{"2026-11"}, "2026-12-01", "", ""},
		{"a day after", nil, []Month{"2026-11", "2026-12"}, "2026-12-02", "2026-11", Closed},
		{"the next", []Record{record("2026-11", Closed)}, []Month{"2026-12"}, "2027-01-02", "2026-12", Closed},
		{"without anything, after others", []Record{record("2026-11", Closed)}, nil, "2027-01-02", "2026-12", Closed},
		{"without anything, not yet", []Record{record("2026-11", Closed)}, nil, "2027-01-01", "", ""},
		{"late", []Record{record("2026-10", Closed), record("2026-11", Closed)}, []Month{"2026-10", "2026-12"}, "2026-12-05", "2026-10", Correction},
		{"late for an earlier one", []Record{record("2026-04", Earlier)}, []Month{"2026-04"}, "2026-12-05", "2026-04", Correction},
		{"the institution's own follows", []Record{record("2026-10", Closed), record("2026-11", Earlier)}, []Month{"2026-12"}, "2027-01-05", "2026-12", Closed},
	} {
		if m, s := due(tt.records, tt.counted, day(tt.now)); m != tt.month || s != tt.state {
			t.Errorf("%s: due = %q %q, want %q %q", tt.name, m, s, tt.month, tt.state)
		}
	}
}

// What is published of a month with few events tells nothing of any of them.
// Every outcome has a word in the file, and only kinds that have one are counted.
func TestOutcome(t *testing.T) {
	for _, tt := range []struct {
		in   Ended
		want string // the file's word; empty for what is not counted
	}{
		{Ended{Kind: credential.Recover, End: credential.Finished, Step: credential.StepDone}, ""},
		{Ended{Kind: credential.Recover, Step: credential.StepProve}, "abandonado_en_datos"},
		{Ended{Kind: credential.Recover, Step: credential.StepSent}, "sin_correo"},
		{Ended{Kind: credential.Recover, Step: credential.StepSent, Mailed: true}, "enlace_vencido"},
		{Ended{Kind: credential.Recover, Step: credential.StepSent, End: credential.Objected}, "objetado"},
		{Ended{Kind: credential.Unlock, Step: credential.StepSent, End: credential.Replaced}, "reemplazado"},
		{Ended{Kind: credential.ChangeAddress, Step: credential.StepOldCode}, ""},
		{Ended{Kind: credential.ChangeAddress, Step: credential.StepSent, Mailed: true}, ""},
	} {
		if got := outcomeCode(outcome(tt.in)); got != tt.want {
			t.Errorf("%+v ended as %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestBreakdownOfFew(t *testing.T) {
	count := func(m credential.Measure, detail string, bucket int, n int64) Count {
		return Count{Measure: m, Kind: credential.Recover, Detail: detail, Bucket: bucket, N: n}
	}
	few := breakdown("2026-11", []Count{
		count(credential.FigureFinished, "", 9, 94), count(credential.FigureMail, "", 9, 99), count(credential.FigureUnfinished, outcomeExpired, 0, 4),
		count(credential.FigureComplaintOpen, "", 0, 4), count(credential.FigureAnswered, "", 5, 99),
	})
	want := Breakdown{
		Month:    "2026-11",
		Finished: []Part{{Kind: credential.Recover, N: 90}},
	}
	if diff := cmp.Diff(want, few); diff != "" {
		t.Errorf("few:\n%s", diff)
	}
	enough := breakdown("2026-11", []Count{
		count(credential.FigureFinished, "", 9, 95), count(credential.FigureMail, "", 9, 100), count(credential.FigureUnfinished, outcomeExpired, 0, 5),
		count(credential.FigureAnswered, "", 5, 100),
	})
	if enough.Mail == nil || enough.Answers == nil || enough.Expired == nil || *enough.Expired != 5 || enough.Durations != nil || enough.Finished[0].N != 100 {
		t.Errorf("of a hundred: %+v", enough)
	}
}

// TestFilesAreNoFormulas: no cell of a published file begins like a formula, but
// for the minus of a correction's number.
func TestFilesAreNoFormulas(t *testing.T) {
	p := &Published{
		Rows: []Row{{Month: "2024-01", State: Earlier, Attentions: 5}, {Month: "2024-01", State: Correction, Attentions: -2, Reason: "=HYPERLINK(\"x\")"}},
		Days: []Day{{"2026-11-02", 1, 2}},
	}
	for byDay, want := range map[bool]string{
		false: "anio,mes,quejas,atenciones,estado\n2024,1,0,5,anterior\n2024,1,0,-2,correccion\n",
		true:  "fecha,quejas,atenciones\n2026-11-02,1,2\n",
	} {
		var text bytes.Buffer
		err := p.WriteCSV(&text, byDay)
		if err != nil || text.String() != want {
			t.Errorf("WriteCSV(%v) = %q, %v; want %q", byDay, text.String(), err, want)
		}
	}
}
