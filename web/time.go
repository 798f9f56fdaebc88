package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the binary knows every zone, wherever it runs
)

// When writes a time as people say it: "Today, 9:14 am", "Yesterday", "12 Nov", "12 Nov 2025"; the exact time is in the element.
// It takes Unix milliseconds or a time.Time; nothing yet is a dash.
func (v *View) When(at any) template.HTML {
	t, ok := v.moment(at)
	if !ok {
		return none("Not yet")
	}
	return stamp(t, v.near(t))
}

// near is the day, and on this day the time as well.
func (v *View) near(t time.Time) string {
	text := v.day(t)
	if text == "Today" {
		text += ", " + clock(t)
	}
	return text
}

// Moment is When with the time of day always there, for records.
func (v *View) Moment(at any) template.HTML {
	t, ok := v.moment(at)
	if !ok {
		return none("Not yet")
	}
	return stamp(t, v.day(t)+", "+clock(t))
}

// Within is a time that When, Moment or Day wrote, for the middle of a sentence: "today, 9:14 am".
func (v *View) Within(at template.HTML) template.HTML {
	return template.HTML(strings.NewReplacer(">Today", ">today", ">Yesterday", ">yesterday").Replace(string(at)))
}

// Second is Moment to the second, for calls.
func (v *View) Second(at any) template.HTML {
	t, ok := v.moment(at)
	if !ok {
		return none("Not yet")
	}
	return stamp(t, v.day(t)+", "+t.Format("3:04:05 pm"))
}

// Tick is the time of day to the second, under a heading that names the day.
func (v *View) Tick(at any) template.HTML {
	t, ok := v.moment(at)
	if !ok {
		return none("Not yet")
	}
	return stamp(t, t.Format("3:04:05 pm"))
}

// Deadline writes a time in full, as mails do: "18 November 2026, 9:14 am".
func (v *View) Deadline(at any) template.HTML {
	t, ok := v.moment(at)
	if !ok {
		return none("None")
	}
	return stamp(t, t.Format("2 January 2006")+", "+clock(t))
}

// Left says how long something still lasts: "5 days left", "3 hours left", "less than a minute left".
func (v *View) Left(until any) string {
	t, ok := v.moment(until)
	if !ok || !t.After(v.now) {
		return "ended"
	}
	return span(t.Sub(v.now)) + " left"
}

// Zone names the zone that times are shown in, once on a page: "Sydney time (AEDT)".
func (v *View) Zone() string {
	name, _ := v.now.In(v.zone).Zone()
	place := v.zone.String()
	for i := len(place) - 1; i >= 0; i-- {
		if place[i] == '/' {
			place = place[i+1:]
			break
		}
	}
	if place == "UTC" {
		return "UTC"
	}
	if name == "" || name[0] == '+' || name[0] == '-' {
		return words(place) + " time"
	}
	return words(place) + " time (" + name + ")"
}

func words(place string) string {
	out := []rune(place)
	for i, c := range out {
		if c == '_' {
			out[i] = ' '
		}
	}
	return string(out)
}

// moment accepts what rooms hold: Unix milliseconds (0 is never) and time.Time.
func (v *View) moment(at any) (time.Time, bool) {
	switch t := at.(type) {
	case int64:
		return time.UnixMilli(t).In(v.zone), t != 0
	case time.Time:
		return t.In(v.zone), !t.IsZero()
	}
	return time.Time{}, false
}

// day is the date without more than is needed.
func (v *View) day(t time.Time) string {
	now := v.now.In(v.zone)
	yesterday := time.Date(now.Year(), now.Month(), now.Day()-1, 12, 0, 0, 0, v.zone)
	switch {
	case sameDay(t, now):
		return "Today"
	case sameDay(t, yesterday):
		return "Yesterday"
	case t.Year() == now.Year():
		return t.Format("2 Jan")
	}
	return t.Format("2 Jan 2006")
}

func sameDay(a, b time.Time) bool { return a.Year() == b.Year() && a.YearDay() == b.YearDay() }

func clock(t time.Time) string { return t.Format("3:04 pm") }

func stamp(t time.Time, text string) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`,
		t.UTC().Format(time.RFC3339), template.HTMLEscapeString(t.Format("2 January 2006, 3:04:05 pm MST")), text))
}

// none is the dash of an empty value, with a word for those who cannot see it.
func none(word string) template.HTML {
	return template.HTML(`<span class="none"><span aria-hidden="true">–</span><span class="sr">` + template.HTMLEscapeString(word) + `</span></span>`)
}

// span rounds a duration down to its largest unit, in words.
func span(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return count(int(d/(24*time.Hour)), "day")
	case d >= time.Hour:
		return count(int(d/time.Hour), "hour")
	case d >= time.Minute:
		return count(int(d/time.Minute), "minute")
	case d >= time.Second:
		return count(int((d+time.Second-1)/time.Second), "second")
	}
	return "less than a second"
}

// count writes a number with its noun: "1 person", "12 people", "10,000 people".
func count(n int, one string, many ...string) string {
	if n == 1 {
		return "1 " + one
	}
	if len(many) > 0 {
		return thousands(n) + " " + many[0]
	}
	return thousands(n) + " " + one + "s"
}

// figure writes a number of either type that rooms count in.
func figure(n any) (string, error) {
	switch n := n.(type) {
	case int:
		return thousands(n), nil
	case int64:
		return thousands(int(n)), nil
	}
	return "", fmt.Errorf("%T is no number", n)
}

func thousands(n int) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return thousands(n/1000) + "," + fmt.Sprintf("%03d", n%1000)
}
