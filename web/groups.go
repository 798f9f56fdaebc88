package web

import (
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// groupList is the page "Groups".
type groupList struct {
	Find  Find
	Rows  []groupRow
	Pages pages
	Tally string
	Empty *Empty
}

type groupRow struct {
	account.Group
	Path string
}

// groups shows the account's groups and what they give.
func (p *Portal) groups(r *Request) error {
	f := account.GroupFilter{Search: strings.TrimSpace(r.URL.Query().Get("q")), After: r.URL.Query().Get("after")}
	rows, next, err := p.Account.Groups(r.Context(), r.Viewer.Actor, f)
	if fault.Is(err, fault.Invalid) {
		return r.Redirect(r.URL.Path)
	}
	if err != nil {
		return err
	}
	page := r.to("groups")
	list := &groupList{Tally: count(len(rows), "group"), Find: Find{Path: page, Value: f.Search, Label: "Search groups by name", Hint: "Name", Target: "rows"}}
	list.Pages = r.pages(next)
	for _, g := range rows {
		list.Rows = append(list.Rows, groupRow{g, r.to("groups", g.ID)})
	}
	switch {
	case len(rows) > 0:
	case f.Search != "" || f.After != "":
		list.Tally = "No group matches"
		list.Empty = &Empty{Kind: "none", Title: "No group matches “" + f.Search + "”", Text: "Check the spelling, or look at all groups.", Label: "Show all groups", Path: page}
	default:
		list.Empty = &Empty{Kind: "first", Icon: "users", Title: "No groups yet", Text: "A group gives the same access to several people and changes it for all of them at once. People you know by name need none.", Label: "Make a group", Path: r.to("groups", "new")}
	}
	return r.Render("account/groups.html", Page{Title: "Groups", Crumbs: accountCrumbs(r), Data: list})
}

// groupForm is what an admin decides about a group.
type groupForm struct {
	Name      string   `form:"name"`
	Roles     []string `form:"roles"`
	Version   string   `form:"version,hidden"`
	Confirmed bool     `form:"confirmed,hidden"` // giving up one's own admin access was asked about
}

// groupCards are the choice of what a group gives.
func groupCards(r *Request) roleCards {
	says := map[string][2]string{}
	for _, roles := range roleSets() {
		text := groupGives(roles)
		says[strings.Join(roles.Words(), ",")] = [2]string{text, text}
	}
	chosen, _ := account.ParseRoles(r.Form.values["roles"])
	return roleCards{r.Form, sentencesJSON(says), groupGives(chosen)}
}

func groupGives(roles account.Roles) string {
	if len(roles) == 0 {
		return "Everybody in it keeps what they have from elsewhere, and gets nothing more."
	}
	return roles.Sentence("Everybody in it", false)
}

// newGroup shows the form for a group.
func (p *Portal) newGroup(r *Request) error {
	if err := r.Viewer.Actor.Require(account.ChangeHubUsers); err != nil {
		return err
	}
	r.Fill(groupForm{})
	return r.Render("account/new-group.html", Page{Title: "Make a group", Section: "groups",
		Crumbs: accountCrumbs(r, Link{"Groups", r.to("groups")}), Data: groupCards(r)})
}

func (p *Portal) makeGroup(r *Request) error {
	var in groupForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.newGroup)
	}
	roles, err := account.ParseRoles(in.Roles)
	if err != nil {
		return r.Again(err, p.newGroup)
	}
	g, err := p.Account.MakeGroup(r.Context(), r.Viewer.Actor, account.NewGroup{Name: in.Name, Roles: roles})
	if err != nil {
		return r.Again(err, p.newGroup)
	}
	return r.Go(r.to("groups", g.ID, "people"), Banner{Text: "The group " + g.Name + " is made. Nobody is in it yet.", More: "Choose who belongs to it."})
}

// groupPage is one group with its people.
type groupPage struct {
	account.Group
	Cards       roleCards
	Find        Find
	People      []memberRow
	Searched    string
	Pages       pages
	Tally       string
	Meanwhile   *meanwhile
	Handed      bool   // it can be handed to the account's directory
	Add, Delete string // addresses
	History     string
}

type memberRow struct {
	account.HubUser
	Path, Remove string
	You          bool
}

// group shows one group.
func (p *Portal) group(r *Request) error { return p.groupPage(r, nil) }

