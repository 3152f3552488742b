package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"aldaba/internal/site"
)

type registryCommand struct {
	Import  registryImport  `cmd:"" help:"Bring in the institution's register of people from a CSV file."`
	Example registryExample `cmd:"" help:"Print a register of people who do not exist, with every column."`
}

type registryImport struct {
	File string `arg:"" help:"The register; docs/register.md names its columns." placeholder:"FILE.csv"`
	place
	Encoding string `default:"auto" help:"utf8, latin1 or auto." placeholder:"NAME"`
	DryRun   bool   `help:"Tell what would change, and change nothing."`
	Yes      bool   `help:"Take a register that changes a large share of the people."`
}

func (c *registryImport) Run(ctx context.Context, t terminal) error {
	switch c.Encoding {
	case "auto", "utf8", "latin1":
	default:
		return usageError{fmt.Errorf("--encoding %s: utf8, latin1 or auto", c.Encoding)}
	}
	config, err := c.config("registry import")
	if err != nil {
		return err
	}
	yieldToCitizens()
	bar := newProgressLine(t.err)
	report, err := site.ImportRegister(ctx, site.ImportConfig{
		Config: config, File: c.File, Encoding: c.Encoding, DryRun: c.DryRun, Yes: c.Yes, Progress: bar.show,
	})
	bar.end()
	_, large := errors.AsType[site.ErrLargeChange](err)
	if err == nil || large {
		err = errors.Join(err, tellImport(t.out, report, c.DryRun))
	}
	if errors.Is(err, context.Canceled) {
		return errors.New("registry import: interrupted; nothing of it is read yet, and the same command goes on from here")
	}
	return err
}

// yieldToCitizens makes every thread of this process, and those that they will
// begin, wait for others who want the processor: an import can wait, whoever
// looks at a page cannot. Where the system does not let it, the import goes on
// as it is.
func yieldToCitizens() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err == nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, id, 15) // a courtesy: no reason to stop
		}
	}
}

// tellImport writes what a new register changes.
func tellImport(w io.Writer, r site.ImportReport, dry bool) error {
	var text strings.Builder
	if r.Pending != "" {
		fmt.Fprintf(&text, "an interrupted import had left %s; that was done first\n", r.Pending)
	}
	if r.Resumed > 0 {
		fmt.Fprintf(&text, "%d lines were stored already by an interrupted import of the same file\n", r.Resumed)
	}
	fmt.Fprintf(&text, "people      %d, before %d: %d new, %d gone\n", r.People, r.Before, r.New, r.Gone)
	fmt.Fprintf(&text, "in person   %d; of those who were there before, %d marked and %d no more\n", r.AllMarked, r.Marked, r.Unmarked)
	fmt.Fprintf(&text, "addresses   %d; of those who were there before, %d changed\n", r.AllAddress, r.Address)
	fmt.Fprintf(&text, "dead        %d; of those who were there before, %d died\n", r.AllDead, r.Deaths)
	fmt.Fprintf(&text, "rejected    %d lines", r.Rejected)
	if r.Rejects != "" {
		fmt.Fprintf(&text, ", named with their reasons in %s", r.Rejects)
	}
	text.WriteByte('\n')
	if dry {
		text.WriteString("this was a dry run: the register is as it was\n")
		if large := r.Large(); large != "" {
			fmt.Fprintf(&text, "an import needs --yes: %s\n", large)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// progressLine is one line on a terminal that says how far a long work is.
type progressLine struct {
	to      io.Writer // nil where nobody looks
	started time.Time
	stage   string
	first   site.ImportProgress
	shown   time.Time
	width   int
}

// newProgressLine writes to w where it is a terminal, and else nothing.
func newProgressLine(w io.Writer) *progressLine {
	p := &progressLine{}
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		if err == nil && info.Mode()&os.ModeCharDevice != 0 {
			p.to = file
		}
	}
	return p
}

// refreshEvery is how often the line is written anew.
const refreshEvery = 200 * time.Millisecond

func (p *progressLine) show(now site.ImportProgress) {
	if p.to == nil {
		return
	}
	at := time.Now()
	if now.Stage != p.stage {
		p.stage, p.started, p.first = now.Stage, at, now
	} else if at.Sub(p.shown) < refreshEvery {
		return
	}
	p.shown = at
	p.write(progressText(now, p.first, at.Sub(p.started)))
}

// progressText says how far a stage is, took after its first report.
func progressText(now, first site.ImportProgress, took time.Duration) string {
	text := now.Stage
	if now.Total > 0 {
		text += fmt.Sprintf("  %3d %%", min(100, now.Done*100/now.Total))
	}
	seconds := took.Seconds()
	if lines := now.Lines - first.Lines; lines > 0 && seconds > 0 {
		text += fmt.Sprintf("  %d lines  %.0f lines/s", now.Lines, float64(lines)/seconds)
	}
	if done := now.Done - first.Done; done > 0 && now.Total > now.Done {
		left := time.Duration(float64(took) * float64(now.Total-now.Done) / float64(done))
		text += "  " + left.Round(time.Second).String() + " left"
	}
	return text
}

func (p *progressLine) write(text string) {
	blank := max(0, p.width-len(text))
	p.width = len(text)
	_, _ = fmt.Fprint(p.to, "\r"+text+strings.Repeat(" ", blank)) // a terminal that went away
}

func (p *progressLine) end() {
	if p.to != nil && p.width > 0 {
		p.write("")
		_, _ = fmt.Fprint(p.to, "\r")
	}
}

type registryExample struct {
	People int `default:"20" help:"How many random people besides the named cases." placeholder:"N"`
}

func (c *registryExample) Run(t terminal) error {
	if c.People < 0 || c.People > site.MaxExamplePeople {
		return usageError{fmt.Errorf("--people %d: from 0 to %d", c.People, site.MaxExamplePeople)}
	}
	return site.WriteExampleRegister(t.out, c.People)
}
