package web

import (
	"encoding/csv"
	"strings"
	"testing"

	"hubline/product/account"
)

func TestTermsAreAskedAndKept(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		mary := w.Rig.Open("harbour")
		v, anybody := w.as(mary), w.browser("192.0.2.9")
		anybody.open("/terms").shows(200, "/terms", "has published no terms")
		anybody.open("/sign-in").lacks("Terms and privacy")
		v.open("/harbour/hub-users").shows(200, "/harbour/hub-users")

		staff := w.staff("ines@provider.example")
		staff.open("/console/terms").press("Publish for everybody", "terms", "", "privacy", "We keep your name").shows(422, "/console/terms", "Enter the terms of use")
		staff.press("Publish for everybody", "terms", "Be kind\n\nto others", "dated", "2026-11-25").shows(200, "/console/terms", "Version 1 is published", "0 people")
		staff.press("Publish for everybody").shows(422, "/console/terms", "Both texts are those of version 1")
		anybody.open("/sign-in").shows(200, "/sign-in", "Terms and privacy")
		anybody.open("/terms").shows(200, "/terms", "Version 1 of 25 November 2026", "Be kind", "We keep your name").lacks("Accept and go on")

		v.open("/harbour/hub-users").shows(200, "/terms", "Be kind", "Accept and go on")
		v.press("Accept and go on").shows(422, "/terms", "Tick that you accept")
		v.press("Accept and go on", "accept", "on").shows(200, "/harbour/hub-users")
		v.open("/profile").shows(200, "/profile", "Terms of use and privacy, version 1", "accepted")
		v.open("/terms").lacks("Accept and go on")

		// New people accept with the form that makes them members.
		_, token := w.Invite(mary, "new@harbour.example", account.Billing)
		at := "/invitations/" + token
		anybody.open(at).shows(200, at, "I accept the terms of use and the privacy text", "Version 1 of 25 November 2026")
		anybody.press("Accept and join", "name", "New Comer", "password", "quince tram wattle 14").shows(422, at, "Tick that you accept")
		if _, form := anybody.form("Accept and join"); form.Get("name") != "New Comer" {
			t.Errorf("the form lost what was typed: %q", form)
		}
		anybody.press("Accept and join", "password", "quince tram wattle 14", "accept", "on").shows(200, "/harbour/", "Welcome to Harbour Group")

		table, err := csv.NewReader(strings.NewReader(staff.open("/console/terms/acceptances.csv").body)).ReadAll()
		if err != nil || len(table) != 3 || table[0][2] != "Version" || table[1][2] != "1" {
			t.Errorf("the file holds %q, %v", table, err)
		}
		staff.open("/console/terms").press("Publish for everybody", "terms", "Be kinder").shows(200, "/console/terms", "Version 2 is published", "2 people")
		anybody.open("/harbour/").shows(200, "/terms", "Be kinder", "Version 2")
		anybody.open("/terms?version=1").shows(200, "/terms", "Be kind", "Version 1").lacks("Accept and go on")
		anybody.open("/terms?version=9").shows(404, "/terms")
	})
}
