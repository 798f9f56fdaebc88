package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/report"
)

// Report answers a question about the account's calls, with the columns and rows of the page and the file of the same name.
type Report struct {
	Name       string        `json:"name" doc:"The report." example:"inbound-calls"`
	Title      string        `json:"title" doc:"What pages call it." example:"Inbound calls"`
	Zone       string        `json:"zone" doc:"The time zone in which days begin and rows show times." example:"Australia/Sydney"`
	Since      time.Time     `json:"since" doc:"Where it begins." example:"2026-11-18T13:00:00Z"`
	Until      time.Time     `json:"until" doc:"Where it ends; what began then is no part of it." example:"2026-11-25T13:00:00Z"`
	Sentence   string        `json:"sentence" doc:"The answer in words." example:"In the last 7 days 142 calls came in; 131 were answered, in 9 seconds on average."`
	Figures    *CallFigures  `json:"figures,omitempty" doc:"All calls added up. Absent when a search would have to look at too many."`
	Step       string        `json:"step,omitempty" enum:"day,week,month" doc:"What an entry of times stands for." example:"day"`
	Times      []CallsOfTime `json:"times,omitempty" doc:"The calls by day, week or month."`
	PointTitle string        `json:"point_title" doc:"What points are." example:"Answering point"`
	Points     []CallsOf     `json:"points,omitempty" doc:"The calls by answering point, of outbound calls by phone user; the most calls first."`
	Columns    []string      `json:"columns" nullable:"false" doc:"The titles of the columns."`
	Items      []ReportRow   `json:"items" nullable:"false" doc:"The rows, the newest call first."`
	NextPage
	SearchedTo *time.Time `json:"searched_to,omitempty" doc:"How far the page got when it ended early, as a search for what is rare takes long; next goes on from there." example:"2026-11-01T00:00:00Z"`
}

// CallFigures are calls added up.
type CallFigures struct {
	Calls       int64 `json:"calls" doc:"How many there were." example:"142"`
	Answered    int64 `json:"answered" doc:"How many were answered." example:"131"`
	RingSeconds int64 `json:"ring_seconds" doc:"How long an answered call rang, on average." example:"9"`
	TalkSeconds int64 `json:"talk_seconds" doc:"How long an answered call was talked, on average." example:"95"`
	TalkTotal   int64 `json:"talk_seconds_total" doc:"How long all of them were talked." example:"12445"`
}

// CallsOfTime are the calls of a day, week or month.
type CallsOfTime struct {
	Label string    `json:"label" doc:"What charts call it." example:"Mon 16 Nov"`
	Since time.Time `json:"since" doc:"Where it begins." example:"2026-11-15T13:00:00Z"`
	Until time.Time `json:"until" doc:"Where it ends." example:"2026-11-16T13:00:00Z"`
	CallFigures
}

// CallsOf are the calls of an answering point or a phone user.
type CallsOf struct {
	Label string `json:"label" doc:"The name." example:"Mary Chen"`
	CallFigures
}

// ReportRow is one call of a report.
type ReportRow struct {
	CallID string   `json:"call_id" doc:"The call." example:"019ab9f0d2c0a4f1k3vq5zr2yb7m"`
	Cells  []string `json:"cells" nullable:"false" doc:"A text for each column, as pages show it."`
}

type ReportFilter struct {
	CallChoice
	Direction string `query:"direction" enum:"inbound,outbound,internal" doc:"Only calls of this direction; of all-calls only, the others have one." example:"internal"`
	Days      int    `query:"days" minimum:"1" maximum:"3660" doc:"Without since: so many days up to today, today included. Without it too, 7." example:"28"`
	Zone      string `query:"zone" maxLength:"60" doc:"An IANA time zone; the account's without it." example:"Australia/Perth"`
}

func (f ReportFilter) query() (q report.Query, err error) {
	q = report.Query{Filter: f.filter(f.Direction), Days: f.Days}
	if f.Zone != "" {
		if q.Zone, err = time.LoadLocation(f.Zone); err != nil || f.Zone == "Local" {
			return q, fault.Field("time-zone", "zone", "Send a time zone such as Australia/Sydney")
		}
	}
	return q, nil
}

// reports are the routes of each report: the answer, and the file.
func reports(in string) (list []Route) {
	for _, kind := range report.Kinds {
		list = append(list,
			Route{"GET", in + "/reports/" + kind.Name, account.ViewCalls, "report-" + kind.Name, tagReports, kind.Title,
				kind.About + ". Answers with a sentence, figures, and one page of rows as the portal shows them.", "", serveReport(kind)},
			Route{"GET", in + "/reports/" + kind.Name + ".csv", account.ViewCalls, "download-" + kind.Name, tagReports, kind.Title + " as CSV",
				"Answers with all rows that the filters choose, one a line, in the report's columns. A cell that a spreadsheet would run as a formula begins with an apostrophe.",
				"", serveReportCSV(kind)})
	}
	return list
}

func serveReport(kind report.Kind) func(*door, huma.Operation) {
	return serve(func(d *door, ctx context.Context, actor account.Actor, in *struct {
		InAccount
		ReportFilter
		Paging
	}) (*listing[Report], error) {
		q, err := in.query()
		if err != nil {
			return nil, err
		}
		q.Limit, q.After = in.Limit, in.After
		found, err := d.Reports.Run(ctx, actor, kind.Name, q)
		if err != nil {
			return nil, err
		}
		return &listing[Report]{reportOf(found)}, nil
	})
}

func serveReportCSV(kind report.Kind) func(*door, huma.Operation) {
	return serve(func(d *door, _ context.Context, actor account.Actor, in *struct {
		InAccount
		ReportFilter
	}) (*stream, error) {
		q, err := in.query()
		if err != nil {
			return nil, err
		}
		header, err := d.Reports.Header(actor, kind.Name, q.Zone)
		if err != nil {
			return nil, err
		}
		return d.csv(actor.Account.Slug+"-"+kind.Name+".csv", header, func(ctx context.Context, write func(...string) error) error {
			return d.Reports.Each(ctx, actor, kind.Name, q, func(cells []string) error { return write(cells...) })
		}), nil
	})
}

func reportOf(r report.Report) Report {
	out := Report{Name: r.Kind.Name, Title: r.Kind.Title, Zone: r.Zone.String(), Since: r.Since.UTC(), Until: r.Until.UTC(), Sentence: r.Sentence,
		PointTitle: r.Kind.ByTitle, Columns: r.Columns, Items: make([]ReportRow, len(r.Rows)), NextPage: NextPage{r.Next}}
	if !r.SearchedTo.IsZero() {
		to := r.SearchedTo.UTC()
		out.SearchedTo = &to
	}
	for i, row := range r.Rows {
		out.Items[i] = ReportRow{row.Call.ID, row.Cells}
	}
	if !r.Counted {
		return out
	}
	all := figures(r.Figures)
	out.Figures, out.Step = &all, r.Step
	for _, b := range r.Times {
		out.Times = append(out.Times, CallsOfTime{b.Label, b.From.UTC(), b.To.UTC(), figures(b.Figures)})
	}
	for _, b := range r.Points {
		out.Points = append(out.Points, CallsOf{b.Label, figures(b.Figures)})
	}
	return out
}

func figures(f report.Figures) CallFigures {
	seconds := func(d time.Duration) int64 { return wholeSeconds(d.Milliseconds()) }
	return CallFigures{f.Calls, f.Answered, seconds(f.Ring), seconds(f.Talk), seconds(f.TalkTotal)}
}
