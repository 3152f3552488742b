package web

import (
	"math"
	"slices"

	"aldaba/internal/stats"
)

// A chart is drawn for a telephone of 320 pixels, in units that are pixels there,
// and grows with the page.
const (
	chartWidth  = 320
	chartHeight = 190
	chartLeft   = 60 // room for the numbers of the scale
	chartTop    = 10
	chartBottom = 166
	// digitWidth is what a digit of a label needs at most, so that none is cut at the edge.
	digitWidth = 8
	// mostMonths is how many months a chart shows: the table has all.
	mostMonths = 36
)

// chartView is bars over a scale. Title and Text say in words what it shows.
type chartView struct {
	ID, Title, Text string
	Width, Height   int
	Left, Right     float64
	Bottom          int
	Bars            []barView
	Scale           []tickView
}

type barView struct {
	X, Y, Width, Height float64
	LabelX              float64
	Label               string // below the axis; empty for none
	Open                bool   // may still change
}

type tickView struct {
	Y, TextY float64
	Text     string
}

// bar is one value of a chart.
type bar struct {
	place int // from the left
	n     int64
	label string
	open  bool
}

// chart draws bars. Less than nothing is drawn as nothing, and the least as a line that
// can be seen.
func (s *Server) chart(bars []bar) chartView {
	v := chartView{Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartWidth, Bottom: chartBottom}
	var top int64
	for _, b := range bars {
		top = max(top, b.n)
	}
	step := niceStep(top)
	scale := step * ((max(top, 1) + step - 1) / step) // the first step at or above the highest bar
	height := func(n int64) float64 {
		h := tenth(float64(chartBottom-chartTop) * float64(max(n, 0)) / float64(scale))
		if n > 0 {
			h = max(h, 1)
		}
		return h
	}
	for n := int64(0); n <= scale; n += step {
		y := tenth(chartBottom - height(n))
		v.Scale = append(v.Scale, tickView{Y: y, TextY: y + 4, Text: s.Words.Number(n)})
	}
	each := float64(chartWidth-chartLeft) / float64(len(bars))
	for _, b := range bars {
		x, h := chartLeft+each*float64(b.place), height(b.n)
		v.Bars = append(v.Bars, barView{
			X: tenth(x + each*0.12), Width: tenth(each * 0.76), Y: tenth(chartBottom - h), Height: h,
			LabelX: tenth(min(x+each*0.12, chartWidth-digitWidth*float64(len(b.label)))), Label: b.label, Open: b.open,
		})
	}
	return v
}

// niceStep is the step of a scale up to at least n with at most five of them: 1, 2
// or 5 times a power of ten.
func niceStep(n int64) int64 {
	for power := int64(1); ; power *= 10 {
		for _, step := range []int64{1, 2, 5} {
			if step*power*5 >= n {
				return step * power
			}
		}
	}
}

func tenth(x float64) float64 { return math.Round(x*10) / 10 }

// monthsChart draws the latest months, corrections added to what they correct. A
// month without figures is a gap.
func (s *Server) monthsChart(rows []stats.Row) *chartView {
	last := rows[len(rows)-1].Month
	place := func(m stats.Month) int {
		return mostMonths - 1 - (last.Year()-m.Year())*12 - (last.Number() - m.Number())
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r stats.Row) bool { return place(r.Month) < 0 })
	first := rows[0].Month
	shift := place(first)
	bars := make([]bar, mostMonths-shift)
	for i := range bars {
		bars[i].place = i
		if m := (first.Number()-1+i)%12 + 1; m == 1 || i == 0 && m < 11 { // else the next label would touch it
			bars[i].label = numberText(first.Year() + (first.Number()-1+i)/12)
		}
	}
	top := first
	for _, r := range rows {
		b := &bars[place(r.Month)-shift]
		b.n += r.Attentions
		b.open = b.open || r.State == stats.Provisional
		if b.n > bars[place(top)-shift].n {
			top = r.Month
		}
	}
	v := s.chart(bars)
	v.ID, v.Title = "meses", s.Words.Text("transparency.chart", "from", s.month(first), "to", s.month(last))
	v.Text = s.Words.Text("transparency.chart_text", "top", s.Words.Number(bars[place(top)-shift].n), "month", s.month(top))
	return &v
}
