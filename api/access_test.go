package api_test

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"hubline/api"
	"hubline/base/db/dbtest"
	"hubline/product/account"
)

// addresses returns every route with the account and an ID filled in.
func addresses(slug, id string) map[string]api.Route {
	list := map[string]api.Route{}
	for _, rt := range api.Routes() {
		list[strings.NewReplacer("{slug}", slug, "{id}", id).Replace(rt.Path)+" "+rt.Method] = rt
	}
	return list
}

// try sends a request that would be carried out if the key were let in.
func try(w *world, path string, rt api.Route, authorization string) reply {
	w.t.Helper()
	path, _, _ = strings.Cut(path, " ")
	var body any
	if rt.Example != "" {
		body = rt.Example
	}
	return w.send(rt.Method, path, body, "Authorization", authorization)
}

func TestOnlyWorkingKeysAreLetIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		northside := w.Open("northside")
		foreign, _ := w.Key(northside)
		made, expired, err := w.MakeKey(t.Context(), account.Operate().Inside(w.admin.Account), w.admin.ID(), "Old", account.Scopes(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		revoked, gone, err := w.MakeKey(t.Context(), account.Operate().Inside(w.admin.Account), w.admin.ID(), "Gone", account.Scopes(), 0)
		if err != nil {
			t.Fatal(err)
		}
		const path = "/accounts/harbour/hub-users"
		for _, secret := range []string{expired, gone, w.key} {
			w.send("GET", path, nil, "Authorization", "Bearer "+secret).want(200, nil)
		}
		if err := w.RevokeKey(t.Context(), account.Operate().Inside(w.admin.Account), revoked.ID); err != nil {
			t.Fatal(err)
		}
		w.Clock.Set(time.UnixMilli(made.ExpiresAt))
		flipped := []byte(w.key)
		flipped[20] ^= 1
		for name, authorization := range map[string]string{
			"expired at the millisecond": "Bearer " + expired, "revoked": "Bearer " + gone, "cut": "Bearer " + w.key[:len(w.key)-1], "longer": "Bearer " + w.key + "A",
			"flipped": "Bearer " + string(flipped), "empty": "Bearer", "blank": "Bearer  ", "another scheme": "Basic " + w.key, "without a scheme": w.key,
			"a session": "Bearer " + w.admin.Session(), "a device": "Bearer " + w.admin.Device(), "none": "", "doubled": "Bearer " + w.key + ", Bearer " + w.key,
		} {
			r := w.send("GET", path, nil, "Authorization", authorization)
			r.want(401, nil)
			if !strings.HasPrefix(r.header.Get("WWW-Authenticate"), `Bearer realm="Hubline"`) || strings.Contains(r.body, w.key) {
				t.Errorf("%s: %v %s", name, r.header, r.body)
			}
		}
		w.send("GET", path, nil, "Authorization", "bearer "+w.key).want(200, nil)
		w.send("GET", path, nil, "Authorization", "Bearer "+foreign).problem(404, "not-found", "")
		w.send("GET", path, nil, "Authorization", "", "Cookie", "hubline="+w.admin.Session()+"; __Host-hubline="+w.admin.Session()).problem(401, "key-missing", "")
		send(t, w.url, "GET", "/api/v1"+path+"?key="+w.key, nil).problem(401, "key-missing", "")
	})
}