func (p *Portal) groupPage(r *Request, m *meanwhile) error {
	g, err := p.Account.GroupByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	f := account.MemberFilter{Search: strings.TrimSpace(r.URL.Query().Get("q")), After: r.URL.Query().Get("after")}
	people, next, err := p.Account.GroupPeople(r.Context(), r.Viewer.Actor, g.ID, f)
	page := r.to("groups", g.ID)
	if fault.Is(err, fault.Invalid) {
		return r.Redirect(page)
	}
	if err != nil {
		return err
	}
	r.Fill(groupForm{Name: g.Name, Roles: g.Roles.Words()})
	data := groupPage{Group: g, Cards: groupCards(r), Meanwhile: m, Searched: f.Search, Tally: count(g.People, "person", "people"),
		Find: Find{Path: page, Value: f.Search, Label: "Search this group by name or email", Hint: "Name, email", Target: "rows"},
		Add:  r.to("groups", g.ID, "people"), Delete: r.to("groups", g.ID, "deletion"), History: r.to("audit-log") + "?about=" + g.ID}
	data.Pages = r.pages(next)
	if r.may(account.ViewSettings) {
		s, err := p.Account.Directory(r.Context(), r.Viewer.Actor)
		if err != nil {
			return err
		}
		data.Handed = s.On
	}
	for _, u := range people {
		data.People = append(data.People, memberRow{u, r.to("hub-users", u.ID), r.to("groups", g.ID, "people", u.ID, "removal"), u.ID == r.Viewer.Actor.MembershipID})
	}
	return r.Render("account/group.html", Page{Title: g.Name, Section: "groups", Crumbs: accountCrumbs(r, Link{"Groups", r.to("groups")}), Data: data})
}

// saveGroup changes name and access of a group. It counts from the next request of everybody in it.
func (p *Portal) saveGroup(r *Request) error {
	var in groupForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.group)
	}
	roles, err := account.ParseRoles(in.Roles)
	if err != nil {
		return r.Again(err, p.group)
	}
	before, err := p.Account.GroupByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !roles.Has(account.Admin) && !in.Confirmed {
		if asked, err := p.askAboutOwnGroup(r, in, before); asked || err != nil {
			return err
		}
	}
	after, err := p.Account.ChangeGroup(r.Context(), r.Viewer.Actor, before.ID, account.GroupChange{Name: &in.Name, Roles: &roles}, version(in.Version))
	if fault.Is(err, fault.Changed) {
		m, err := p.meanwhile(r, before.ID, before.Version-version(in.Version))
		if err != nil {
			return err
		}
		r.conflict(m)
		return p.groupPage(r, m)
	}
	if err != nil {
		return r.Again(about(err, "roles"), p.group)
	}
	return r.Go(r.to("groups", after.ID), savedGroup(before, after))
}

func savedGroup(before, after account.Group) Banner {
	counts := "It counts from the next click of " + count(after.People, "person", "people") + "."
	switch {
	case !before.Roles.Equal(after.Roles):
		return Banner{Text: after.Name + " now gives " + gives(after.Roles) + " (was " + gives(before.Roles) + ").", More: counts}
	case before.Name != after.Name:
		return Banner{Text: before.Name + " is now called " + after.Name + "."}
	}
	return Banner{Kind: "info", Text: "Nothing was different, so nothing was changed."}
}

// gives names what a group adds.
func gives(roles account.Roles) string {
	if len(roles) == 0 {
		return "nothing more"
	}
	return roles.String()
}

// Gives names what the group adds.
func (g groupRow) Gives() string {
	if len(g.Roles) == 0 {
		return "Nothing more"
	}
	return gives(g.Roles)
}

// ownAdminEnds reports whether the viewer is an admin by this group alone.
func (p *Portal) ownAdminEnds(r *Request, g account.Group) (bool, error) {
	if !g.Roles.Has(account.Admin) {
		return false, nil
	}
	u, err := p.Account.HubUserByID(r.Context(), r.Viewer.Actor, r.Viewer.Actor.MembershipID)
	if err != nil {
		return false, err
	}
	mine, elsewhere := false, u.Own.Has(account.Admin)
	for _, other := range u.Groups {
		mine = mine || other.ID == g.ID
		elsewhere = elsewhere || other.ID != g.ID && other.Roles.Has(account.Admin)
	}
	return mine && !elsewhere, nil
}

// askAboutOwnGroup asks before somebody gives up their own admin access by what a group gives.
func (p *Portal) askAboutOwnGroup(r *Request, in groupForm, g account.Group) (asked bool, err error) {
	if asked, err = p.ownAdminEnds(r, g); !asked || err != nil {
		return false, err
	}
	text := "You are an admin by this group alone. You will not be able to change users, settings, phones or call flows, nor will others in it who are admins by it alone."
	return true, r.Render("account/give-up.html", Page{Title: "Give up your admin access?", Section: "groups", Crumbs: accountCrumbs(r, Link{"Groups", r.to("groups")}, Link{g.Name, r.to("groups", g.ID)}),
		Data: giveUpPage{hubUserForm{Name: in.Name, Roles: in.Roles, Version: in.Version}, text, r.to("groups", g.ID)}})
}
