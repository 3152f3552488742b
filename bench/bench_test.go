package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"
)

func TestAUC(t *testing.T) {
	for _, test := range []struct {
		name       string
		x, y       []float64
		area, half float64
	}{
		{"apart", []float64{1, 2, 3}, []float64{4, 5, 6}, 1, 0},
		{"apart the other way", []float64{4, 5, 6}, []float64{1, 2, 3}, 0, 0},
		{"all equal", []float64{1, 1, 1}, []float64{1, 1, 1}, 0.5, 0},
		// By hand: y beats x in 6 of 9 pairs; the shares are 1/3, 2/3, 1 both ways.
		{"mixed", []float64{1, 3, 5}, []float64{2, 4, 6}, 2.0 / 3, 1.96 * math.Sqrt(2.0/27)},
		{"ties", []float64{1, 2}, []float64{2, 3}, 0.875, 1.96 * math.Sqrt(0.03125)},
	} {
		area, half := auc(test.x, test.y)
		if math.Abs(area-test.area) > 1e-9 || math.Abs(half-test.half) > 1e-9 {
			t.Errorf("%s: auc = %v ± %v, want %v ± %v", test.name, area, half, test.area, test.half)
		}
	}
}

func TestPercentile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for share, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := percentile(values, share); got != want {
			t.Errorf("percentile(%v) = %v, want %v", share, got, want)
		}
	}
	if got := percentile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("percentile of nothing = %v", got)
	}
}

func TestRatioBetween(t *testing.T) {
	for _, test := range []struct {
		name             string
		ours, raw        []float64
		value, low, high float64
		fails            bool
	}{
		{"alike", []float64{2, 4, 6}, []float64{1, 2, 3}, 2, 2, 2, false},
		// By hand: without one pair 3/2 or 1, whose variance is 1/8; times (n-1)²/n = 1/2, under the root 1/4.
		{"unlike", []float64{2, 3}, []float64{2, 2}, 1.25, 1.25 - 1.96/4, 1.25 + 1.96/4, false},
		{"no pairs", []float64{2, 3}, []float64{2}, 0, 0, 0, true},
	} {
		value, between, err := ratioBetween(test.ours, test.raw)
		if (err != nil) != test.fails {
			t.Errorf("%s: error %v", test.name, err)
		}
		if err == nil && (math.Abs(value-test.value) > 1e-9 || math.Abs(between[0]-test.low) > 1e-9 || math.Abs(between[1]-test.high) > 1e-9) {
			t.Errorf("%s: %v %v, want %v %v to %v", test.name, value, *between, test.value, test.low, test.high)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, test := range []struct {
		name string
		f    Figure
		want bool
	}{
		{"below", Figure{Value: 1, Target: atMost(1)}, true},
		{"above", Figure{Value: 1.01, Target: atMost(1)}, false},
		{"enough", Figure{Value: 500, Target: atLeast(500)}, true},
		{"too few", Figure{Value: 499, Target: atLeast(500)}, false},
		{"no number", Figure{Value: math.NaN(), Target: atMost(1)}, false},
		{"interval inside", Figure{Value: 0.5, Interval: &[2]float64{0.46, 0.54}, Target: within(0.5, 0.05)}, true},
		{"interval outside", Figure{Value: 0.5, Interval: &[2]float64{0.44, 0.52}, Target: within(0.5, 0.05)}, false},
	} {
		if got := test.f.judged().Met; got != test.want {
			t.Errorf("%s: met %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTheLogIsRead(t *testing.T) {
	const query = "UPDATE thing\n\t\tSET name = $2, state = $3, at = $4 WHERE id = $1"
	types := &parameterTypes{known: map[string][]uint32{
		query: {pgtype.ByteaOID, pgtype.TextOID, pgtype.TextOID, pgtype.Int8OID}, "SELECT 1": nil,
	}}
	for _, test := range []struct {
		name, log string
		want      []statement
		fails     bool
	}{
		{"nothing", "", nil, false},
		{"a statement of two lines and its values",
			"2026-11-22 10:00:00.123 UTC [17] LOG:  execute stmtcache_1: UPDATE thing\n\t\t\tSET name = $2, state = $3, at = $4 WHERE id = $1\n" +
				"2026-11-22 10:00:00.123 UTC [17] DETAIL:  parameters: $1 = '\\x00ff', $2 = 'O''Hara, $9', $3 = NULL, $4 = '-5'\n",
			[]statement{{query, []any{[]byte{0, 255}, "O'Hara, $9", nil, int64(-5)}}}, false},
		{"those that begin and end are left out",
			"2026-11-22 10:00:00.123 UTC [17] LOG:  statement: begin\n2026-11-22 10:00:00.123 UTC [17] LOG:  execute a: SELECT 1\n" +
				"2026-11-22 10:00:00.123 UTC [17] LOG:  statement: commit\n",
			[]statement{{query: "SELECT 1"}}, false},
		{"too few values",
			"2026-11-22 10:00:00.123 UTC [17] LOG:  execute a: UPDATE thing\n\t\t\tSET name = $2, state = $3, at = $4 WHERE id = $1\n" +
				"2026-11-22 10:00:00.123 UTC [17] DETAIL:  parameters: $1 = '1'\n",
			nil, true},
	} {
		got, err := types.parse(t.Context(), test.log)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(statement{})); diff != "" || (err != nil) != test.fails {
			t.Errorf("%s: error %v, (-want +got)\n%s", test.name, err, diff)
		}
	}
}

func TestStepsUnlikeMostAreLeftOut(t *testing.T) {
	one, other := []statement{{query: "SELECT 1"}}, []statement{{query: "SELECT 1"}, {query: "SELECT 2"}}
	got := likeMost([][]statement{other, one, one})
	if diff := cmp.Diff([][]statement{one, one}, got, cmp.AllowUnexported(statement{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
