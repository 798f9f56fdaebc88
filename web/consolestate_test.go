package web

import (
	"strings"
	"testing"
	"time"

	"hubline/product/account"
)

// Staff suspend an account, and everybody of it is told so on their next request.
func TestStaffSuspendAndEnableAnAccount(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		admin, jo := w.as(owner), w.as(w.Join(owner, "jo@harbour.example"))
		north := w.Rig.OpenFor("northside", "nina@north.example")
		both := w.as(w.Join(north, "jo@harbour.example", account.Billing))
		admin.open("/harbour/hub-users").shows(200, "/harbour/hub-users")
		sam := w.staff("sam@provider.example")
		sam.open("/console/accounts/harbour").shows(200, "/console/accounts/harbour", "Active", "Suspend…", "Close account…")
		sam.open("/console/accounts/harbour/suspension").shows(200, "/console/accounts/harbour/suspension", "Suspend Harbour Group?", "nobody of Harbour Group can use its pages", "000 and 112 still go out", "Keep it working")
		sam.press("Suspend account", "reason", "").shows(422, "/console/accounts/harbour/suspension", "There is a problem", "Enter a reason")
		sam.press("Suspend account", "reason", "Invoice 2041 is 14 days overdue").shows(200, "/console/accounts/harbour", "Harbour Group is suspended.", "Suspended", "Invoice 2041 is 14 days overdue", "Enable account").lacks("Suspend…")
		sam.open("/console/accounts").shows(200, "/console/accounts", "Harbour Group Suspended")

		for _, path := range []string{"/harbour/", "/harbour/hub-users", "/harbour/numbers", "/harbour/support"} {
			admin.open(path).shows(403, path, "This account is not open", "Harbour Group is suspended", "Ask Southern Cross Voice, 1300 555 019").lacks("overdue")
			jo.open(path).shows(403, path, "Harbour Group is suspended").lacks("overdue")
		}
		admin.post("/harbour/settings", "name", "Renamed", "time_zone", "Australia/Perth").shows(403, "/harbour/settings", "Harbour Group is suspended")
		both.open("/northside/").shows(200, "/northside/")
		if text := w.mailed(owner.Email, "is suspended").Text; !strings.Contains(text, "Invoice 2041 is 14 days overdue") {
			t.Errorf("the admin is mailed\n%s", text)
		}
		sam.open("/console/accounts/harbour").press("Enable account").shows(200, "/console/accounts/harbour", "Harbour Group works again.", "Active")
		admin.open("/harbour/audit-log").shows(200, "/harbour/audit-log", "Provider staff suspended Harbour Group", "Provider staff enabled Harbour Group again").lacks("Renamed")
		sam.open("/console/audit-log").shows(200, "/console/audit-log", "Sam suspended Harbour Group")
	})
}

func TestStaffCloseAnAccountByItsNumber(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		sam := w.staff("sam@provider.example")
		sam.open("/console/accounts/harbour/closing").shows(200, "/console/accounts/harbour/closing", "Close Harbour Group?", "After 30 days", "That can't be taken back", "Type 10001 to confirm")
		sam.press("Close account", "reason", "Cancelled by letter", "typed", "10002").shows(422, "/console/accounts/harbour/closing", "Enter 10001, the number of the account you are closing")
		if !strings.Contains(sam.body, `value="Cancelled by letter"`) {
			t.Error("the reason is lost")
		}
		sam.press("Close account", "typed", "10001").shows(200, "/console/accounts/harbour", "Harbour Group is being closed.", "Closing", "Data is deleted", "Keep account")
		w.as(owner).open("/harbour/").shows(403, "/harbour/", "Harbour Group is being closed")
		w.mailed(owner.Email, "is being closed")
		sam.press("Keep account").shows(200, "/console/accounts/harbour", "Harbour Group works again.")
		w.as(owner).open("/harbour/").shows(200, "/harbour/")

		sam.open("/console/accounts/harbour/closing").press("Close account", "reason", "Cancelled", "typed", "10001")
		w.RunJobs()
		w.Clock.Advance(30 * 24 * time.Hour)
		w.RunJobs()
		kim := w.staff("kim@provider.example")
		kim.open("/console/accounts/harbour").shows(200, "/console/accounts/harbour", "Closed").lacks("Keep account", "Suspend…", "Close account…")
		kim.post("/console/accounts/harbour/enabling").shows(409, "/console/accounts/harbour/enabling", "can't be taken back")
	})
}
