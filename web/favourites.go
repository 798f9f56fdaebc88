package web

import (
	"html/template"
	"slices"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// favouritesEntry is the section that people fill themselves, above the others; it is there once it holds something.
var favouritesEntry = entry{label: "Favourites", icon: "star", path: "favourites"}

// favourite is a page of the menu that the viewer may pin or has pinned.
type favourite struct {
	MenuLine
	Page string // its path below the account
}

// pinnable are the pages that the viewer may pin: those of their menu, but for the home page, which is the first anyway.
func pinnable(menu []MenuLine, base string) (list []favourite) {
	for _, line := range menu {
		under := line.Under
		if under == nil && line.Path != base {
			under = []MenuLine{line}
		}
		for _, l := range under {
			list = append(list, favourite{MenuLine{Label: l.Label, Icon: line.Icon, Path: l.Path}, strings.TrimPrefix(l.Path, base)})
		}
	}
	return list
}

// pinned are the pages that the viewer pinned, in their order. What they may not open any more is left out, and comes back with the right.
func pinned(viewer *Viewer, pages []favourite) (list []favourite) {
	for _, own := range viewer.Actor.Favourites {
		if i := slices.IndexFunc(pages, func(f favourite) bool { return f.Page == own }); i >= 0 {
			list = append(list, pages[i])
		}
	}
	return list
}

// star says whether the page is one of the viewer's favourites.
type star struct {
	page string
	on   bool
}

// pins fills in the viewer's favourites, and the star of a page of the menu. Who visits an account has no place of their own in it.
func (v *View) pins(at, base string) {
	if v.Viewer.Actor.Kind != account.Member || v.Viewer.Actor.Restricted() {
		return
	}
	pages := pinnable(v.Menu, base)
	v.Favourites = pinned(v.Viewer, pages)
	if i := slices.IndexFunc(pages, func(f favourite) bool { return f.Path == at }); i >= 0 {
		v.star = &star{pages[i].Page, slices.Contains(v.Viewer.Actor.Favourites, pages[i].Page)}
	}
}

// Star writes the button beside the title that pins the page, or takes it off again.
func (v *View) Star() template.HTML {
	if v.star == nil {
		return ""
	}
	class, do, words, said := literal("starred"), literal("add"), literal("Add to favourites"), literal("Removed from favourites")
	if v.star.on {
		class, do, words, said = "starred on", "remove", "Remove from favourites", "Added to favourites"
	}
	v.portal.markup().raw(`<form class="`).raw(class).raw(`" id="starred" method="post" action="`).address(v.URL(favouritesEntry.path)).raw(`" data-parts="#starred,#favourites" data-say="`).raw(said).raw(`"><input type="hidden" name="page" value="`).text(v.star.page).
		raw(`"><input type="hidden" name="next" value="`).address(v.Path).raw(`"><button class="btn quiet icon" id="star" name="do" value="`).raw(do).raw(`" title="`).raw(words).raw(`">`).
		icon("star").raw(`<span class="sr">`).raw(words).raw(`</span></button></form>`).onto(v.out)
	return ""
}

// favouritesPage is where favourites get their order.
type favouritesPage struct {
	Own   []favourite
	Other []favourite // what else could be pinned
	Full  bool
	Most  int
}

// Said is the order in words, for those who hear the page.
func (d favouritesPage) Said() string {
	if len(d.Own) == 0 {
		return "No favourites yet"
	}
	var names []string
	for _, f := range d.Own {
		names = append(names, f.Label)
	}
	return "Your favourites: " + strings.Join(names, ", ")
}

func (p *Portal) favourites(r *Request) error {
	if r.Viewer.Actor.Kind != account.Member {
		return fault.New(fault.Forbidden, "visit-excluded", "Staff can't do this in a customer's account. Its own admins can")
	}
	pages := p.pinnable(r)
	data := favouritesPage{Own: pinned(r.Viewer, pages), Full: len(r.Viewer.Actor.Favourites) >= account.FavouritesMost, Most: account.FavouritesMost}
	for _, f := range pages {
		if !slices.Contains(r.Viewer.Actor.Favourites, f.Page) {
			data.Other = append(data.Other, f)
		}
	}
	return r.Render("account/favourites.html", Page{Title: "Favourites", Data: data})
}

func (p *Portal) pinnable(r *Request) []favourite {
	base := r.to("")
	return pinnable(p.lines(portalMenu, base, "", r.Viewer), base)
}

// changeFavourites does what a star, or a button of the page of favourites, says, and leads back to where it stands.
func (p *Portal) changeFavourites(r *Request) error {
	var in struct {
		Page string `form:"page,hidden"`
		Do   string `form:"do,hidden"`
	}
	err := r.Decode(&in)
	if err == nil {
		err = p.changeFavourite(r, in.Page, in.Do)
	}
	if f, is := fault.Of(err); is && (f.Kind == fault.Invalid || f.Kind == fault.Conflict) { // nothing was typed that could be put right
		return r.Go(r.to(favouritesEntry.path), Banner{Kind: "warn", Text: f.Message + "."})
	}
	if err != nil {
		return err
	}
	if next := r.Next(); strings.HasPrefix(next, r.to("")) {
		return r.Redirect(next)
	}
	return r.Redirect(r.to(favouritesEntry.path))
}

func (p *Portal) changeFavourite(r *Request, page, do string) (err error) {
	pages, actor := p.pinnable(r), r.Viewer.Actor
	called := func(f favourite) bool { return f.Page == page }
	switch do {
	case "add":
		if !slices.ContainsFunc(pages, called) {
			page = "" // the room says what is wrong
		}
		_, err = p.Account.Pin(r.Context(), actor, page)
	case "remove":
		_, err = p.Account.Unpin(r.Context(), actor, page)
	case "up", "down":
		own, other := pinned(r.Viewer, pages), page
		i := slices.IndexFunc(own, called)
		if i >= 0 && do == "down" {
			i += 2
		}
		if 0 < i && i <= len(own) {
			other = own[i-1].Page // of those that the viewer sees
		}
		_, err = p.Account.SwapFavourites(r.Context(), actor, page, other)
	default:
		err = fault.New(fault.Invalid, "favourite-unknown", "Choose what to do with the page")
	}
	return err
}
