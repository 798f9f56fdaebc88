package web

import (
	"html/template"
	"strconv"
	"time"

	"hubline/product/report"
)

// chart is the bar chart of a report over time: a drawing, what it says in words, and its figures.
type chart struct {
	Step  string // "day", "week" or "month"
	Title string
	SVG   template.HTML
	Most  int64 // calls of the highest bar
	Ends  []string
	Bars  []report.Bar
}

// Heading names the column of what bars stand for.
func (c *chart) Heading() string {
	return map[string]string{"day": "Day", "week": "Week", "month": "Month"}[c.Step]
}

// Sizes of the drawing in its own units; the page stretches it to the width that there is.
const (
	chartHeight = 100
	barPitch    = 12
	barWidth    = 8
)

func newChart(found report.Report) *chart {
	c := &chart{Step: found.Step, Bars: found.Times}
	most := 0
	for i, b := range c.Bars {
		if b.Calls > c.Bars[most].Calls {
			most = i
		}
	}
	c.Most = c.Bars[most].Calls
	c.Ends = []string{c.Bars[0].Label}
	if last := len(c.Bars) - 1; last > 0 {
		c.Ends = append(c.Ends, c.Bars[last].Label)
	}
	c.Title = "Most calls: " + thousands(int(c.Most)) + " on " + c.Bars[most].Label
	if c.Step == "month" {
		c.Title = "Most calls: " + thousands(int(c.Most)) + " in " + c.Bars[most].Label
	}
	c.SVG = c.draw()
	return c
}

// draw makes the bars: the answered calls of each at the bottom, the others on top.
func (c *chart) draw() template.HTML {
	m := &markup{}
	number := func(n int64) *markup { return m.text(strconv.FormatInt(n, 10)) }
	m.raw(`<svg role="img" aria-label="`).text(c.Title).raw(`" viewBox="0 0 `)
	number(int64(len(c.Bars) * barPitch)).raw(` `)
	number(chartHeight).raw(`" preserveAspectRatio="none">`)
	for i, b := range c.Bars {
		whole, answered := scale(b.Calls, c.Most), scale(b.Answered, c.Most)
		m.raw(`<g><title>`).text(b.Label + ": " + count(int(b.Calls), "call") + ", " + thousands(int(b.Answered)) + " answered").raw(`</title>`)
		for _, part := range []struct {
			class       literal
			top, height int64
		}{{"missed", chartHeight - whole, whole - answered}, {"answered", chartHeight - answered, answered}} {
			if part.height == 0 {
				continue
			}
			m.raw(`<rect class="`).raw(part.class).raw(`" x="`)
			number(int64(i*barPitch + (barPitch-barWidth)/2)).raw(`" y="`)
			number(part.top).raw(`" width="`)
			number(barWidth).raw(`" height="`)
			number(part.height).raw(`"/>`)
		}
		m.raw(`</g>`)
	}
	return template.HTML(m.raw(`</svg>`).buf)
}

// scale is the height of n where most is the whole; what is more than nothing can be seen.
func scale(n, most int64) int64 {
	if n == 0 || most == 0 {
		return 0
	}
	return max(1, n*chartHeight/most)
}

// pointBar is one line of the chart by answering point or phone user.
type pointBar struct {
	report.Bar
	Path string // the rows behind it
	SVG  template.HTML
}

const mostPointBars = 10

// pointBars are the lines of the second chart, and how many more there would be.
func (p *Portal) pointBars(found report.Report, v reportView, page string) (list []pointBar, more int) {
	for _, b := range found.Points[:min(len(found.Points), mostPointBars)] {
		one := v
		if found.Kind.Name == "outbound-calls" {
			one.Search = b.Label
		} else {
			one.Point = b.Label
		}
		m := &markup{}
		m.raw(`<svg aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none"><rect class="answered" width="`).
			text(strconv.FormatInt(scale(b.Calls, found.Points[0].Calls), 10)).raw(`" height="8"/></svg>`)
		list = append(list, pointBar{b, withQuery(page, one.Query()), template.HTML(m.buf)})
	}
	return list, len(found.Points) - len(list)
}

// lasting writes a duration as the columns of reports do: "0:01:35".
func lasting(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	two := func(n int64) string { return strconv.FormatInt(100+n, 10)[1:] }
	return strconv.FormatInt(s/3600, 10) + ":" + two(s/60%60) + ":" + two(s%60)
}
