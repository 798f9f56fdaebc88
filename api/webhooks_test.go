package api

import (
	"encoding/json"
	"reflect"
	"testing"

	"hubline/base/db/dbtest"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/webhook"
)

// What a webhook is told of a call is what the API tells of it, without its steps.
func TestWebhooksTellOfCallsAsTheAPIDoes(t *testing.T) {
	t.Parallel()
	rig := accounttest.New(t, dbtest.SQLite(t))
	rooms := Furnish(t, rig)
	admin := rig.Open("harbour").Check()
	address, events := "https://crm.example.com/hooks", []string{webhook.CallEnded}
	w, _, err := rooms.Webhooks.Add(t.Context(), admin.Actor(), webhook.Wanted{URL: &address, Events: &events})
	if err != nil {
		t.Fatal(err)
	}
	began := rig.Clock.Now().UnixMilli()
	full := call.Record{AccountID: admin.Account.ID, Direction: call.Inbound, Status: call.Answered, FromNumber: "+61491570156", FromName: "Mary", FromUserID: "u1", ToNumber: "+61255500142",
		ToName: "Jo", ToUserID: "u2", Hidden: true, ServiceNumber: "+61255500142", ServiceName: "Main line", AnsweringPoint: "Jo", AnsweredByID: "u2", Carrier: "Demo", StartedAt: began,
		AnsweredAt: began + 9400, EndedAt: began + 60_500, RingMS: 9400, TalkMS: 51_100, Cause: "hung-up", EndedBy: "caller", SIPStatus: 200}
	for name, record := range map[string]call.Record{"full": full, "bare": {AccountID: admin.Account.ID, Direction: call.Internal, Status: call.Busy, StartedAt: began + 1, EndedAt: began + 2}} {
		id := rooms.Record(t, record)
		kept, err := rooms.Calls.ByID(t.Context(), admin.Actor(), id)
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := rooms.Webhooks.Deliveries(t.Context(), admin.Actor(), w.ID, webhook.Filter{Limit: 1})
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: told %+v, %v", name, list, err)
		}
		var told struct{ Data map[string]any }
		var shown map[string]any
		text, err := json.Marshal(callOf(kept))
		if err == nil {
			err = json.Unmarshal(text, &shown)
		}
		if err == nil {
			err = json.Unmarshal([]byte(list[0].Body), &told)
		}
		if err != nil {
			t.Fatal(err)
		}
		if delete(shown, "steps"); !reflect.DeepEqual(told.Data, shown) {
			t.Errorf("%s: webhooks are told\n%v\nand the API shows\n%v", name, told.Data, shown)
		}
	}
}
