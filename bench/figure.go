package main

import (
	"context"
	"encoding"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Figure is one measured number with what it must be.
type Figure struct {
	Name     string      `json:"name"`             // as --only takes it, such as "cpu/generate"
	Engine   string      `json:"engine,omitempty"` // [SQLite], [Postgres]; empty where it does not matter
	What     string      `json:"what"`             // in a few words, for the table
	Value    float64     `json:"value"`
	Unit     string      `json:"unit,omitempty"` // empty for a ratio or a count
	Interval *[2]float64 `json:"interval,omitempty"`
	Target   Target      `json:"target"`
	Raw      []Measure   `json:"raw,omitempty"` // raw limits of the same run, and what else explains the value
	Samples  int         `json:"samples"`
	Met      bool        `json:"met"` // set by whoever runs the measurement
	How      string      `json:"how"` // how it was measured, in a sentence
}

// Measure is a number beside a figure.
type Measure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// Target is where a figure must lie, ends included; where the figure has an
// interval, the whole of that.
type Target struct{ Min, Max float64 }

func atMost(most float64) Target           { return Target{Min: math.Inf(-1), Max: most} }
func atLeast(least float64) Target         { return Target{Min: least, Max: math.Inf(1)} }
func within(middle, either float64) Target { return Target{Min: middle - either, Max: middle + either} }

// String writes a target as people write it.
func (t Target) String() string {
	switch {
	case math.IsInf(t.Min, -1):
		return "≤ " + plain(t.Max)
	case math.IsInf(t.Max, 1):
		return "≥ " + plain(t.Min)
	}
	return plain((t.Min+t.Max)/2) + " ± " + plain((t.Max-t.Min)/2)
}

var _ encoding.TextMarshaler = Target{} // for the JSON file

// MarshalText implements [encoding.TextMarshaler].
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// judged is the figure with its verdict.
func (f Figure) judged() Figure {
	low, high := f.Value, f.Value
	if f.Interval != nil {
		low, high = f.Interval[0], f.Interval[1]
	}
	f.Met = low >= f.Target.Min && high <= f.Target.Max // a value that is no number meets nothing
	return f
}

// measured is the value as the table shows it.
func (f Figure) measured() string {
	text := plain(f.Value)
	if f.Interval != nil {
		text += " (" + plain(f.Interval[0]) + "–" + plain(f.Interval[1]) + ")"
	}
	return strings.TrimSpace(text + " " + f.Unit)
}

// beside is the raw limits as the table shows them.
func (f Figure) beside() string {
	var list []string
	for _, m := range f.Raw {
		list = append(list, strings.TrimSpace(m.Name+" "+plain(m.Value)+" "+m.Unit))
	}
	return strings.Join(list, "; ")
}

// plain writes a number with three significant digits, whole ones in full.
func plain(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e9 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	digits := 2
	switch size := math.Abs(v); {
	case size >= 100:
		digits = 0
	case size >= 10:
		digits = 1
	case size < 0.1:
		digits = 4
	case size < 1:
		digits = 3
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// measurement gives some figures; name is what --only takes.
type measurement struct {
	name string
	run  func(context.Context, *Env) ([]Figure, error)
}

// percentile is the smallest value that at least that share of the values does
// not exceed; NaN for none.
func percentile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}

// median is the middle of the values.
func median(values []float64) float64 { return percentile(values, 0.5) }

// ratio is the sum of one series over that of another that was measured in turns
// with it, so that a noisy machine is noisy for both.
func ratio(ours, raw []float64) (float64, error) {
	if len(ours) == 0 || len(ours) != len(raw) {
		return 0, fmt.Errorf("%d samples beside %d raw ones", len(ours), len(raw))
	}
	return mean(ours) / mean(raw), nil
}

// ratioBetween is [ratio] and its 95 % interval, by leaving out one pair of
// samples after the other (the jackknife): pairs that a noisy machine treated
// unlike make it wide.
func ratioBetween(ours, raw []float64) (value float64, interval *[2]float64, err error) {
	value, err = ratio(ours, raw)
	n := len(ours)
	if err != nil || n < 2 {
		return value, nil, err
	}
	without := make([]float64, n)
	for i := range n {
		without[i] = (mean(ours)*float64(n) - ours[i]) / (mean(raw)*float64(n) - raw[i])
	}
	half := 1.96 * math.Sqrt(variance(without)) * float64(n-1) / math.Sqrt(float64(n))
	return value, &[2]float64{value - half, value + half}, nil
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
