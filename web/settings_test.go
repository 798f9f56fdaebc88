package web

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
)

func TestSettings(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		const at = "/harbour/settings"
		v := w.as(admin).open(at).shows(200, at, "Account number", "10001", "What this account decides", "Hub users", "What each role can do")
		_, form := v.form("Save changes")
		if form.Get("name") != "Harbour Group" || form.Get("time_zone") != "Australia/Sydney" || form.Get("invitation_hours") != "168" || form.Get("check_minutes") != "30" {
			t.Fatalf("the form begins with %q", form)
		}
		v.press("Save changes").shows(200, at, "Nothing was different")
		v.press("Save changes", "name", "Harbour Dental", "time_zone", "Australia/Perth", "invitation_hours", "24", "check_minutes", "0").
			shows(200, at, "Settings saved: the account is called Harbour Dental, times are shown as in Australia/Perth, new invitations work for 1 day, a code is asked for every time.",
				"Last changed by Admin, Today, 6:00 am")
		v.press("Save changes", "name", "", "check_minutes", "0").shows(422, at, "Enter the account's name")
		v.press("Save changes", "name", strings.Repeat("x", 61)).shows(422, at, "Account name must be 60 characters or fewer")
		v.press("Save changes", "name", "Fine", "time_zone", "Mars/Base", "invitation_hours", "0").shows(422, at, "Choose a time zone from the list", "Invitations work for 1 hour to 30 days")
		if _, typed := v.form("Save changes"); typed.Get("name") != "Fine" {
			t.Errorf("the form lost what was typed: %q", typed)
		}
		v.press("Save changes", "time_zone", "Australia/Perth", "invitation_hours", "soon").shows(422, at, "Invitation hours must be a whole number")
		w.as(admin).open(at).press("Save changes", "check_minutes", "120").shows(200, at, "a code counts for 120 minutes") // uses the one check up
		w.Clock.Advance(3 * time.Hour)
		admin.SignIn()
		v = w.as(admin)
		v.open(at).press("Save changes", "check_minutes", "5").shows(200, at, "a code counts for 5 minutes") // stricter needs no check
		v.press("Save changes", "check_minutes", "60").shows(401, at, "Confirm it is you")
	})
}

func TestSettingsOfTwoAdmins(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		const at = "/harbour/settings"
		v, other := w.as(admin).open(at), w.as(admin).open(at)
		other.press("Save changes", "name", "Harbour Two").shows(200, at, "called Harbour Two")
		v.press("Save changes", "time_zone", "Australia/Perth").shows(409, at, "Admin changed this at 9:00 am. Choose which to keep", "Harbour Group, Australia/Sydney", "Harbour Two, Australia/Sydney")
		if _, typed := v.form("Save changes"); typed.Get("time_zone") != "Australia/Perth" {
			t.Errorf("the form lost what was typed: %q", typed)
		}
	})
}

func TestProfileLeadsToTheListOfPeople(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.Join(w.Rig.Open("northside"), admin.Email)
		v := w.as(admin).open("/profile").shows(200, "/profile", "Your accounts", "Northside Group", "Standard")
		if v.link("Hub users of Harbour Group") != "/harbour/hub-users" || strings.Contains(v.body, "/northside/hub-users") {
			t.Error("the profile does not lead to the people of the account that is looked after")
		}
	})
}

func TestEveryOfferedTimeZoneExists(t *testing.T) {
	seen := map[string]bool{}
	for _, group := range zoneGroups("Antarctica/Nowhere") {
		for _, o := range group.Options {
			if _, err := time.LoadLocation(o.Value); err != nil && o.Value != "Antarctica/Nowhere" {
				t.Errorf("%s: %v", group.Label, err)
			}
			if seen[o.Value] {
				t.Errorf("%s is offered twice", o.Value)
			}
			seen[o.Value] = true
		}
	}
	if !seen["Antarctica/Nowhere"] || !seen["Australia/Sydney"] || !seen["Europe/Berlin"] || len(seen) < 400 {
		t.Errorf("%d zones", len(seen))
	}
}

func TestHome(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(admin).open("/harbour/").shows(200, "/harbour/", "Harbour Group, account 10001", "Your access: Admin, Billing", "You are the only admin.", "Invite a second admin", "Active 1", "Invited 0", "Needs attention 0")
		std := w.Join(admin, "std@harbour.example")
		bill := w.Join(admin, "bill@harbour.example", account.Billing)
		w.Join(admin, "tom@harbour.example", account.Admin)
		w.Invite(admin, "jo@harbour.example")
		v.open("/harbour/").shows(200, "/harbour/", "Active 4", "Invited 1").lacks("only admin")
		v.follow("Invited").shows(200, "/harbour/hub-users", "jo@harbour.example", "1 person")
		w.as(std).open("/harbour/").shows(200, "/harbour/", "Your access: Standard", "Read what each role can do", "Admin or Tom can change your access and invite others.").lacks("Needs attention", "Invite people")
		w.as(bill).open("/harbour/").shows(200, "/harbour/", "Your access: Billing", "Admin or Tom can change your access").lacks("Needs attention", "Audit log")
	})
}

