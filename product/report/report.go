// Package report answers questions about an account's calls: a sentence, figures, charts and the rows behind them. It knows no page; a door
// shows what it answers, and a file has the same columns and rows.
package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/call"
)

// Config is what a Room needs from the outside.
type Config struct {
	Calls *call.Room
	Plan  tel.Plan
	Now   func() time.Time // nil: time.Now
}

// Room is the room "report". Its verbs are safe for use by many goroutines.
type Room struct{ Config }

// New returns the room.
func New(c Config) *Room {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Room{c}
}

// Kind is one of the reports.
type Kind struct {
	Name      string // in addresses: "inbound-calls"
	Title     string // "Inbound calls"
	About     string // one line for the list of reports
	ByTitle   string // what its second chart is by: "Answering point"
	direction call.Direction
	by        call.Dimension
	columns   []column
	sentence  func(t total, about string) string
}

// Kinds lists the reports as the menu does.
var Kinds = []Kind{
	{Name: "inbound-calls", Title: "Inbound calls", About: "Calls to your numbers: who called, who answered", ByTitle: "Answering point",
		direction: call.Inbound, by: call.ByAnsweringPoint, columns: inboundColumns, sentence: cameIn},
	{Name: "outbound-calls", Title: "Outbound calls", About: "Calls your people made: from whom, to where", ByTitle: "Phone user",
		direction: call.Outbound, by: call.ByCaller, columns: outboundColumns, sentence: wentOut},
	{Name: "all-calls", Title: "All calls", About: "Every call, between phone users too", ByTitle: "Answering point",
		by: call.ByAnsweringPoint, columns: allColumns, sentence: wereMade},
}

func kindOf(name string) (Kind, error) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, fault.New(fault.NotFound, "not-found", "We could not find that. Check the address")
	}
	return Kinds[i], nil
}

// Query chooses the calls of a report. The zero value is the last 7 days with today, in the account's zone.
type Query struct {
	call.Filter                // without Since and Until: the last Days days
	Days        int            // with today; 0: 7
	Zone        *time.Location // the viewer's; nil: the account's
}

const mostDays = 366 * 10

// Report is an answer.
type Report struct {
	Kind         Kind
	Zone         *time.Location
	Since, Until time.Time // in Zone; Until is exclusive
	Sentence     string

	// Figures and charts; Counted is false when a search would have to look at too many calls to add them up.
	Counted bool
	Figures Figures
	whole   total
	Step    string // what a bar of Times stands for: "day", "week" or "month"
	Times   []Bar
	Points  []Bar // by Kind.ByTitle, the most calls first; empty when there are too many to count

	Columns []string
	Rows    []Row
	Next    string // cursor of the next page
	// SearchedTo is how far a search got, when it ended for lack of time; Next goes on from there. Zero when it did not.
	SearchedTo time.Time
}

// Figures are the calls of a report added up.
type Figures struct {
	Calls, Answered int64
	Ring            time.Duration // of an answered call, on average
	Talk            time.Duration // of an answered call, on average
	TalkTotal       time.Duration
}

// Missed is how many calls nobody answered.
func (f Figures) Missed() int64 { return f.Calls - f.Answered }

// Bar is a bar of a chart and a row of the table under it.
type Bar struct {
	Label    string    // "Mon 16 Nov", "Mary Chen"
	From, To time.Time // of Times
	Figures
}

// Row is a row of the table: the call, and its cells as the columns show them.
type Row struct {
	Call  call.Record
	Cells []string
}

// seenBy is the room with telephone numbers as the actor wants to see them.
func (r *Room) seenBy(actor account.Actor) *Room {
	c := r.Config
	c.Plan = c.Plan.In(actor.Numbers)
	return &Room{c}
}

// Run answers a report with one page of its rows.
func (r *Room) Run(ctx context.Context, actor account.Actor, name string, q Query) (out Report, err error) {
	defer fault.Wrap(&err, "report.Run(%s)", name)
	r = r.seenBy(actor)
	kind, q, err := r.prepare(actor, name, q)
	if err != nil {
		return out, err
	}
	page, err := r.Calls.List(ctx, actor, q.Filter)
	if err != nil {
		return out, err
	}
	out = Report{Kind: kind, Zone: q.Zone, Since: q.Since.In(q.Zone), Until: q.Until.In(q.Zone), Columns: titles(kind.columns, q.Zone), Next: page.Next}
	if page.SearchedTo > 0 {
		out.SearchedTo = time.UnixMilli(page.SearchedTo).In(q.Zone)
	}
	for _, c := range page.Calls {
		out.Rows = append(out.Rows, Row{c, r.cells(kind.columns, c, q.Zone)})
	}
	cuts, step, labels := intervals(q.Since.In(q.Zone), q.Until.In(q.Zone))
	out.Step = step
	var sums call.Figures
	if q.After == "" && page.Next == "" { // the page is everything
		all := call.Fold(page.Calls, cuts, kind.by)
		sums, out.Counted = call.Figures{Days: all, Values: all}, true
	} else if sums, out.Counted, err = r.Calls.Figures(ctx, actor, q.Filter, cuts, kind.by); err != nil {
		return out, err
	}
	if out.Counted {
		out.addUp(sums, cuts, labels)
	}
	out.Sentence = r.sentence(out, q)
	return out, nil
}

