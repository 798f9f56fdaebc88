package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/phoneuser"
	"hubline/product/support"
	"hubline/product/webhook"
)

// The authorisation matrix of the API: every route × the role set of a key's maker × the state of their membership × own, other or no
// account × what the key is × the account at work, asking more than the maker has, or suspended. The routes come from the table. What is expected is worked out from the declaration and the table of
// rights, by code of the test's own.

// maker is somebody in whose name keys were made.
type maker struct {
	roles account.Roles
	state string
	spare string            // ID of a key that nobody uses
	keys  map[string]string // secrets by kind: see kindsOfKey; "only <scope>" and "without <scope>" have other scopes
}

func (m *maker) String() string { return m.roles.String() + ", " + m.state }

var (
	makerStates = []string{"active", "deactivated", "removed", "invited again"}
	kindsOfKey  = []string{"working", "one scope", "all other scopes", "expired", "revoked", "none", "wrong", "a session"}
	places      = []string{"own", "other", "none", "own account, other's item", "own account, no such item"}
)

// stage is an API with all makers, in a store that can be put back.
type stage struct {
	*accounttest.Rig
	*TestRooms
	t       *testing.T
	handler http.Handler
	makers  []*maker
	session string
	things  map[string]map[string]string // by place: the slug, and IDs by the part of the path before them
	marks   []string                     // words of the other account
	frozen  *dbtest.Frozen

	opinions []opinion // on all cells
}

func newStage(t *testing.T, d *db.DB) *stage {
	t.Helper()
	s := &stage{Rig: accounttest.New(t, d), t: t, things: map[string]map[string]string{}, marks: []string{"Zanzibar", "zanzibar.example"}}
	s.TestRooms = Furnish(t, s.Rig)
	boss, far := s.Open("harbour"), s.OpenFor("far", "admin@zanzibar.example")
	name := "Zanzibar Group"
	if _, err := s.ChangeSettings(t.Context(), far.Actor(), account.Settings{Name: name, TimeZone: "UTC", InvitationHours: 24, CheckMinutes: 30}, 0); err != nil {
		t.Fatal(err)
	}
	s.session = boss.Session()
	for place, admin := range map[string]*accounttest.User{"own": boss, "other": far} {
		domain := map[string]string{"own": "harbour.example", "other": "zanzibar.example"}[place]
		s.things[place] = s.furnished(admin, domain)
	}
	s.things["none"] = map[string]string{"slug": "nowhere", "api-keys": strings.Repeat("h", 26), "hub-users": strings.Repeat("a", 26), "groups": strings.Repeat("g", 26), "webhooks": strings.Repeat("w", 26), "deliveries": strings.Repeat("0", 16) + strings.Repeat("d", 12), "access-reviews": strings.Repeat("0", 16) + strings.Repeat("e", 12), "visits": strings.Repeat("v", 26), "terms": "999999", "invitations": strings.Repeat("b", 26), "tickets": strings.Repeat("c", 26),
		"phone-users": strings.Repeat("d", 26), "devices": strings.Repeat("e", 26), "numbers": "+61255500199",
		"hub-user-imports": strings.Repeat("0", 16) + strings.Repeat("f", 12), "phone-user-imports": strings.Repeat("0", 16) + strings.Repeat("f", 12),
		"calls": strings.Repeat("0", 16) + strings.Repeat("f", 12), "live-calls": strings.Repeat("0", 16) + strings.Repeat("f", 12)}
	for place, from := range map[string]string{places[3]: "other", places[4]: "none"} {
		s.things[place] = maps.Clone(s.things[from])
		s.things[place]["slug"] = "harbour"
	}
	for _, roles := range []account.Roles{{}, {account.Admin}, {account.Billing}, {account.Admin, account.Billing}} {
		for _, state := range makerStates {
			s.makers = append(s.makers, s.maker(boss, roles, state))
		}
	}
	s.RunJobs()
	s.Clock.Advance(2 * time.Hour)                                                                          // the expired keys are now
	_, err := s.Numbers.Assign(t.Context(), account.Operate().Inside(boss.Account), "+61255500177", "Late") // what no checkpoint covers
	s.must(err)
	_, err = s.PublishTerms(t.Context(), account.Operate(), account.NewTerms{Terms: "Be kind", Privacy: "Nothing is kept"})
	s.must(err)
	s.serve(Routes())
	if _, err := d.ExecContext(t.Context(), `INSERT INTO call_nodes (node, seen_at) VALUES ($1, 1) ON CONFLICT (node) DO NOTHING`, s.Calls.Node); err != nil { // it says every few seconds that it lives
		t.Fatal(err)
	}
	s.frozen = dbtest.Freeze(t, d, "api_keys.last_used_at", "call_nodes.seen_at")
	return s
}

