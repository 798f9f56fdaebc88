package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// scimStage has two accounts with directories, and everything that could be taken for the token of one.
type scimStage struct {
	*accounttest.Rig
	t       *testing.T
	handler http.Handler
	tokens  map[string]string            // by what they are
	things  map[string]map[string]string // by place: IDs of a user and a group
	frozen  *dbtest.Frozen
}

// scimBodies are what each operation takes, so that refusing it proves something.
var scimBodies = map[string]string{
	"POST /Users": `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"new@harbour.example"}`, "POST /Groups": `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"New"}`,
	"PUT /Users/{id}":    `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"brought","displayName":"Changed","emails":[{"value":"brought@harbour.example"}]}`,
	"PUT /Groups/{id}":   `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Changed","members":[]}`,
	"PATCH /Users/{id}":  `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`,
	"PATCH /Groups/{id}": `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members"}]}`,
}

func newSCIMStage(t *testing.T, d *db.DB) *scimStage {
	t.Helper()
	s := &scimStage{Rig: accounttest.New(t, d), t: t, tokens: map[string]string{}, things: map[string]map[string]string{"nobody's": {"Users": strings.Repeat("a", 26), "Groups": strings.Repeat("b", 26)}}}
	ctx := t.Context()
	off, suspended, expired := s.Open("off"), s.Open("suspended"), s.Open("expired")
	boss, far := s.Open("harbour"), s.Open("zanzibar")
	s.tokens["of a directory that was turned off"], _ = s.Directory(off)
	s.tokens["of a suspended account"], _ = s.Directory(suspended)
	s.must(s.TurnOffDirectory(ctx, off.Actor()))
	_, err := s.Suspend(ctx, account.Operate(), suspended.Account.ID, "unpaid")
	s.must(err)
	_, token, err := s.TurnOnDirectory(ctx, expired.Actor(), account.DirectorySettings{Domains: "expired.example"}, time.Hour)
	s.must(err)
	s.tokens["that expired"] = token
	s.tokens["that was replaced"], _ = s.Directory(boss)
	_, s.tokens["working"], err = s.NewDirectoryToken(ctx, boss.Actor(), 0)
	s.must(err)
	_, s.tokens["of another account"], err = s.TurnOnDirectory(ctx, far.Actor(), account.DirectorySettings{Domains: "zanzibar.example"}, 0)
	s.must(err)
	s.tokens["that is an API key"], _ = s.Key(boss)
	s.tokens["that is a session"] = boss.Session()
	_, s.tokens["that is an invitation"] = s.Invite(boss, "waiting@harbour.example")
	s.tokens["that differs in a letter"] = flipped(s.tokens["working"])
	s.tokens["none"] = ""
	s.things["own"] = s.furnished("working", "harbour.example")
	s.things["another account's"] = s.furnished("of another account", "zanzibar.example")
	s.RunJobs()
	s.Clock.Advance(2 * time.Hour)
	c := Furnish(t, s.Rig).Config(s.Rig)
	c.RateLimit.Burst, c.RateLimit.WrongBurst = 100_000, 100_000
	door, err := build(c, Routes())
	s.must(err)
	s.handler = door.around(http.HandlerFunc(door.dispatch))
	s.frozen = dbtest.Freeze(t, d, "directory_syncs.last_used_at", "api_keys.last_used_at")
	return s
}

func (s *scimStage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scimStage) furnished(token, domain string) map[string]string {
	s.t.Helper()
	actor, err := s.UseDirectory(s.t.Context(), s.tokens[token], accounttest.Address)
	s.must(err)
	p, err := s.BringPerson(s.t.Context(), actor, account.DirectoryPerson{UserName: "brought", Email: "brought@" + domain, EmailGiven: true, Active: true})
	s.must(err)
	g, err := s.BringGroup(s.t.Context(), actor, account.DirectoryGroup{Name: "Group at " + domain}, []string{p.ID})
	s.must(err)
	return map[string]string{"Users": p.ID, "Groups": g.ID}
}

