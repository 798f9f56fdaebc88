package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
)

// The authorisation matrix: every route × role set × state of membership × own, other or no account × signed in, out, no more or not enough × the
// account at work or suspended. The routes come
// from the table; whoever adds one is told here how to fill it in, or the test fails. What is expected is worked out from the route's
// declaration and the table of rights, by code of the test's own.

// cell is one place of the matrix.
type cell struct {
	*cast
	route Route
	who   *player
	level string // how they come: levels
	where string // whose account or item the address names: places
	*things
}

// The ways to come, and what an address can name. "own account, other's item" names an item of another account below one's own.
var (
	levels = []string{"signed in", "signed out", "session ended"}
	places = []string{"own", "other", "none", "own account, other's item", "own account, no such item"}
)

func (c *cell) String() string {
	return fmt.Sprintf("%s %s by %s, %s, %s", c.route.Method, c.route.Pattern, c.who, c.level, c.where)
}

// parameters fills in the parts of patterns, by the pattern as far as the part. One that is missing here fails the test.
var parameters = map[string]func(c *cell) string{
	"/{account}":                                   func(c *cell) string { return c.slug },
	"/{account}/hub-users/{id}":                    func(c *cell) string { return c.target },
	"/{account}/access-reviews/{id}":               func(c *cell) string { return c.review },
	"/{account}/groups/{id}":                       func(c *cell) string { return c.group },
	"/{account}/groups/{id}/people/{member}":       func(c *cell) string { return c.target },
	"/{account}/settings/sign-in/{id}":             func(c *cell) string { return c.provider },
	"/{account}/invitations/{id}":                  func(c *cell) string { return c.things.invitation },
	"/{account}/support/{id}":                      func(c *cell) string { return c.ticketFor() },
	"/{account}/api-keys/{id}":                     (*cell).key,
	"/console/accounts/{slug}/numbers/{number}":    func(*cell) string { return youngNumber },
	"/console/requests/{number}":                   func(c *cell) string { return whole(c.wish) },
	"/{account}/support/visits/{id}":               func(c *cell) string { return c.things.visit },
	"/console/accounts/{slug} asked":               func(c *cell) string { return c.askedOf },
	"/{account}/phone-users/{id}":                  func(c *cell) string { return c.phoneUser },
	"/{account}/phone-users/{id}/devices/{device}": func(c *cell) string { return c.device },
	"/{account}/hub-user-imports/{id}":             func(c *cell) string { return c.list },
	"/{account}/imports/{id}":                      func(c *cell) string { return c.upload },
	"/{account}/numbers/{number}":                  func(c *cell) string { return c.number },
	"/{account}/calls/{id}":                        func(c *cell) string { return c.things.call },
	"/phone/set-up/{token}":                        func(c *cell) string { return c.setUp },
	"/phone/provision/{token}":                     func(c *cell) string { return c.provision },
	"/assets/{file}":                               func(c *cell) string { return c.file },
	"/console/accounts/{slug}":                     func(c *cell) string { return c.young },
	"/console/people/{id}":                         func(c *cell) string { return c.active().person },
	"/console/staff/{id}":                          func(c *cell) string { return c.colleague },
	"/console/jobs/{id}":                           func(c *cell) string { return c.deadJob },
	"/invitations/{token}":                         func(c *cell) string { return c.cast.invitation },
	"/password/{token}":                            func(c *cell) string { return c.reset },
	"/sign-in/with/{provider}":                     func(*cell) string { return "example" },
	"/sign-in/at/{slug}":                           func(c *cell) string { return c.slug },
	"/invitations/{token}/with/{provider}":         func(*cell) string { return "example" },
	"/profile/security/link/{provider}":            func(*cell) string { return "example" },
	"/profile/security/identities/{id}":            func(c *cell) string { return c.who.identity },
	"/profile/security/passkeys/{id}":              func(c *cell) string { return c.who.passkey },
	"/profile/security/sessions/{id}":              func(c *cell) string { return c.who.spare },
	"/console/accounts/{slug} asleep":              func(c *cell) string { return c.asleep },
	"/{account}/hub-users/{id} paused":             func(c *cell) string { return c.paused },
	"/profile/email/{token}":                       func(c *cell) string { return c.who.move },
	"/email/{token}":                               func(c *cell) string { return c.undo },
	"/sign-in/recovery/stop/{token}":               func(c *cell) string { return c.stop },
	"/{account}/hub-users/{id} lost":               func(c *cell) string { return c.lost },
	"/{account}/hub-users/{id} rescued":            func(c *cell) string { return c.rescued },
	"/console/people/{id} lost":                    func(c *cell) string { return c.own.lostPerson },
	"/console/people/{id} rescued":                 func(c *cell) string { return c.own.rescuedPerson },
	"/invitations/{token} late":                    func(c *cell) string { return c.cast.late },
}

