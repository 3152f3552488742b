package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
)

// What a stranger may try to tell from an unknown number by the time that an
// answer takes, by the demo's cases.
var classes = []struct{ name, of string }{
	{"with clave", registry.CaseClave}, {"never activated", registry.CaseNew}, {"deceased", registry.CaseDeceased},
	{"thin record", registry.CaseThin}, {"locked", registry.CaseLocked},
}

// judgedSteps are the requests up to the verdict in which the number has a part.
var judgedSteps = []string{"«Buscar»", "proof page", "«Continuar»", "«Aceptar»"}

// telltaleFigures are how well the time of an answer tells a known number from
// an unknown one (S9): the area under the curve, 0.5 for not at all.
func telltaleFigures(ctx context.Context, env *Env) ([]Figure, error) {
	var figures []Figure
	for _, engine := range Engines {
		for _, kind := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
			found, err := telltale(ctx, env, engine, kind)
			if err != nil {
				return figures, fmt.Errorf("%s, %s: %w", kind, engine, err)
			}
			figures = append(figures, found...)
		}
	}
	return figures, nil
}

const (
	// roundsToWindow is how many failed proofs a number gets before the demo's
	// clock moves past them, so that all answers are of one kind.
	roundsToWindow = 15
	// slowRelay is how long the relay takes for each mail, with a queue before
	// it all the while.
	slowRelay = 3 * time.Second
	queued    = 300
)

