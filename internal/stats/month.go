package stats

import (
	"fmt"
	"time"

	"aldaba/internal/credential"
)

// Month is a month of the calendar as YYYY-MM, so that months sort as texts.
type Month string

// The years that figures can be of.
const (
	firstYear = 2000
	lastYear  = 2199
)

// NewMonth gives month m of year y; ok is false where there is none.
func NewMonth(y, m int) (month Month, ok bool) {
	if y < firstYear || y > lastYear || m < 1 || m > 12 {
		return "", false
	}
	return Month(fmt.Sprintf("%04d-%02d", y, m)), true
}

// MonthOf is the month of an instant in [credential.Zone].
func MonthOf(t time.Time) Month { return Month(t.In(credential.Zone).Format("2006-01")) }

// DayOf is the day of an instant in [credential.Zone], as YYYY-MM-DD.
func DayOf(t time.Time) string { return t.In(credential.Zone).Format(time.DateOnly) }

// monthOfDay is the month of what [DayOf] gives.
func monthOfDay(day string) Month { return Month(day[:min(len(day), len("2006-01"))]) }

// start is the month's first instant; the zero time for what is no month.
func (m Month) start() time.Time {
	t, err := time.ParseInLocation("2006-01", string(m), credential.Zone)
	if err != nil {
		return time.Time{}
	}
	return t
}

// end is the first instant of the next month.
func (m Month) end() time.Time { return m.start().AddDate(0, 1, 0) }

// next is the month after.
func (m Month) next() Month { return MonthOf(m.end()) }

// Year is the year; 1 for what is no month.
func (m Month) Year() int { return m.start().Year() }

// Number is the month's number in its year, from 1.
func (m Month) Number() int { return int(m.start().Month()) }