func nothing(*cell) url.Values { return url.Values{} }

// What forms of people's own ways in send.
func init() {
	maps.Copy(posts, map[string]func(c *cell) url.Values{
		"/sign-in/second":                         func(c *cell) url.Values { return pairs("half", c.half, "code", c.recovery) },
		"/sign-in/recovery":                       func(c *cell) url.Values { return pairs("half", c.halves[0]) },
		"/sign-in/recovery/code":                  func(c *cell) url.Values { return pairs("half", c.halves[1], "code", c.halfCode) },
		"/sign-in/recovery/stop/{token}":          nothing,
		"/profile/security/recovery/stop":         nothing,
		"/{account}/hub-users/{id}/recovery":      nothing,
		"/{account}/hub-users/{id}/recovery/stop": nothing,
		"/console/people/{id}/recovery":           nothing,
		"/console/people/{id}/recovery/stop":      nothing,
		"/profile/security/authenticator":         nothing,
		"/profile/security/authenticator/confirm": func(*cell) url.Values { return pairs("code", "123456") },
		"/profile/security/authenticator/removal": nothing,
		"/profile/security/recovery-codes":        nothing,
		"/sign-in/passkey":                        wrongPasskey,
		"/sign-in/passkey/options":                nothing,
		"/check/passkey":                          wrongPasskey,
		"/check/passkey/options":                  nothing,
		"/invitations/{token}/passkey/options":    nothing,
		"/profile/security/passkeys":              nothing,
		"/profile/security/passkeys/new":          wrongPasskey,
		"/profile/security/passkeys/options":      nothing,
		"/profile/security/passkeys/{id}":         func(*cell) url.Values { return pairs("name", "Other Name") },
		"/profile/security/passkeys/{id}/removal": nothing,
	})
}

func wrongPasskey(*cell) url.Values { return pairs("challenge", "x", "passkey", "{}") }

func postSettings(c *cell) url.Values {
	return pairs("name", "Renamed Group", "time_zone", "Australia/Perth", "invitation_hours", "24", "check_minutes", "15", "version", whole(c.accountVersion))
}

func whole(n int64) string { return strconv.FormatInt(n, 10) }

func pairs(list ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(list); i += 2 {
		values.Add(list[i], list[i+1])
	}
	return values
}

// queries is what pages are asked that show nothing without a question.
var queries = map[string]string{"/{account}/palette/people": "?q=target"}

// address fills in the pattern.
func (c *cell) address() (string, error) {
	var path, sofar string
	for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimSuffix(c.route.Pattern, "{$}"), "/"), "/") {
		sofar += "/" + part
		if strings.HasPrefix(part, "{") {
			fill := parameters[sofar]
			if (strings.HasSuffix(c.route.Pattern, "/reactivation") || strings.HasSuffix(c.route.Pattern, "/resumption")) && part == "{id}" {
				fill = parameters[sofar+" paused"]
			}
			if strings.HasSuffix(c.route.Pattern, "{id}/recovery") && part == "{id}" {
				fill = parameters[sofar+" lost"]
			}
			if strings.HasSuffix(c.route.Pattern, "{id}/recovery/stop") && part == "{id}" {
				fill = parameters[sofar+" rescued"]
			}
			if strings.HasSuffix(c.route.Pattern, "{token}/ask") {
				fill = parameters[sofar+" late"]
			}
			if strings.HasSuffix(c.route.Pattern, "/enabling") && part == "{slug}" {
				fill = parameters[sofar+" asleep"]
			}
			if strings.HasSuffix(c.route.Pattern, "/visit/end") && part == "{slug}" {
				fill = parameters[sofar+" asked"]
			}
			if fill == nil {
				return "", fmt.Errorf("tell the matrix how to fill in %s of %s %s", part, c.route.Method, c.route.Pattern)
			}
			part = url.PathEscape(fill(c))
		}
		path += "/" + part
	}
	return path + queries[c.route.Pattern], nil
}

// request makes the cell's request.
func (c *cell) request(headers ...string) (*page, error) {
	path, err := c.address()
	if err != nil {
		return nil, err
	}
	var form url.Values
	if c.route.Method == http.MethodPost {
		post := posts[c.route.Pattern]
		if post == nil {
			return nil, fmt.Errorf("tell the matrix what %s takes", c.route.Pattern)
		}
		form = post(c)
		if c.route.Pattern == "/invitations/{token}" {
			form.Set("shown", c.shown())
		}
	}
	session := map[string]string{"signed in": c.who.session, "session ended": c.who.ended}[c.level]
	return c.ask(c.route.Method, path, session, form, headers...), nil
}

