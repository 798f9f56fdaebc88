package api_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/api"
	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

const users = "/accounts/harbour/hub-users"

// seed puts n more people with names and addresses by number into the account, as inviting that many would take too long.
func (w *world) seed(n int) {
	w.t.Helper()
	err := w.DB.Tx(w.t.Context(), func(ctx context.Context, q db.Q) error {
		for i := range n {
			name, email := fmt.Sprintf("Person %04d", i), fmt.Sprintf("person%04d@harbour.example", i)
			if _, err := q.ExecContext(ctx, `
				INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, state, invitation_id, invited_at, accepted_at, last_signed_in_at, version)
				VALUES ($1, $2, $3, $4, $5, $6, '', 'active', NULL, $7, $7, $7, 1)`,
				w.admin.Account.ID, numeral(i), "p"+numeral(i)[1:], email, name, strings.ToLower(name+" "+email), w.Clock.Now().UnixMilli()+int64(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	accounttest.Recount(w.t, w.DB)
}

// numeral writes a number in the alphabet of IDs.
func numeral(n int) string {
	text := ""
	for ; n > 0 || text == ""; n /= 32 {
		text = string("abcdefghijklmnopqrstuvwxyz234567"[n%32]) + text
	}
	return strings.Repeat("a", 26-len(text)) + text
}

func TestHubUsersInPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.seed(25)
		for _, sort := range []string{"name", "-name", "sent", "-sent", "accepted", "-accepted", "seen", "-seen"} {
			var got []string
			after := ""
			for page := 0; ; page++ {
				var list api.HubUsers
				w.send("GET", users+"?limit=7&sort="+sort+"&after="+after, nil).want(200, &list)
				for _, u := range list.Items {
					got = append(got, u.Email)
				}
				if page == 1 { // between two pages somebody leaves who was shown, somebody who was not, and somebody comes
					mine := list.Items[0].ID
					w.send("DELETE", users+"/"+mine, nil)
					w.rename(list.Items[1].ID)
				}
				if after = list.Next; after == "" {
					break
				}
				if len(list.Items) != 7 {
					t.Fatalf("%s: a page of %d", sort, len(list.Items))
				}
			}
			seen := map[string]bool{}
			for _, email := range got {
				if seen[email] && sort != "name" && sort != "-name" { // a new name may move somebody to a later page
					t.Errorf("%s: %s comes twice", sort, email)
				}
				seen[email] = true
			}
			var all api.HubUsers
			w.send("GET", users+"?limit=200&sort="+sort, nil).want(200, &all)
			for _, u := range all.Items {
				if !seen[u.Email] {
					t.Errorf("%s: %s is missing", sort, u.Email)
				}
			}
			if all.Next != "" {
				t.Errorf("%s: next on the last page", sort)
			}
		}
	})
}

func (w *world) rename(id string) {
	w.t.Helper()
	w.send("PATCH", users+"/"+id, map[string]string{"name": "Renamed"}).want(200, nil)
}

func TestA42ForgedPageMarksAreRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.seed(5)
		var list api.HubUsers
		w.send("GET", users+"?limit=2", nil).want(200, &list)
		mark := list.Next
		flipped := []byte(mark)
		for i := 0; i < len(flipped); i += 7 {
			flipped[i] ^= 1
			w.send("GET", users+"?after="+url.QueryEscape(string(flipped)), nil).problem(422, "cursor-unknown", "after")
			flipped[i] ^= 1
		}
		for _, bad := range []string{mark[1:], mark[:len(mark)-2], mark + "AA", "x", "eyJ0IjoiIn0", "'", "../..", strings.Repeat("A", 500), list.Items[0].ID} {
			w.send("GET", users+"?after="+url.QueryEscape(bad), nil).problem(422, "cursor-unknown", "after")
		}
		for _, other := range []string{users + "?sort=-name", users + "?sort=seen", users + "?status=active", "/accounts/harbour/audit-log?limit=5"} {
			w.send("GET", other+"&after="+url.QueryEscape(mark), nil).problem(422, "cursor-unknown", "after")
		}
		w.send("GET", users+"?after="+strings.Repeat("A", 501), nil).problem(422, "field-long", "after")

		key, _ := w.Key(w.Open("northside"))
		w.send("GET", "/accounts/northside/hub-users?after="+url.QueryEscape(mark), nil, "Authorization", "Bearer "+key).problem(422, "cursor-unknown", "after")
	})
}

