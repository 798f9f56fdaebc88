package web

import (
	"cmp"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/call"
)

// callList is the page "Calls now".
type callList struct {
	Rows  []callRow
	Tally string
	Ends  bool // the viewer may end calls
	Empty *Empty
	End   []Confirm // the dialog that asks before, filled in by the row
}

type callRow struct {
	call.Record
	Path, From, To string
	Now            *personStatus
	Fill           string // what the dialog says of the call
}

// Since is when people began to talk, or when it began to ring.
func (row callRow) Since() int64 { return cmp.Or(row.AnsweredAt, row.StartedAt) }

// calls shows who talks to whom right now.
func (p *Portal) calls(r *Request) error {
	live, err := p.Calls.Live(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	list := &callList{Tally: count(len(live), "call", "calls") + " right now", Ends: r.may(account.EndCalls)}
	for _, c := range live {
		from, to := r.parties(c)
		list.Rows = append(list.Rows, callRow{c, r.to("calls", c.ID), from, to, callStatus(c), fillAbout(p.callEnding(r, c))})
	}
	if len(live) > 0 && list.Ends {
		list.End = []Confirm{p.callEnding(r, live[0])}
	}
	if len(live) == 0 {
		list.Tally = "Nobody is on the phone"
		list.Empty = &Empty{Kind: "first", Icon: "phone", Title: "Nobody is on the phone", Text: "Calls are here while they ring and while people talk. This page follows them by itself.",
			Label: "All calls", Path: r.to("reports", "all-calls")}
	}
	return r.Render("call/calls.html", Page{Title: "Calls now", Crumbs: accountCrumbs(r), Data: list})
}

// parties names both ends of a call for people.
func (r *Request) parties(c call.Record) (from, to string) {
	from = cmp.Or(c.FromName, r.shown(c.FromNumber), "Hidden number")
	if c.Hidden && c.Direction == call.Inbound {
		from = "Hidden number"
	}
	to = cmp.Or(c.AnsweringPoint, c.ToName, r.shown(c.ToNumber))
	if c.Direction == call.Outbound {
		to = cmp.Or(c.ToName, r.shown(c.ToNumber))
	}
	return from, to
}

// callPage is the page of one call.
type callPage struct {
	call.Record
	From, To string
	Status   *personStatus
	Ring     time.Duration
	Talk     time.Duration
	Steps    []callStep
	Ends     bool
	Same     string // the report of all calls with the number at the far end; "" when there is none
}

// callStep is a line of what happened.
type callStep struct {
	At     int64
	Text   string
	Status int
}

// call shows one call and what happened during it.
func (p *Portal) call(r *Request) error {
	c, err := p.Calls.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	data := callPage{Record: c, Status: callStatus(c), Ring: time.Duration(c.RingMS) * time.Millisecond, Talk: time.Duration(c.TalkMS) * time.Millisecond,
		Ends: c.Live() && r.may(account.EndCalls)}
	data.From, data.To = r.parties(c)
	for _, s := range c.Steps {
		data.Steps = append(data.Steps, callStep{s.At, stepWords(s, c), s.Status})
	}
	if peer := c.Peer(); c.Direction != call.Internal && peer != "" && !(c.Hidden && c.Direction == call.Inbound) {
		data.Same = withQuery(r.to("reports", "all-calls"), reportView{Number: peer, Days: "28"}.Query())
	}
	page := Page{Title: data.From + " to " + data.To, Section: "reports/all-calls", Crumbs: accountCrumbs(r, Link{"All calls", r.to("reports", "all-calls")}), Data: data}
	if c.Live() {
		page.Section, page.Crumbs = "calls", accountCrumbs(r, Link{"Calls now", r.to("calls")})
	}
	return r.Render("call/call.html", page)
}

// stepWords tell what happened as people do. Kinds that have no words yet are told by their name.
func stepWords(s call.Step, c call.Record) string {
	switch s.Kind {
	case "dialled":
		return s.Party + " was called"
	case "ringing":
		return s.Party + " rang"
	case "answered":
		return s.Party + " answered"
	case "refused":
		return s.Party + " did not take the call" + detail(s.Text)
	case "unreachable":
		return s.Party + " could not be reached"
	case "message":
		return "The caller heard a message"
	case "ended":
		return "The call ended" + detail(c.Why())
	}
	return cmp.Or(s.Party+" ", "") + s.Kind + detail(s.Text)
}

func detail(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// callEnding asks before a call is ended.
func (p *Portal) callEnding(r *Request, c call.Record) Confirm {
	from, to := r.parties(c)
	return Confirm{ID: "end", Title: "End the call from " + from + " to " + to + "?", Text: "Both sides are cut off now. The audit log will say that you ended it.",
		Keep: "Keep the call", Do: "End call", Busy: "Ending…", Path: r.to("calls", c.ID, "end"), Next: r.to("calls")}
}

// endable finds a call for somebody who may end calls; seeing them is not enough.
func (p *Portal) endable(r *Request) (call.Record, error) {
	if err := r.Viewer.Actor.Require(account.EndCalls); err != nil {
		return call.Record{}, err
	}
	return p.Calls.ByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
}

func (p *Portal) askEndCall(r *Request) error {
	c, err := p.endable(r)
	if err != nil {
		return err
	}
	question := p.callEnding(r, c)
	return r.Render("call/confirm.html", Page{Title: question.Title, Section: "calls", Crumbs: accountCrumbs(r, Link{"Calls now", r.to("calls")}), Data: question})
}

func (p *Portal) endCall(r *Request) error {
	c, err := p.endable(r)
	if err == nil {
		err = p.Calls.End(r.Context(), r.Viewer.Actor, c.ID)
	}
	if f, ok := fault.Of(err); ok && f.Code == "call-over" {
		return r.Go(r.to("calls"), Banner{Kind: "info", Text: f.Message + "."})
	}
	if err != nil {
		return err
	}
	from, to := r.parties(c)
	return r.Go(r.to("calls"), Banner{Text: "The call from " + from + " to " + to + " was ended."})
}
