package web

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"hubline/base/db"
)

// The matrix goes on: the fourth level of signing in, for which the account asks more than the session has, and accounts that staff
// suspended. And what all cells answered is written down, so that somebody else can judge it (tools/cedar).

var matrixAnswers = flag.String("web.answers", os.Getenv("WEB_ANSWERS"), "a file that gets the answer of every cell of the matrix on SQLite")

// states are what is made of the account harbour for a part of the matrix, and what everybody of it is then answered.
var states = map[string]struct {
	change string
	want   verdict
}{
	"restricted": {`UPDATE accounts SET second_factor = 'everyone' WHERE slug = $1`, led},
	"suspended":  {`UPDATE accounts SET state = 'suspended' WHERE slug = $1`, shut},
}

const (
	led  verdict = "led"  // to the page that says what is missing
	shut verdict = "shut" // 403, as nobody gets in
)

// opinion is one cell as the second opinion reads it.
type opinion struct {
	Method, Pattern string
	Who             string   // signed-in, signed-out, session-ended
	Roles           []string // of a hub user
	Member          string   // active, deactivated, removed, invited; staff; visit, visit with changes
	Place           string
	State           string // of the account: "", restricted, suspended
	Allowed         bool
}

// allowed reads an answer without knowing what was expected.
func (c *cell) allowed(got *page) bool {
	to := got.header.Get("Location")
	switch {
	case slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, got.status):
		return false
	case strings.HasPrefix(to, "/sign-in?") && c.route.Access != Public, strings.Contains(to, "/restricted"):
		return false
	}
	return true
}

func (c *cell) answer(got *page, state string) opinion {
	return opinion{Method: c.route.Method, Pattern: c.route.Pattern, Who: strings.ReplaceAll(c.level, " ", "-"), Roles: c.who.roles.Words(), Member: c.who.state,
		Place: c.where, State: state, Allowed: c.allowed(got)}
}

// inState asks a route for everybody of harbour while it is in a state. Nothing may happen, and nobody of it may see anything; whoever
// is none of it is answered as ever.
func (c *cast) inState(rt Route, state string, count *tally) (wrong []string) {
	if !strings.HasPrefix(rt.Pattern, "/{account}/") {
		return nil
	}
	c.exec(states[state].change, c.own.slug)
	defer c.frozen.Restore()
	for _, who := range c.players {
		cl := &cell{c, rt, who, "signed in", "own", c.own}
		got, err := cl.request()
		if err != nil {
			return []string{err.Error()}
		}
		count.cells++
		count.answers = append(count.answers, cl.answer(got, state))
		if problem := cl.judgeState(got, state); problem != "" {
			wrong = append(wrong, fmt.Sprintf("%s, %s: %s", cl, state, problem))
		}
	}
	changed := slices.DeleteFunc(c.frozen.Restore(), func(table string) bool { return table == "accounts" })
	if len(changed) > 0 {
		wrong = append(wrong, fmt.Sprintf("%s %s, %s: it changed %q", rt.Method, rt.Pattern, state, changed))
	}
	return wrong
}

func (c *cell) judgeState(got *page, state string) string {
	want := states[state].want
	switch {
	case c.who.state != "active":
		if got.status != http.StatusNotFound {
			return fmt.Sprintf("%d instead of 404: %s", got.status, got.text())
		}
	case state == "restricted" && c.route.Access == Belongs:
		if got.status >= 400 || got.header.Get("Location") != "" {
			return fmt.Sprintf("%d instead of the page that says what is missing", got.status)
		}
		return ""
	case want == led:
		if to := got.header.Get("Location"); got.status != http.StatusSeeOther || !strings.HasPrefix(to, "/"+c.own.slug+"/restricted") {
			return fmt.Sprintf("%d to %q: %s", got.status, to, got.text())
		}
	case got.status != http.StatusForbidden || !strings.Contains(got.text(), "is suspended"):
		return fmt.Sprintf("%d instead of a page that says that nobody gets in: %s", got.status, got.text())
	}
	for _, private := range []string{"target@harbour.example", "waiting@harbour.example", "Harbour target"} {
		if strings.Contains(got.body, private) {
			return "it shows " + private
		}
	}
	return ""
}

// writeAnswers leaves what all cells answered in the file of the flag.
func (c *cast) writeAnswers(t *testing.T, answers []opinion) {
	if *matrixAnswers == "" || c.DB.Engine() != db.SQLite {
		return
	}
	text, err := json.Marshal(answers)
	if err == nil {
		err = os.WriteFile(*matrixAnswers, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