func TestHubUsersBySearchAndState(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.seed(12)
		w.Invite(w.admin, "person0100@harbour.example") // is among the invitations only
		id := numeral(3)
		w.send("PATCH", users+"/"+id, `{"state":"deactivated"}`).want(200, nil)
		w.send("PATCH", users+"/"+numeral(4), `{"name":"Zoë 100%_x"}`).want(200, nil)
		for query, want := range map[string]int{"": 13, "?q=person": 12, "?q=PERSON+0011": 1, "?q=zoe": 1, "?q=%25": 1, "?q=_x": 1, "?q=nobody": 0, "?status=active": 12, "?status=deactivated": 1, "?status=active&q=0003": 0} {
			var list api.HubUsers
			if w.send("GET", users+query, nil).want(200, &list); len(list.Items) != want || list.Items == nil {
				t.Errorf("%s: %d people, want %d", query, len(list.Items), want)
			}
			lines, err := csv.NewReader(strings.NewReader(w.send("GET", users+".csv"+query, nil).want(200, nil).body)).ReadAll()
			if err != nil || len(lines) != want+1 {
				t.Errorf("%s: %d lines of CSV, want %d and a header; %v", query, len(lines), want, err)
			}
		}
	})
}

func TestChangeHubUser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		jo := w.Join(w.admin, "jo@harbour.example").ID()
		path := users + "/" + jo
		var u api.HubUser
		for _, step := range []struct {
			body string
			want func() bool
		}{
			{`{}`, func() bool { return u.Name == "Jo" && len(u.Roles) == 0 && u.State == "active" }},
			{`{"roles":["billing","admin","billing"]}`, func() bool { return slices.Equal(u.Roles, []string{"admin", "billing"}) }},
			{`{"name":" Jo   Baptiste "}`, func() bool { return u.Name == "Jo Baptiste" && len(u.Roles) == 2 }},
			{`{"state":"deactivated"}`, func() bool { return u.State == "deactivated" && u.Name == "Jo Baptiste" }},
			{`{"state":"active","roles":[]}`, func() bool { return u.State == "active" && len(u.Roles) == 0 && u.Roles != nil }},
		} {
			u = api.HubUser{}
			r := w.send("PATCH", path, step.body).want(200, &u)
			if !step.want() {
				t.Errorf("after %s: %+v", step.body, u)
			}
			again, tag := w.user(jo)
			if r.header.Get("ETag") != tag || again.Name != u.Name || !slices.Equal(again.Roles, u.Roles) {
				t.Errorf("after %s: answered %+v %s, is %+v %s", step.body, u, r.header.Get("ETag"), again, tag)
			}
		}
		for body, want := range map[string][2]string{`{"name":""}`: {"name-empty", "name"}, `{"name":"0412345678"}`: {"name-digits", "name"}, `{"state":"removed"}`: {"field-choice", "state"}, `{"email":"x@harbour.example"}`: {"field-unknown", "email"},
			`{"roles":["admin","staff"]}`: {"field-choice", "roles"}, `{"person_id":"x"}`: {"field-unknown", "person_id"}} {
			w.send("PATCH", path, body).problem(422, want[0], want[1])
		}
		admin := users + "/" + w.admin.ID()
		w.send("PATCH", admin, `{"roles":["billing"]}`).problem(409, "last-admin", "")
		w.send("PATCH", admin, `{"state":"deactivated"}`).problem(409, "own-state", "")
		w.send("DELETE", admin, nil).problem(409, "own-removal", "")
		w.send("DELETE", path, nil).want(204, nil)
		w.send("DELETE", path, nil).problem(404, "not-found", "")
		w.send("GET", path, nil).problem(404, "not-found", "")
		w.RunJobs()
		if got := w.Mails.Subjects("jo@harbour.example"); !slices.Contains(got, "You no longer have access to Harbour Group") || !slices.Contains(got, "Your access to Harbour Group changed") {
			t.Errorf("mails %q", got)
		}
	})
}

