package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"strconv"

	"aldaba/internal/credential"
	"aldaba/internal/registry"
)

// step is one press of a generate that hashes nothing, and the page after it.
type step struct {
	name, page string // its button, and the template of the page that follows
	posts      string // path of the form
	next       string // path of that page
	before     func(ctx context.Context, c walker) error
	form       func(f registry.Fake) []string
	view       func(f registry.Fake) view
}

var steps = []step{{
	name: "«Buscar»", page: "prove", posts: pageStart, next: pageProve,
	before: func(ctx context.Context, c walker) error { _, err := c.citizen.open(ctx, pageStart); return err },
	form: func(f registry.Fake) []string {
		return startForm(credential.Generate, f.Person.Number, f.Person.Audiences[0])
	},
	view: provePage,
}, {
	name: "«Continuar» of the proof", page: "prove_review", posts: pageProve, next: pageProveReview,
	before: func(ctx context.Context, c walker) error {
		_, err := c.citizen.begin(ctx, credential.Generate, c.fake.Person.Number, c.fake.Person.Audiences[0])
		return err
	},
	form: func(f registry.Fake) []string {
		return proofForm(page{}, credential.Generate, f, f.Person.Audiences[0])
	},
	view: reviewPage,
}}

// walker is somebody who is about to take a step.
type walker struct {
	citizen *citizen
	fake    registry.Fake
}

// ready starts a demo and brings people to where they take the step.
func (s step) ready(ctx context.Context, env *Env, engine string, n int) (*Program, []walker, error) {
	population := 6*n + 100
	p, err := env.Demo(ctx, engine, "127.0.0.1:9", population, Cheap...)
	if err != nil {
		return nil, nil, err
	}
	client := newClient(1)
	var all []walker
	for _, f := range fakes(population).first {
		if f.Person.Audiences[0] == credential.Affiliate && len(all) < n { // one audience: one page
			all = append(all, walker{newCitizen(client, p.URL), f})
		}
	}
	for _, w := range all {
		if err == nil {
			err = s.before(ctx, w)
		}
	}
	if err == nil && len(all) < n {
		err = fmt.Errorf("only %d people for a step", len(all))
	}
	if err != nil {
		return nil, nil, errors.Join(err, p.Stop())
	}
	return p, all, nil
}

// take takes the step, two exchanges, and gives the page after it.
func (s step) take(ctx context.Context, w walker) (after page, err error) {
	pressed, err := w.citizen.post(ctx, s.posts, s.form(w.fake)...)
	if err == nil && pressed.location != s.next {
		err = fmt.Errorf("%s: status %d, leads to %q: %w", s.name, pressed.status, pressed.location, pressed.want(s.posts, 303))
	}
	if err == nil {
		after, err = w.citizen.open(ctx, s.next)
	}
	return after, err
}

// stepFigures are the processor time of a step that hashes nothing over what
// nobody could leave out: the page's template, the statements in one bare
// transaction, two bare HTTP exchanges.
func stepFigures(ctx context.Context, env *Env) ([]Figure, error) {
	var figures []Figure
	for i, s := range steps {
		n := max(2*stepBlock, env.Samples(400)/stepBlock*stepBlock)
		postgres, err := record(ctx, env, s, n+stepBlock)
		if err != nil {
			return figures, fmt.Errorf("recording %s: %w", s.name, err)
		}
		if len(postgres.steps) < n*9/10 {
			return figures, fmt.Errorf("recording %s: only %d of %d have the same statements", s.name, len(postgres.steps), n)
		}
		sqlite, err := postgres.onSQLite(ctx, env)
		if err != nil {
			return figures, fmt.Errorf("recording %s: %w", s.name, err)
		}
		for _, engine := range Engines {
			recorded := sqlite
			if engine == Postgres {
				recorded = postgres
			}
			f, err := stepFigure(ctx, env, engine, s, recorded)
			if err != nil {
				return figures, fmt.Errorf("%s, %s: %w", s.name, engine, err)
			}
			f.Name = "step/" + strconv.Itoa(i+1)
			figures = append(figures, f)
		}
	}
	return figures, nil
}

