package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/call"
	"hubline/product/report"
)

// reportView is one view of a report: what the address asks for. Dates are whole days in the viewer's zone, and count more than days.
type reportView struct {
	Days      string `form:"days"` // with today
	From      string `form:"from"`
	To        string `form:"to"`
	Direction string `form:"direction"`
	Status    string `form:"status"`
	Point     string `form:"answering_point"`
	Number    string `form:"number"` // the account's own or at the far end, whole; pages about a number lead here
	Search    string `form:"q"`
}

// usualDays is the range of a report that nobody chose another for.
const usualDays = "7"

func reportFrom(query url.Values) reportView {
	get := func(name string) string { return strings.TrimSpace(query.Get(name)) }
	v := reportView{Days: get("days"), From: get("from"), To: get("to"), Direction: get("direction"), Status: get("status"),
		Point: query.Get("answering_point"), Number: get("number"), Search: get("q")}
	if v.From != "" || v.To != "" || v.Days == usualDays {
		v.Days = ""
	}
	return v
}

// Query is the view as an address.
func (v reportView) Query() url.Values {
	query := url.Values{}
	for name, value := range map[string]string{"days": v.Days, "from": v.From, "to": v.To, "direction": v.Direction, "status": v.Status,
		"answering_point": v.Point, "number": v.Number, "q": v.Search} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// query reads the view's days where the viewer lives.
func (v reportView) query(zone *time.Location) (report.Query, error) {
	q := report.Query{Zone: zone, Filter: call.Filter{Direction: call.Direction(v.Direction), Status: call.Status(v.Status), AnsweringPoint: v.Point,
		Number: v.Number, Search: v.Search}}
	var daysFault *fault.Fault
	if v.Days != "" {
		n, err := strconv.Atoi(v.Days)
		if q.Days = n; err != nil || n < 1 {
			daysFault = fault.Field("report-days", "from", "Choose a number of days, or dates")
		}
	}
	since, until, err := dateRange(v.From, v.To, zone)
	q.Since, q.Until = since, until
	if err == nil && daysFault != nil {
		err = daysFault
	}
	return q, err
}

// reportPage is a report.
type reportPage struct {
	reportView
	report.Report
	Page       string
	Ranges     []Option
	Directions []Option // nil: the report has one direction
	Statuses   []Option
	ByPoint    bool // rows can be chosen by answering point
	Filtered   bool
	Chart      *chart
	Bars       []pointBar
	MorePoints int
	Columns    []string
	Lines      []reportLine
	Pages      pages
	CSV        string
	Empty      *Empty
}

// showReport shows one of the reports.
func (p *Portal) showReport(kind report.Kind) func(*Request) error {
	return func(r *Request) error {
		v, after := reportFrom(r.URL.Query()), r.URL.Query().Get("after")
		r.Fill(v)
		q, err := v.query(r.zone())
		var found report.Report
		if err == nil {
			q.After = after
			found, err = p.Reports.Run(r.Context(), r.Viewer.Actor, kind.Name, q)
		}
		if f, ok := fault.Of(err); ok && f.Code == "cursor-unknown" {
			return r.Redirect(withQuery(r.URL.Path, v.Query()))
		}
		data := p.reportPage(r, kind, v, found, after)
		show := func(r *Request) error {
			return r.Render("report/report.html", Page{Title: kind.Title, Crumbs: accountCrumbs(r), Data: data})
		}
		if err != nil {
			data.Empty = &Empty{Kind: "none", Title: "Nothing to show yet", Text: "Change what is marked above, then show the report again.", Label: "Show the last 7 days", Path: data.Page}
			return r.Again(fieldsAs(err, map[string]string{"until": "to", "days": "from"}), show)
		}
		return show(r)
	}
}

// fieldsAs names the fields of a fault as a page's form does.
func fieldsAs(err error, names map[string]string) error {
	f, ok := fault.Of(err)
	if !ok || names[f.Field] == "" {
		return err
	}
	other := *f // what else is wrong has names of its own
	other.Field = names[f.Field]
	return &other
}

func (p *Portal) reportPage(r *Request, kind report.Kind, v reportView, found report.Report, after string) *reportPage {
	query := v.Query()
	page := r.to("reports", kind.Name)
	found.Kind = kind // a refused question has no answer
	data := &reportPage{reportView: v, Report: found, Page: page, CSV: withQuery(page+".csv", query), ByPoint: kind.Name != "outbound-calls",
		Ranges: v.ranges(page), Statuses: []Option{{Label: "Any"}}}
	for _, s := range call.Statuses {
		data.Statuses = append(data.Statuses, Option{Value: string(s), Label: s.Words()})
	}
	if kind.Name == "all-calls" {
		data.Directions = []Option{{Label: "Any"}}
		for _, d := range call.Directions {
			data.Directions = append(data.Directions, Option{Value: string(d), Label: d.Words()})
		}
	}
	for name := range query {
		data.Filtered = data.Filtered || name != "days"
	}
	data.Pages = r.pages(found.Next)
	data.Columns, data.Lines = lay(found, func(id string) string { return r.to("calls", id) })
	if found.Counted && found.Figures.Calls > 0 {
		data.Chart = newChart(found)
		data.Bars, data.MorePoints = p.pointBars(found, v, page)
	}
	if len(data.Lines) == 0 {
		data.Empty = data.nothing()
	}
	return data
}

// nothing says why there are no rows.
func (d *reportPage) nothing() *Empty {
	switch {
	case d.Pages.Next != "":
		return &Empty{Kind: "none", Title: "Nothing found yet", Text: "Older calls are not searched yet.", Label: "Search further back", Path: d.Pages.Next}
	case d.Pages.First != "":
		return &Empty{Kind: "none", Title: "Nothing more here", Text: "These were all calls.", Label: "Back to the first page", Path: d.Pages.First}
	case d.Filtered:
		return &Empty{Kind: "none", Title: "No calls match", Text: "Try other days, another status, or fewer words.", Label: "Show the last 7 days", Path: d.Page}
	}
	return &Empty{Kind: "first", Icon: "phone", Title: "No calls in this time", Text: "A call is here within a second of its end."}
}

// ranges are the links to the usual ranges.
func (v reportView) ranges(page string) (list []Option) {
	for _, one := range []Option{{Value: "1", Label: "Today"}, {Value: usualDays, Label: "7 days"}, {Value: "14", Label: "14 days"}, {Value: "28", Label: "28 days"}} {
		other := v
		other.From, other.To, other.Days = "", "", one.Value
		if one.Value == usualDays {
			other.Days = ""
		}
		one.Path, one.Current = withQuery(page, other.Query()), v.From == "" && v.To == "" && v.Days == other.Days
		list = append(list, one)
	}
	return list
}

// reportLine is one row on the page: the facts of the report's columns, those that belong together in one cell.
type reportLine struct {
	Path  string
	Cells []reportCell
}

type reportCell struct {
	Column, Text, Sub string
	Status            *personStatus
	End               bool // right-aligned
}

// together are columns that share a cell on the page: the second is written small below the first.
var together = map[string]string{"Date": "Time", "Service name": "Service number", "Customer number": "Direction", "Status": "Why it ended", "Duration": "Ring time"}

// lay arranges a report's columns for the page: the moment first, the lengths last.
func lay(found report.Report, path func(id string) string) (columns []string, lines []reportLine) {
	at, order := map[string]int{}, []string{}
	for i, title := range found.Columns {
		name, _, _ := strings.Cut(title, " (")
		at[name] = i
		order = append(order, name)
	}
	below := map[string]bool{}
	for _, second := range together {
		below[second] = true
	}
	order = slices.DeleteFunc(order, func(name string) bool { return below[name] || name == "Duration" })
	order = append(order, "Duration")
	for _, name := range order {
		title := name
		if i, ok := at[together[name]]; ok {
			title += ", " + strings.ToLower(found.Columns[i][:1]) + found.Columns[i][1:]
		}
		columns = append(columns, title)
	}
	for _, row := range found.Rows {
		line := reportLine{Path: path(row.Call.ID)}
		for _, name := range order {
			cell := reportCell{Column: name, Text: row.Cells[at[name]], End: name == "Duration"}
			if i, ok := at[together[name]]; ok {
				cell.Sub = row.Cells[i]
			}
			if name == "Status" {
				cell.Status = callStatus(row.Call)
			}
			line.Cells = append(line.Cells, cell)
		}
		lines = append(lines, line)
	}
	return columns, lines
}

// callStatus is how a call ended in words, with a shape of its own.
func callStatus(c call.Record) *personStatus {
	switch c.Status {
	case call.Answered:
		return &personStatus{"ok", "Answered", "ok"}
	case call.Unanswered:
		return &personStatus{"bad", "Unanswered", "bad"}
	case "":
		if c.AnsweredAt > 0 {
			return &personStatus{"info", "Talking", "phone"}
		}
		return &personStatus{"warn", "Ringing", "clock"}
	}
	return &personStatus{"warn", c.Status.Words(), "dash"}
}

// reportCSV sends the rows of the view, all pages, in the report's columns.
func (p *Portal) reportCSV(kind report.Kind) func(*Request) error {
	return func(r *Request) error {
		q, err := reportFrom(r.URL.Query()).query(r.zone())
		if err != nil {
			return err
		}
		header, err := p.Reports.Header(r.Viewer.Actor, kind.Name, q.Zone)
		if err != nil {
			return err
		}
		out, err := r.csv(r.Viewer.Account.Slug+"-"+kind.Name, header...)
		if err != nil {
			return err
		}
		return out.end(p.Reports.Each(r.Context(), r.Viewer.Actor, kind.Name, q, func(cells []string) error { return out.row(cells...) }))
	}
}
