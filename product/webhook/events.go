package webhook

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/call"
)

// The events that are not told by the audit log.
const (
	CallEnded = "call.ended"
	Test      = "test" // sent on demand, whatever a webhook wants
)

// Event is a kind of thing that webhooks can be told.
type Event struct {
	Type  string
	Words string
}

// Events lists what a webhook can be told, as forms show it.
var Events = []Event{
	{CallEnded, "A call ended"},
	{"invitation.sent", "Somebody was invited"},
	{"invitation.accepted", "Somebody accepted an invitation and is a hub user now"},
	{"invitation.declined", "Somebody declined an invitation"},
	{"invitation.cancelled", "An invitation was cancelled"},
	{"hub_user.changed", "A hub user's access, name, address or state changed"},
	{"hub_user.removed", "A hub user was removed"},
	{"phone_user.added", "A phone user was added"},
	{"phone_user.changed", "A phone user changed"},
	{"phone_user.deleted", "A phone user was deleted"},
	{"phone_user.imported", "Phone users were imported from a file"},
	{"device.added", "A device of a phone user was set up"},
	{"device.ended", "Devices of a phone user were ended"},
	{"number.assigned", "A phone number was assigned to the account"},
	{"number.withdrawn", "A phone number was withdrawn"},
	{"number.changed", "A phone number was renamed or leads elsewhere"},
}

// told are the entries of the audit log that webhooks are told of.
var told = map[account.Action]string{
	account.InvitationSent:       "invitation.sent",
	account.InvitationAccepted:   "invitation.accepted",
	account.InvitationDeclined:   "invitation.declined",
	account.InvitationCancelled:  "invitation.cancelled",
	account.HubUserAccessChanged: "hub_user.changed",
	account.HubUserRenamed:       "hub_user.changed",
	account.HubUserEmailChanged:  "hub_user.changed",
	account.HubUserDeactivated:   "hub_user.changed",
	account.HubUserReactivated:   "hub_user.changed",
	account.HubUserRemoved:       "hub_user.removed",
	account.PhoneUserAdded:       "phone_user.added",
	account.PhoneUserChanged:     "phone_user.changed",
	account.PhoneUserDeleted:     "phone_user.deleted",
	account.PhoneUsersImported:   "phone_user.imported",
	account.DeviceAdded:          "device.added",
	account.DeviceEnded:          "device.ended",
	account.DevicesReset:         "device.ended",
	account.NumberAssigned:       "number.assigned",
	account.NumberWithdrawn:      "number.withdrawn",
	account.NumberRenamed:        "number.changed",
	account.NumberRouted:         "number.changed",
}

func (w Webhook) wants(event string) bool { return slices.Contains(w.Events, event) }

// checkEvents puts the types that were chosen in the order of Events, each once.
func checkEvents(chosen []string) (list []string, bad *fault.Fault) {
	for _, e := range Events {
		if slices.Contains(chosen, e.Type) {
			list = append(list, e.Type)
		}
	}
	for _, word := range chosen {
		if !slices.ContainsFunc(Events, func(e Event) bool { return e.Type == word }) {
			return nil, fault.Field("event-unknown", "events", "Choose events from the list, such as "+CallEnded)
		}
	}
	if len(list) == 0 {
		bad = fault.Field("events-empty", "events", "Choose at least one event")
	}
	return list, bad
}

// message is the body of a request.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when it happened
	Data      any       `json:"data"`
}

func body(event string, ms int64, data any) string {
	text, err := json.Marshal(message{event, at(ms), data})
	if err != nil { // strings, numbers and times of this age always can
		panic(err)
	}
	return string(text)
}

// subject is the data of an event that the audit log tells: to what it happened, and who did it. More is read from the API.
type subject struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	By   doer   `json:"by"`
}

type doer struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

func subjectOf(e account.AuditEntry) subject {
	return subject{e.SubjectID, e.SubjectName, doer{string(e.ActorKind), e.ActorName}}
}

// testData is the data of a test.
type testData struct {
	WebhookID string `json:"webhook_id"`
	By        doer   `json:"by"`
}

// ended is the data of a call that ended: what the API tells of it, without its steps.
type ended struct {
	ID              string     `json:"id"`
	Direction       string     `json:"direction"`
	Status          string     `json:"status,omitempty"`
	From            string     `json:"from"`
	FromName        string     `json:"from_name,omitempty"`
	FromPhoneUserID string     `json:"from_phone_user_id,omitempty"`
	Hidden          bool       `json:"hidden"`
	To              string     `json:"to"`
	ToName          string     `json:"to_name,omitempty"`
	ToPhoneUserID   string     `json:"to_phone_user_id,omitempty"`
	ServiceNumber   string     `json:"service_number,omitempty"`
	ServiceName     string     `json:"service_name,omitempty"`
	AnsweringPoint  string     `json:"answering_point,omitempty"`
	AnsweredByID    string     `json:"answered_by_phone_user_id,omitempty"`
	StartedAt       time.Time  `json:"started_at"`
	AnsweredAt      *time.Time `json:"answered_at,omitempty"`
	EndedAt         *time.Time `json:"ended_at,omitempty"`
	RingSeconds     int64      `json:"ring_seconds"`
	TalkSeconds     int64      `json:"talk_seconds"`
	Cause           string     `json:"cause,omitempty"`
	Why             string     `json:"why,omitempty"`
	EndedBy         string     `json:"ended_by,omitempty"`
	SIPStatus       int        `json:"sip_status,omitempty"`
}

func callOf(c call.Record) ended {
	return ended{ID: c.ID, Direction: string(c.Direction), Status: string(c.Status), From: c.FromNumber, FromName: c.FromName, FromPhoneUserID: c.FromUserID,
		Hidden: c.Hidden, To: c.ToNumber, ToName: c.ToName, ToPhoneUserID: c.ToUserID, ServiceNumber: c.ServiceNumber, ServiceName: c.ServiceName,
		AnsweringPoint: c.AnsweringPoint, AnsweredByID: c.AnsweredByID, StartedAt: at(c.StartedAt), AnsweredAt: moment(c.AnsweredAt), EndedAt: moment(c.EndedAt),
		RingSeconds: seconds(c.RingMS), TalkSeconds: seconds(c.TalkMS), Cause: c.Cause, Why: c.Why(), EndedBy: c.EndedBy, SIPStatus: c.SIPStatus}
}

func seconds(ms int64) int64 { return (ms + 500) / 1000 }

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func moment(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := at(ms)
	return &t
}

// words joins what a column keeps as one text.
func words(list []string) string { return strings.Join(list, " ") }

// Words names an event for people; one that is no more by its type.
func Words(event string) string {
	for _, e := range Events {
		if e.Type == event {
			return e.Words
		}
	}
	return cmp.Or(map[string]string{Test: "Test"}[event], event)
}