// furnished makes one of everything in an account, and returns what addresses call it.
func (s *stage) furnished(admin *accounttest.User, domain string) map[string]string {
	s.t.Helper()
	ctx, inside := s.t.Context(), account.Operate().Inside(admin.Account)
	invitation, _ := s.Invite(admin, "waiting@"+domain)
	asked, err := s.Support.Open(ctx, admin.Actor(), support.NewTicket{Kind: support.Question, Subject: "Numbers", Description: "At " + domain})
	s.must(err)
	bill, err := s.Support.Open(ctx, admin.Actor(), support.NewTicket{Kind: support.InvoiceDetails, Subject: "New address", Description: "At " + domain})
	s.must(err)
	target := s.Join(admin, "target@"+domain)
	s.Join(admin, "jo.baptiste@harbourdental.example")
	g, err := s.MakeGroup(ctx, admin.Actor(), account.NewGroup{Name: "Leads of " + domain})
	s.must(err)
	_, _, err = s.AddToGroup(ctx, admin.Actor(), g.ID, account.Chosen{IDs: []string{target.ID()}}, 0)
	s.must(err)
	e164 := map[string]string{"harbour.example": "+61255500142", "zanzibar.example": "+61255500143"}[domain]
	_, err = s.Numbers.Assign(ctx, inside, e164, "Line of "+domain)
	s.must(err)
	user, err := s.Phones.Add(ctx, admin.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Mary", Email: "mary@" + domain, CallerID: e164, AppEnabled: true}, "")
	s.must(err)
	_, err = s.Phones.Provide(ctx, inside, user.ID, phoneuser.Phone)
	s.must(err)
	devices, err := s.Phones.Devices(ctx, admin.Actor(), user.ID)
	s.must(err)
	people, err := s.ReviewImport(ctx, admin.Actor(), "Email\nlisted@"+domain+"\nbad@"+domain+"\n", "")
	s.must(err)
	phones, err := s.Phones.Review(ctx, admin.Actor(), "Extension,Display name\n201,Row of "+domain+"\n203,Other\n")
	s.must(err)
	live := s.Record(s.t, call.Record{AccountID: admin.Account.ID, Direction: call.Inbound, FromNumber: "+61491570156", ToNumber: e164, ToName: "Mary at " + domain})
	_, key := s.Key(admin)
	address, events := "https://hooks."+domain+"/in", []string{webhook.CallEnded}
	hook, _, err := s.Webhooks.Add(ctx, admin.Check().Actor(), webhook.Wanted{URL: &address, Events: &events})
	s.must(err)
	sent, err := s.Webhooks.SendTest(ctx, admin.Actor(), hook.ID)
	s.must(err)
	failing, _, err := s.Webhooks.Add(ctx, admin.Actor(), webhook.Wanted{URL: &address, Events: &events})
	s.must(err)
	gone, err := s.Webhooks.SendTest(ctx, admin.Actor(), failing.ID)
	s.must(err)
	_, err = s.DB.ExecContext(ctx, `UPDATE webhook_deliveries SET state = 'failed', next_at = 0 WHERE account_id = $1 AND id = $2`, admin.Account.ID, gone.ID)
	s.must(err)
	resting, _, err := s.Webhooks.Add(ctx, admin.Actor(), webhook.Wanted{URL: &address, Events: &events})
	s.must(err)
	_, err = s.Webhooks.Pause(ctx, admin.Actor(), resting.ID)
	s.must(err)
	review, visit, colleague := s.reviewed(admin, domain)
	return map[string]string{"slug": admin.Account.Slug, "access-reviews": review, "visits": visit, "terms": map[string]string{"harbour.example": "1", "zanzibar.example": "999998"}[domain], "colleague": colleague, "api-keys": key.KeyID, "calls": live, "live-calls": live, "tickets": asked.ID, "bills": bill.ID, "hub-users": target.ID(), "groups": g.ID, "webhooks": hook.ID, "deliveries": sent.ID, "resting": resting.ID, "failing": failing.ID, "invitations": invitation.ID, "hub-user-imports": people.ID, "phone-user-imports": phones.ID,
		"phone-users": user.ID, "devices": devices[0].ID, "numbers": e164}
}

// reviewed makes a review that is done, a visit that is asked for, and terms, and returns the IDs of the first two, and of a hub user whom
// nothing else is about, who is still to decide about.
func (s *stage) reviewed(admin *accounttest.User, domain string) (review, visit, colleague string) {
	s.t.Helper()
	ctx := s.t.Context()
	people, _, err := s.Undecided(ctx, admin.Actor(), "", 0)
	s.must(err)
	var all []account.Decision
	for _, u := range people {
		all = append(all, account.Decision{ID: u.ID, Version: u.Version, Verdict: account.Keep})
	}
	done, refused, err := s.Decide(ctx, admin.Actor(), all)
	s.must(err)
	if done.DoneAt == 0 || refused != nil {
		s.t.Fatalf("the review stands at %+v, refused %+v", done, refused)
	}
	asked, err := s.Support.AskVisit(ctx, s.Staff("alex@"+strings.Replace(domain, ".example", "-voice.example", 1)).Inside(admin.Account), support.VisitRequest{Reason: "Look at " + domain, Minutes: 60})
	s.must(err)
	return done.ID, asked.ID, s.Join(admin, "colleague@"+domain).ID()
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) serve(routes []Route) {
	s.t.Helper()
	d, err := build(s.TestRooms.Config(s.Rig), routes)
	if err != nil {
		s.t.Fatal(err)
	}
	s.handler = d.around(http.HandlerFunc(d.dispatch))
}

func (s *stage) maker(boss *accounttest.User, roles account.Roles, state string) *maker {
	s.t.Helper()
	email := strings.Join(append(roles.Words(), strings.ReplaceAll(state, " ", "-")), "-") + "@people.example"
	user := s.Join(boss, email, roles...)
	m := &maker{roles: roles, state: state, keys: map[string]string{}}
	inside := account.Operate().Inside(boss.Account)
	id := user.ID()
	key := func(kind string, life time.Duration, scopes []account.Permission) string {
		k, secret, err := s.MakeKey(s.t.Context(), inside, id, kind, scopes, life)
		if err != nil {
			s.t.Fatal(err)
		}
		m.keys[kind] = secret
		return k.ID
	}
	all := account.Scopes()
	key("working", 0, all)
	m.spare = key("spare", 0, all)
	key("expired", time.Hour, all)
	if err := s.RevokeKey(s.t.Context(), inside, key("revoked", 0, all)); err != nil {
		s.t.Fatal(err)
	}
	for _, scope := range all {
		key("one scope "+string(scope), 0, []account.Permission{scope})
		key("all other scopes "+string(scope), 0, slices.DeleteFunc(slices.Clone(all), func(p account.Permission) bool { return p == scope }))
	}
	deactivated := account.Deactivated
	var err error
	switch state {
	case "deactivated":
		_, err = s.ChangeHubUser(s.t.Context(), boss.Actor(), id, account.Change{State: &deactivated}, 0)
	case "removed", "invited again":
		_, err = s.RemoveHubUser(s.t.Context(), boss.Actor(), id, 0)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if state == "invited again" {
		s.Invite(boss, email, roles...)
	}
	return m
}

// cell is one place of the matrix.
type cell struct {
	route Route
	who   *maker
	kind  string
	place string
}

func (c cell) String() string {
	return fmt.Sprintf("%s %s by a key of %s, %s, %s", c.route.Method, c.route.Path, c.who, c.kind, c.place)
}

// expected is the status that the declaration means, and the problem's code; 200 stands for any that says yes.
func (c cell) expected() (status int, code string) {
	own := strings.HasPrefix(c.place, "own")
	switch {
	case c.kind == "none":
		return 401, "key-missing"
	case slices.Contains([]string{"wrong", "a session", "expired", "revoked"}, c.kind) || c.who.state != "active":
		return 401, "key-unknown"
	case !own:
		return 404, "not-found"
	case !holds(c.who.roles, c.route.Permission):
		return 403, "role-missing"
	case c.kind == "all other scopes":
		return 403, "scope-missing"
	case c.place != "own":
		return 404, "not-found"
	}
	return 200, ""
}

// holds reads the table of rights without its code.
func holds(roles account.Roles, p account.Permission) bool {
	for _, r := range account.Rights {
		if r.Permission == p {
			return r.Standard && len(roles) == 0 || r.Admin && slices.Contains(roles, account.Admin) || r.Billing && slices.Contains(roles, account.Billing)
		}
	}
	return false
}

// cells lists the matrix's cells of one route. Requests without a key that works are the same for all makers, and made once.
func (s *stage) cells(rt Route) []cell {
	var list []cell
	for _, who := range s.makers {
		for _, kind := range kindsOfKey {
			if slices.Contains([]string{"none", "wrong", "a session"}, kind) && who != s.makers[0] {
				continue
			}
			for _, place := range places {
				if len(named(rt.Path)) > 0 || !strings.HasPrefix(place, "own account") {
					list = append(list, cell{rt, who, kind, place})
				}
			}
		}
	}
	return list
}

// bills reports whether the maker may ask about invoice details only, so that no other request is theirs to see.
func (m *maker) bills() bool { return slices.Equal(m.roles, account.Roles{account.Billing}) }

// request makes the cell's request, with a body that would do something.
func (s *stage) request(c cell) (*httptest.ResponseRecorder, error) {
	things := maps.Clone(s.things[c.place])
	if c.place == "own" {
		things["api-keys"] = c.who.spare
	}
	var path, last string
	for part := range strings.SplitSeq(strings.TrimPrefix(c.route.Path, "/"), "/") {
		declared := part
		switch {
		case part == "{slug}":
			part = things["slug"]
		case last == "tickets" && c.who.bills() && things["bills"] != "":
			part = things["bills"]
		case last == "webhooks" && strings.HasSuffix(c.route.Path, "/resume") && things["resting"] != "":
			part = things["resting"]
		case last == "webhooks" && strings.HasSuffix(c.route.Path, "/replay-failed") && things["failing"] != "":
			part = things["failing"]
		case strings.HasPrefix(part, "{") && things[last] != "":
			part = things[last]
		case strings.HasPrefix(part, "{"):
			return nil, fmt.Errorf("tell the matrix how to fill in %s of %s %s", part, c.route.Method, c.route.Path)
		}
		path += "/" + part
		last = declared
	}
	var body string
	if c.route.Method == "POST" || c.route.Method == "PATCH" {
		body = c.route.Example
	}
	if c.route.ID == "decide-access-review" {
		body = strings.ReplaceAll(body, "k3vq5zr2yb7m4xw6ct2ahsn5de", things["colleague"])
	}
	if c.route.Method == "POST" && last == "tickets" && c.who.bills() {
		body = `{"kind":"invoice-details","subject":"New address","description":"1 High Street"}`
	}
	r := httptest.NewRequestWithContext(s.t.Context(), c.route.Method, accounttest.BaseURL+prefix+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	key := c.who.keys[c.kind]
	switch c.kind {
	case "one scope", "all other scopes":
		key = c.who.keys[c.kind+" "+string(c.route.Permission)]
	case "wrong":
		key = flipped(s.makers[0].keys["working"])
	case "a session":
		key = s.session
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w, nil
}

// flipped is a key of the right form that differs in its last letter.
func flipped(key string) string {
	last := len(key) - 1
	if key[last] == 'A' {
		return key[:last] + "E"
	}
	return key[:last] + "A"
}

// judge compares an answer with what the cell must answer; same holds answers that must be alike.
func (s *stage) judge(c cell, got *httptest.ResponseRecorder, same map[string]string) string {
	status, code := c.expected()
	for _, mark := range s.marks {
		if strings.Contains(got.Body.String()+fmt.Sprint(got.Header()), mark) {
			return "it shows " + mark
		}
	}
	if status == 200 {
		if got.Code >= 300 {
			return fmt.Sprintf("%d: %s", got.Code, got.Body)
		}
		return ""
	}
	var p Problem
	if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || got.Code != status || p.Type != problemPath(code) {
		return fmt.Sprintf("%d %s, want %d %s", got.Code, got.Body, status, code)
	}
	if status == 403 && c.who.state == "active" && !strings.Contains(p.Detail, string(c.route.Permission)) && !strings.Contains(p.Detail, "access") {
		return "it does not say what is missing: " + p.Detail
	}
	id := got.Header().Get("X-Request-Id")
	header := maps.Clone(got.Header())
	for _, own := range []string{"X-Request-Id", "Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset"} {
		header.Del(own)
	}
	answer := strings.ReplaceAll(fmt.Sprintf("%d %v %s", got.Code, header, got.Body), id, "ID")
	group := code + " " + c.route.ID
	if before, known := same[group]; known && status != 403 && before != answer && c.kind != "none" {
		return "the answer differs from that for what does not exist:\n" + before + "\n" + answer
	}
	same[group] = answer
	return ""
}

// check runs all cells of a route and returns what is wrong, or with first only the first of it.
func (s *stage) check(rt Route, first bool) (wrong []string, cells int) {
	same := map[string]string{}
	var quiet, writing []cell
	for _, c := range s.cells(rt) {
		if status, _ := c.expected(); status == 200 && rt.Method != "GET" {
			writing = append(writing, c)
		} else {
			quiet = append(quiet, c)
		}
	}
	for _, c := range quiet {
		cells++
		got, err := s.request(c)
		if err != nil {
			return []string{err.Error()}, cells
		}
		s.opinions = append(s.opinions, c.opinion(got, ""))
		if problem := s.judge(c, got, same); problem != "" {
			if wrong = append(wrong, c.String()+": "+problem); first {
				s.frozen.Restore()
				return wrong, cells
			}
		}
	}
	if changed := s.frozen.Restore(); changed != nil {
		wrong = append(wrong, fmt.Sprintf("%s %s: requests that were refused changed %q", rt.Method, rt.Path, changed))
	}
	for _, c := range writing {
		cells++
		got, err := s.request(c)
		if err != nil {
			return []string{err.Error()}, cells
		}
		s.opinions = append(s.opinions, c.opinion(got, ""))
		if problem := s.judge(c, got, same); problem != "" {
			wrong = append(wrong, c.String()+": "+problem)
		}
		if s.frozen.Restore() == nil {
			wrong = append(wrong, c.String()+": nothing changed, so what the matrix sends proves nothing")
		}
	}
	return wrong, cells
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d)
		total := 0
		for _, rt := range Routes() {
			wrong, cells := s.check(rt, false)
			total += cells
			for _, problem := range slices.Concat(wrong, s.inState(rt, "restricted"), s.inState(rt, "suspended")) {
				t.Error(problem)
			}
		}
		s.writeAnswers(t)
		t.Logf("%d routes, %d cells", len(Routes()), total)
		if d.Engine() == db.SQLite { // the rest knows no store
			s.missingGuards(t)
		}
		s.withoutTheDoor(t)
	})
}

// missingGuards weakens one declaration after the other, and the matrix must see it. The operations behind do nothing here, as the
// rooms would refuse by themselves.
func (s *stage) missingGuards(t *testing.T) {
	killed := 0
	for i, declared := range Routes() {
		if holds(nil, declared.Permission) && holds(account.Roles{account.Billing}, declared.Permission) {
			continue // everybody holds it
		}
		routes := Routes()
		routes[i].Permission, routes[i].Example, routes[i].register = account.ViewRoles, "", idle
		s.serve(routes)
		if wrong, _ := s.check(declared, true); wrong == nil {
			t.Errorf("%s %s: nothing fails when anybody may use it", declared.Method, declared.Path)
		}
		killed++
	}
	s.serve(Routes())
	t.Logf("%d guards taken away, all noticed", killed)
}

var idle = serve(func(*door, context.Context, account.Actor, *InAccount) (*nothing, error) { return &nothing{}, nil })

// withoutTheDoor checks that the rooms refuse by themselves: with every declaration weakened, whoever lacks the permission, or a key
// that lacks its scope, reads nothing and changes nothing.
func (s *stage) withoutTheDoor(t *testing.T) {
	routes := Routes()
	for i := range routes {
		routes[i].Permission = account.ViewRoles
	}
	s.serve(routes)
	count := 0
	for _, declared := range Routes() {
		for _, c := range s.cells(declared) {
			status, code := c.expected()
			lacksRoles := c.kind == "one scope" // such a key lacks the scope of the weakened door too
			if status != 403 || lacksRoles || declared.Permission == account.ViewRoles {
				continue
			}
			got, err := s.request(c)
			if err != nil {
				t.Fatal(err)
			}
			if count++; got.Code != 403 || !strings.Contains(got.Body.String(), code) {
				t.Errorf("%s: the room lets it through, %d: %s", c, got.Code, got.Body)
			}
		}
		if changed := s.frozen.Restore(); changed != nil {
			t.Errorf("%s %s: the room changed %q", declared.Method, declared.Path, changed)
		}
	}
	s.serve(Routes())
	t.Logf("%d requests refused by the rooms alone", count)
}
