package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// staff opens a browser in which a person of the provider is signed in.
func (w *world) staff(email string) *visitor {
	w.t.Helper()
	w.Rig.Staff(email)
	return w.browser(office).signIn(email, accounttest.Password).shows(200, "/console/accounts")
}

func TestConsoleIsForStaffAlone(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.as(w.Rig.Open("harbour"))
		sam := w.staff("sam@provider.example")
		stranger := w.browser(home)
		for _, rt := range w.portal.Routes() {
			if !strings.HasPrefix(rt.Pattern, "/console") || rt.Access == SignedIn { // such a page only says what staff still lack
				continue
			}
			path := strings.NewReplacer("{slug}", "harbour", "{id}", "x").Replace(rt.Pattern)
			if admin.send(rt.Method, path, ""); admin.status != 404 {
				t.Errorf("%s %s answers a member %d", rt.Method, path, admin.status)
			}
			if stranger.send(rt.Method, path, ""); stranger.url.Path != "/sign-in" && stranger.status != 401 {
				t.Errorf("%s %s answers a stranger %d", rt.Method, path, stranger.status)
			}
		}
		sam.open("/harbour/").shows(404, "/harbour/")
		sam.open("/harbour/hub-users").shows(404, "/harbour/hub-users")
		sam.open("/harbour/events").shows(404, "/harbour/events")
		sam.open("/").shows(200, "/console/accounts", "Console")
		sam.open("/accounts").shows(200, "/console/accounts")
		if !strings.Contains(sam.body, `class="console"`) {
			t.Error("the console looks like a customer's portal")
		}
	})
}

func TestConsoleOpensAccounts(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		sam := w.staff("sam@provider.example")
		sam.shows(200, "/console/accounts", "No accounts yet")
		sam.open("/console/accounts/new").press("Open account", "name", "", "admin_email", "jo@harbour").
			shows(422, "/console/accounts/new", "There is a problem", "Enter the account's name", "is not a full email address")
		sam.press("Open account", "name", "Harbour Dental Group", "slug", "console", "number", "1", "admin_email", "jo@harbour.example").
			shows(422, "/console/accounts/new", "Hubline uses console itself", "Account number must be 4 to 10 digits")
		sam.press("Open account", "slug", "", "number", "10482", "time_zone", "Australia/Perth").
			shows(200, "/console/accounts/harbour-dental-group", "Harbour Dental Group is open, account number 10482", "An invitation is on its way to jo@harbour.example", "Australia/Perth")
		sam.open("/console/accounts/new").press("Open account", "name", "Harbour Dental Group", "number", "10482", "admin_email", "kim@harbour.example").
			shows(422, "/console/accounts/new", "Another account uses")

		old := w.link("jo@harbour.example", "Southern Cross Voice invited you", "/invitations/")
		sam.open("/console/accounts/harbour-dental-group").shows(200, "/console/accounts/harbour-dental-group", "First admin", "jo@harbour.example", "Invited, 7 days left")
		sam.press("Send invitation", "email", "").shows(422, "/console/accounts/harbour-dental-group/first-admin", "Enter an email address")
		sam.press("Send invitation", "email", "bounce@harbour.example").shows(200, "/console/accounts/harbour-dental-group", "An invitation is on its way to bounce@harbour.example", "Cancelled")
		w.browser(home).open(old).shows(410, old, "This invitation was cancelled")
		w.RunJobs()
		sam.open("/console/accounts/harbour-dental-group").shows(200, "/console/accounts/harbour-dental-group", "Email bounced")
		sam.press("Send invitation", "email", "jo@harbour.example", "name", "Jo").shows(200, "/console/accounts/harbour-dental-group")
		link := w.link("jo@harbour.example", "Southern Cross Voice invited you", "/invitations/")
		w.browser(home).open(link).press("Accept and join", "name", "Jo", "password", newPassword).shows(200, "/harbour-dental-group/", "Welcome")
		sam.open("/console/accounts/harbour-dental-group").shows(200, "/console/accounts/harbour-dental-group", "Accepted", "own admins invite everybody else").lacks("Send again")
		sam.post("/console/accounts/harbour-dental-group/first-admin", "email", "kim@harbour.example").shows(409, "/console/accounts/*", "This account has an admin")
		sam.open("/console/audit-log").shows(200, "/console/audit-log", "Sam opened the account Harbour Dental Group", "Operator made Sam provider staff", office)
		sam.open("/console/audit-log?q=nothing+like+it").shows(200, "/console/audit-log", "Nothing matches")
		sam.open("/console/accounts/nowhere").shows(404, "/console/accounts/nowhere")
	})
}

// No account may have an address that the portal uses itself.
func TestWordsOfThePortalAreNoSlugs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	for _, word := range w.portal.Words() {
		if word == "" {
			continue
		}
		_, _, err := w.Room.Open(t.Context(), account.Operate(), account.NewAccount{Name: "Harbour", Slug: word, AdminEmail: "jo@harbour.example"})
		if f, ok := fault.Of(err); !ok || f.Field != "slug" {
			t.Errorf("an account may be called %q: %v", word, err)
		}
	}
}

