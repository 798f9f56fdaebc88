package web

import (
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// addPeopleForm is who is to join a group: ticked on the page, or named by address.
type addPeopleForm struct {
	People    []string `form:"people"`
	Addresses string   `form:"addresses"`
}

// addPeoplePage offers the hub users who are not in a group.
type addPeoplePage struct {
	Group     account.Group
	Find      Find
	People    []account.HubUser
	Pages     pages
	Everybody bool // nobody is left to add
	Searched  string
	Path      string // of the form
}

const addOffered = 100 // hub users on one page

// addPeople shows who can be added to a group.
func (p *Portal) addPeople(r *Request) error {
	g, err := p.Account.GroupByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	f := account.MemberFilter{Outside: true, Search: strings.TrimSpace(r.URL.Query().Get("q")), After: r.URL.Query().Get("after"), Limit: addOffered}
	people, next, err := p.Account.GroupPeople(r.Context(), r.Viewer.Actor, g.ID, f)
	page := r.to("groups", g.ID, "people")
	if fault.Is(err, fault.Invalid) {
		return r.Redirect(page)
	}
	if err != nil {
		return err
	}
	r.Fill(addPeopleForm{})
	data := addPeoplePage{Group: g, People: people, Searched: f.Search, Everybody: len(people) == 0 && f.Search == "" && f.After == "", Path: page,
		Find: Find{Path: page, Value: f.Search, Label: "Search hub users who are not in this group", Hint: "Name, email"}}
	data.Pages = r.pages(next)
	return r.Render("account/group-people.html", Page{Title: "Add people to " + g.Name, Section: "groups",
		Crumbs: accountCrumbs(r, Link{"Groups", r.to("groups")}, Link{g.Name, r.to("groups", g.ID)}), Data: data})
}

func (p *Portal) addToGroup(r *Request) error {
	var in addPeopleForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.addPeople)
	}
	who := account.Chosen{IDs: in.People}
	for _, offer := range account.ParseAddresses(in.Addresses) {
		who.Addresses = append(who.Addresses, offer.Email)
	}
	g, added, err := p.Account.AddToGroup(r.Context(), r.Viewer.Actor, r.PathValue("id"), who, 0)
	if err != nil {
		return r.Again(err, p.addPeople)
	}
	done := Banner{Text: count(added, "person", "people") + " added to " + g.Name + ".", More: "What it gives counts from their next click: " + gives(g.Roles) + "."}
	if added == 0 {
		done = Banner{Kind: "info", Text: "Everybody you chose is in " + g.Name + " already."}
	}
	return r.Go(r.to("groups", g.ID), done)
}

// askToLeave asks before somebody is taken out of a group.
func (p *Portal) askToLeave(r *Request) error {
	g, err := p.Account.GroupByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	u, err := p.Account.HubUserByID(r.Context(), r.Viewer.Actor, r.PathValue("member"))
	if err != nil {
		return err
	}
	text := "They keep what they have from elsewhere, and lose what only this group gives them: " + gives(g.Roles) + ". It counts from their next click."
	if own, err := p.ownAdminEnds(r, g); err != nil {
		return err
	} else if own && u.ID == r.Viewer.Actor.MembershipID {
		text = "This is you. You are an admin by this group alone and give up your admin access: you will not be able to change users, settings, phones or call flows."
	}
	return p.confirmGroup(r, g, Confirm{Title: "Take " + u.Label() + " out of " + g.Name + "?", Text: text, Keep: "Keep in group", Do: "Take out", Busy: "Taking out…"})
}

func (p *Portal) confirmGroup(r *Request, g account.Group, c Confirm) error {
	c.Path, c.Next = r.URL.Path, r.to("groups", g.ID)
	return r.Render("account/confirm.html", Page{Title: c.Title, Section: "groups",
		Crumbs: accountCrumbs(r, Link{"Groups", r.to("groups")}, Link{g.Name, r.to("groups", g.ID)}), Data: c})
}

func (p *Portal) takeFromGroup(r *Request) error {
	member := r.PathValue("member")
	u, err := p.Account.HubUserByID(r.Context(), r.Viewer.Actor, member)
	if err != nil {
		return err
	}
	g, err := p.Account.TakeFromGroup(r.Context(), r.Viewer.Actor, r.PathValue("id"), []string{member}, 0)
	if err != nil {
		return r.Again(err, p.group)
	}
	return r.Go(p.afterOwn(r, "groups", g.ID), Banner{Text: u.Label() + " is no longer in " + g.Name + ".", More: "It counts from their next click."})
}

// afterOwn is where a change of groups leads: home, when the viewer may no longer see groups.
func (p *Portal) afterOwn(r *Request, parts ...string) string {
	now, err := p.Account.Again(r.Context(), r.Viewer.Actor)
	if err != nil || !now.Can(account.ChangeHubUsers) {
		return r.to("")
	}
	return r.to(parts...)
}

// askDeleteGroup asks before a group is deleted.
func (p *Portal) askDeleteGroup(r *Request) error {
	g, err := p.Account.GroupByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	text := "Nobody is in it."
	if g.People > 0 {
		text = count(g.People, "person loses", "people lose") + " what only this group gives: " + gives(g.Roles) + ". They keep what they have from elsewhere."
	}
	if own, err := p.ownAdminEnds(r, g); err != nil {
		return err
	} else if own {
		text += " You are one of them and give up your admin access."
	}
	return p.confirmGroup(r, g, Confirm{Title: "Delete the group " + g.Name + "?", Text: text, Keep: "Keep group", Do: "Delete group", Busy: "Deleting…"})
}

func (p *Portal) deleteGroup(r *Request) error {
	g, err := p.Account.DeleteGroup(r.Context(), r.Viewer.Actor, r.PathValue("id"), 0)
	if err != nil {
		return r.Again(err, p.group)
	}
	return r.Go(p.afterOwn(r, "groups"), Banner{Text: "The group " + g.Name + " is deleted.", More: "Whoever had access from elsewhere keeps it."})
}
