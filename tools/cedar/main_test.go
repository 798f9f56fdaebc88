package main

import (
	"strings"
	"testing"
)

// right are answers as they should be, one of each kind.
var right = []answer{
	{Method: "GET", Pattern: "/{account}/hub-users", Who: "signed-in", Roles: []string{"admin"}, Member: "active", Place: "own", Allowed: true},
	{Method: "GET", Pattern: "/{account}/hub-users", Who: "signed-in", Roles: []string{"billing"}, Member: "active", Place: "own"},
	{Method: "GET", Pattern: "/{account}/hub-users", Who: "signed-in", Roles: []string{"admin"}, Member: "deactivated", Place: "own"},
	{Method: "GET", Pattern: "/{account}/hub-users", Who: "signed-in", Roles: []string{"admin"}, Member: "active", Place: "other"},
	{Method: "GET", Pattern: "/{account}/hub-users", Who: "signed-in", Roles: []string{"admin"}, Member: "active", Place: "own", State: "suspended"},
	{Method: "GET", Pattern: "/{account}/hub-users", Who: "signed-in", Roles: []string{"admin"}, Member: "active", Place: "own", State: "restricted"},
	{Method: "GET", Pattern: "/{account}/restricted", Who: "signed-in", Member: "active", Place: "own", State: "restricted", Allowed: true},
	{Method: "GET", Pattern: "/{account}/hub-users", Who: "signed-out", Roles: []string{"admin"}, Member: "active", Place: "own"},
	{Method: "GET", Pattern: "/{account}/hub-users/{id}", Who: "signed-in", Roles: []string{"admin"}, Member: "active", Place: "own account, other's item"},
	{Method: "POST", Pattern: "/{account}/numbers/{number}", Who: "signed-in", Member: "active", Place: "own", Allowed: true},
	{Method: "POST", Pattern: "/{account}/numbers/{number}", Who: "signed-in", Member: "visit", Place: "own"},
	{Method: "POST", Pattern: "/{account}/numbers/{number}", Who: "signed-in", Member: "visit with changes", Place: "own", Allowed: true},
	{Method: "GET", Pattern: "/console/accounts", Who: "signed-in", Member: "staff", Place: "own", Allowed: true},
	{Method: "GET", Pattern: "/console/accounts", Who: "signed-in", Roles: []string{"admin", "billing"}, Member: "active", Place: "own"},
	{Method: "GET", Pattern: "/sign-in", Who: "signed-out", Place: "own", Allowed: true},
	{Method: "GET", Path: "/accounts/{slug}/calls", Key: "one scope", Member: "active", Place: "own", Allowed: true},
	{Method: "GET", Path: "/accounts/{slug}/calls", Key: "all other scopes", Member: "active", Place: "own"},
	{Method: "GET", Path: "/accounts/{slug}/calls", Key: "expired", Member: "active", Place: "own"},
	{Method: "GET", Path: "/accounts/{slug}/calls", Key: "working", Roles: []string{"billing"}, Member: "active", Place: "own"},
	{Method: "GET", Path: "/accounts/{slug}/calls", Key: "working", Member: "removed", Place: "own"},
}

func TestAnswersAreJudged(t *testing.T) {
	t.Parallel()
	if said, err := judge(right); err != nil {
		t.Fatalf("%s\n%v", said, err)
	}
	for i, a := range right {
		a.Allowed = !a.Allowed
		if said, err := judge([]answer{a}); err == nil || !strings.Contains(err.Error(), "1 of 1") {
			t.Errorf("answer %d the other way round: %s, %v", i, said, err)
		}
	}
	for _, bad := range [][]answer{nil, {{Method: "GET", Pattern: "/{account}/unheard-of"}}, {{Method: "PUT", Pattern: "/{account}/numbers"}}} {
		if said, err := judge(bad); err == nil {
			t.Errorf("%v: %s", bad, said)
		}
	}
}
