package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	"hubline/product/account"
	"hubline/product/call"
)

// Call is the record of one call. Names are as they were at the time of the call.
type Call struct {
	ID              string     `json:"id" doc:"ID of the call. Later calls have greater IDs." example:"019ab9f0d2c0a4f1k3vq5zr2yb7m"`
	Direction       string     `json:"direction" enum:"inbound,outbound,internal" doc:"inbound came from outside, outbound went there, internal stayed between phone users." example:"inbound"`
	Status          string     `json:"status,omitempty" enum:"answered,unanswered,cancelled,busy,unavailable" doc:"How it ended; absent while it goes on. unanswered rang out, cancelled means that the caller gave up first, unavailable that nobody could be reached." example:"answered"`
	From            string     `json:"from" doc:"Who called: a number in E.164, the extension of a phone user, or empty when it was withheld." example:"+61491570156"`
	FromName        string     `json:"from_name,omitempty" doc:"The caller's name, if it is known." example:"Mary Chen"`
	FromPhoneUserID string     `json:"from_phone_user_id,omitempty" doc:"The phone user who called." example:"q3vq5zr2yb7m4xw6ct2ahsn5de"`
	Hidden          bool       `json:"hidden" doc:"Whether the caller's number was withheld." example:"false"`
	To              string     `json:"to" doc:"Who was called: a number in E.164, an extension, or what was dialled when it is neither." example:"+61255500142"`
	ToName          string     `json:"to_name,omitempty" doc:"The name of whom the call was for, if it is known." example:"Mary Chen"`
	ToPhoneUserID   string     `json:"to_phone_user_id,omitempty" doc:"The phone user the call was for." example:"q3vq5zr2yb7m4xw6ct2ahsn5de"`
	ServiceNumber   string     `json:"service_number,omitempty" doc:"The account's number in E.164: the one that was called, or the one that was shown." example:"+61255500142"`
	ServiceName     string     `json:"service_name,omitempty" doc:"What that number was called." example:"Main line"`
	AnsweringPoint  string     `json:"answering_point,omitempty" doc:"Who or what answered." example:"Mary Chen"`
	AnsweredByID    string     `json:"answered_by_phone_user_id,omitempty" doc:"The phone user who answered." example:"q3vq5zr2yb7m4xw6ct2ahsn5de"`
	StartedAt       time.Time  `json:"started_at" doc:"When it began." example:"2026-11-25T09:30:00Z"`
	AnsweredAt      *time.Time `json:"answered_at,omitempty" doc:"When it was answered; absent if nobody did." example:"2026-11-25T09:30:09Z"`
	EndedAt         *time.Time `json:"ended_at,omitempty" doc:"When it ended; absent while it goes on." example:"2026-11-25T09:31:44Z"`
	RingSeconds     int64      `json:"ring_seconds" doc:"How long it rang, to the nearest second." example:"9"`
	TalkSeconds     int64      `json:"talk_seconds" doc:"How long it was talked, to the nearest second." example:"95"`
	Cause           string     `json:"cause,omitempty" doc:"Why it ended, in a word; there may be new ones." example:"hung-up"`
	Why             string     `json:"why,omitempty" doc:"Why it ended, for people." example:"The caller hung up"`
	EndedBy         string     `json:"ended_by,omitempty" doc:"Who ended it: caller, callee or system." example:"caller"`
	SIPStatus       int        `json:"sip_status,omitempty" doc:"The final status of SIP (RFC 3261)." example:"200"`
	Steps           []CallStep `json:"steps,omitempty" doc:"What happened, in order. Lists leave it out."`
}

// CallStep is one thing that happened during a call.
type CallStep struct {
	At     time.Time `json:"at" doc:"When." example:"2026-11-25T09:30:00Z"`
	Kind   string    `json:"kind" doc:"What, in a word; there may be new ones." example:"ringing"`
	Party  string    `json:"party,omitempty" doc:"Whom it is about, as named then." example:"Mary Chen"`
	Status int       `json:"status,omitempty" doc:"The status of SIP." example:"180"`
	Text   string    `json:"text,omitempty" doc:"More about it: a reason, the cause of the end." example:"Busy Here"`
}

// Calls is one page of calls.
type Calls struct {
	Items []Call `json:"items" nullable:"false" doc:"The calls."`
	NextPage
	SearchedTo *time.Time `json:"searched_to,omitempty" doc:"How far the page got when it ended early, as a search for what is rare takes long; next goes on from there. Absent when the page is full or there is no more." example:"2026-11-01T00:00:00Z"`
}

// LiveCalls are the calls that go on; there is one page.
type LiveCalls struct {
	Items []Call `json:"items" nullable:"false" doc:"The calls, newest first; at most 500."`
}

// CallChoice are the filters that lists of calls and reports have in common.
type CallChoice struct {
	Since          time.Time `query:"since" doc:"Only calls that began at this time or later." example:"2026-11-01T00:00:00Z"`
	Until          time.Time `query:"until" doc:"Only calls that began before this time." example:"2026-12-01T00:00:00Z"`
	Status         string    `query:"status" enum:"answered,unanswered,cancelled,busy,unavailable" doc:"Only calls that ended like this." example:"unanswered"`
	AnsweringPoint string    `query:"answering_point" maxLength:"200" doc:"Only calls answered by exactly this name." example:"Mary Chen"`
	Number         string    `query:"number" maxLength:"100" doc:"Only calls with this whole number, at the far end or the account's own, in any form." example:"0491 570 156"`
	Query          string    `query:"q" maxLength:"200" doc:"Only calls whose names or numbers hold this text; numbers in any form." example:"main"`
}

