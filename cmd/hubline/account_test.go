package main

import (
	"encoding/json"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

func TestOperatorSetsUpWithoutThePortal(t *testing.T) {
	t.Parallel()
	for engine, store := range map[string]func(t *testing.T) string{
		db.SQLite:   func(*testing.T) string { return "" },
		db.Postgres: func(t *testing.T) string { return dbtest.PostgresURL(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			at := []string{"--data", t.TempDir(), "--store", store(t), "--base-url", "https://hub.example.com"}
			do := func(args ...string) string {
				t.Helper()
				return must(t, append(args, at...)...)
			}
			refused := func(says string, args ...string) {
				t.Helper()
				code, _, said := hubline(t, append(args, at...)...)
				if code != exitFailed || !strings.Contains(said, says) {
					t.Errorf("hubline %s: exit %d, said %q, want %q", strings.Join(args, " "), code, said, says)
				}
			}

			link := do("staff", "create", "alex@provider.example", "--name", "Alex")
			if !strings.HasPrefix(link, "https://hub.example.com/password/") {
				t.Errorf("the link is %q", link)
			}
			if again := do("staff", "create", "alex@provider.example"); again == link {
				t.Error("a second link is the first one")
			}
			if list := do("staff", "list"); !strings.Contains(list, "Alex") {
				t.Errorf("staff: %s", list)
			}
			refused("has no second factor", "staff", "recover", "alex@provider.example")
			refused("not one of the provider's people", "staff", "recover", "nobody@provider.example")
			do("staff", "remove", "ALEX@provider.example")
			if list := do("staff", "list", "--json"); strings.TrimSpace(list) != "[]" {
				t.Errorf("staff: %s", list)
			}
			refused("alex@provider.example", "staff", "remove", "alex@provider.example")

			do("account", "create", "Harbour Dental Group", "priya@harbour.example", "--slug", "harbour", "--number", "10482", "--time-zone", "Australia/Perth")
			refused("harbour", "account", "create", "Other", "x@other.example", "--slug", "harbour")
			refused("not a full email address", "account", "create", "Other", "x-other.example")
			do("account", "change", "harbour", "--check-minutes", "5", "--name", "Harbour Dental")
			refused("120", "account", "change", "harbour", "--check-minutes", "500")
			refused("no account", "account", "change", "nowhere", "--name", "x")
			var list []accountLine
			if err := json.Unmarshal([]byte(do("account", "list", "--json")), &list); err != nil {
				t.Fatal(err)
			}
			if len(list) != 1 || list[0].Slug != "harbour" || list[0].Number != "10482" || list[0].Name != "Harbour Dental" ||
				list[0].TimeZone != "Australia/Perth" || list[0].CheckMinutes != 5 {
				t.Errorf("accounts: %+v", list)
			}
			refused("not a hub user", "account", "api-key", "create", "harbour", "priya@harbour.example", "--name", "test") // only invited yet
			if keys := do("account", "api-key", "list", "harbour", "--json"); strings.TrimSpace(keys) != "[]" {
				t.Errorf("keys: %s", keys)
			}
		})
	}
}

func TestOperatorMakesAndRevokesKeys(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	d := startDemo(t, dir)
	at := []string{"--data", dir, "--base-url", d.about.Portal}
	var made keyLine
	if err := json.Unmarshal([]byte(must(t, append([]string{"account", "api-key", "create", "harbour", "tom.okafor@harbourdental.example",
		"--name", "Nightly", "--scopes", "hub-users.view", "--days", "7", "--json"}, at...)...)), &made); err != nil {
		t.Fatal(err)
	}
	if made.Secret == "" || len(made.Scopes) != 1 || made.ExpiresAt.Sub(made.CreatedAt).Hours() != 7*24 {
		t.Errorf("made %+v", made)
	}
	must(t, append([]string{"account", "api-key", "revoke", "harbour", made.ID}, at...)...)
	var list []keyLine
	if err := json.Unmarshal([]byte(must(t, append([]string{"account", "api-key", "list", "harbour", "--json"}, at...)...)), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].ID != made.ID || list[0].RevokedAt == nil || list[0].Secret != "" {
		t.Errorf("keys: %+v", list)
	}
}
