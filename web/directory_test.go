package web

import (
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// An admin turns directory sync on, sees the token once, replaces it and turns it off; each counts at once.
func TestDirectorySync(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		admin := w.Open("harbour")
		v := w.as(admin)
		works := func(token string) bool {
			_, err := w.UseDirectory(t.Context(), token, accounttest.Address)
			return err == nil
		}
		token := func() string {
			_, rest, _ := strings.Cut(v.body, `data-copy="`)
			secret, _, _ := strings.Cut(rest, `"`)
			return secret
		}
		v.open("/harbour/settings").shows(200, "/harbour/settings", "Directory sync of this account")
		v.open("/harbour/settings/directory").shows(200, "/harbour/settings/directory", "Turn on").lacks("Turn off")
		v.press("Turn on", "domains", "not a domain").shows(422, "/harbour/settings/directory", "is not a domain")
		v.press("Turn on", "domains", "harbour.example", "access", "admin").shows(422, "/harbour/settings/directory", "make everybody an admin")
		v.press("Turn on", "domains", "harbour.example", "access", "billing", "days", "90").shows(200, "/harbour/settings/directory", "It is shown this once", "/scim/v2")
		first := token()
		if !works(first) {
			t.Fatalf("the token %q that the page shows does not work", first)
		}
		v.open("/harbour/settings/directory").shows(200, "/harbour/settings/directory", "Stops working", "Turn off directory sync").lacks(first)
		v.press("Save changes", "domains", "harbour.example, second.example").shows(200, "/harbour/settings/directory", "Directory sync is changed")
		v.press("Make a new token", "days", "30").shows(200, "/harbour/settings/directory/token", "It is shown this once")
		if second := token(); works(first) || !works(second) {
			t.Error("a new token does not take the place of the old one")
		}
		g, err := w.MakeGroup(t.Context(), admin.Actor(), account.NewGroup{Name: "Leads", Roles: account.Roles{account.Admin}})
		if err != nil {
			t.Fatal(err)
		}
		v.open("/harbour/groups/"+g.ID).press("Let the directory decide who is in it").shows(200, "/harbour/groups/*", "The directory now decides who is in Leads")
		v.press("Take back from the directory").shows(200, "/harbour/groups/*", "no longer decides")
		v.open("/harbour/settings/directory/off").shows(200, "/harbour/settings/directory/off", "Turn off directory sync?")
		v.press("Turn off").shows(200, "/harbour/settings/directory", "Directory sync is off")
		v.open("/harbour/settings/directory/off").shows(404, "/harbour/settings/directory/off")
		v.open("/harbour/audit-log").shows(200, "/harbour/audit-log", "turned directory sync off", "made a new token for directory sync")
	})
}