func (c CallChoice) filter(direction string) call.Filter {
	return call.Filter{Since: c.Since, Until: c.Until, Direction: call.Direction(direction), Status: call.Status(c.Status), AnsweringPoint: c.AnsweringPoint,
		Number: c.Number, Search: c.Query}
}

type CallFilter struct {
	CallChoice
	Direction string `query:"direction" enum:"inbound,outbound,internal" doc:"Only calls of this direction." example:"inbound"`
	Sort      string `query:"sort" enum:"started_at,-started_at" default:"-started_at" doc:"Oldest or newest first." example:"started_at"`
}

func (f CallFilter) calls() call.Filter {
	out := f.filter(f.Direction)
	out.Oldest = !strings.HasPrefix(f.Sort, "-")
	return out
}

// OneCall names one call of an account.
type OneCall struct {
	InAccount
	Call string `path:"call" doc:"The call's ID." example:"019ab9f0d2c0a4f1k3vq5zr2yb7m"`
}

func (d *door) listCalls(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	CallFilter
	Paging
}) (*listing[Calls], error) {
	f := in.calls()
	f.Limit, f.After = in.Limit, in.After
	found, err := d.Calls.List(ctx, actor, f)
	if err != nil {
		return nil, err
	}
	return &listing[Calls]{Calls{Items: calls(found.Calls), NextPage: NextPage{found.Next}, SearchedTo: moment(found.SearchedTo)}}, nil
}

func (d *door) callsCSV(_ context.Context, actor account.Actor, in *struct {
	InAccount
	CallFilter
}) (*stream, error) {
	return d.csv(actor.Account.Slug+"-calls.csv",
		[]string{"id", "direction", "status", "from", "from_name", "to", "to_name", "service_number", "service_name", "answering_point",
			"started_at", "answered_at", "ended_at", "ring_seconds", "talk_seconds", "cause", "ended_by", "sip_status"},
		func(ctx context.Context, write func(...string) error) error {
			return d.Calls.Each(ctx, actor, in.calls(), func(c call.Record) error {
				return write(c.ID, string(c.Direction), string(c.Status), c.FromNumber, c.FromName, c.ToNumber, c.ToName, c.ServiceNumber, c.ServiceName, c.AnsweringPoint,
					csvTime(c.StartedAt), csvTime(c.AnsweredAt), csvTime(c.EndedAt), strconv.FormatInt(wholeSeconds(c.RingMS), 10),
					strconv.FormatInt(wholeSeconds(c.TalkMS), 10), c.Cause, c.EndedBy, strconv.Itoa(c.SIPStatus))
			})
		}), nil
}

func (d *door) call(ctx context.Context, actor account.Actor, in *struct {
	OneCall
	Reading
}) (*item[Call], error) {
	c, err := d.Calls.ByID(ctx, actor, in.Call)
	return answer(callOf(c), etag(1, "-"+strconv.FormatInt(c.AnsweredAt, 36)+"-"+strconv.FormatInt(c.EndedAt, 36)+"-"+strconv.Itoa(len(c.Steps))), in.IfNoneMatch), err
}

func (d *door) liveCalls(ctx context.Context, actor account.Actor, _ *InAccount) (*listing[LiveCalls], error) {
	list, err := d.Calls.Live(ctx, actor)
	return &listing[LiveCalls]{LiveCalls{calls(list)}}, err
}

func (d *door) endCall(ctx context.Context, actor account.Actor, in *struct {
	OneCall
	Writing
}) (*nothing, error) {
	return nil, d.Calls.End(ctx, actor, in.Call)
}

func calls(list []call.Record) []Call {
	out := make([]Call, len(list))
	for i, c := range list {
		out[i] = callOf(c)
	}
	return out
}

func callOf(c call.Record) Call {
	out := Call{ID: c.ID, Direction: string(c.Direction), Status: string(c.Status), From: c.FromNumber, FromName: c.FromName, FromPhoneUserID: c.FromUserID,
		Hidden: c.Hidden, To: c.ToNumber, ToName: c.ToName, ToPhoneUserID: c.ToUserID, ServiceNumber: c.ServiceNumber, ServiceName: c.ServiceName,
		AnsweringPoint: c.AnsweringPoint, AnsweredByID: c.AnsweredByID, StartedAt: at(c.StartedAt), AnsweredAt: moment(c.AnsweredAt), EndedAt: moment(c.EndedAt),
		RingSeconds: wholeSeconds(c.RingMS), TalkSeconds: wholeSeconds(c.TalkMS), Cause: c.Cause, Why: c.Why(), EndedBy: c.EndedBy, SIPStatus: c.SIPStatus}
	for _, s := range c.Steps {
		out.Steps = append(out.Steps, CallStep{at(s.At), s.Kind, s.Party, s.Status, s.Text})
	}
	return out
}

// wholeSeconds rounds a duration as reports do.
func wholeSeconds(ms int64) int64 { return (ms + 500) / 1000 }