func (s *scimStage) ask(rt scimRoute, token, place string) *httptest.ResponseRecorder {
	kind, _, _ := strings.Cut(rt.Path[1:], "/")
	path := strings.NewReplacer("{id}", s.things[place][kind], "{name}", "User").Replace(rt.Path)
	if kind == "Schemas" {
		path = strings.Replace(path, "/User", "/urn:ietf:params:scim:schemas:core:2.0:User", 1)
	}
	body := scimBodies[rt.Method+" "+rt.Path]
	if body == "" && rt.Method == "POST" {
		body = "{}"
	}
	r := httptest.NewRequestWithContext(s.t.Context(), rt.Method, accounttest.BaseURL+scimPrefix+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/scim+json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// Every operation for directories by every token: one answer for all that do not work, none of which changes anything; another account's
// things are not there; what works does something. API keys open nothing here, and a directory's token nothing of the API (A54).
func TestA54SCIMMatrix(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newSCIMStage(t, d)
		cells, same := 0, ""
		for _, rt := range scimRoutes() {
			for what, token := range s.tokens {
				for place := range s.things {
					if !strings.Contains(rt.Path, "{id}") && place != "own" {
						continue
					}
					cells++
					got := s.ask(rt, token, place)
					changed := s.frozen.Restore()
					where := fmt.Sprintf("%s %s by a token %s, %s", rt.Method, rt.Path, what, place)
					writes := rt.Method != "GET" && !strings.Contains(rt.Path, ".search") && rt.Path != "/Bulk"
					switch {
					case what == "of another account" && (place != "another account's" && strings.Contains(rt.Path, "{id}") || rt.Path == "/Users" && rt.Method == "POST"):
						if want := map[bool]int{true: 404, false: 400}[strings.Contains(rt.Path, "{id}")]; got.Code != want || changed != nil {
							t.Errorf("%s: %d %s, %q", where, got.Code, got.Body, changed)
						}
					case what == "of another account":
						if strings.Contains(got.Body.String(), "harbour") && rt.Method != "PUT" {
							t.Errorf("%s: %d %s", where, got.Code, got.Body)
						}
					case what == "of a suspended account":
						if got.Code != 403 || changed != nil {
							t.Errorf("%s: %d %s, %q", where, got.Code, got.Body, changed)
						}
					case what != "working":
						header := maps.Clone(got.Header())
						header.Del("X-Request-Id")
						answer := fmt.Sprintf("%d %v %s", got.Code, header, got.Body)
						if same == "" {
							same = answer
						}
						if got.Code != 401 || answer != same || changed != nil {
							t.Errorf("%s: %s, %q; others get %s", where, answer, changed, same)
						}
					case place != "own":
						if got.Code != 404 || changed != nil || strings.Contains(got.Body.String(), "zanzibar") {
							t.Errorf("%s: %d %s, %q", where, got.Code, got.Body, changed)
						}
					case got.Code >= 300 && got.Code != 501:
						t.Errorf("%s: %d %s", where, got.Code, got.Body)
					case writes != (changed != nil):
						t.Errorf("%s: %d, and changed %q", where, got.Code, changed)
					}
				}
			}
		}
		t.Logf("%d routes, %d cells", len(scimRoutes()), cells)
		s.nothingOfTheAPI()
	})
}

// nothingOfTheAPI sends a directory's token to every route of the API.
func (s *scimStage) nothingOfTheAPI() {
	for _, rt := range Routes() {
		path := strings.ReplaceAll(rt.Path, "{slug}", "harbour")
		for _, name := range named(rt.Path) {
			path = strings.ReplaceAll(path, "{"+name+"}", strings.Repeat("a", 26))
		}
		r := httptest.NewRequestWithContext(s.t.Context(), rt.Method, accounttest.BaseURL+prefix+path, strings.NewReader(rt.Example))
		r.Header.Set("Authorization", "Bearer "+s.tokens["working"])
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != 401 || s.frozen.Restore() != nil {
			s.t.Errorf("%s %s takes a directory's token: %d", rt.Method, rt.Path, w.Code)
		}
	}
}

// A token that asks too often waits, and so does a network that tries wrong ones; a token that worked lately does not wait for those.
func TestSCIMRateLimit(t *testing.T) {
	t.Parallel()
	rig := accounttest.New(t, dbtest.SQLite(t))
	token, _ := rig.Directory(rig.Open("harbour"))
	c := Furnish(t, rig).Config(rig)
	c.RateLimit = RateLimit{PerSecond: 1, Burst: 5, WrongPerMinute: 1, WrongBurst: 2}
	d, err := build(c, Routes())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "GET", accounttest.BaseURL+scimPrefix+"/Users", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		d.around(http.HandlerFunc(d.dispatch)).ServeHTTP(w, r)
		return w
	}
	for i, want := range []int{200, 200, 200, 200, 200, 429} {
		if got := ask(token); got.Code != want || want == 429 && (got.Header().Get("Retry-After") == "" || !strings.Contains(got.Body.String(), "api:messages:2.0:Error")) {
			t.Errorf("request %d: %d %s", i, got.Code, got.Body)
		}
	}
	for i, want := range []int{401, 401, 429} {
		if got := ask(flipped(token)); got.Code != want {
			t.Errorf("wrong token %d: %d", i, got.Code)
		}
	}
	rig.Clock.Advance(5 * time.Second)
	if got := ask(token); got.Code != 200 {
		t.Errorf("a token that worked lately waits for others' wrong ones: %d", got.Code)
	}
}