// shown is what the page of the invitation carries, which the form must send back.
func (c *cell) shown() string {
	w, err := c.Welcome(c.t.Context(), c.cast.invitation)
	if err != nil {
		c.t.Fatal(err)
	}
	return w.Shown
}

// verdict is what a cell must answer.
type verdict string

const (
	open      verdict = "open"      // the page, or what the form does
	asked     verdict = "asked"     // to sign in
	forbidden verdict = "forbidden" // 403 with who can help
	hidden    verdict = "hidden"    // 404, as if there were nothing
)

// expected says what the declaration means for the cell.
func (c *cell) expected() verdict {
	access := string(c.route.Access)
	permission, needs := strings.CutPrefix(access, "needs:")
	belongs := (c.who.state == "active" || c.who.visits()) && (c.where == "own" || strings.HasPrefix(c.where, "own account"))
	switch {
	case access == "public":
		return open
	case c.level != "signed in":
		return asked
	case access == "signed-in":
		return open
	case access == "staff" && c.who.state == "staff":
		return open
	case access == "staff" || !belongs:
		return hidden
	case slices.Contains([]string{"/{account}/ask", "/{account}/first-steps", "/{account}/favourites"}, c.route.Pattern) && c.who.visits(): // who was let in asks for no role, sets nothing up and pins nothing
		return forbidden
	case needs && !c.who.holds(account.Permission(permission)):
		return forbidden
	case c.where != "own":
		return hidden
	case needs || access == "member" || access == "belongs":
		return open
	}
	return hidden
}

// holds reads the table of rights without its code.
func (p *player) holds(permission account.Permission) bool {
	if !p.visits() {
		return holds(p.roles, permission)
	}
	i := slices.IndexFunc(account.Rights, func(r account.Right) bool { return r.Permission == permission })
	return i >= 0 && (account.Rights[i].Staff || p.state == "visit with changes" && account.Rights[i].StaffChange)
}

func holds(roles account.Roles, p account.Permission) bool {
	i := slices.IndexFunc(account.Rights, func(r account.Right) bool { return r.Permission == p })
	if i < 0 {
		return false
	}
	r := account.Rights[i]
	return r.Standard && len(roles) == 0 || r.Admin && slices.Contains(roles, account.Admin) || r.Billing && slices.Contains(roles, account.Billing)
}

// cells lists the matrix's cells of one route. Where two would be the same request, it is made once: the signed-out have no roles, and
// what lies outside accounts is in none.
func (c *cast) cells(rt Route) []*cell {
	var list []*cell
	inAccount := strings.HasPrefix(rt.Pattern, "/{account}/")
	for _, level := range levels {
		people := append(slices.Clone(c.players), c.clerk)
		if inAccount && level == "signed in" && c.visited {
			people = append(people, c.visitors...)
		}
		if level == "signed out" {
			people = []*player{c.players[0]}
		}
		for _, who := range people {
			for _, where := range places {
				items := strings.Count(rt.Pattern, "{") - strings.Count(rt.Pattern, "{$}")
				if !inAccount && where != "own" || items < 2 && strings.HasPrefix(where, "own account") {
					continue
				}
				list = append(list, &cell{c, rt, who, level, where, c.named(where)})
			}
		}
	}
	return list
}

func (c *cast) named(where string) *things {
	switch where {
	case "other":
		return c.far
	case "none":
		return c.missing
	case "own":
		return c.own
	}
	mixed := *c.far
	if strings.HasSuffix(where, "no such item") {
		mixed = *c.missing
	}
	mixed.slug = c.own.slug
	return &mixed
}

// tally counts what a run of the matrix did.
type tally struct {
	routes, cells int
	by            map[verdict]int
	first         bool      // the first thing wrong is enough
	answers       []opinion // of all cells
}

func newTally() *tally { return &tally{by: map[verdict]int{}} }

