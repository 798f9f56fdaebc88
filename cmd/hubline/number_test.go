package main

import (
	"encoding/json"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

func TestOperatorAssignsNumbers(t *testing.T) {
	t.Parallel()
	for engine, store := range map[string]func(t *testing.T) string{
		db.SQLite:   func(*testing.T) string { return "" },
		db.Postgres: func(t *testing.T) string { return dbtest.PostgresURL(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			at := []string{"--data", t.TempDir(), "--store", store(t), "--base-url", "https://hub.example.com"}
			must(t, append([]string{"account", "create", "Harbour Dental Group", "priya@harbour.example", "--slug", "harbour"}, at...)...)
			must(t, append([]string{"account", "create", "Northside", "sam@northside.example", "--slug", "northside"}, at...)...)
			at = append(at, "--account", "harbour")
			do := func(args ...string) string {
				t.Helper()
				return must(t, append(args, at...)...)
			}
			refused := func(want int, says string, args ...string) {
				t.Helper()
				code, _, said := hubline(t, append(append([]string{}, args...), at...)...)
				if code != want || !strings.Contains(said, says) {
					t.Errorf("hubline %s: exit %d, said %q, want %q", strings.Join(args, " "), code, said, says)
				}
			}

			if said := do("number", "assign", "(02) 5550 0142", "--service-name", "Main line"); said != "02 5550 0142 (local), Main line, on account harbour, rings nobody\n" {
				t.Errorf("assigned: %q", said)
			}
			do("number", "assign", "1300 975 707")
			refused(exitFailed, "on this account already", "number", "assign", "+61255500142")
			refused(exitFailed, "premium", "number", "assign", "1900 654 321")
			refused(exitFailed, "whole phone number", "number", "assign", "5550")
			refused(exitFailed, "no extension 101", "number", "assign", "02 5550 0143", "--extension", "101")
			var list []numberLine
			if err := json.Unmarshal([]byte(do("number", "list", "--json")), &list); err != nil {
				t.Fatal(err)
			}
			if len(list) != 2 || list[1].Number != "+61255500142" || list[1].Kind != "local" || list[1].ServiceName != "Main line" || list[0].ServiceName != "1300 975 707" {
				t.Errorf("numbers: %+v", list)
			}
			if found := do("number", "list", "5550 01"); !strings.Contains(found, "Main line") || strings.Contains(found, "1300") {
				t.Errorf("found: %s", found)
			}
			refused(exitFailed, "no extension 101", "number", "lead", "0255500142", "101")
			refused(exitUsage, "--nobody", "number", "lead", "0255500142")
			do("number", "lead", "0255500142", "--nobody")
			refused(exitFailed, "not on the account", "number", "withdraw", "0255500199")
			do("number", "withdraw", "02 5550 0142")
			if found := do("number", "list", "5550"); found != "" {
				t.Errorf("withdrawn, and found: %s", found)
			}
			at[len(at)-1] = "northside"
			do("number", "assign", "02 5550 0142")
			at[len(at)-1] = "nowhere"
			refused(exitFailed, "no account", "number", "list")
		})
	}
}

// Calls to a number ring whom the operator chose.
func TestOperatorLeadsNumbers(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	d := startDemo(t, dir)
	at := []string{"--data", dir, "--base-url", d.about.Portal, "--account", "harbour"}
	first := d.about.Accounts[0].PhoneUsers[0]
	said := must(t, append([]string{"number", "assign", "02 5550 0188", "--service-name", "Fax", "--extension", first.Extension}, at...)...)
	if want := "rings " + first.DisplayName + ", extension " + first.Extension; !strings.Contains(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	if said := must(t, append([]string{"number", "lead", "02 5550 0188", "--nobody", "--json"}, at...)...); strings.Contains(said, "extension") {
		t.Errorf("still rings: %s", said)
	}
	if said := must(t, append([]string{"number", "lead", "+61 2 5550 0188", first.Extension, "--json"}, at...)...); !strings.Contains(said, `"extension": "`+first.Extension+`"`) {
		t.Errorf("rings: %s", said)
	}
}
