package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/call"
	"hubline/product/phoneuser"
	"hubline/product/support"
	"hubline/product/webhook"
)

var (
	fuzzRequests = flag.Int("fuzz.requests", 1800, "generated requests for each engine; 500000 is the long run")
	fuzzSeed     = flag.Uint64("fuzz.seed", 1, "where the generator begins; a failure names it")
)

// fuzzBatch is how many requests a store gets before a fresh one takes its place: lists and logs that grow make the requests slower.
const fuzzBatch = 10_000

// TestGeneratedRequests makes requests from the OpenAPI document, good, nearly good and bad ones. None may be answered with 5xx, and
// each answer must be one that the document describes.
func TestGeneratedRequests(t *testing.T) {
	t.Parallel()
	for engine, open := range map[string]func(testing.TB) *db.DB{db.SQLite: dbtest.SQLite, db.Postgres: dbtest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for seed, left := *fuzzSeed, *fuzzRequests; left > 0; seed, left = seed+1, left-fuzzBatch {
				t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) {
					newFuzzer(t, newWorld(t, open(t), nil), seed).run(min(left, fuzzBatch))
				})
			}
		})
	}
}

func newFuzzer(t *testing.T, w *world, seed uint64) *fuzzer {
	w.seed(40)
	w.seedPhones()
	w.seedGroups()
	w.seedLists()
	w.seedVisits()
	doc, _ := document(t, w.url)
	f := &fuzzer{world: w, t: t, doc: doc, handler: w.handler(nil), hooksAt: w.Clock.Now().UnixMilli(), source: seed, Rand: rand.New(rand.NewPCG(seed, 2)), seen: map[string]map[int]int{}}
	f.keys = []string{w.key, w.key, w.key, w.key, strings.TrimPrefix(w.keyWith("hub-users.view"), "Bearer "), "hk_" + strings.Repeat("A", 43), "x"}
	f.operations = doc.operations()
	for range 5 { // keys that nobody uses
		_, spare := w.Key(w.admin)
		if _, err := w.DB.ExecContext(t.Context(), `UPDATE api_keys SET name = 'Spare' WHERE id = $1`, spare.KeyID); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// run makes so many requests, and some more of the kinds that were not right by chance.
func (f *fuzzer) run(requests int) {
	for n := range requests {
		if n%50 == 0 {
			f.restore()
		}
		f.once(n, f.operations[n%len(f.operations)])
	}
	for _, op := range f.operations {
		for n := requests; !f.reached(op) && n < requests+500; n++ {
			if n%50 == 0 {
				f.restore()
			}
			f.once(n, op)
		}
		if !f.reached(op) {
			f.t.Errorf("%s was answered %v; the generator does not reach it", op.ID(), f.seen[op.ID()])
		}
	}
	if testing.Verbose() {
		f.t.Log(f.seen)
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

type fuzzer struct {
	*world
	*rand.Rand
	t          *testing.T
	source     uint64 // the seed
	doc        *described
	handler    http.Handler
	operations []operation
	keys       []string
	ids        []string            // that answers held, the newest last
	ofKind     map[string][]string // IDs by the part of the path before them
	kind       string              // of the operation that is tried
	devices    map[string]string   // of phone users: one each
	members    map[string]string   // of groups: one each
	deliveries map[string]string   // of webhooks: one each
	owner      string              // the last ID that was put into a path
	seen       map[string]map[int]int
	hooksAt    int64 // the webhooks made later go again
}

// restore brings back what requests took away, so that they go on reaching everything.
func (f *fuzzer) restore() {
	f.t.Helper()
	f.Clock.Advance(2 * time.Minute)
	for _, query := range []string{`UPDATE memberships SET roles = 'admin,billing', own_roles = 'admin,billing', state = 'active' WHERE email = 'admin@harbour.example'`,
		`UPDATE memberships SET state = 'active' WHERE state = 'removed'`, `UPDATE invitations SET state = 'pending' WHERE id IN (
			SELECT MAX(i.id) FROM invitations i WHERE i.state IN ('pending', 'voided', 'cancelled') GROUP BY i.account_id, i.email HAVING COUNT(CASE WHEN i.state = 'pending' THEN 1 END) = 0)`, `UPDATE api_keys SET revoked_at = 0`,
		`UPDATE webhook_deliveries SET state = 'failed', next_at = 0`, `UPDATE webhooks SET paused_at = 0`, `DELETE FROM webhooks WHERE created_at > ` + strconv.FormatInt(f.hooksAt, 10),
		`UPDATE visits SET state = 'asked', asked_at = ` + strconv.FormatInt(f.Clock.Now().UnixMilli(), 10)} {
		if _, err := f.DB.ExecContext(f.t.Context(), query); err != nil {
			f.t.Fatal(err)
		}
	}
	if len(f.column(`SELECT id FROM webhooks`)) < 3 {
		f.seedWebhooks(3)
		f.hooksAt = f.Clock.Now().UnixMilli()
	}
	f.ids, f.ofKind = f.ids[:0], map[string][]string{}
	for kind, query := range map[string]string{
		"hub-users":   `SELECT id FROM memberships WHERE state <> 'removed' ORDER BY id LIMIT 60`,
		"groups":      `SELECT id FROM people_groups ORDER BY id LIMIT 30`,
		"invitations": `SELECT id FROM invitations WHERE state = 'pending' ORDER BY id LIMIT 30`,
		"api-keys":    `SELECT id FROM api_keys WHERE revoked_at = 0 AND name = 'Spare' ORDER BY id`,
		"tickets":     `SELECT id FROM tickets ORDER BY state DESC, id LIMIT 30`,
		"phone-users": `SELECT id FROM phone_users WHERE deleted_at = 0 ORDER BY app_enabled DESC, id LIMIT 40`,
		"numbers":     `SELECT number FROM numbers ORDER BY number`,
		"calls":       `SELECT id FROM calls ORDER BY id LIMIT 40`,
		"live-calls":  `SELECT id FROM calls WHERE ended_at = 0 ORDER BY id`,
		"webhooks":    `SELECT id FROM webhooks ORDER BY id`,
		"visits":      `SELECT id FROM visits WHERE state = 'asked' ORDER BY id`,

		"access-reviews": `SELECT id FROM access_reviews ORDER BY id`,

		"hub-user-imports":   `SELECT id FROM people_imports WHERE state = 'reviewed' ORDER BY id LIMIT 40`,
		"phone-user-imports": `SELECT id FROM phone_user_imports WHERE state = 'reviewed' ORDER BY id LIMIT 40`,
	} {
		f.ofKind[kind] = f.column(query)
	}
	f.devices = map[string]string{}
	for _, pair := range f.column(`SELECT phone_user_id || ' ' || id FROM devices WHERE ended_at = 0`) {
		user, device, _ := strings.Cut(pair, " ")
		f.devices[user] = device
	}
	f.deliveries = map[string]string{}
	for _, pair := range f.column(`SELECT webhook_id || ' ' || id FROM webhook_deliveries`) {
		hook, delivery, _ := strings.Cut(pair, " ")
		f.deliveries[hook] = delivery
	}
	f.members = map[string]string{}
	for _, pair := range f.column(`SELECT group_id || ' ' || membership_id FROM group_members`) {
		group, member, _ := strings.Cut(pair, " ")
		f.members[group] = member
	}
	for _, kind := range slices.Sorted(mapKeys(f.ofKind)) {
		f.ids = append(f.ids, f.ofKind[kind]...)
	}
}

// column reads a list of IDs.
func (f *fuzzer) column(query string) (ids []string) {
	f.t.Helper()
	rows, err := f.DB.QueryContext(f.t.Context(), query)
	if err != nil {
		f.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			f.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func (f *fuzzer) chance(percent int) bool { return f.IntN(100) < percent }

func pick[T any](f *fuzzer, list []T) T { return list[f.IntN(len(list))] }

// reached reports whether an operation was answered with yes and with no.
func (f *fuzzer) reached(op operation) bool {
	counts := f.seen[op.ID()]
	done := counts[200] + counts[201] + counts[204]
	if op.ID() == "decide-access-review" { // of people whose versions are made up every decision is refused
		done += counts[409]
	}
	return done > 0 && counts[422]+counts[404] > 0
}

// once makes one request and looks at its answer.
func (f *fuzzer) once(n int, op operation) {
	f.t.Helper()
	f.kind, _, _ = strings.Cut(strings.TrimPrefix(op.path, "/accounts/{slug}/"), "/")
	r := f.request(op)
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	what := fmt.Sprintf("request %d of seed %d: %s %s %.300q %v", n, f.source, r.Method, r.URL, sent, r.Header)
	rec := httptest.NewRecorder()
	f.handler.ServeHTTP(rec, r)
	if f.seen[op.ID()] == nil {
		f.seen[op.ID()] = map[int]int{}
	}
	f.seen[op.ID()][rec.Code]++
	if rec.Code >= 500 {
		f.t.Errorf("%s: %d %s", what, rec.Code, rec.Body)
	}
	for _, id := range answeredID.FindAllStringSubmatch(rec.Body.String(), 3) {
		f.ids = append(f.ids, id[1])
	}
	if f.ids = f.ids[max(0, len(f.ids)-150):]; rec.Code == 304 {
		return
	}
	if err := f.doc.fits(op, rec.Code, rec.Header(), rec.Body.Bytes()); err != nil {
		f.t.Errorf("%s: the answer %d %s is not as documented: %v", what, rec.Code, rec.Body, err)
	}
}

var answeredID = regexp.MustCompile(`"id":"([a-z2-7]{26})"`)

func (f *fuzzer) request(op operation) *http.Request {
	path, query, header := op.path, url.Values{}, http.Header{}
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(f.pathValue(p.Name)))
		case "query":
			if f.chance(25) {
				query.Set(p.Name, f.text(p.Schema))
			}
		case "header":
			if f.chance(15) {
				header.Set(p.Name, f.headerValue(p.Name))
			}
		}
	}
	if f.chance(8) {
		query.Add(pick(f, []string{"limit", "x", "q"}), f.junk())
	}
	raw := query.Encode()
	if f.chance(2) {
		raw += pick(f, []string{"&%zz", ";", "&q", "&limit=", "&%00=1", "?"})
	}
	var body io.Reader
	if op.RequestBody != nil || f.chance(3) && op.method != http.MethodGet {
		body = strings.NewReader(f.body(op))
	}
	r := httptest.NewRequest(op.method, "http://hubline.example/api/v1"+path, body)
	r.URL.RawQuery = raw
	r.Header = header
	if f.chance(90) {
		r.Header.Set("Content-Type", "application/json")
	} else if f.chance(30) {
		r.Header.Set("Content-Type", f.junk())
	}
	if f.chance(10) {
		r.Header.Set("Accept", f.junk())
	}
	r.Header.Set("Authorization", "Bearer "+pick(f, f.keys))
	return r
}

func (f *fuzzer) pathValue(name string) string {
	switch {
	case name == "slug" && f.chance(97):
		return "harbour"
	case name == "device" && f.devices[f.owner] != "" && f.chance(90):
		return f.devices[f.owner]
	case name == "delivery" && f.deliveries[f.owner] != "" && f.chance(90):
		return f.deliveries[f.owner]
	case name == "member" && f.members[f.owner] != "" && f.chance(90):
		return f.members[f.owner]
	case name == "version" && f.chance(70):
		return "1"
	case name != "slug" && len(f.ofKind[f.kind]) > 0 && f.chance(70):
		f.owner = pick(f, f.ofKind[f.kind])
		return f.owner
	case name == "id" && f.chance(93):
		return pick(f, f.ids)
	}
	return pick(f, []string{f.junk(), "northside", strings.Repeat("b", 26)})
}

func (f *fuzzer) headerValue(name string) string {
	switch name {
	case "If-Match", "If-None-Match":
		return pick(f, []string{"*", `"1"`, `"2-0"`, `W/"1"`, `"1-sent-pending"`, `"x"`, `"`, "1", strconv.Quote(f.junk())})
	}
	return pick(f, []string{"a", "b", strconv.Itoa(f.IntN(1000)), f.junk()})
}

// body writes a body for an operation: mostly one of the right form, sometimes with something wrong, sometimes no JSON at all.
func (f *fuzzer) body(op operation) string {
	if op.RequestBody == nil || f.chance(3) {
		return pick(f, []string{"", "{}", "null", "[]", "{", `{"a":1}`, f.junk(), strings.Repeat("[", 50), `{"roles":[{"a":[1,2]}]}`, `"x"`, "0"})
	}
	text, err := json.Marshal(f.value(op.RequestBody.Content["application/json"].Schema, 0))
	if err != nil {
		f.t.Fatal(err)
	}
	if f.chance(2) {
		text = text[:f.IntN(len(text))]
	}
	return string(text)
}

// value makes a value of a schema, or now and then of another type.
func (f *fuzzer) value(s *huma.Schema, depth int) any {
	s = f.doc.schema(s)
	if f.chance(4) {
		return pick(f, []any{nil, true, -1, 1e300, 0.5, "", f.junk(), []any{}, []any{nil}, map[string]any{}, map[string]any{"a": []any{map[string]any{}}}})
	}
	switch {
	case s.Type == huma.TypeBoolean:
		return f.chance(50)
	case s.Type == huma.TypeObject:
		object, often := map[string]any{}, 50
		if len(s.Required) == 0 { // a change: the fewer fields, the fewer that are refused
			often = 25
		}
		for _, name := range slices.Sorted(mapKeys(s.Properties)) {
			if slices.Contains(s.Required, name) && f.chance(97) || f.chance(often) {
				object[name] = f.value(s.Properties[name], depth+1)
			}
			if name == "hub_users" && f.chance(70) {
				object[name] = []any{pick(f, f.ofKind["hub-users"])}
			}
			if name == "events" && f.chance(70) {
				object[name] = []any{webhook.CallEnded}
			}
		}
		if f.chance(4) {
			object[pick(f, []string{"id", "Roles", "__proto__", f.junk()})] = f.junk()
		}
		return object
	case s.Type == huma.TypeArray:
		list := []any{}
		for range f.IntN(3) {
			list = append(list, f.value(s.Items, depth+1))
		}
		return list
	case s.Type == huma.TypeInteger:
		return pick(f, []any{0, 1, f.IntN(200), f.IntN(1000), -5, 1 << 40})
	}
	return f.text(s)
}

// text makes a text value for a schema, as bodies and parameters hold it.
func (f *fuzzer) text(s *huma.Schema) string {
	switch {
	case f.chance(10):
		return f.junk()
	case len(s.Enum) > 0:
		return fmt.Sprint(pick(f, s.Enum))
	case s.Type == huma.TypeInteger:
		return strconv.Itoa(pick(f, []int{0, 1, 7, 50, 200, 201, -1}))
	case s.Pattern != "":
		return pick(f, f.ids)
	case s.Format == "date-time":
		return f.Clock.Now().Add(time.Duration(f.IntN(1000)-500) * time.Hour).Format(time.RFC3339)
	case len(s.Examples) > 0 && oneAddress.MatchString(fmt.Sprint(s.Examples[0])):
		return fmt.Sprintf("person%d@harbour.example", f.IntN(100_000))
	case len(s.Examples) > 0 && extensions.MatchString(fmt.Sprint(s.Examples[0])):
		return strconv.Itoa(100 + f.IntN(900))
	case len(s.Examples) > 0 && f.chance(80):
		return fmt.Sprint(s.Examples[0])
	}
	return pick(f, []string{"Jo", "Zoë Brontë", "O'Neill", "李雷", "Australia/Perth", "a b", strings.Repeat("x", 81)})
}

var oneAddress = regexp.MustCompile(`^[^\s,]+@[^\s,]+$`)

var extensions = regexp.MustCompile(`^1[0-9]{2}$`)

// seedPhones adds phone users with a phone each, and numbers.
func (w *world) seedPhones() {
	w.t.Helper()
	ctx, inside := w.t.Context(), account.Operate().Inside(w.admin.Account)
	if _, err := w.SetPhoneUserLimit(ctx, w.Staff("limits@voice.example"), w.admin.Account.ID, 60); err != nil {
		w.t.Fatal(err)
	}
	for _, e164 := range []string{"+61255500142", "+61491570156", "+611300975707"} {
		if _, err := w.Numbers.Assign(ctx, inside, e164, ""); err != nil {
			w.t.Fatal(err)
		}
	}
	for n := range 12 {
		c := call.Record{AccountID: w.admin.Account.ID, Direction: call.Directions[n%3], FromNumber: "+61491570156", ToNumber: "+61255500142", ToName: "Mary Chen",
			StartedAt: w.Clock.Now().Add(-time.Duration(n) * 9 * time.Hour).UnixMilli(), EndedAt: w.Clock.Now().UnixMilli()}
		if n%4 != 0 {
			c.Status, c.AnsweringPoint, c.Steps = call.Statuses[n%5], "Mary Chen", []call.Step{{At: c.StartedAt, Kind: "ring", Party: "Mary Chen", Status: 180}}
		}
		w.Record(w.t, c)
	}
	for n := range 30 {
		u, err := w.Phones.Add(ctx, w.admin.Actor(), phoneuser.Settings{Extension: strconv.Itoa(2000 + n), DisplayName: "Seat", Email: "seat@harbour.example", AppEnabled: true}, "")
		if err == nil {
			_, err = w.Phones.Provide(ctx, inside, u.ID, phoneuser.Phone)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// seedGroups adds groups with somebody in each.
func (w *world) seedGroups() {
	w.t.Helper()
	ctx, admin := w.t.Context(), w.admin.Actor()
	for n := range 30 {
		g, err := w.MakeGroup(ctx, admin, account.NewGroup{Name: "Group " + strconv.Itoa(n)})
		if err == nil {
			_, _, err = w.AddToGroup(ctx, admin, g.ID, account.Chosen{IDs: []string{admin.MembershipID}}, 0)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// seedLists adds lists of people and of phone users that wait to be gone through with, and as many webhooks as there can be.
func (w *world) seedLists() {
	w.t.Helper()
	ctx, admin := w.t.Context(), w.admin.SignIn().Check().Actor()
	for n := range 30 {
		_, err := w.ReviewImport(ctx, admin, fmt.Sprintf("Email\nlisted%d@harbour.example\nnobody\n", n), "")
		if err == nil {
			_, err = w.Phones.Review(ctx, admin, fmt.Sprintf("Extension,Display name\n%d,Listed\n1,Nobody\n", 3000+n))
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.seedWebhooks(webhook.Most - 2)
}

// seedWebhooks adds webhooks, each with a delivery.
func (w *world) seedWebhooks(count int) {
	w.t.Helper()
	ctx, admin := w.t.Context(), w.admin.SignIn().Check().Actor()
	if some, _ := w.HasTerms(ctx); some {
		if err := w.AcceptTerms(ctx, admin, 1); err != nil {
			w.t.Fatal(err)
		}
	}
	address, events := "https://hooks.harbour.example/in", []string{webhook.CallEnded}
	for range count {
		admin = w.admin.Check().Actor() // some settings let a check count once
		hook, _, err := w.Webhooks.Add(ctx, admin, webhook.Wanted{URL: &address, Events: &events})
		if err == nil {
			_, err = w.Webhooks.SendTest(ctx, admin, hook.ID)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// seedVisits makes terms, a review that is done, and staff who ask to see the account.
func (w *world) seedVisits() {
	w.t.Helper()
	ctx, admin := w.t.Context(), w.admin.SignIn().Check().Actor()
	people, _, err := w.Undecided(ctx, admin, "", 200)
	var all []account.Decision
	for _, u := range people {
		all = append(all, account.Decision{ID: u.ID, Version: u.Version, Verdict: account.Keep})
	}
	if err == nil {
		_, _, err = w.Decide(ctx, admin, all)
	}
	for n := range 5 {
		if err == nil {
			_, err = w.Support.AskVisit(ctx, w.Staff(fmt.Sprintf("asks%d@voice.example", n)).Inside(w.admin.Account), support.VisitRequest{Reason: "Look", Minutes: 60})
		}
	}
	if err == nil { // last, as people are asked to accept them
		_, err = w.PublishTerms(ctx, w.Staff("terms@voice.example"), account.NewTerms{Terms: "Be kind", Privacy: "Nothing is kept"})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// junk is text that programs have stumbled over.
func (f *fuzzer) junk() string {
	return pick(f, []string{"", " ", "\x00", "\x1f", "\u202e", "\ufeff", "\u2028", "<script>", "' OR 1=1 --", "%", "_", `\`, "../..", "{}", "=1+1", "\r\nX: y", "😀", "e\u0301", "\xff\xfe",
		strings.Repeat("a", 1+f.IntN(3000)), strconv.Itoa(f.Int()), "null", "-0", "1e999", "ﬀ", "www.example.com", "a@b", "a@b.example,c@d.example", `"`, ";,", "a;,b", "09:00", "٣"})
}
