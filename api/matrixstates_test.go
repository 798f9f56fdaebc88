package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"hubline/base/db"
)

// The matrix goes on: accounts that ask more of people than a key's maker can show, and accounts that staff suspended. And what all
// cells answered is written down, so that somebody else can judge it (tools/cedar).

var matrixAnswers = flag.String("api.answers", os.Getenv("API_ANSWERS"), "a file that gets the answer of every cell of the matrix on SQLite")

// states are what is made of the account harbour for a part of the matrix, and the problem that every key of it then gets.
var states = map[string]struct{ change, code string }{
	"restricted": {`UPDATE accounts SET second_factor = 'everyone' WHERE slug = 'harbour'`, "maker-restricted"},
	"suspended":  {`UPDATE accounts SET state = 'suspended' WHERE slug = 'harbour'`, "account-suspended"},
}

// opinion is one cell as the second opinion reads it.
type opinion struct {
	Method, Path string
	Key          string   // kindsOfKey
	Roles        []string // of its maker
	Member       string   // the maker: active, deactivated, removed, invited again
	Place        string
	State        string // of the account: "", restricted, suspended
	Allowed      bool
}

func (c cell) opinion(got *httptest.ResponseRecorder, state string) opinion {
	return opinion{c.route.Method, c.route.Path, c.kind, c.who.roles.Words(), c.who.state, c.place, state, !slices.Contains([]int{401, 403, 404}, got.Code)}
}

// inState asks a route with every maker's key while the account is in a state.
func (s *stage) inState(rt Route, state string) (wrong []string) {
	if _, err := s.DB.ExecContext(s.t.Context(), states[state].change); err != nil {
		s.t.Fatal(err)
	}
	for _, who := range s.makers {
		c := cell{rt, who, "working", "own"}
		got, err := s.request(c)
		if err != nil {
			return []string{err.Error()}
		}
		s.opinions = append(s.opinions, c.opinion(got, state))
		status, code := 403, states[state].code
		if who.state != "active" {
			status, code = 401, "key-unknown"
		}
		var p Problem
		if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || got.Code != status || p.Type != problemPath(code) {
			wrong = append(wrong, fmt.Sprintf("%s, %s: %d %s, want %d %s", c, state, got.Code, got.Body, status, code))
		}
	}
	changed := slices.DeleteFunc(s.frozen.Restore(), func(table string) bool { return table == "accounts" })
	if len(changed) > 0 {
		wrong = append(wrong, fmt.Sprintf("%s %s, %s: it changed %q", rt.Method, rt.Path, state, changed))
	}
	return wrong
}

// writeAnswers leaves what all cells answered in the file of the flag.
func (s *stage) writeAnswers(t *testing.T) {
	if *matrixAnswers == "" || s.DB.Engine() != db.SQLite {
		return
	}
	text, err := json.Marshal(s.opinions)
	if err == nil {
		err = os.WriteFile(*matrixAnswers, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
