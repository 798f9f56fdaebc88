package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/api"
	"hubline/base/mail/mailbox"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

const invitations = "/accounts/harbour/invitations"

// The whole life of an invitation by API, with real mails in between.
func TestAnInvitationsLife(t *testing.T) {
	refused := func(address string) bool { return strings.HasPrefix(address, "gone@") }
	each(t, func(t *testing.T, w *world) {
		var i api.Invitation
		r := w.send("POST", invitations, `{"email":"Sam@Harbour.Example","name":"Sam Okafor","roles":["billing"],"message":"Welcome to the team."}`).want(201, &i)
		path := invitations + "/" + i.ID
		if r.header.Get("Location") != "/api/v1"+path || i.Email != "sam@harbour.example" || i.State != "pending" || i.Delivery != "queued" || !slices.Equal(i.Roles, []string{"billing"}) {
			t.Fatalf("made %+v at %s", i, r.header.Get("Location"))
		}
		get := func() api.Invitation {
			t.Helper()
			i = api.Invitation{} // what is absent stays empty
			w.send("GET", path, nil).want(200, &i)
			return i
		}
		queued := r.header.Get("ETag")
		w.send("GET", path, nil, "If-None-Match", queued).want(304, nil)
		w.RunJobs()
		first := w.lastMail("sam@harbour.example")
		if len(first.Links) != 1 || !strings.HasPrefix(first.Links[0], accounttest.BaseURL+"/invitations/hi_") || !strings.Contains(first.Text, "Welcome to the team.") {
			t.Fatalf("%+v", first)
		}
		if get().Delivery != "sent" {
			t.Errorf("delivered: %+v", i)
		}
		w.send("GET", path, nil, "If-None-Match", queued).want(200, nil)

		w.send("POST", invitations, `{"email":"sam@harbour.example"}`).problem(422, "already-invited", "email")
		w.send("POST", path+"/resend", nil).problem(429, "resend-soon", "")
		w.send("PATCH", path, `{"roles":["admin"]}`, "If-Match", queued).want(200, nil)
		w.send("PATCH", path, `{"roles":[]}`, "If-Match", queued).problem(412, "changed-meanwhile", "")
		w.send("PATCH", path, `{"groups":["nobodys"]}`).problem(422, "group-unknown", "groups")
		w.Clock.Advance(2 * time.Minute)
		expires := get().ExpiresAt
		w.send("POST", path+"/resend", nil).want(200, &i)
		if i.Resends != 1 || !i.ExpiresAt.After(expires) || i.Delivery != "queued" {
			t.Errorf("sent again: %+v", i)
		}
		w.RunJobs()
		second := w.lastMail("sam@harbour.example")
		if second.Links[0] == first.Links[0] {
			t.Fatalf("%+v", second)
		}
		for _, secret := range []string{first.Links[0], second.Links[0]} { // the link is only in the mail
			token := secret[strings.LastIndexByte(secret, '/')+1:]
			for _, look := range []string{path, invitations, "/accounts/harbour/audit-log", "/accounts/harbour/audit-log.csv"} {
				if strings.Contains(w.send("GET", look, nil).body, token[3:]) {
					t.Errorf("%s shows the link", look)
				}
			}
		}

		token := second.Links[0][strings.LastIndexByte(second.Links[0], '/')+1:]
		page, err := w.Welcome(t.Context(), token)
		if err != nil || page.Invitation.Roles.String() != "Admin" {
			t.Fatalf("%+v, %v", page, err)
		}
		if _, _, err := w.AcceptNew(t.Context(), token, page.Shown, "Sam Okafor", accounttest.Password, account.Browser{Address: accounttest.Address}); err != nil {
			t.Fatal(err)
		}
		if get().State != "accepted" {
			t.Errorf("accepted: %+v", i)
		}
		var members api.HubUsers
		w.send("GET", users+"?q=sam", nil).want(200, &members)
		if len(members.Items) != 1 || !slices.Equal(members.Items[0].Roles, []string{"admin"}) || members.Items[0].AcceptedAt == nil {
			t.Errorf("%+v", members)
		}
		w.send("POST", path+"/resend", nil).problem(409, "invitation-accepted", "")
		w.send("DELETE", path, nil).problem(409, "invitation-accepted", "")
		w.send("PATCH", path, `{"roles":[]}`).problem(409, "invitation-accepted", "")
		w.send("POST", invitations, `{"email":"sam@harbour.example"}`).problem(422, "already-member", "email")

		w.send("POST", invitations, `{"email":"gone@harbour.example"}`).want(201, &i)
		path = invitations + "/" + i.ID
		w.RunJobs()
		if get().Delivery != "refused" || i.DeliveryNote == "" {
			t.Errorf("refused: %+v", i)
		}
		w.send("DELETE", path, nil).want(204, nil)
		if get().State != "cancelled" {
			t.Errorf("cancelled: %+v", i)
		}
		w.send("DELETE", path, nil).problem(409, "invitation-cancelled", "")
	}, accounttest.Mailbox(refused))
}

