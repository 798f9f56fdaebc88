package api

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account/accounttest"
)

var mutatedSCIM = flag.Int("scim.mutated", 2000, "mutated requests of a directory; 100000 is the long run, PostgreSQL gets a quarter")

// Pieces of what directories send, right and wrong.
var (
	scimPaths = []string{"active", "userName", "displayName", "name.givenName", "emails", `emails[type eq "work"].value`, `emails[type eq "work"`, "members", `members[value eq "x"]`, "externalId", "id", "schemas", "meta",
		"urn:ietf:params:scim:schemas:core:2.0:User:active", "urn:", "x", "", "[", "a.b.c", "MEMBERS"}
	scimValues = []string{`true`, `"True"`, `"x"`, `""`, `null`, `0`, `1e400`, `[]`, `[{}]`, `[{"value":"x"}]`, `[{"value":null}]`, `[{"value":"\u0000"}]`, `{}`, `{"value":"a@harbour.example"}`, `"b@harbour.example"`, `"c@other.example"`, `"\u0000"`,
		`"\ud800"`, `"<zqx>"`, `[[[[[[]]]]]]`, `"a@harbour.example\r\nBcc: x"`, `{"active":false,"name":{"givenName":7}}`}
	scimFilters = []string{`userName eq "brought"`, `userName eq brought`, `emails[type eq "work"]`, `active eq true and not (userName pr)`, `(((((`, `userName co "%"`, `id eq "' OR 1=1 --"`, `externalId eq ""`, `externalId eq "\u0000"`, `id eq "\u0000"`, `members eq "\u0000"`, "\x00", `meta.created gt "2026"`,
		`userName eq "` + strings.Repeat("a", 2000) + `"`, strings.Repeat("(", 500), strings.Repeat("not ", 300) + "x pr", `displayName eq "Group at zanzibar"`}
)

// Goals B2 and B4 for directories: what they send, mutated, is never answered as a fault of ours and shows nothing of another account's.
func TestB2B4MutatedSCIM(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		requests := *mutatedSCIM
		if d.Engine() == db.Postgres {
			requests /= 4
		}
		mutateSCIM(t, newSCIMStage(t, d), requests)
	})
}

func mutateSCIM(t *testing.T, s *scimStage, requests int) {
	routes := scimRoutes()
	began, answers := time.Now(), map[int]int{}
	for n := range requests {
		random := rand.New(rand.NewPCG(uint64(n), 54))
		pick := func(list []string) string { return list[random.IntN(len(list))] }
		chance := func(percent int) bool { return random.IntN(100) < percent }
		rt := routes[random.IntN(len(routes))]
		kind, _, _ := strings.Cut(rt.Path[1:], "/")
		id := s.things[pick([]string{"own", "own", "own", "another account's", "nobody's"})][kind]
		if chance(10) {
			id = url.PathEscape(pick([]string{"", "..", "\x00", "\xff", strings.Repeat("a", 3000), "%", "x/y"}))
		}
		path := strings.NewReplacer("{id}", id, "{name}", pick([]string{"User", "Group", "x", "%00"})).Replace(rt.Path)
		if chance(40) {
			path += "?" + url.Values{"filter": {pick(scimFilters)}, "startIndex": {pick([]string{"1", "0", "-1", "x", "99999999999999999999"})}, "count": {pick([]string{"1", "0", "-5", "1e9", "x"})},
				"attributes": {pick(scimPaths)}, "sortBy": {pick(scimPaths)}}.Encode()
		}
		body := scimBodies[rt.Method+" "+rt.Path]
		switch {
		case strings.Contains(body, "PatchOp") && chance(80):
			body = fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":%q,"path":%q,"value":%s},{"op":"replace","value":%s}]}`,
				pick([]string{"add", "replace", "remove", "Add", "move", ""}), pick(scimPaths), pick(scimValues), pick(scimValues))
		case body != "" && chance(70):
			body = strings.TrimSuffix(body, "}") + fmt.Sprintf(`,%q:%s,%q:%s}`, pick(scimPaths), pick(scimValues), pick([]string{"name", "emails", "members", "active"}), pick(scimValues))
		}
		if len(body) > 0 && chance(8) {
			body = body[:random.IntN(len(body))]
		}
		method := rt.Method
		if chance(3) {
			method = pick([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"})
		}
		r := httptest.NewRequest(method, accounttest.BaseURL+"/", strings.NewReader(body))
		u, err := url.Parse(accounttest.BaseURL + scimPrefix + path)
		if err != nil {
			continue // no client sends it, and net/http takes it from none
		}
		r.URL, r.RequestURI = u, u.RequestURI()
		r.Header.Set("Content-Type", "application/scim+json")
		r.Header.Set("Authorization", "Bearer "+s.tokens["working"])
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		answers[w.Code/100]++
		if w.Code >= 500 && w.Code != http.StatusNotImplemented || strings.Contains(w.Body.String(), "zanzibar.example") {
			t.Errorf("request %d, %s %.200s %.300s: %d %.300s", n, method, path, body, w.Code, w.Body)
		}
		if n%50 == 49 {
			s.frozen.Restore()
		}
	}
	if answers[2] < requests/20 {
		t.Errorf("answers %v: too few requests got anywhere", answers)
	}
	t.Logf("%d mutated requests over %d operations, by hundreds %v, %.0f a second", requests, len(routes), answers, float64(requests)/time.Since(began).Seconds())
}
