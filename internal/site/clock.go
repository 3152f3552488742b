package site

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// clock is the machine's clock, moved by as much as the demo asks for. The
// offset is kept in a file, so that a restart goes on in the same time.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
	file   string
}

// openClock reads the offset kept in a file, if there is one.
func openClock(file string) (*clock, error) {
	c := &clock{file: file}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	c.offset, err = time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

// Now is the moved time.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Offset is how far the clock is from the machine's.
func (c *clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// farthest bounds how far the clock goes from the machine's, so that no time
// overflows.
const farthest = 100 * 365 * 24 * time.Hour

// Advance moves the clock by d, which may be negative.
func (c *clock) Advance(d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	offset := c.offset + d
	if offset > farthest || offset < -farthest {
		return fmt.Errorf("the clock goes at most %v from the machine's", farthest)
	}
	err := writeWhole(c.file, []byte(offset.String()+"\n"))
	if err != nil {
		return err
	}
	c.offset = offset
	return nil
}
