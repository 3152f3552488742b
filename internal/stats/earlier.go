package stats

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"aldaba/internal/credential"
)

// EarlierHeader is the first line of a file of earlier figures.
const EarlierHeader = "anio,mes,quejas,atenciones"

// Limits of a file of earlier figures.
const (
	maxEarlierFile = 1 << 20
	maxEarlierRows = (lastYear - firstYear + 1) * 12
	maxFigure      = 1_000_000_000
	maxFaults      = 20
	maxReason      = 200 // code points
)

// EarlierRow is a line of a file of earlier figures.
type EarlierRow struct {
	Line       int
	Month      Month
	Complaints int64
	Attentions int64
}

// Faults are the wrong lines of a file, which is refused whole.
type Faults []error

func (f Faults) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// ReadEarlier reads a file of earlier figures: CSV in UTF-8 with the header
// [EarlierHeader] and one line for each month, whole numbers without signs or
// separators. Anything else is refused, with every wrong line (up to twenty) named.
func ReadEarlier(from io.Reader) ([]EarlierRow, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxEarlierFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxEarlierFile:
		return nil, fmt.Errorf("longer than %d bytes; two hundred years of figures are shorter", maxEarlierFile)
	case !utf8.Valid(text):
		return nil, errors.New("not UTF-8; save it as CSV in UTF-8")
	}
	lines := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))) // spreadsheets begin with it
	lines.FieldsPerRecord = -1
	lines.ReuseRecord = true
	head, err := lines.Read()
	if err != nil || strings.Join(head, ",") != EarlierHeader {
		return nil, fmt.Errorf("line 1: the header must be %s", EarlierHeader)
	}
	var rows []EarlierRow
	var faults Faults
	seen := map[Month]int{}
	for len(faults) < maxFaults {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if fault, ok := errors.AsType[*csv.ParseError](err); ok {
				err = fmt.Errorf("line %d: %w", fault.Line, fault.Err)
			}
			faults = append(faults, err)
			break // where the next line begins is anybody's guess
		}
		line, _ := lines.FieldPos(0)
		row, err := earlierRow(fields)
		if err == nil && seen[row.Month] != 0 {
			err = fmt.Errorf("%s stands in line %d already", row.Month, seen[row.Month])
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", line, err))
			continue
		}
		seen[row.Month], row.Line = line, line
		rows = append(rows, row)
	}
	switch {
	case len(faults) > 0:
		return nil, faults
	case len(rows) == 0:
		return nil, errors.New("no month follows the header")
	case len(rows) > maxEarlierRows:
		return nil, fmt.Errorf("more than %d months", maxEarlierRows)
	}
	return rows, nil
}

func earlierRow(fields []string) (row EarlierRow, err error) {
	if len(fields) != 4 {
		return row, fmt.Errorf("%d columns, want 4: %s", len(fields), EarlierHeader)
	}
	var values [4]int64
	for i, name := range strings.Split(EarlierHeader, ",") {
		values[i], err = figure(fields[i])
		if err != nil {
			return row, fmt.Errorf("%s %w", name, err)
		}
	}
	row = EarlierRow{Complaints: values[2], Attentions: values[3]}
	var ok bool
	row.Month, ok = NewMonth(int(values[0]), int(values[1]))
	if !ok {
		return row, fmt.Errorf("there is no month %d of year %d (from %d to %d)", values[1], values[0], firstYear, lastYear)
	}
	return row, nil
}

