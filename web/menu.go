package web

import (
	"slices"
	"strings"
)

// entry is one line of the menu. Who sees it is decided by the route that its path leads to, so a line can never promise a page
// that answers "no permission", and a page that does not exist yet has no line.
type entry struct {
	label string
	icon  string
	path  string // below the account; below "/" for the console and the profile
	under []entry
}

// portalMenu, consoleMenu and profileMenu are in the order in which people learn them; nothing moves.
var (
	portalMenu = []entry{
		{label: "Home", icon: "home", path: ""},
		{label: "Phone System", icon: "phone", under: []entry{
			{label: "Phone users", path: "phone-users"},
		}},
		{label: "Phone Numbers", icon: "hash", path: "numbers"},
		{label: "Reports", icon: "chart", under: []entry{
			{label: "Inbound calls", path: "reports/inbound-calls"},
			{label: "Outbound calls", path: "reports/outbound-calls"},
			{label: "All calls", path: "reports/all-calls"},
			{label: "Calls now", path: "calls"},
		}},
		{label: "Account", icon: "users", under: []entry{
			{label: "Hub users", path: "hub-users"},
			{label: "Groups", path: "groups"},
			{label: "Access review", path: "access-review"},
			{label: "What each role can do", path: "roles"},
			{label: "API keys", path: "api-keys"},
			{label: "Webhooks", path: "webhooks"},
			{label: "Settings", path: "settings"},
			{label: "Audit log", path: "audit-log"},
		}},
		{label: "Support", icon: "help", under: []entry{
			{label: "Requests", path: "support"},
			{label: "Let support in", path: "support/visits"},
			{label: "Support PIN", path: "support/pin"},
		}},
	}
	consoleMenu = []entry{
		{label: "Accounts", icon: "building", path: "console/accounts"},
		{label: "Requests", icon: "help", path: "console/requests"},
		{label: "Support PIN", icon: "key", path: "console/pin"},
		{label: "Staff", icon: "users", path: "console/staff"},
		{label: "Jobs", icon: "clock", path: "console/jobs"},
		{label: "Terms", icon: "shield", path: "console/terms"},
		{label: "Audit", icon: "list", path: "console/audit-log"},
	}
	profileMenu = []entry{
		{label: "Your details", icon: "user", path: "profile"},
		{label: "Security", icon: "key", path: "profile/security"},
	}
	consoleLink = []entry{{label: "Console", icon: "building", path: "console/accounts"}}
	// actions are the palette's verbs: things people do often, by the words they would type.
	actions = []entry{
		{label: "Invite people", icon: "plus", path: "hub-users/invite"},
		{label: "Invite people by a list (CSV)", icon: "up", path: "hub-user-imports"},
		{label: "Make a group", icon: "plus", path: "groups/new"},
		{label: "Add phone user", icon: "plus", path: "phone-users/new"},
		{label: "Make an API key", icon: "plus", path: "api-keys/new"},
		{label: "Add a webhook", icon: "plus", path: "webhooks/new"},
		{label: "Ask for more phone users", icon: "help", path: "support/more"},
		{label: "New request to your provider", icon: "help", path: "support/new"},
		{label: "Create an account", icon: "plus", path: "console/accounts/new"},
	}
)

// MenuLine is one line of the side menu as one viewer sees it on one page.
type MenuLine struct {
	Label   string
	Icon    string
	Path    string
	Current bool
	Open    bool
	Under   []MenuLine
}

// lead fills in everything that shows the way: menu, palette, event stream.
func (p *Portal) lead(v *View, at string) {
	base, menu := "/", profileMenu
	switch {
	case v.Account != nil:
		base, menu = "/"+v.Account.Slug+"/", portalMenu
		v.Palette = base + "palette"
		if p.leads(base+"palette/people", v.Viewer) {
			v.People = base + "palette/people"
		}
		if p.leads(base+"events", v.Viewer) {
			v.Events = base + "events"
		}
	case v.Console:
		menu, v.Palette = consoleMenu, "/console/palette"
	default:
		v.Palette = "/palette"
	}
	current := strings.TrimPrefix(at, base)
	if v.Section != "" {
		current = v.Section
	}
	v.Menu = p.lines(menu, base, current, v.Viewer)
	if v.Account != nil {
		v.here = strings.TrimPrefix(marked(v.Menu), base)
		v.pins(at, base)
	}
	v.ProfileMenu = p.lines(profileMenu, "/", "", v.Viewer)
	if v.Viewer.Staff && !v.Console {
		v.ProfileMenu = append(v.ProfileMenu, p.lines(consoleLink, "/", "", v.Viewer)...)
	}
}