// check runs all cells of a route and returns what is wrong. First come those that must change nothing, whose effect on the store is
// looked at once for all of them, then the forms that may be sent, each from the same store.
func (c *cast) check(rt Route, count *tally) (wrong []string) {
	count.routes++
	secrets := map[string]string{} // answers that must be equal, by who asks
	report := func(cl *cell, problem string) {
		if problem != "" {
			wrong = append(wrong, cl.String()+": "+problem)
		}
	}
	var quiet, sending []*cell
	for _, cl := range c.cells(rt) {
		count.cells++
		count.by[cl.expected()]++
		if cl.expected() == open && (rt.Method == http.MethodPost || rt.Pattern == fetchedOnce) {
			sending = append(sending, cl)
		} else {
			quiet = append(quiet, cl)
		}
	}
	for _, cl := range quiet {
		answer, err := cl.request()
		if err != nil {
			return []string{err.Error()}
		}
		count.answers = append(count.answers, cl.answer(answer, ""))
		report(cl, cl.judge(answer, secrets))
		if rt.Method == http.MethodGet {
			if part, err := cl.request("HX-Request: true", "HX-Target: rows", "HX-Current-URL: "+c.URL+"/"); err == nil {
				report(cl, cl.judgePart(part))
			}
		}
		if count.first && wrong != nil {
			c.frozen.Restore()
			return wrong
		}
	}
	if c.frozen.Restore() != nil {
		for _, cl := range quiet {
			if _, err := cl.request(); err == nil {
				report(cl, changedWhat(c.frozen.Restore()))
			}
		}
	}
	for _, cl := range sending {
		answer, err := cl.request()
		if err != nil {
			return []string{err.Error()}
		}
		count.answers = append(count.answers, cl.answer(answer, ""))
		report(cl, cl.judge(answer, secrets))
		if changed := c.frozen.Restore(); changed == nil && !cl.inert() {
			report(cl, "nothing changed, so the form that the matrix sends proves nothing")
		}
		if count.first && wrong != nil {
			return wrong
		}
	}
	return wrong
}

// fetchedOnce is the one address that a GET uses up: apps fetch their document with it (outside.md section 5).
const fetchedOnce = "/phone/provision/{token}"

func changedWhat(tables []string) string {
	if tables == nil {
		return ""
	}
	return "it changed " + strings.Join(tables, ", ")
}

// inert are forms that are open to somebody for whom they do nothing.
func (c *cell) inert() bool {
	switch c.route.Pattern {
	case "/terms": // the provider's people accept no terms
		return c.who.state == "staff"
	case "/check", "/profile/security/link/{provider}": // no code is on its way to the provider's people, and they link nothing
		return c.who.state == "staff"
	case "/sign-in/passkey", "/check/passkey", "/profile/security/passkeys", "/profile/security/passkeys/new": // no device answers here, see passkey_test.go
		return true
	case "/sign-in/passkey/options", "/check/passkey/options", "/profile/security/passkeys/options", "/invitations/{token}/passkey/options": // what a browser is asked is sealed and kept nowhere
		return true
	case "/profile/security/passkeys/{id}/removal": // the provider's people have no fresh check
		return c.who.state == "staff"
	case "/profile/security/authenticator/confirm", "/profile/security/authenticator/removal", "/profile/security/recovery-codes", "/profile/security/recovery/stop": // nobody here has an app, or lost one
		return true
	case "/invitations/{token}": // whoever is signed in as somebody else is told so
		return c.level == "signed in"
	case "/sign-out", "/invitations/{token}/sign-out":
		return c.level != "signed in"
	}
	return false
}

// TestMatrix runs all that needs everybody on one store, one after the other.
func TestMatrix(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCast(t, d)
		for _, part := range []struct {
			name string
			run  func(c *cast, t *testing.T)
		}{{"cells", (*cast).allCells}, {"links", (*cast).links}, {"other sites", (*cast).otherSites}, {"rooms without the door", (*cast).withoutTheDoor}, {"rights lost meanwhile", (*cast).lostMeanwhile}, {"without a fresh check", (*cast).withoutCheck},
			{"missing guards", (*cast).missingGuards}} {
			if part.name == "missing guards" && d.Engine() != db.SQLite {
				continue // the guards know no store
			}
			t.Run(part.name, func(t *testing.T) { part.run(c.in(t), t) })
		}
	})
}

func (c *cast) allCells(t *testing.T) {
	count := newTally()
	c.visited = true
	for _, rt := range c.portal.Routes() {
		for _, problem := range slices.Concat(c.check(rt, count), c.inState(rt, "restricted", count), c.inState(rt, "suspended", count)) {
			t.Error(problem)
		}
	}
	c.writeAnswers(t, count.answers)
	t.Logf("%d routes, %d cells: %d open, %d sent to sign in, %d forbidden, %d hidden", count.routes, count.cells,
		count.by[open], count.by[asked], count.by[forbidden], count.by[hidden])
}