// figure reads a whole number of digits alone.
func figure(text string) (int64, error) {
	switch {
	case text == "":
		return 0, errors.New("is empty")
	case strings.HasPrefix(text, "-"):
		return 0, fmt.Errorf("%q is negative or a formula", clip(text))
	case strings.ContainsAny(text[:1], "=+@\t\r"):
		return 0, fmt.Errorf("%q is a formula, want a number", clip(text))
	case strings.Trim(text, "0123456789") != "":
		return 0, fmt.Errorf("%q is not a whole number in digits alone", clip(text))
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > maxFigure {
		return 0, fmt.Errorf("%q is above %d", clip(text), maxFigure)
	}
	return n, nil
}

// clip keeps an error to one line.
func clip(text string) string {
	const most = 30
	if utf8.RuneCountInString(text) > most {
		return string([]rune(text)[:most]) + "…"
	}
	return text
}

// Imported is what an import did.
type Imported struct {
	Added     int // months recorded
	Same      int // months that stood there already, with the same figures
	Corrected int // months for which a correction was recorded
}

// Import records the institution's earlier figures, all or none. A month that is
// recorded already with the same figures is left; one with others is refused,
// unless a reason for a correction is given: then the difference is recorded as a
// row of its own, which everybody sees with its reason. Months that this program
// counts, or that have not ended, are refused.
func (s *Service) Import(ctx context.Context, by credential.Actor, rows []EarlierRow, reason string) (done Imported, err error) {
	now := s.now()
	reason = strings.TrimSpace(reason)
	if utf8.RuneCountInString(reason) > maxReason || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return done, fmt.Errorf("the reason of a correction is one line of at most %d characters", maxReason)
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b EarlierRow) int { return strings.Compare(string(a.Month), string(b.Month)) })
	err = s.store.UpdateFigures(ctx, func(tx Tx) error {
		done = Imported{}
		records, err := tx.Records()
		if err != nil {
			return err
		}
		stand, own, err := standing(tx, records, MonthOf(now))
		if err != nil {
			return err
		}
		c, err := s.chainAt(tx, records, now)
		if err != nil {
			return err
		}
		var faults Faults
		for _, row := range rows {
			is, recorded := stand[row.Month]
			add := frozen{Complaints: row.Complaints, Attentions: row.Attentions}
			state := Earlier
			switch {
			case own[row.Month]:
				err = fmt.Errorf("%s is counted by this program itself", row.Month)
			case now.Before(row.Month.end()):
				err = fmt.Errorf("%s has not ended", row.Month)
			case recorded && is.Complaints == row.Complaints && is.Attentions == row.Attentions:
				done.Same++
				continue
			case recorded && reason == "":
				err = fmt.Errorf("%s is recorded with %d complaints and %d attentions, here are %d and %d; a record is never edited, `--correct REASON` adds the difference as a row of its own",
					row.Month, is.Complaints, is.Attentions, row.Complaints, row.Attentions)
			case recorded:
				state = Correction
				add = frozen{Complaints: row.Complaints - is.Complaints, Attentions: row.Attentions - is.Attentions, Reason: reason}
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("line %d: %w", row.Line, err))
				err = nil
				continue
			}
			err = c.add(row.Month, state, add)
			if err != nil {
				return err
			}
			if state == Correction {
				done.Corrected++
			} else {
				done.Added++
			}
		}
		if len(faults) > 0 {
			return faults[:min(len(faults), maxFaults)]
		}
		return c.finish(by)
	})
	s.forget()
	return done, err
}

// standing gives what the institution's own figures of each month come to, with
// the corrections that it asked for, and names the months that this program
// counts: those it closed, those that hold something now, and the present one.
func standing(tx Tx, records []Record, present Month) (stand map[Month]frozen, own map[Month]bool, err error) {
	stand, own = map[Month]frozen{}, map[Month]bool{present: true}
	for _, r := range records {
		f, err := r.figures()
		if err != nil {
			return nil, nil, err
		}
		if r.State == Closed {
			own[r.Month] = true
		}
		if r.State == Correction && f.Reason == "" {
			continue // what this program counted late
		}
		is := stand[r.Month]
		stand[r.Month] = frozen{Complaints: is.Complaints + f.Complaints, Attentions: is.Attentions + f.Attentions}
	}
	counted, err := tx.Daily("9999")
	if err != nil {
		return nil, nil, err
	}
	for _, c := range counted {
		m := monthOfDay(c.Day)
		if _, recorded := stand[m]; !recorded {
			own[m] = true
		}
	}
	return stand, own, nil
}