// A key can't give its own maker what the maker does not have.
func TestA35KeysDoNotPromoteTheirMakers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		jo := w.Join(w.admin, "jo@harbour.example", account.Admin)
		secret, _ := w.Key(jo)
		w.send("PATCH", users+"/"+jo.ID(), `{"roles":["admin","billing"]}`, "Authorization", "Bearer "+secret).problem(422, "own-roles", "roles")
		w.send("PATCH", users+"/"+w.admin.ID(), `{"roles":["billing"]}`, "Authorization", "Bearer "+secret).want(200, nil)
	})
}

func TestETags(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		jo := w.Join(w.admin, "jo@harbour.example")
		path := users + "/" + jo.ID()
		_, tag := w.user(jo.ID())

		r := w.send("GET", path, nil, "If-None-Match", tag).want(304, nil)
		if r.body != "" || r.header.Get("ETag") != tag || r.header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("304: %q %v", r.body, r.header)
		}
		w.send("GET", path, nil, "If-None-Match", `"x", W/`+tag).want(304, nil)
		w.send("GET", path, nil, "If-None-Match", "*").want(304, nil)
		w.send("GET", path, nil, "If-None-Match", `"x"`).want(200, nil)

		for header, code := range map[string]string{`"1`: "if-match-form", `1`: "if-match-form", `W/` + tag: "if-match-form", tag + ", " + tag: "if-match-form", `"`: "if-match-form", `""`: "changed-meanwhile",
			`"0"`: "changed-meanwhile", `"-1"`: "changed-meanwhile", `"2"`: "changed-meanwhile", `"99999999999999999999"`: "changed-meanwhile", `"x"`: "changed-meanwhile", `"0-0"`: "changed-meanwhile"} {
			status, field := 412, ""
			if code == "if-match-form" {
				status, field = 422, "If-Match"
			}
			w.send("PATCH", path, `{"name":"Other"}`, "If-Match", header).problem(status, code, field)
			w.send("DELETE", path, nil, "If-Match", header).problem(status, code, field)
		}
		// A sign-in changes what is read but voids no change.
		w.Clock.Advance(time.Minute)
		jo.SignIn()
		w.send("GET", path, nil, "If-None-Match", tag).want(200, nil)
		changed := w.send("PATCH", path, `{"name":"Jo Baptiste"}`, "If-Match", tag).want(200, nil).header.Get("ETag")
		w.send("PATCH", path, `{"name":"Other"}`, "If-Match", tag).problem(412, "changed-meanwhile", "")
		w.send("DELETE", path, nil, "If-Match", tag).problem(412, "changed-meanwhile", "")
		if u, _ := w.user(jo.ID()); u.Name != "Jo Baptiste" {
			t.Errorf("%+v", u)
		}
		w.send("PATCH", path, `{"name":"Jo"}`, "If-Match", "*").want(200, nil)
		w.send("DELETE", path, nil, "If-Match", changed).problem(412, "changed-meanwhile", "")
		_, now := w.user(jo.ID())
		w.send("DELETE", path, nil, "If-Match", now).want(204, nil)
	})
}

func TestCSVIsHarmlessInSpreadsheets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), nil)
	w.seed(4)
	for i, name := range []string{`=HYPERLINK("http")`, "+1+1", "-2", "@SUM(A1)"} {
		if _, err := w.DB.ExecContext(t.Context(), `UPDATE memberships SET name = $2 WHERE email = $1`, fmt.Sprintf("person%04d@harbour.example", i), name); err != nil {
			t.Fatal(err)
		}
	}
	r := w.send("GET", users+".csv", nil).want(200, nil)
	if r.header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || r.header.Get("Content-Disposition") != `attachment; filename="harbour-hub-users.csv"` {
		t.Errorf("%v", r.header)
	}
	lines, err := csv.NewReader(strings.NewReader(r.body)).ReadAll()
	if err != nil || len(lines) != 6 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	for _, line := range lines {
		for _, cell := range line {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
				t.Errorf("the cell %q would be run", cell)
			}
		}
	}
}

func TestLongCSVIsComplete(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.seed(1203)
		lines, err := csv.NewReader(strings.NewReader(w.send("GET", users+".csv", nil).want(200, nil).body)).ReadAll()
		if err != nil || len(lines) != 1205 {
			t.Errorf("%d lines, %v", len(lines), err)
		}
	})
}
