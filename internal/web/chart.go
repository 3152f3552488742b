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
	chartLeft   = 52 // room for the numbers of the scale
	chartTop    = 10
	chartBottom = 166
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

// chart draws bars. Less than nothing is drawn as nothing.
func (s *Server) chart(bars []bar) chartView {
	v := chartView{Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartWidth, Bottom: chartBottom}
	var top int64
	for _, b := range bars {
		top = max(top, b.n)
	}
	step := niceStep(top)
	scale := step * ((max(top, 1) + step - 1) / step) // the first step at or above the highest bar
	height := func(n int64) float64 {
		return tenth(float64(chartBottom-chartTop) * float64(max(n, 0)) / float64(scale))
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
			LabelX: tenth(x + each*0.12), Label: b.label, Open: b.open,
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

// monthsChart draws the latest months, corrections added to what they correct.
func (s *Server) monthsChart(rows []stats.Row) *chartView {
	type month struct {
		of   stats.Month
		n    int64
		open bool
	}
	var months []month
	for _, r := range rows {
		if n := len(months); n > 0 && months[n-1].of == r.Month {
			months[n-1].n += r.Attentions
			continue
		}
		months = append(months, month{r.Month, r.Attentions, r.State == stats.Provisional})
	}
	months = months[max(0, len(months)-mostMonths):]
	var bars []bar
	for i, m := range months {
		b := bar{place: i, n: m.n, open: m.open}
		if i == 0 && m.of.Number() < 11 || m.of.Number() == 1 {
			b.label = numberText(m.of.Year())
		}
		bars = append(bars, b)
	}
	v := s.chart(bars)
	first, last := months[0], months[len(months)-1]
	top := slices.MaxFunc(months, func(a, b month) int { return int(a.n - b.n) })
	v.ID, v.Title = "meses", s.Words.Text("transparency.chart", "from", s.month(first.of), "to", s.month(last.of))
	v.Text = s.Words.Text("transparency.chart_text", "top", s.Words.Number(top.n), "month", s.month(top.of))
	return &v
}