// Each calls fn with the cells of every call that the query chooses, for a file; Header are their titles. It holds few at a time.
func (r *Room) Each(ctx context.Context, actor account.Actor, name string, q Query, fn func(cells []string) error) (err error) {
	defer fault.Wrap(&err, "report.Each(%s)", name)
	r = r.seenBy(actor)
	kind, q, err := r.prepare(actor, name, q)
	if err != nil {
		return err
	}
	return r.Calls.Each(ctx, actor, q.Filter, func(c call.Record) error { return fn(r.cells(kind.columns, c, q.Zone)) })
}

// Header returns the titles of a report's columns in the zone; nil is the account's.
func (r *Room) Header(actor account.Actor, name string, zone *time.Location) ([]string, error) {
	kind, q, err := r.prepare(actor, name, Query{Zone: zone})
	return titles(kind.columns, q.Zone), err
}

// prepare fills in what a query leaves open.
func (r *Room) prepare(actor account.Actor, name string, q Query) (Kind, Query, error) {
	kind, err := kindOf(name)
	if err != nil {
		return kind, q, err
	}
	if err := actor.Require(account.ViewCalls); err != nil {
		return kind, q, err
	}
	if kind.direction != "" {
		if q.Direction != "" && q.Direction != kind.direction {
			return kind, q, fault.Field("report-direction", "direction", kind.Title+" has no others. Choose All calls to filter by direction")
		}
		q.Direction = kind.direction
	}
	if q.Zone == nil {
		q.Zone = actor.Account.Location()
	}
	if q.Days < 0 || q.Days > mostDays {
		return kind, q, fault.Field("report-days", "days", "Choose 1 to "+fmt.Sprint(mostDays)+" days")
	}
	tomorrow := midnight(r.Now().In(q.Zone)).AddDate(0, 0, 1)
	if q.Until.IsZero() {
		q.Until = tomorrow
	}
	if q.Since.IsZero() {
		q.Since = midnight(q.Until.In(q.Zone).Add(-time.Millisecond)).AddDate(0, 0, 1-cmp.Or(q.Days, 7))
	}
	if !q.Since.Before(q.Until) || q.Until.Sub(q.Since) > mostDays*24*time.Hour {
		return kind, q, fault.Field("report-range", "until", "Choose an end after the beginning, at most ten years later")
	}
	return kind, q, nil
}

// addUp makes figures and bars of sums.
func (out *Report) addUp(sums call.Figures, cuts []time.Time, labels []string) {
	times := make([]total, len(labels))
	for _, s := range sums.Days {
		out.whole.add(s)
		times[s.Interval].add(s)
	}
	out.Figures = out.whole.figures()
	for i, label := range labels {
		out.Times = append(out.Times, Bar{Label: label, From: cuts[i], To: cuts[i+1], Figures: times[i].figures()})
	}
	points := map[string]*total{}
	for _, s := range sums.Values {
		if s.Value == "" {
			continue
		}
		if points[s.Value] == nil {
			points[s.Value] = &total{}
		}
		points[s.Value].add(s)
	}
	for name, t := range points {
		out.Points = append(out.Points, Bar{Label: name, Figures: t.figures()})
	}
	slices.SortFunc(out.Points, func(a, b Bar) int { return cmp.Or(cmp.Compare(b.Calls, a.Calls), strings.Compare(a.Label, b.Label)) })
	out.Points = out.Points[:min(len(out.Points), mostPoints)]
}

const mostPoints = 200

// total is sums of several kinds on their way to figures.
type total struct {
	calls, answered, in, out, inside int64
	ring, talk                       time.Duration // of the answered
}

func (t *total) add(s call.Sum) {
	t.calls += s.Calls
	switch s.Direction {
	case call.Inbound:
		t.in += s.Calls
	case call.Outbound:
		t.out += s.Calls
	case call.Internal:
		t.inside += s.Calls
	}
	if s.Status == call.Answered {
		t.answered += s.Calls
		t.ring += s.Ring
		t.talk += s.Talk
	}
}

func (t total) figures() Figures {
	f := Figures{Calls: t.calls, Answered: t.answered, TalkTotal: t.talk}
	if t.answered > 0 {
		f.Ring, f.Talk = t.ring/time.Duration(t.answered), t.talk/time.Duration(t.answered)
	}
	return f
}
