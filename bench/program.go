package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Program is a running child: `aldaba`, or the bare server beside it.
type Program struct {
	URL      string    // of its citizens' listener, or its only one
	StaffURL string    // empty for none
	Began    time.Time // just before it was started

	folder, dsn string   // a demo's data
	args        []string // of a demo, without its --set

	cmd    *exec.Cmd
	out    *printed
	exited chan struct{}
	err    error // of its end, once exited is closed
}

const (
	startPatience = 90 * time.Second // a demo hashes for its people first
	stopPatience  = 15 * time.Second // the program promises ten
)

// Start starts the binary and waits until it has printed where it listens. The
// context ends it; so does the end of this process.
func (e *Env) Start(ctx context.Context, args ...string) (*Program, error) {
	return start(ctx, e.Binary, args...)
}

func start(ctx context.Context, binary string, args ...string) (*Program, error) {
	p := &Program{cmd: exec.CommandContext(ctx, binary, args...), out: &printed{news: make(chan struct{}, 1)}, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		// Pdeathsig follows the thread that started the child, not the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		p.Began = time.Now()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
		close(p.exited)
	}()
	err := <-started
	if err != nil {
		return nil, err
	}
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	for !p.listens() {
		select {
		case <-p.out.news:
		case <-p.exited:
			return nil, fmt.Errorf("%s %s ended: %w\n%s", filepath.Base(binary), args[0], p.err, p.out)
		case <-patience.C:
			return nil, errors.Join(fmt.Errorf("%s says nowhere that it listens:\n%s", args[0], p.out), p.Stop())
		}
	}
	return p, nil
}

// listens reads the addresses from what the program has printed.
func (p *Program) listens() bool {
	text := p.out.String()
	for _, words := range [][2]string{{"Ciudadanía", "Personal"}, {"citizens", "staff"}, {"bare", "bare"}} {
		url, ok := lineWith(text, words[0])
		staff, also := lineWith(text, words[1])
		if ok && also {
			p.URL, p.StaffURL = url, staff
			return true
		}
	}
	return false
}

// lineWith gives what follows a word at the beginning of a whole line.
func lineWith(text, word string) (string, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), word+" "); ok && strings.HasSuffix(rest, "\n") {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}

// Stop ends the program, by force when it takes too long.
func (p *Program) Stop() error {
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil {
		return nil // it has ended already, and whoever asked it something knows
	}
	select {
	case <-p.exited:
		return p.err
	case <-time.After(stopPatience):
		return errors.Join(errors.New("the program did not end in time"), p.cmd.Process.Kill())
	}
}

// Kill ends the program as a loss of power would.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}

// CPU is the processor time that the program has used so far, over all of its
// threads, to the nanosecond: what the kernel's own utime is rounded from.
func (p *Program) CPU() (time.Duration, error) { return processCPU(p.cmd.Process.Pid) }

func processCPU(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, errors.Join(err, fmt.Errorf("no /proc of process %d", pid))
	}
	var all time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			return 0, err // Go's threads stay
		}
		first, _, _ := bytes.Cut(text, []byte(" "))
		n, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0, err
		}
		all += time.Duration(n)
	}
	return all, nil
}

// Memory gives a line of /proc/PID/status in bytes: "VmRSS" for what it holds
// now, "VmHWM" for the most it ever held.
func (p *Program) Memory(line string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	value, ok := lineWith(strings.ReplaceAll(string(text), "\t", " "), line+":")
	kib, err := strconv.ParseFloat(strings.TrimSuffix(value, " kB"), 64)
	if err != nil || !ok {
		return 0, fmt.Errorf("no %s of the program: %w", line, err)
	}
	return kib * 1024, nil
}

// Ready waits until the program answers that it can serve.
func (p *Program) Ready(ctx context.Context) error {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.StaffURL+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// printed keeps the beginning of what a program prints, which is all it prints
// while it is well.
type printed struct {
	mu   sync.Mutex
	text []byte
	news chan struct{}
}

func (t *printed) Write(b []byte) (int, error) {
	const most = 64 << 10
	t.mu.Lock()
	t.text = append(t.text, b[:min(len(b), most-len(t.text))]...)
	t.mu.Unlock()
	select {
	case t.news <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (t *printed) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