func telltale(ctx context.Context, env *Env, engine string, kind credential.ProcedureKind) (_ []Figure, err error) {
	population := 2*queued + 200
	box, err := OpenSink()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	p, err := env.Demo(ctx, engine, box.Addr(), population, append([]string{"attempt_window=1s"}, Cheap...)...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	register := fakes(population)
	box.Slow(slowRelay)
	many := newClient(parallel)
	err = together(parallel, env.Samples(queued), func(i int) error {
		c := newCitizen(many, p.URL)
		err := c.upToContact(ctx, credential.Generate, register.first[i])
		if err == nil {
			_, err = c.walk(ctx, pageContactReview, pageWaiting)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	many.CloseIdleConnections()

	subjects := []registry.Fake{nobody(register)} // the unknown number, then the classes
	for _, class := range classes {
		subjects = append(subjects, register.named[class.of])
	}
	times := make([][][]float64, len(judgedSteps)) // by step and subject
	for step := range times {
		times[step] = make([][]float64, len(subjects))
	}
	one := newClient(1)
	for round := range env.Samples(2000) + roundsToWindow {
		if round%roundsToWindow == 0 {
			moved, err := newCitizen(one, p.URL).send(ctx, http.MethodPost, "/demo/reloj", url.Values{"avanza": {"40s"}}.Encode())
			if err == nil {
				err = moved.want("/demo/reloj", http.StatusNoContent)
			}
			if err != nil {
				return nil, err
			}
		}
		for _, i := range rand.Perm(len(subjects)) {
			took, err := lostProof(ctx, newCitizen(one, p.URL), kind, subjects[i], round%2 == 0)
			if err != nil {
				return nil, err
			}
			for step := range took {
				if round >= roundsToWindow { // those before warm up
					times[step][i] = append(times[step][i], took[step])
				}
			}
		}
	}
	var figures []Figure
	for step, what := range judgedSteps {
		figures = append(figures, worst(engine, string(kind)+" "+what, kind, step, times[step]))
	}
	return figures, nil
}

// worst is the figure of a step: the class that can be told best, and all beside it.
func worst(engine, what string, kind credential.ProcedureKind, step int, times [][]float64) Figure {
	f := Figure{
		Name: "telltale/" + string(kind) + "/" + strconv.Itoa(step+1), Engine: engine, Target: within(0.5, 0.05), Samples: len(times[0]),
		How: "area under the curve of the answers' time, an unknown number against one of each class, in random order in each round, on one connection, " +
			"the right birth date typed in every second round, cheap hashes, the relay slow and mail waiting; the class that can be told best, with its 95 % interval (DeLong)",
	}
	farthest := -1.0
	for i, class := range classes {
		area, half := auc(times[0], times[i+1])
		f.Raw = append(f.Raw, Measure{Name: class.name, Value: area})
		if far := math.Abs(area-0.5) + half; far > farthest || math.IsNaN(far) {
			farthest = far
			f.Value, f.Interval, f.What = area, &[2]float64{area - half, area + half}, "AUC "+what+", "+class.name
		}
	}
	f.Raw = append(f.Raw, Measure{"median unknown", median(times[0]), "ms"})
	return f
}

// lostProof walks from «Buscar» through a verdict that is lost and gives how long
// each answer took, in milliseconds.
func lostProof(ctx context.Context, c *citizen, kind credential.ProcedureKind, f registry.Fake, rightDate bool) ([]float64, error) {
	const audience = credential.Affiliate
	birth := f.Person.Birth
	if !rightDate {
		birth.Day = birth.Day%28 + 1
	}
	pairs := []string{"dia", strconv.Itoa(birth.Day), "mes", strconv.Itoa(int(birth.Month))}
	var took []float64
	var proof page
	for step, status := range []int{http.StatusSeeOther, http.StatusOK, http.StatusSeeOther, http.StatusUnprocessableEntity} {
		var p page
		var err error
		switch step {
		case 0:
			p, err = c.post(ctx, pageStart, startForm(kind, f.Person.Number, audience)...)
		case 1:
			p, err = c.get(ctx, pageProve)
			proof = p
		case 2:
			p, err = c.post(ctx, pageProve, append(pairs, wrongAnswers(proof, kind, audience)...)...)
		case 3:
			p, err = c.post(ctx, pageProveReview)
		}
		if err == nil {
			err = p.want(judgedSteps[step], status)
		}
		if err != nil {
			return nil, err
		}
		took = append(took, milliseconds(p.took))
	}
	return took, nil
}

// wrongAnswers are the same for everybody: none of the demo's people has them all.
func wrongAnswers(proof page, kind credential.ProcedureKind, audience credential.Audience) []string {
	var pairs []string
	if kind == credential.Generate {
		for _, q := range credential.RecordQuestions(audience) {
			pairs = append(pairs, "record."+string(q.ID), credential.NotOnRecord)
		}
		return pairs
	}
	for _, found := range asked.FindAllSubmatch(proof.body, -1) {
		pairs = append(pairs, "bank."+string(found[1]), "respuesta cualquiera")
	}
	return pairs
}

// nobody is somebody of another register with a cédula that this one does not
// have.
func nobody(here people) registry.Fake {
	known := map[string]bool{}
	for _, f := range here.named {
		known[f.Person.Number.Reveal()] = true
	}
	for f := range registry.All("nadie", 1000, demoEpoch) {
		if f.Person.Number.Document() == credential.Cedula && !known[f.Person.Number.Reveal()] {
			return f
		}
	}
	return registry.Fake{} // a thousand of other people cannot all be here
}

// auc is the chance that a value of y is greater than one of x, ties halved, and
// half of its 95 % interval, after DeLong, DeLong and Clarke-Pearson (1988).
func auc(x, y []float64) (area, half float64) {
	inX, inY := ranks(x), ranks(y)
	both := ranks(append(slices.Clone(x), y...))
	n, m := float64(len(x)), float64(len(y))
	above := make([]float64, len(y)) // share of x below each y
	for i := range y {
		above[i] = (both[len(x)+i] - inY[i]) / n
	}
	below := make([]float64, len(x)) // share of y above each x
	for i := range x {
		below[i] = 1 - (both[i]-inX[i])/m
	}
	return mean(above), 1.96 * math.Sqrt(variance(above)/m+variance(below)/n)
}

// ranks gives each value's rank from 1, equal values their mean.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	found := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, at := range order[i:j] {
			found[at] = float64(i+j+1) / 2
		}
		i = j
	}
	return found
}

func variance(values []float64) float64 {
	middle := mean(values)
	var sum float64
	for _, v := range values {
		sum += (v - middle) * (v - middle)
	}
	return sum / float64(len(values)-1)
}