// stepBlock is how many steps come between two readings of a processor's clock.
const stepBlock = 20

func stepFigure(ctx context.Context, env *Env, engine string, s step, recorded recording) (_ Figure, err error) {
	bare, err := startBare(ctx)
	if err != nil {
		return Figure{}, err
	}
	defer bare.Kill()
	p, walkers, err := s.ready(ctx, env, engine, len(recorded.steps))
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	replay, err := newReplayer(ctx, engine, recorded)
	if err != nil {
		return Figure{}, err
	}
	defer func() { err = errors.Join(err, replay.db.Close()) }()
	tmpl, err := templates(s.page)
	if err != nil {
		return Figure{}, err
	}
	client := newClient(1)
	var ours, renders, statements, exchanges []float64
	served := 0
	for at := 0; at+stepBlock <= len(recorded.steps); at += stepBlock {
		block := walkers[at : at+stepBlock]
		k := 0
		whole, err := cpuOf(p, stepBlock, func() error {
			after, err := s.take(ctx, block[k])
			served = len(after.body)
			k++
			return err
		})
		if err != nil {
			return Figure{}, err
		}
		k = 0
		exchange, err := cpuOf(bare, stepBlock, func() error { k++; return s.bare(ctx, newCitizen(client, bare.URL), block[k-1], served) })
		if err != nil {
			return Figure{}, err
		}
		run, render, err := s.alone(ctx, replay, tmpl, recorded.steps[at:at+stepBlock], block, served)
		if err != nil {
			return Figure{}, err
		}
		if at > 0 { // the first block warms up
			ours, exchanges = append(ours, whole), append(exchanges, exchange)
			statements, renders = append(statements, run), append(renders, render)
		}
	}
	raw := make([]float64, len(ours))
	for i := range raw {
		raw[i] = renders[i] + statements[i] + exchanges[i]
	}
	value, err := ratio(ours, raw)
	return Figure{
		Engine: engine, What: "CPU of " + s.name + " ÷ render, statements, HTTP", Value: value, Target: atMost(1.6), Samples: len(ours) * stepBlock,
		Raw: []Measure{
			{"the step", mean(ours), "ms"}, {"render", mean(renders), "ms"},
			{strconv.Itoa(len(recorded.steps[0])) + " statements", mean(statements), "ms"}, {"two exchanges", mean(exchanges), "ms"},
		},
		How: "processor time of the server process for the press and the page after it, over the page's own template executed with the same values in the measuring process, " +
			"the same statements with the same values on a copy of the same database in one transaction through database/sql, and two exchanges of the same size with bare net/http",
	}, err
}

// bare does the two exchanges with a bare server: a form as long, and a page.
func (s step) bare(ctx context.Context, c *citizen, like walker, size int) error {
	maps.Copy(c.cookies, like.citizen.cookies)
	pressed, err := c.post(ctx, "/", s.form(like.fake)...)
	if err == nil {
		err = pressed.want("/", 303)
	}
	if err == nil {
		_, err = c.open(ctx, "/"+strconv.Itoa(size))
	}
	return err
}

// alone is the processor time of one step's statements and of its template, in
// milliseconds. They run in turns, for neither finds the processor's caches warm
// in the program either.
func (s step) alone(ctx context.Context, replay *replayer, tmpl *template.Template, recorded [][]statement, block []walker, served int) (statements, render float64, err error) {
	for k, w := range block {
		shown := s.view(w.fake) // is the program's to make
		began := ownCPU()
		err = replay.run(ctx, recorded[k])
		ran := ownCPU()
		if err == nil {
			err = rendered(tmpl, shown, served)
		}
		if err != nil {
			return 0, 0, err
		}
		statements += milliseconds(ran - began)
		render += milliseconds(ownCPU() - ran)
	}
	n := float64(len(block))
	return statements / n, render / n, nil
}