func TestConsoleFindsAccounts(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		for i := range 53 {
			if _, _, err := w.Room.Open(t.Context(), account.Operate(), account.NewAccount{Name: fmt.Sprintf("Practice %c%c", 'A'+i/26, 'A'+i%26), AdminEmail: "a@example.com"}); err != nil {
				t.Fatal(err)
			}
		}
		sam := w.staff("sam@provider.example")
		sam.shows(200, "/console/accounts", "Practice AA", "Practice BX", "Next page").lacks("Practice BZ", "First page")
		sam.follow("Next page").shows(200, "/console/accounts", "Practice BY", "Practice CA", "First page").lacks("Practice AA", "Next page")
		sam.follow("Previous page").shows(200, "/console/accounts", "Practice AA").lacks("Previous page")
		sam.open("/console/accounts?q=practice+b").shows(200, "/console/accounts", "Practice BA").lacks("Practice AA")
		sam.open("/console/accounts?q=10003").shows(200, "/console/accounts", "Practice AC").lacks("Practice AD")
		sam.open("/console/accounts?q=practice-ad").shows(200, "/console/accounts", "Practice AD").lacks("Practice AE")
		sam.open("/console/accounts?q=zebra").shows(200, "/console/accounts", "No account matches", "Show all accounts")
		sam.open("/console/accounts?after=forged").shows(422, "/console/accounts")
	})
}

func TestConsoleStaff(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		sam := w.staff("sam@provider.example")
		sam.open("/console/staff").shows(200, "/console/staff", "Sam", "You", "1 person")
		sam.open("/console/staff/new").press("Add staff", "email", "", "name", "Kim").shows(422, "/console/staff/new", "Enter an email address")
		sam.press("Add staff", "email", admin.Email).shows(422, "/console/staff/new", "already signs in to customers' accounts")
		sam.press("Add staff", "email", "kim@provider.example", "name", "Kim Lee").shows(200, "/console/staff/new", "A link for Kim Lee", "24 hours, once")
		lost := between(sam.body, "<code>"+w.URL, "</code>")
		sam.open("/console/staff").shows(200, "/console/staff", "Has no password yet")
		sam.press("New link for Kim Lee").shows(200, "/console/staff/new", "A link for Kim Lee")
		link := between(sam.body, "<code>"+w.URL, "</code>")
		kim := w.browser(cafe)
		kim.open(lost).shows(404, lost)
		kim.open(link).press("Set password", "password", newPassword).shows(200, "/console/accounts")
		kim.open(link).shows(404, link)
		sam.open("/console/staff").lacks("New link", "Has no password yet")
		sam.post("/console/staff/new", "email", "kim@provider.example").shows(422, "/console/staff/new", "kim@provider.example is staff already")

		sam.open("/console/staff")
		remove := between(sam.body, `href="`, `" class="bad"`)
		remove = remove[strings.LastIndex(remove, `"`)+1:]
		sam.open(remove).shows(200, remove, "Remove Kim Lee?", "They will be signed out now", "Keep")
		sam.press("Remove from staff").shows(200, "/console/staff", "Kim Lee is removed from staff", "1 person")
		kim.open("/console/accounts").shows(200, "/sign-in")
		w.browser(cafe).signIn("kim@provider.example", newPassword).shows(422, "/sign-in", "do not match")
		sam.open(remove).shows(404, remove)

		self := w.portal.Account
		people, err := self.StaffPeople(t.Context(), account.Operate())
		if err != nil {
			t.Fatal(err)
		}
		sam.post("/console/staff/"+people[0].ID+"/remove").shows(409, "/console/staff/"+people[0].ID+"/remove", "You can't remove yourself")
	})
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func TestConsoleJobs(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		worked := make(chan string, 10)
		fail := true
		type work struct{ Name string }
		job.Handle(w.Jobs, "test.work", func(_ context.Context, in work) error {
			if fail {
				return job.Permanent(errors.New("the line is cut for " + in.Name))
			}
			worked <- in.Name
			return nil
		})
		sam := w.staff("sam@provider.example")
		sam.open("/console/jobs").shows(200, "/console/jobs", "Nothing has failed")
		for _, name := range []string{"first", "second"} {
			if err := w.DB.Tx(t.Context(), func(ctx context.Context, q db.Q) error { return w.Jobs.Add(ctx, q, "test.work", work{name}) }); err != nil {
				t.Fatal(err)
			}
			w.RunJobs()
			w.Clock.Advance(time.Second)
		}
		sam.open("/console/jobs").shows(200, "/console/jobs", "test.work", "the line is cut for first", "the line is cut for second", "Failed 2")
		fail = false
		sam.press("Try again test.work").shows(200, "/console/jobs", "The job runs again now", "the line is cut for first").lacks("for second")
		w.RunJobs()
		if name := <-worked; name != "second" {
			t.Errorf("%s was tried again", name)
		}
		discard := between(sam.body, `href="/console/jobs/`, `"`)
		sam.open("/console/jobs/"+discard).shows(200, "/console/jobs/*", "Discard this job?", "Keep")
		sam.press("Discard job").shows(200, "/console/jobs", "The job is discarded", "Nothing has failed")
		sam.post("/console/jobs/"+discard).shows(404, "/console/jobs/"+discard, "no longer among the failed ones")
		sam.open("/console/audit-log").shows(200, "/console/audit-log", "Sam tried the job test.work again", "Sam discarded the job test.work")
	})
}
