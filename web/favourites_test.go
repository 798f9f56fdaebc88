package web

import (
	"strings"
	"testing"

	"hubline/product/account"
)

// Pages of the menu can be pinned: they stand on top of the menu and come first in the palette, for this person in this account only, and
// only as long as the menu has them for that person.
func TestFavourites(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		jo := w.Join(admin, "jo@harbour.example", account.Admin)
		v := w.as(jo)
		v.open("/harbour/").shows(200, "*", "Home").lacks("Add to favourites", "Favourites")
		v.open("/harbour/hub-users?status=active").press("Add to favourites", "do", "add").shows(200, "/harbour/hub-users", "Favourites", "Remove from favourites")
		v.open("/harbour/reports/inbound-calls").press("Add to favourites", "do", "add")
		v.open("/harbour/hub-users/" + admin.ID()).lacks("Add to favourites") // no page of the menu
		v.open("/harbour/favourites").shows(200, "*", "Your own pages of")
		if got := v.pins(); got != "Hub users, Inbound calls" {
			t.Errorf("pinned are %s", got)
		}
		v.press("Move Inbound calls Up", "do", "up").shows(200, "/harbour/favourites", "Move Hub users Up")
		v.press("Add What each role can do", "do", "add")
		if got := v.open("/harbour/palette").body; !strings.HasPrefix(got, `[{"label":"Inbound calls","kind":"Favourite"`) || strings.Count(got, `"Hub users"`) != 1 {
			t.Errorf("the palette is %.300s", got)
		}
		w.as(admin).open("/harbour/numbers").lacks("Favourites")

		if _, err := w.ChangeHubUser(t.Context(), admin.Check().Actor(), jo.ID(), account.Change{Roles: &account.Roles{}}, 0); err != nil {
			t.Fatal(err)
		}
		v.open("/harbour/favourites")
		if got := v.pins(); got != "Inbound calls, What each role can do" {
			t.Errorf("without access to people %s is shown", got)
		}
		v.post("/harbour/favourites", "do", "add", "page", "hub-users").shows(200, "/harbour/favourites", "Choose a page of the menu")
		v.post("/harbour/favourites", "do", "burn", "page", "numbers").shows(200, "/harbour/favourites", "Choose what to do")
		v.post("/harbour/favourites", "do", "remove", "page", "reports/inbound-calls", "next", "//elsewhere.example/").shows(200, "/harbour/favourites", "What each role can do").lacks("Move")
	})
}

// pins are the names of the viewer's favourites, as the page lists them.
func (v *visitor) pins() string {
	_, said, _ := strings.Cut(v.body, `data-say="Your favourites: `)
	said, _, _ = strings.Cut(said, `"`)
	return said
}

// Twelve favourites are the most; the page says so and offers none to add.
func TestFavouritesAreFull(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		v := w.as(admin)
		pages := pinnable(w.portal.lines(portalMenu, "/harbour/", "", &Viewer{Actor: admin.Actor(), Account: &Account{Slug: "harbour"}, Can: func(string) bool { return true }}), "/harbour/")
		for _, f := range pages[:account.FavouritesMost] {
			v.post("/harbour/favourites", "do", "add", "page", f.Page)
		}
		v.shows(200, "/harbour/favourites", "12 favourites is the most").lacks("Add " + pages[account.FavouritesMost].Label)
		v.open(pages[account.FavouritesMost].Path).press("Add to favourites", "do", "add").shows(200, "/harbour/favourites", "You have 12 favourites, which is the most. Remove one to add another.")
	})
}
