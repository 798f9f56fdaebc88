package api_test

import (
	"strconv"
	"strings"
	"testing"

	"hubline/api"
	"hubline/product/account"
	"hubline/product/phoneuser"
)

func TestPhoneUsers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const users = "/accounts/harbour/phone-users"
		var mary api.PhoneUser
		made := w.send("POST", users, `{"extension":"101","display_name":"Mary Chen","local_prefix":"02"}`, "Idempotency-Key", "mary").want(201, &mary)
		tag := made.header.Get("ETag")
		if made.header.Get("Location") != "/api/v1"+users+"/"+mary.ID || mary.State != "app-off" || mary.DetailsSentAt != nil {
			t.Errorf("%v %+v", made.header, mary)
		}
		if again := w.send("POST", users, `{"extension":"101","display_name":"Mary Chen","local_prefix":"02"}`, "Idempotency-Key", "mary").want(201, nil); again.body != made.body {
			t.Errorf("the repeat answers %s, not %s", again.body, made.body)
		}
		one := users + "/" + mary.ID
		w.send("GET", one, nil, "If-None-Match", tag).want(304, nil)

		w.send("PATCH", one, `{"display_name":"Mary Walsh","extension":"101"}`, "If-Match", tag).want(200, &mary)
		if mary.DisplayName != "Mary Walsh" || mary.LocalPrefix != "02" {
			t.Errorf("changed to %+v", mary)
		}
		w.send("PATCH", one, `{"display_name":"Somebody else"}`, "If-Match", tag).problem(412, "changed-meanwhile", "")
		w.send("DELETE", one, nil, "If-Match", tag).problem(412, "changed-meanwhile", "")
		w.send("PATCH", one, `{"extension":"102"}`).problem(422, "extension-fixed", "extension")
		w.send("PATCH", one, `{"app_enabled":true}`).problem(422, "email-needed", "email")
		w.send("PATCH", one, `{"caller_id":"+61255500142"}`).problem(422, "caller-id-not-owned", "caller_id")
		w.send("PATCH", one, `{"state":"available"}`).problem(422, "field-unknown", "state")
		w.send("POST", one+"/send-details", nil).problem(409, "app-off", "")
		for _, path := range []string{"/x", "/" + strings.Repeat("a", 26), "/" + mary.ID + "%00"} {
			w.send("GET", users+path, nil).problem(404, "not-found", "")
		}
		w.send("DELETE", one+"/devices/x", nil).problem(404, "not-found", "")

		// A phone that is set up changes the tag, not the version.
		if _, err := w.Phones.Change(t.Context(), w.admin.Actor(), mary.ID, phoneuser.Change{Email: text("mary@harbour.example"), AppEnabled: yes()}, 0); err != nil {
			t.Fatal(err)
		}
		tag = w.send("GET", one, nil).header.Get("ETag")
		if _, err := w.Phones.Provide(t.Context(), account.Operate().Inside(w.admin.Account), mary.ID, phoneuser.Phone); err != nil {
			t.Fatal(err)
		}
		w.send("GET", one, nil, "If-None-Match", tag).want(200, &mary)
		var devices api.Devices
		if raw := w.send("GET", one+"/devices", nil).want(200, &devices); len(devices.Items) != 1 || strings.Contains(raw.body, "password") || strings.Contains(raw.body, "ha1") {
			t.Fatal(raw.body)
		}
		w.send("DELETE", one+"/devices/"+devices.Items[0].ID, nil).want(204, nil)
		w.send("DELETE", one+"/devices/"+devices.Items[0].ID, nil).problem(404, "not-found", "")
		w.send("DELETE", one, nil, "If-Match", tag).want(204, nil)
		w.send("GET", one, nil).problem(404, "not-found", "")
	})
}

func text(s string) *string { return &s }

func yes() *bool {
	b := true
	return &b
}

