// Command cedar gives a second opinion on who may do what. It reads the answers that the matrices of the portal and the API got in
// their tests and fails unless Cedar, asked with policies written from the specification, decides each of them alike:
//
//	go test ../web -run TestMatrix/sqlite/cells -web.answers web.json
//	go test ../api -run TestMatrix/sqlite -api.answers api.json
//	go run ./cedar web.json api.json
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

//go:embed policy.cedar
var policies []byte

// answer is one cell of a matrix: who came how to which route of whose account, and whether they were let through. Pattern stands in
// the portal's answers, Path and Key in those of the API.
type answer struct {
	Method, Pattern, Path string
	Who                   string // people: signed-in, signed-out, session-ended
	Key                   string // programs: what the key is
	Roles                 []string
	Member                string // active, deactivated, removed, invited, invited again; staff; visit, visit with changes
	Place                 string // own, other, none, own account, other's item, …
	State                 string // of the account: "", restricted, suspended
	Allowed               bool
}

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: cedar answers.json…")
	}
	for _, name := range os.Args[1:] {
		text, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		var answers []answer
		if err := json.Unmarshal(text, &answers); err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		said, err := judge(answers)
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		fmt.Println(said)
	}
}

const mostShown = 20

// judge asks Cedar about every answer. The error lists where it decides otherwise.
func judge(answers []answer) (string, error) {
	set, err := cedar.NewPolicySetFromBytes("policy.cedar", policies)
	if err != nil {
		return "", err
	}
	var wrong []string
	routes, allowed := map[string]bool{}, 0
	for _, a := range answers {
		decision, err := decide(set, a)
		if err != nil {
			return "", err
		}
		routes[a.Method+" "+a.Pattern+a.Path] = true
		if decision == cedar.Allow {
			allowed++
		}
		if (decision == cedar.Allow) != a.Allowed {
			wrong = append(wrong, fmt.Sprintf("%s: Cedar says %s, and it was allowed: %t", a, decision, a.Allowed))
		}
	}
	if len(answers) == 0 {
		return "", errors.New("there are no answers to judge")
	}
	if n := len(wrong); n > 0 {
		return "", fmt.Errorf("%d of %d answers are decided otherwise:\n%s", n, len(answers), strings.Join(wrong[:min(n, mostShown)], "\n"))
	}
	return fmt.Sprintf("%d answers of %d routes decided alike, %d of them allowed", len(answers), len(routes), allowed), nil
}

func (a answer) String() string {
	return fmt.Sprintf("%s %s%s by %s%s %v %s, %s %s", a.Method, a.Pattern, a.Path, a.Who, a.Key, a.Roles, a.Member, a.Place, a.State)
}

// decide asks Cedar about one answer.
func decide(set *cedar.PolicySet, a answer) (cedar.Decision, error) {
	rows := webRows
	if a.Path != "" {
		rows = apiRows
	}
	action := actionOf(rows, a.Method, a.Pattern+a.Path)
	if action == "" {
		return cedar.Deny, fmt.Errorf("say in tools/cedar/rows.go which row of the specification %s %s%s belongs to", a.Method, a.Pattern, a.Path)
	}
	who, what := cedar.NewEntityUID("Person", "who"), cedar.NewEntityUID("Thing", "what")
	entities := cedar.EntityMap{
		who:  {UID: who, Attributes: principal(a)},
		what: {UID: what, Attributes: resource(a)},
	}
	decision, why := cedar.Authorize(set, entities, cedar.Request{Principal: who, Action: cedar.NewEntityUID("Action", cedar.String(action)), Resource: what, Context: cedar.NewRecord(nil)})
	if len(why.Errors) > 0 {
		return decision, fmt.Errorf("%s: %v", a, why.Errors)
	}
	return decision, nil
}

// principal describes who came. A key is its maker as far as roles go, and "signed in" while it works.
func principal(a answer) cedar.Record {
	person := a.Key == ""
	active := a.Member == "active"
	in := a.Who == "signed-in" || slices.Contains([]string{"working", "one scope", "all other scopes"}, a.Key)
	return cedar.NewRecord(cedar.RecordMap{
		"person":     cedar.Boolean(person),
		"signedIn":   cedar.Boolean(in),
		"staff":      cedar.Boolean(a.Member == "staff" || strings.HasPrefix(a.Member, "visit")),
		"visits":     cedar.Boolean(strings.HasPrefix(a.Member, "visit")),
		"mayChange":  cedar.Boolean(a.Member == "visit with changes"),
		"member":     cedar.Boolean(active),
		"standard":   cedar.Boolean(active && len(a.Roles) == 0),
		"admin":      cedar.Boolean(active && slices.Contains(a.Roles, "admin")),
		"billing":    cedar.Boolean(active && slices.Contains(a.Roles, "billing")),
		"restricted": cedar.Boolean(active && a.State == "restricted"),
		"inScope":    cedar.Boolean(a.Key == "working" || a.Key == "one scope"),
	})
}

// resource describes what the address names.
func resource(a answer) cedar.Record {
	return cedar.NewRecord(cedar.RecordMap{
		"inAccount": cedar.Boolean(a.Path != "" || strings.HasPrefix(a.Pattern, "/{account}/")),
		"of":        cedar.String(a.Place),
		"suspended": cedar.Boolean(a.State == "suspended"),
	})
}