// lastMail returns the newest mail in the mailbox to an address; mails to different addresses may overtake each other.
func (w *world) lastMail(to string) (last mailbox.Mail) {
	w.t.Helper()
	for _, m := range w.Box.Mails() {
		if m.To == to {
			last = m
		}
	}
	if last.To == "" {
		w.t.Fatalf("no mail to %s", to)
	}
	return last
}

func TestInvitationsByState(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var old, open api.Invitation
		w.send("POST", invitations, `{"email":"old@harbour.example"}`).want(201, &old)
		w.Clock.Advance(old.ExpiresAt.Sub(w.Clock.Now()) - time.Millisecond)
		tag := w.send("GET", invitations+"/"+old.ID, nil).want(200, &old).header.Get("ETag")
		if old.State != "pending" {
			t.Errorf("a millisecond early: %+v", old)
		}
		w.Clock.Advance(time.Millisecond)
		w.send("GET", invitations+"/"+old.ID, nil, "If-None-Match", tag).want(200, &old)
		if old.State != "expired" {
			t.Errorf("at its end: %+v", old)
		}
		w.send("POST", invitations, `{"email":"open@harbour.example"}`).want(201, &open)
		for query, want := range map[string][]string{"": {old.ID, open.ID}, "?status=invited": {open.ID}, "?status=attention": {old.ID}, "?sort=-sent": {open.ID, old.ID}, "?sort=sent": {old.ID, open.ID}, "?q=open": {open.ID}, "?q=admin": nil} {
			var list api.Invitations
			w.send("GET", invitations+query, nil).want(200, &list)
			var got []string
			for _, i := range list.Items {
				got = append(got, i.ID)
			}
			if !slices.Equal(got, want) || list.Items == nil {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
			for _, i := range list.Items {
				var one api.Invitation
				if w.send("GET", invitations+"/"+i.ID, nil).want(200, &one); one.State != i.State || one.Delivery != i.Delivery || one.ExpiresAt != i.ExpiresAt || one.InvitedBy != i.InvitedBy || one.CreatedAt != i.CreatedAt {
					t.Errorf("listed as %+v, alone %+v", i, one)
				}
			}
		}
		w.send("POST", invitations+"/"+old.ID+"/resend", nil).want(200, &old)
		if old.State != "pending" {
			t.Errorf("sent again: %+v", old)
		}
	})
}

func TestInvitingHasLimits(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.send("POST", invitations, `{"email":"one@harbour.example"}`).want(201, nil)
		r := w.send("POST", invitations, `{"email":"two@harbour.example"}`)
		if r.problem(429, "daily-invitations", "email"); r.header.Get("Retry-After") == "" {
			t.Errorf("%v", r.header)
		}
		for _, address := range []string{"admin@harbour.example", "one@harbour.example"} {
			if r := w.send("POST", invitations, map[string]string{"email": address}); r.status != 422 && r.status != 429 {
				t.Errorf("%s: %d", address, r.status)
			}
		}
	}, accounttest.With(func(c *account.Config) { c.DailyInvitations = 2 })) // the first admin's counts
}

