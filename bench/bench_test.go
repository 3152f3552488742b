package main

import (
	"math"
	"testing"
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