// marked is the path of the line that is current.
func marked(lines []MenuLine) string {
	for _, line := range lines {
		if path := marked(line.Under); path != "" {
			return path
		}
		if line.Current {
			return line.Path
		}
	}
	return ""
}

// lines filters the table by rights. A section leads to the first of its pages that the viewer may see.
func (p *Portal) lines(menu []entry, base, current string, viewer *Viewer) []MenuLine {
	var lines []MenuLine
	for _, e := range menu {
		line := MenuLine{Label: e.label, Icon: e.icon, Path: base + e.path, Current: within(current, e.path)}
		if e.under != nil {
			line.Current = false
			if line.Under = p.lines(e.under, base, current, viewer); line.Under == nil {
				continue
			}
			line.Path = line.Under[0].Path
			for _, under := range line.Under {
				line.Open = line.Open || under.Current
			}
		} else if !p.leads(line.Path, viewer) {
			continue
		}
		lines = append(lines, line)
	}
	for i := range lines { // only the longest fit is current: /profile/security is not /profile
		for j := range lines {
			if lines[i].Current && lines[j].Current && len(lines[j].Path) > len(lines[i].Path) {
				lines[i].Current = false
			}
		}
	}
	return lines
}

func within(current, path string) bool {
	return current == path || path != "" && strings.HasPrefix(current, path+"/")
}

// leads reports whether a path has a page and the viewer may open it.
func (p *Portal) leads(path string, viewer *Viewer) bool {
	rt := p.find(path)
	return rt != nil && rt.Access.Allows(viewer)
}

// find returns the route that answers GET at a path without parameters but for the account in front.
func (p *Portal) find(path string) *Route {
	slug, after, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if p.words[slug] {
		return p.gets[path]
	}
	return p.gets["/{account}/"+after]
}

// paletteEntry is one thing that the command palette can do.
type paletteEntry struct {
	Label string `json:"label"`
	Kind  string `json:"kind"`
	Icon  string `json:"icon"`
	Path  string `json:"path"`
}

// palette lists where this viewer can go and what they can start, for the command palette.
func (p *Portal) palette(r *Request) error {
	v := r.view(Page{})
	base := "/"
	if v.Account != nil {
		base = "/" + v.Account.Slug + "/"
	}
	entries := []paletteEntry{}
	add := func(kind, icon, label, path string) {
		if p.leads(path, r.Viewer) {
			entries = append(entries, paletteEntry{label, kind, icon, path})
		}
	}
	page := func(icon, label, path string) {
		if !slices.ContainsFunc(v.Favourites, func(f favourite) bool { return f.Path == path }) {
			add("Page", icon, label, path)
		}
	}
	for _, f := range v.Favourites {
		add("Favourite", f.Icon, f.Label, f.Path)
	}
	for _, e := range actions {
		if strings.HasPrefix(e.path, "console/") == (v.Account == nil) {
			add("Action", e.icon, e.label, base+e.path)
		}
	}
	for _, line := range v.Menu {
		for _, under := range line.Under {
			page(line.Icon, under.Label, under.Path)
		}
		if line.Under == nil {
			page(line.Icon, line.Label, line.Path)
		}
	}
	if v.Account != nil {
		page(favouritesEntry.icon, favouritesEntry.label, base+favouritesEntry.path)
	}
	for _, e := range profileMenu {
		page(e.icon, e.label, "/"+e.path)
	}
	for _, a := range r.Viewer.Accounts {
		if v.Account == nil || a.Slug != v.Account.Slug {
			entries = append(entries, paletteEntry{a.Name + " · " + a.Number, "Account", "building", "/" + a.Slug + "/"})
		}
	}
	if v.Account != nil {
		add("Search", "find", "Find “{q}” in Hub users", base+"hub-users")
		if last := len(entries) - 1; last >= 0 && entries[last].Kind == "Search" {
			entries[last].Path += "?q={q}"
		}
	}
	return r.JSON(entries)
}
