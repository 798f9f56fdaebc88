package report

import (
	"fmt"
	"time"
)

// Reports over more days than these have bars for weeks, then for months.
const (
	mostDayBars  = 31
	mostWeekBars = 26
)

// midnight is when the day of a time begins, in its zone.
func midnight(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, t.Location())
}

// intervals cuts a range into days, weeks from Monday, or calendar months of its zone, the first and the last perhaps not whole. There is
// one more cut than labels.
func intervals(since, until time.Time) (cuts []time.Time, step string, labels []string) {
	begin := midnight(since)
	days := int(until.Sub(since).Hours()/24 + 0.5)
	next := func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	label := func(t time.Time) string { return t.Format("Mon 2 Jan") }
	step = "day"
	switch {
	case days > mostWeekBars*7:
		step, begin = "month", begin.AddDate(0, 0, 1-begin.Day())
		next = func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
		label = func(t time.Time) string { return t.Format("Jan 2006") }
	case days > mostDayBars:
		step, begin = "week", begin.AddDate(0, 0, -(int(begin.Weekday())+6)%7)
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
		label = func(t time.Time) string { return "Week of " + t.Format("2 Jan") }
	}
	for at := begin; at.Before(until); at = next(at) {
		labels = append(labels, label(at))
		cuts = append(cuts, later(at, since))
	}
	return append(cuts, until), step, labels
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// rangeWords say when: "In the last 7 days", "Today", "On 3 November 2026", "From 1 to 30 November 2026".
func rangeWords(since, until, now time.Time) string {
	first, last := midnight(since), midnight(until.Add(-time.Millisecond))
	today := midnight(now.In(since.Location()))
	whole := first.Equal(since) && midnight(until).Equal(until)
	days := int(last.Sub(first).Hours()/24+0.5) + 1
	switch {
	case !whole:
		return "From " + since.Format("2 January 2006, 3:04 pm") + ", to " + until.Format("2 January 2006, 3:04 pm") + ","
	case days == 1 && first.Equal(today):
		return "Today"
	case days == 1 && first.Equal(today.AddDate(0, 0, -1)):
		return "Yesterday"
	case days == 1:
		return "On " + first.Format("2 January 2006")
	case last.Equal(today):
		return fmt.Sprintf("In the last %d days", days)
	case first.Year() != last.Year():
		return "From " + first.Format("2 January 2006") + " to " + last.Format("2 January 2006")
	case first.Month() != last.Month():
		return "From " + first.Format("2 January") + " to " + last.Format("2 January 2006")
	}
	return "From " + first.Format("2") + " to " + last.Format("2 January 2006")
}

// clock writes a duration as tables do, in whole seconds: "0:01:35".
func clock(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// spoken writes a duration as sentences do: "9 seconds", "1 minute 5 seconds".
func spoken(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return count(s, "second")
	case s%60 == 0:
		return count(s/60, "minute")
	}
	return count(s/60, "minute") + " " + count(s%60, "second")
}

// place names a zone as headings do: "Sydney" for Australia/Sydney.
func place(zone *time.Location) string {
	name := zone.String()
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			name = name[i+1:]
			break
		}
	}
	return underscores.Replace(name)
}
