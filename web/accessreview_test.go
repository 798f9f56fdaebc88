package web

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
)

func TestAccessReviewPage(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		mary := w.Rig.Open("harbour")
		jo, kim := w.Join(mary, "jo@harbour.example"), w.Join(mary, "kim@harbour.example", account.Billing)
		joID, kimID := jo.ID(), kim.ID()
		w.Clock.Advance(100 * 24 * time.Hour)
		mary.SignIn().Check()
		v := w.as(mary)
		const at = "/harbour/access-review"
		v.open(at).shows(200, at, "Unused for 90 days", "Second factor", "None", "2 people have not signed in for 90 days", "Keep Billing", "Change to Admin, Billing", "Remove from account", "None yet")
		_, form := v.form("Save decisions")
		if _, err := w.ChangeHubUser(t.Context(), mary.Actor(), kimID, account.Change{Name: ptrTo("Kim Lee")}, 0); err != nil {
			t.Fatal(err)
		}
		form.Set("d-"+joID, "remove")
		form.Set("d-"+kimID, "roles:")
		v.send("POST", at, form.Encode()).shows(409, at, "Kim Lee changed since you looked", "2 decisions are saved. 1 person is left below", "A review is going on: 2 decided, 1 left")
		if _, again := v.form("Save decisions"); again.Get("d-"+kimID) != "roles:" {
			t.Errorf("what was decided about Kim is lost: %q", again)
		}
		v.press("Save decisions").shows(200, "/harbour/access-reviews/*", "The review is done: 1 kept, 1 changed, 1 removed", "Changed to Standard", "Removed", "Kept")
		past := v.url.Path
		table, err := csv.NewReader(strings.NewReader(v.open(past + "/decisions.csv").body)).ReadAll()
		if err != nil || len(table) != 4 || table[0][4] != "Second factor" || table[1][4] != "None" || table[0][6] != "Decision" || table[2][6] != "remove" || table[3][7] != "Standard" || table[3][8] != "Admin" {
			t.Errorf("the file holds %q, %v", table, err)
		}
		v.open(at).shows(200, at, "by Admin: 1 kept, 1 changed, 1 removed")
		v.press("Save reminder", "months", "3").shows(200, at, "Reminder of access reviews: every 3 months.", "The next review is due on")
		v.open("/harbour/").lacks("A review of access is due")
		w.Clock.Advance(100 * 24 * time.Hour)
		mary.SignIn().Check()
		v = w.as(mary)
		v.open("/harbour/").shows(200, "/harbour/", "A review of access is due")
		v.open(at).shows(200, at, "A review is due.")
		v.post(at, "shown", joID+".1", "d-"+joID, "own").shows(422, at, "Choose for everybody whether they keep their access")
		v.post(at).shows(409, at, "Decide about 1 to 500 people at a time")
	})
}

func ptrTo[T any](v T) *T { return &v }
