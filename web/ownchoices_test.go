package web

import (
	"testing"

	"hubline/product/account"
)

// Somebody's own time zone and form of telephone numbers hold on every page of every account, and for nobody else.
func TestOwnTimesAndNumbers(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example", account.Admin)
		if _, err := w.numbers.Assign(t.Context(), account.Operate().Inside(admin.Account), "02 5550 0142", "Main"); err != nil {
			t.Fatal(err)
		}
		v := w.as(jo)
		v.open("/harbour/numbers").shows(200, "*", "02 5550 0142")
		v.open("/harbour/hub-users").shows(200, "*", "Sydney time")
		v.open("/profile").press("Save changes", "name", "Jo", "time_zone", "Europe/Vienna", "numbers", "international").shows(200, "/profile", "Your details are changed")
		v.open("/harbour/numbers").shows(200, "*", "+61 2 5550 0142").lacks("02 5550 0142")
		v.open("/harbour/hub-users").shows(200, "*", "Vienna time").lacks("Sydney time")
		v.open("/harbour/numbers/+61255500142").shows(200, "*", "+61 2 5550 0142")
		v.open("/profile").press("Save changes", "name", "Jo", "time_zone", "Mars/Olympus", "numbers", "roman").shows(422, "*", "Choose a time zone", "Choose how telephone numbers")
		v.open("/profile").press("Save changes", "name", "Jo", "time_zone", "", "numbers", "e164")
		v.open("/harbour/numbers").shows(200, "*", "61255500142").lacks("+61 2")
		w.as(admin).open("/harbour/numbers").shows(200, "*", "02 5550 0142")
	})
}

// What somebody switched off is not mailed to them, and goes on to others; mails about their own access always come.
func TestOwnMails(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		clerk := w.Join(admin, "clerk@harbour.example")
		w.as(clerk).open("/profile").shows(200, "*", "Your details").lacks("Somebody accepted an invitation")
		v := w.as(admin)
		v.open("/profile").shows(200, "*", "Somebody accepted an invitation of yours", "A review of access is due").
			press("Save emails", "mails", string(account.MailReviews)).shows(200, "/profile", "Your emails are changed")
		off, err := w.OwnMails(t.Context(), admin.Actor())
		if err != nil || len(off) != len(account.Topics)-1 {
			t.Errorf("off are %v, %v", off, err)
		}
		w.RunJobs()
		before := len(w.Box.Mails())
		w.Join(admin, "jo@harbour.example")
		w.RunJobs()
		for _, m := range w.Box.Mails()[before:] {
			if m.To == admin.Email {
				t.Errorf("%q was mailed although it is switched off", m.Subject)
			}
		}
		for _, id := range []string{`id="mails"`, `id="mails-error"`} { // where the summary leads
			v.post("/profile/mails", "mails", "x\x00").shows(422, "/profile/mails", "There is a problem").holds(id)
		}
		v.open("/profile").press("Save emails", "mails", string(account.MailJoined))
		w.Join(admin, "lee@harbour.example")
		w.RunJobs()
		told := 0
		for _, m := range w.Box.Mails()[before:] {
			if m.To == admin.Email {
				told++
			}
		}
		if told != 1 {
			t.Errorf("switched on again, %d mails came", told)
		}
	})
}
