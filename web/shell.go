package web

import "html/template"

// The frame around every page is written here, without reflection: it stands on each of them.

// Nav writes the side menu: the account one is in, with the way to others, and the pages that the viewer may open.
func (v *View) Nav() template.HTML {
	m := v.portal.markup()
	m.raw(`<nav class="nav" id="nav" popover aria-label="Main">` + "\n")
	if v.Switches() {
		m.raw(`<button class="acct" type="button" popovertarget="accounts">`).place(v).icon("swap").raw("</button>\n").accounts(v)
	} else {
		m.raw(`<div class="acct">`).place(v).raw(`</div>`)
	}
	m.raw("\n<ul>").favourites(v)
	for _, line := range v.Menu {
		m.raw("\n<li>").line(line, true)
		if line.Open {
			m.raw(`<ul>`)
			for _, under := range line.Under {
				m.raw("\n<li>").line(under, false).raw(`</li>`)
			}
			m.raw(`</ul>`)
		}
		m.raw(`</li>`)
	}
	m.raw("\n</ul>\n</nav>").onto(v.out)
	return ""
}

// favourites is what the viewer pinned. The line is there without any too, so that a star can fill it.
func (m *markup) favourites(v *View) *markup {
	if v.Account == nil {
		return m
	}
	if len(v.Favourites) == 0 {
		return m.raw("\n" + `<li id="favourites" hidden></li>`)
	}
	path := v.URL(favouritesEntry.path)
	m.raw("\n"+`<li id="favourites">`).line(MenuLine{Label: favouritesEntry.label, Icon: favouritesEntry.icon, Path: path, Current: v.Path == path, Open: true}, true).raw(`<ul>`)
	for _, f := range v.Favourites {
		m.raw("\n<li>").line(MenuLine{Label: f.Label, Path: f.Path}, false).raw(`</li>`)
	}
	return m.raw(`</ul></li>`)
}

// line is one link of the side menu.
func (m *markup) line(line MenuLine, icon bool) *markup {
	m.raw(`<a href="`).address(line.Path).raw(`"`)
	switch {
	case line.Current:
		m.raw(` aria-current="page"`)
	case line.Open:
		m.raw(` class="open"`)
	}
	m.raw(`>`)
	if icon {
		m.icon(line.Icon)
	}
	return m.text(line.Label).raw(`</a>`)
}

// mark is the square with an account's initials.
func (m *markup) mark(letters string) *markup {
	return m.raw(`<span class="mark" aria-hidden="true">`).text(letters).raw(`</span>`)
}

// place says where one is: the account, the console or one's own pages.
func (m *markup) place(v *View) *markup {
	if v.Account != nil {
		m.mark(v.Account.Initials()).raw(`<span>`)
		if v.Switches() {
			m.raw(`<span class="sr">Switch account. You are in </span>`)
		}
		return m.raw(`<b>`).text(v.Account.Name).raw(`</b><small>Account `).text(v.Account.Number).raw(`</small></span>`)
	}
	m.mark(initials(v.Provider)).raw(`<span><b>`).text(v.Provider).raw(`</b><small>`)
	if v.Console {
		m.raw(`Console`)
	} else {
		m.raw(`Your profile`)
	}
	m.raw(`</small>`)
	if v.Switches() {
		m.raw(`<span class="sr">. Go to an account</span>`)
	}
	return m.raw(`</span>`)
}

// findFrom is from how many accounts on the switcher can be searched and has a page of its own.
const findFrom = 7

// accounts is what the switcher opens.
func (m *markup) accounts(v *View) *markup {
	list := v.Viewer.Accounts
	m.raw(`<div class="menu start accounts" id="accounts" popover>` + "\n")
	if len(list) >= findFrom {
		m.raw(`<div class="find js">`).icon("find").raw(`<input type="search" aria-label="Find an account" placeholder="Find an account" data-filter="accounts-list" autocomplete="off"></div>` + "\n")
	}
	m.raw(`<ul id="accounts-list">`)
	for _, a := range list {
		m.raw("\n" + `<li><a href="`).address(v.Same(a.Slug)).raw(`"`)
		if v.Account != nil && a.Slug == v.Account.Slug {
			m.raw(` aria-current="true"`)
		}
		m.raw(`>`).mark(a.Initials()).raw(`<span><b>`).text(a.Name).raw(`</b><small>`).text(a.Number).raw(` · `).text(a.Access).raw(`</small></span></a></li>`)
	}
	m.raw("\n</ul>")
	if len(list) >= findFrom {
		m.raw(`<hr><a href="/accounts">All accounts</a>`)
	}
	return m.raw(`</div>`)
}

// Profile writes the button with the viewer's initials and what it opens.
func (v *View) Profile() template.HTML {
	m := v.portal.markup()
	m.raw(`<button class="btn face-btn" type="button" popovertarget="profile"><span class="face" aria-hidden="true">`).text(v.Viewer.Initials())
	m.raw(`</span><span class="sr">Your profile, `).text(v.Viewer.Name).raw("</span></button>\n")
	m.raw(`<div class="menu" id="profile" popover>` + "\n" + `<p class="me">`).text(v.Viewer.Name).raw(`<small>`).text(v.Viewer.Email).raw("</small></p><hr>\n")
	for _, line := range v.ProfileMenu {
		m.line(line, true)
	}
	m.raw("\n" + `<hr><form method="post" action="/sign-out"><button>`).icon("out").raw("Sign out</button></form>\n</div>").onto(v.out)
	return ""
}