func TestRolesPageComesFromTheAccessTable(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		v := w.as(w.Join(admin, "bill@harbour.example", account.Billing)).open("/harbour/roles").shows(200, "/harbour/roles", "Billing Yours", "Roles add up")
		rows := v.rows()
		if len(rows) != len(account.Rights) {
			t.Fatalf("%d rows for %d rights", len(rows), len(account.Rights))
		}
		for i, right := range account.Rights {
			want := right.Words + right.Area
			for _, yes := range []bool{right.Standard, right.Admin, right.Billing} {
				want += map[bool]string{true: "Yes", false: "No"}[yes]
			}
			if got := strings.ReplaceAll(rows[i], " ", ""); got != strings.ReplaceAll(want, " ", "") {
				t.Errorf("row %q, want %q", rows[i], want)
			}
		}
		for _, set := range roleSets() {
			v.shows(200, "/harbour/roles", set.Sentence("This person", false))
		}
		if len(roleSets()) != 4 {
			t.Errorf("%d sets of roles", len(roleSets()))
		}
	})
}

func TestAuditLogPage(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, ids := w.office()
		const at = "/harbour/audit-log"
		v := w.as(admin).open(at).shows(200, at, "Sydney time", "Admin changed the access of Tom", "Before: Admin", "After: Standard", "The invitation to stopped@harbour.example stopped",
			"Tom invited stopped@harbour.example", "Admin deactivated Mary", "paul@harbour.example", "Mary accepted the invitation", "Today", "Sunday 22 November",
			"Operator opened the account Harbour Group", "Provider", "192.0.2.7", "Download as CSV")
		for name, tt := range map[string]struct {
			query string
			has   string
			lacks string
		}{
			"area":          {"area=hub-user", "Admin deactivated Mary", "invited"},
			"words":         {"q=PAUL", "paul@harbour.example", "Mary"},
			"a pattern":     {"q=%25", "Nothing in the log matches", "Mary"},
			"one day":       {"from=2026-11-30&to=2026-11-30", "Admin changed the access of Tom", "Mary accepted"},
			"until a day":   {"to=2026-11-29", "Mary accepted", "changed the access of Tom"},
			"whom":          {"about=" + ids["tom"], "Only what happened to Tom", "Mary"},
			"nobody":        {"person=nobody", "Nothing in the log matches", "Mary"},
			"several":       {"area=invitation&q=paul&from=2026-11-22", "Admin invited paul@harbour.example", "jo@"},
			"a cursor that": {"after=ruined&area=hub-user", "Admin deactivated Mary", "invited"},
		} {
			v.open(at+"?"+tt.query).shows(200, at, tt.has)
			log := v.body[strings.Index(v.body, `aria-label="Audit log"`):]
			if words := wordsOf(log); strings.Contains(words, tt.lacks) {
				t.Errorf("%s (%s) shows %q: %s", name, tt.query, tt.lacks, words)
			}
		}
		v.open(at+"?from=yesterday&to=2026-11-01").shows(422, at, "From must be a date like 2026-11-18")
		v.open(at+"?from=2026-11-20&to=2026-11-19").shows(422, at, "To must be the same day as From, or later")
		v.open(at+"?area=shoes").shows(422, at, "Choose an area from the list")
		if !strings.Contains(v.body, "<title>Error: Audit log") {
			t.Error("the title does not say that there is an error")
		}

		v.open(at)
		if m := selectTag.FindAllString(v.body, -1); len(m) != 2 || !strings.Contains(m[1], ">Admin<") || !strings.Contains(m[1], ">Tom<") || strings.Contains(m[1], ">Mary<") {
			t.Errorf("the people to choose from: %s", m)
		}
		v.open("/harbour/audit-log.csv?area=hub-user")
		table, err := csv.NewReader(strings.NewReader(v.body)).ReadAll()
		if err != nil || len(table) != 3 {
			t.Fatalf("%v %v", table, err)
		}
		if got := strings.Join(table[0], "|"); got != "When (Australia/Sydney)|Who|Kind|What|Action|Before|After|From" {
			t.Errorf("columns %s", got)
		}
		if got := strings.Join(table[1], "|"); got != "2026-11-30 09:00:00|Admin|Hub user|Admin changed the access of Tom|hub-user.access-changed|Admin|Standard|192.0.2.7" {
			t.Errorf("a line: %s", got)
		}
	})
}

func TestAuditLogPages(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		for i := range 120 {
			name := fmt.Sprintf("Jo n%03d", i)
			w.exec(`INSERT INTO audit_entries (account_id, id, at, actor_kind, actor_id, actor_name, address, action, subject_id, subject_name, before, after, search)
				VALUES ($1, $2, $3, 'staff', 'x', 'Provider staff', '', 'hub-user.renamed', 's', $4, $5, $4, 'x')`,
				admin.Account.ID, "0"+string(rune('a'+i/26))+string(rune('a'+i%26)), 1_700_000_000_000+i*1000, name, "=Before")
		}
		v := w.as(admin).open("/harbour/audit-log?area=hub-user").shows(200, "/harbour/audit-log", "50 entries on this page", "Provider staff", "Wednesday 15 November 2023")
		seen := map[string]bool{}
		for pages := 1; ; pages++ {
			for _, name := range regexp.MustCompile(`n\d{3}`).FindAllString(v.text(), -1) {
				seen[name] = true
			}
			next := v.link("Next page")
			if next == "" {
				if pages != 3 || len(seen) != 120 {
					t.Errorf("%d entries on %d pages", len(seen), pages)
				}
				break
			}
			if u, err := url.Parse(next); err != nil || u.Query().Get("area") != "hub-user" {
				t.Fatalf("the next page forgets the filter: %s", next)
			}
			v.open(next)
		}
		if v.link("First page") != "/harbour/audit-log?area=hub-user" {
			t.Error("no way back to the first page")
		}
		if !strings.Contains(v.open("/harbour/audit-log.csv").body, ",'=Before,") {
			t.Error("a formula got into the CSV")
		}
	})
}