func TestThePlanOfPhoneUsersIsKept(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const users = "/accounts/harbour/phone-users"
		var a api.Account
		w.send("GET", "/accounts/harbour", nil).want(200, &a)
		for n := range a.PhoneUserLimit {
			w.send("POST", users, `{"extension":"`+strconv.Itoa(301+n)+`","display_name":"Seat"}`).want(201, nil)
		}
		if p := w.send("POST", users, `{"extension":"201","display_name":"Seat"}`).problem(409, "phone-user-limit", ""); !strings.Contains(p.Detail, "10 of 10") {
			t.Error(p.Detail)
		}
		var list api.PhoneUsers
		seen := map[string]bool{}
		for after := ""; ; after = "&after=" + list.Next {
			list = api.PhoneUsers{}
			w.send("GET", users+"?limit=3&sort=-name"+after, nil).want(200, &list)
			for _, u := range list.Items {
				seen[u.Extension] = true
			}
			if list.Next == "" {
				break
			}
		}
		if len(seen) != a.PhoneUserLimit {
			t.Errorf("the pages hold %d of %d", len(seen), a.PhoneUserLimit)
		}
	})
}

func TestNumbers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const one = "/accounts/harbour/numbers/+61255500142"
		north := w.Open("northside")
		for e164, in := range map[string]account.Account{"+61255500142": w.admin.Account, "+61255500143": north.Account} {
			if _, err := w.Numbers.Assign(t.Context(), account.Operate().Inside(in), e164, "Main line"); err != nil {
				t.Fatal(err)
			}
		}
		foreign, err := w.Phones.Add(t.Context(), north.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Zoë"}, "")
		if err != nil {
			t.Fatal(err)
		}
		var n api.PhoneNumber
		tag := w.send("GET", one, nil).want(200, &n).header.Get("ETag")
		if n.Kind != "local" || n.Route.Kind != "nowhere" {
			t.Errorf("%+v", n)
		}
		w.send("PATCH", one, `{"service_name":"Front desk"}`, "If-Match", tag).want(200, &n)
		w.send("PATCH", one, `{"service_name":"Back door"}`, "If-Match", tag).problem(412, "changed-meanwhile", "")
		w.send("PATCH", one, `{"service_name":" "}`).problem(422, "service-name-empty", "service_name")
		w.send("PATCH", one, `{"number":"+61255500144"}`).problem(422, "field-unknown", "number")
		w.send("PATCH", one, `{"route":{"kind":"phone-user"}}`).problem(422, "route-form", "route")
		w.send("PATCH", one, `{"route":{"kind":"nowhere","phone_user_id":"x"}}`).problem(422, "route-form", "route")
		w.send("PATCH", one, `{"route":{"kind":"callflow"}}`).problem(422, "field-choice", "route.kind")
		w.send("PATCH", one, `{"route":{"kind":"phone-user","phone_user_id":"`+foreign.ID+`"}}`).problem(422, "phone-user-unknown", "phone_user_id")
		for _, path := range []string{"+61255500143", "+61255500199", "0255500142", "x", "+612%00"} {
			w.send("GET", "/accounts/harbour/numbers/"+path, nil).problem(404, "not-found", "")
		}

		rename := w.keyWith(account.RenameNumbers)
		w.send("PATCH", one, `{"service_name":"Desk"}`, "Authorization", rename).want(200, nil)
		w.send("PATCH", one, `{"route":{"kind":"nowhere"}}`, "Authorization", rename).problem(403, "scope-missing", "")
		jo := w.Join(w.admin, "jo@harbour.example")
		secret, _ := w.Key(jo)
		w.send("PATCH", one, `{"service_name":"Reception"}`, "Authorization", "Bearer "+secret).want(200, nil)
		w.send("PATCH", one, `{"service_name":"Mine","route":{"kind":"nowhere"}}`, "Authorization", "Bearer "+secret).problem(403, "role-missing", "")
		if w.send("GET", one, nil).want(200, &n); n.ServiceName != "Reception" {
			t.Errorf("half of a refused change happened: %+v", n)
		}
	})
}