func TestA41OtherAccountsDoNotExist(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		northside := w.Open("northside")
		member := w.Join(northside, "jo@northside.example").ID()
		invitation, _ := w.Invite(northside, "sam@northside.example", account.Admin)
		foreign, _ := w.Key(northside)
		before := snapshot(w, foreign)
		for _, id := range []string{member, invitation.ID, northside.ID(), strings.Repeat("a", 26)} {
			for _, slug := range []string{"northside", "harbour", "nobody", "Harbour", "%2e%2e"} {
				for path, rt := range addresses(slug, id) {
					if slug == "harbour" && !strings.Contains(rt.Path, "{id}") {
						continue
					}
					r := try(w, path, rt, "Bearer "+w.key)
					if r.want(404, nil); strings.Contains(r.body, "northside") || r.status == 403 {
						t.Errorf("%s: %s", path, r.body)
					}
				}
			}
		}
		for _, id := range []string{"..", "%00", "%ff", "a%2fb", "A" + member[1:], member + "a", member[:25], "-1", "%27%20or%201=1", "null"} {
			w.send("GET", "/accounts/harbour/hub-users/"+id, nil).want(404, nil)
			w.send("DELETE", "/accounts/harbour/invitations/"+id, nil).want(404, nil)
		}
		if after := snapshot(w, foreign); after != before {
			t.Errorf("the other account changed from\n%s\nto\n%s", before, after)
		}
	})
}

// snapshot is what there is to see of northside.
func snapshot(w *world, key string) string {
	var all string
	for _, path := range []string{"", "/hub-users", "/invitations", "/audit-log"} {
		all += w.send("GET", "/accounts/northside"+path, nil, "Authorization", "Bearer "+key).want(200, nil).body
	}
	return all
}

func TestScopes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		all := account.Scopes()
		id := w.Join(w.admin, "jo@harbour.example").ID()
		for _, scope := range all {
			var others []account.Permission
			for _, s := range all {
				if s != scope {
					others = append(others, s)
				}
			}
			without := w.keyWith(others...)
			only := w.keyWith(scope)
			for path, rt := range addresses("harbour", id) {
				if rt.Permission == scope {
					if p := try(w, path, rt, without).problem(403, "scope-missing", ""); !strings.Contains(p.Detail, string(scope)) {
						t.Errorf("%s: %s", path, p.Detail)
					}
				} else {
					try(w, path, rt, only).problem(403, "scope-missing", "")
				}
			}
		}
	})
}

// A key can do what its maker can at that moment, and no more.
func TestKeysFollowTheirMakers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		jo := w.Join(w.admin, "jo@harbour.example", account.Admin)
		id := jo.ID()
		secret, _ := w.Key(jo)
		bearer := "Bearer " + secret
		const list = "/accounts/harbour/hub-users"
		w.send("GET", list, nil, "Authorization", bearer).want(200, nil)

		w.send("PATCH", list+"/"+id, `{"roles":["billing"]}`).want(200, nil)
		for path, rt := range addresses("harbour", id) {
			r := try(w, path, rt, bearer)
			switch {
			case rt.Permission == account.ViewRoles:
				r.want(200, nil)
			case account.Roles{account.Billing}.Allows(rt.Permission):
				if rt.Method == "GET" && strings.Contains(r.body, "role-missing") { // what a request may be about is decided by its kind
					t.Errorf("%s: %d", path, r.status)
				}
			default:
				r.problem(403, "role-missing", "")
			}
		}
		w.send("PATCH", list+"/"+id, `{"roles":["admin"]}`).want(200, nil)
		w.send("GET", list, nil, "Authorization", bearer).want(200, nil)
		w.send("PATCH", list+"/"+id, `{"state":"deactivated"}`).want(200, nil)
		w.send("GET", list, nil, "Authorization", bearer).problem(401, "key-unknown", "")
		w.send("PATCH", list+"/"+id, `{"state":"active"}`).want(200, nil)
		w.send("GET", list, nil, "Authorization", bearer).want(200, nil)
		w.send("DELETE", list+"/"+id, nil).want(204, nil)
		w.send("GET", list, nil, "Authorization", bearer).problem(401, "key-unknown", "")
		w.Join(w.admin, "jo@harbour.example", account.Admin)
		w.send("GET", list, nil, "Authorization", bearer).problem(401, "key-unknown", "")
	})
}

func TestKeysAreSlowedDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), func(c *api.Config) { c.RateLimit = api.RateLimit{PerSecond: 2, Burst: 4} })
	other := w.keyWith()
	const path = "/accounts/harbour/roles"
	for left := 3; left >= 0; left-- {
		r := w.send("GET", path, nil).want(200, nil)
		if r.header.Get("RateLimit-Limit") != "4" || r.header.Get("RateLimit-Remaining") != strconv.Itoa(left) || r.header.Get("RateLimit-Reset") != strconv.Itoa((4-left+1)/2) {
			t.Errorf("%d left: %v", left, r.header)
		}
	}
	r := w.send("GET", path, nil)
	if r.problem(429, "rate-limit", ""); r.header.Get("Retry-After") != "1" || r.header.Get("RateLimit-Remaining") != "0" {
		t.Errorf("%v", r.header)
	}
	w.send("GET", path, nil, "Authorization", other).want(200, nil)
	w.Clock.Advance(time.Second)
	w.send("GET", path, nil).want(200, nil)
	w.send("GET", path, nil).want(200, nil)
	w.send("GET", path, nil).problem(429, "rate-limit", "")
	w.Clock.Advance(time.Hour)
	if r := w.send("GET", path, nil).want(200, nil); r.header.Get("RateLimit-Remaining") != "3" {
		t.Errorf("after an hour: %v", r.header)
	}
}

func TestWrongKeysAreSlowedDownWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), nil)
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	server := httptest.NewServer(w.handler(func(c *api.Config) {
		c.TrustedProxies = proxies
		c.RateLimit = api.RateLimit{WrongPerMinute: 60, WrongBurst: 3}
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	late := w.keyWith()
	const path = "/accounts/harbour/roles"
	from := func(address, authorization string) reply {
		return w.send("GET", path, nil, "Authorization", authorization, "X-Forwarded-For", address)
	}
	wrong := func(n int) string { return fmt.Sprintf("Bearer hk_%043d", n) }
	from("203.0.113.7", "Bearer "+w.key).want(200, nil)
	for n := range 3 {
		from("203.0.113.7", wrong(n)).problem(401, "key-unknown", "")
	}
	r := from("203.0.113.7", wrong(3))
	if r.problem(429, "wrong-keys", ""); r.header.Get("Retry-After") != "1" {
		t.Errorf("%v", r.header)
	}
	from("198.51.100.1, 203.0.113.7", wrong(4)).problem(429, "wrong-keys", "") // what stands left of the proxy's own word is not believed
	from("203.0.113.7", "Bearer "+w.key).want(200, nil)                        // a key that worked lately is not slowed by its neighbours
	from("203.0.113.7", late).problem(429, "wrong-keys", "")
	from("203.0.113.8", late).want(200, nil)
	from("203.0.113.7", late).want(200, nil)
	from("203.0.113.8", wrong(5)).problem(401, "key-unknown", "")
	w.Clock.Advance(time.Second)
	from("203.0.113.7", wrong(6)).problem(401, "key-unknown", "")
	from("203.0.113.7", wrong(7)).problem(429, "wrong-keys", "")
	for n := range 3 { // one network for IPv6 is a /64
		from(fmt.Sprintf("2001:db8::%d", n+1), wrong(n)).problem(401, "key-unknown", "")
	}
	from("2001:db8::ffff", wrong(9)).problem(429, "wrong-keys", "")
	from("2001:db8:0:1::1", wrong(9)).problem(401, "key-unknown", "")
}

func TestTheRecordNamesTheClientNotTheProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), func(c *api.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	w.send("PATCH", "/accounts/harbour", `{"invitation_hours":9}`, "X-Forwarded-For", "192.0.2.66, 203.0.113.7").want(200, nil)
	var log api.AuditLog
	w.send("GET", "/accounts/harbour/audit-log?limit=1", nil).want(200, &log)
	if e := log.Items[0]; e.Address != "203.0.113.7" || e.Actor.Kind != "api-key" || e.Action != "settings.changed" {
		t.Errorf("%+v", e)
	}
}