func TestSettings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const path = "/accounts/harbour"
		var a api.Account
		tag := w.send("GET", path, nil).want(200, &a).header.Get("ETag")
		before := a
		w.send("PATCH", path, `{"time_zone":"Australia/Perth"}`, "If-Match", tag).want(200, &a)
		if before.TimeZone = "Australia/Perth"; a != before {
			t.Errorf("%+v, want %+v", a, before)
		}
		w.send("PATCH", path, `{"name":"Other"}`, "If-Match", tag).problem(412, "changed-meanwhile", "")
		w.send("PATCH", path, `{"name":"Harbour & Co.","invitation_hours":1,"check_minutes":0}`).want(200, &a)
		if a.Name != "Harbour & Co." || a.InvitationHours != 1 || a.CheckMinutes != 0 || a.TimeZone != "Australia/Perth" {
			t.Errorf("%+v", a)
		}
		p := w.send("PATCH", path, `{"name":"","time_zone":"Mars","invitation_hours":721,"check_minutes":-1}`).problem(422, "name-empty", "name")
		var fields []string
		for _, e := range p.Errors {
			fields = append(fields, e.Field)
		}
		if !slices.Equal(fields, []string{"name", "time_zone", "invitation_hours", "check_minutes"}) {
			t.Errorf("%v", fields)
		}
		var log api.AuditLog
		w.send("GET", path+"/audit-log?area=settings", nil).want(200, &log)
		if len(log.Items) != 2 || log.Items[0].Before != "Harbour Group, Australia/Perth, invitations 168 h, check 30 min" {
			t.Errorf("%+v", log)
		}
	})
}

// Changes of different fields at the same time all arrive, although none names a version.
func TestSettingsAtTheSameTime(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const path = "/accounts/harbour"
		done := make(chan reply)
		bodies := []string{`{"name":"Another"}`, `{"time_zone":"Australia/Perth"}`, `{"invitation_hours":5}`, `{"check_minutes":7}`}
		for _, body := range bodies {
			go func() { done <- w.send("PATCH", path, body) }()
		}
		for range bodies {
			(<-done).want(200, nil)
		}
		var a api.Account
		w.send("GET", path, nil).want(200, &a)
		if a.Name != "Another" || a.TimeZone != "Australia/Perth" || a.InvitationHours != 5 || a.CheckMinutes != 7 {
			t.Errorf("%+v", a)
		}
	})
}

func TestAuditLog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const log = "/accounts/harbour/audit-log"
		jo := w.Join(w.admin, "jo@harbour.example").ID()
		admin, _ := w.user(w.admin.ID())
		w.Clock.Advance(time.Hour)
		noon := w.Clock.Now()
		w.send("PATCH", users+"/"+jo, `{"name":"Jo Baptiste","roles":["billing"]}`).want(200, nil)
		w.send("PATCH", "/accounts/harbour", `{"check_minutes":5}`).want(200, nil)
		count := func(query string) int {
			t.Helper()
			var list api.AuditLog
			w.send("GET", log+"?limit=200"+query, nil).want(200, &list)
			return len(list.Items)
		}
		all := count("")
		for query, want := range map[string]int{
			"&since=" + noon.Format(time.RFC3339): 3, "&until=" + noon.Format(time.RFC3339): all - 3,
			"&since=" + noon.Add(time.Second).Format(time.RFC3339):   0,
			"&since=" + noon.Format(time.RFC3339) + "&area=hub-user": 2,
			"&area=settings": 1, "&area=account": 1, "&area=api-key": 1, "&subject=" + jo: 3, "&q=baptiste": 2, "&q=nobody": 0, "&actor=" + strings.Repeat("a", 26): 0,
			"&since=" + noon.Format(time.RFC3339) + "&actor=" + admin.PersonID: 3,
		} {
			if got := count(query); got != want {
				t.Errorf("%s: %d entries, want %d", query, got, want)
			}
		}
		var page api.AuditLog
		var ids []string
		for after := ""; ; after = page.Next {
			page = api.AuditLog{}
			w.send("GET", log+"?limit=3&after="+after, nil).want(200, &page)
			for _, e := range page.Items {
				ids = append(ids, e.ID)
			}
			if page.Next == "" {
				break
			}
			w.rename(jo) // what happens between two pages is newer than both
		}
		if len(ids) != all || !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Errorf("%d entries in pages, want %d, newest first: %v", len(ids), all, ids)
		}
	})
}
