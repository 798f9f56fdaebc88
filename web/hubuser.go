package web

import (
	"strconv"
	"strings"

	"hubline/base/fault"
	"hubline/product/account"
)

// hubUserForm is what an admin may change of a person.
type hubUserForm struct {
	Name      string   `form:"name"`
	Roles     []string `form:"roles"`
	Version   string   `form:"version,hidden"`
	Confirmed bool     `form:"confirmed,hidden"` // giving up one's own admin access was asked about
}

// hubUserPage is one person of the account.
type hubUserPage struct {
	account.HubUser
	You        bool
	Cards      roleCards
	Before     string // access as it is stored, in words
	Meanwhile  *meanwhile
	Remove     Confirm
	Deactivate Confirm
	History    string // address of what happened to them in the audit log
	Recovery   *recoveryCard
	Asked      bool // the account asks them for a second factor
}

// meanwhile says what somebody else changed while a form was open.
type meanwhile struct {
	Entries []auditLine // newest first
	Latest  auditLine
}

// hubUser shows one person with everything that can be changed of them.
func (p *Portal) hubUser(r *Request) error {
	u, err := p.Account.HubUserByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.hubUserPage(r, u, nil)
}

func (p *Portal) hubUserPage(r *Request, u account.HubUser, m *meanwhile) error {
	r.Fill(hubUserForm{Name: u.Name, Roles: u.Own.Words()})
	chosen, _ := account.ParseRoles(r.Form.values["roles"])
	who := firstName(u)
	data := hubUserPage{HubUser: u, You: u.ID == r.Viewer.Actor.MembershipID, Cards: roleCards{r.Form, effects(who, u), effect(who, u.Roles, u.With(chosen))}, Before: u.Access(),
		Meanwhile: m, Remove: removal(r, u.Label()), Deactivate: deactivation(r, u.Label()), History: r.to("audit-log") + "?about=" + u.ID}
	if !data.You && u.SecondFactor && u.State != account.Removed {
		rec, err := p.Account.Recovery(r.Context(), r.Viewer.Actor, u.ID)
		if err != nil {
			return err
		}
		data.Recovery = &recoveryCard{rec, r.to("hub-users", u.ID, "recovery"), r.to("hub-users", u.ID, "recovery", "stop")}
	}
	data.Asked = u.State == account.Active && r.Viewer.Actor.Account.Policy.SecondFactor.Asks(u.Roles)
	data.Remove.ID, data.Remove.Path = "remove", r.to("hub-users", u.ID, "removal")
	data.Deactivate.ID, data.Deactivate.Path = "deactivate", r.to("hub-users", u.ID, "deactivation")+"?next="+r.to("hub-users", u.ID)
	return r.Render("account/hub-user.html", Page{Title: u.Label(), Section: "hub-users", Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}), Data: data})
}

// firstName is how sentences about a person begin.
func firstName(u account.HubUser) string {
	if name, _, _ := strings.Cut(u.Name, " "); name != "" {
		return name
	}
	return "This person"
}

// effect says what access means for a person who has other access now.
func effect(who string, before, after account.Roles) string {
	says := after.Sentence(who, false)
	if lost := before.Has(account.Admin) && !after.Has(account.Admin); lost && before.Has(account.Billing) && !after.Has(account.Billing) {
		says += " " + who + " will no longer see hub users, settings, the audit log, call flows, invoices and payments."
	} else if lost {
		says += " " + who + " will no longer see hub users, settings, the audit log and call flows."
	} else if before.Has(account.Billing) && !after.Has(account.Billing) {
		says += " " + who + " will no longer see invoices and payments."
	}
	return says
}

// effects says what each choice means for a person, together with what they have from groups.
func effects(who string, u account.HubUser) string {
	says := map[string][2]string{}
	for _, roles := range roleSets() {
		text := effect(who, u.Roles, u.With(roles))
		says[strings.Join(roles.Words(), ",")] = [2]string{text, text}
	}
	return sentencesJSON(says)
}

// saveHubUser changes name and access. It counts from the person's next request.
func (p *Portal) saveHubUser(r *Request) error {
	var in hubUserForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.hubUser)
	}
	roles, err := account.ParseRoles(in.Roles)
	if err != nil {
		return r.Again(err, p.hubUser)
	}
	before, err := p.Account.HubUserByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	own := before.ID == r.Viewer.Actor.MembershipID
	if own && before.Roles.Has(account.Admin) && !before.With(roles).Has(account.Admin) && !in.Confirmed {
		if others, err := p.otherAdmins(r); err != nil || len(others) > 0 { // without others the room refuses, and says so better
			return p.askToGiveUp(r, in, others, err)
		}
	}
	change := account.Change{Roles: &roles}
	if in.Name != before.Name {
		change.Name = &in.Name
	}
	after, err := p.Account.ChangeHubUser(r.Context(), r.Viewer.Actor, before.ID, change, version(in.Version))
	if fault.Is(err, fault.Changed) {
		return p.hubUserMeanwhile(r, before, version(in.Version))
	}
	if err != nil {
		return r.Again(about(err, "roles"), p.hubUser)
	}
	if own && before.Roles.Has(account.Admin) && !after.Roles.Has(account.Admin) {
		return r.Go(r.to(""), Banner{Text: "You gave up your admin access to " + r.Viewer.Account.Name + ".", More: "Your access is now " + after.Roles.String() + "."})
	}
	return r.Go(r.to("hub-users", after.ID), savedHubUser(before, after))
}

// version reads which version a form was opened with. A form that does not say has seen none, so its changes are asked about.
func version(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return -1
	}
	return n
}

// about points a refusal that names no field to the one that led to it.
func about(err error, field string) error {
	f, ok := fault.Of(err)
	if !ok || f.Field != "" || f.Kind != fault.Conflict {
		return err
	}
	pointed := *f
	pointed.Field = field
	return &pointed
}

// savedHubUser tells what changed, from what to what.
func savedHubUser(before, after account.HubUser) Banner {
	renamed, access := before.Name != after.Name, before.Access() != after.Access()
	counts := "It counts from their next click, also where they are signed in."
	switch {
	case renamed && access:
		return Banner{Text: before.Label() + " is now called " + after.Label() + ", and their access is " + after.Access() + " (was " + before.Access() + ").", More: counts}
	case access:
		return Banner{Text: "The access of " + after.Label() + " is now " + after.Access() + " (was " + before.Access() + ").", More: counts}
	case renamed:
		return Banner{Text: before.Label() + " is now called " + after.Label() + " in this account."}
	}
	return Banner{Kind: "info", Text: "Nothing was different, so nothing was changed."}
}

// otherAdmins names the admins beside the viewer.
func (p *Portal) otherAdmins(r *Request) ([]string, error) {
	names, err := p.Account.Admins(r.Context(), r.Viewer.Actor)
	var others []string
	own := false
	for _, name := range names {
		if name == r.Viewer.Name && !own {
			own = true
			continue
		}
		others = append(others, name)
	}
	return others, err
}

type giveUpPage struct {
	hubUserForm
	Text string
	Path string
}

func (p *Portal) askToGiveUp(r *Request, in hubUserForm, others []string, err error) error {
	if err != nil {
		return err
	}
	are := " is still an admin."
	if len(others) > 1 {
		are = " are still admins."
	}
	text := "You will not be able to change users, settings, phones or call flows. " + strings.Replace(people(others), " or ", " and ", 1) + are
	return r.Render("account/give-up.html", Page{Title: "Give up your admin access?", Section: "hub-users",
		Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}), Data: giveUpPage{in, text, r.to("hub-users", r.PathValue("id"))}})
}

// hubUserMeanwhile shows the form again with both what was typed and what somebody else saved since it was opened.
func (p *Portal) hubUserMeanwhile(r *Request, u account.HubUser, seen int64) error {
	m, err := p.meanwhile(r, u.ID, u.Version-seen)
	if err != nil {
		return err
	}
	r.conflict(m)
	return p.hubUserPage(r, u, m)
}

// meanwhile reads what the audit log knows of the last changes of something. One version is one save, whose entries share their time.
func (p *Portal) meanwhile(r *Request, subjectID string, versions int64) (*meanwhile, error) {
	m := &meanwhile{}
	entries, _, err := p.Account.AuditLog(r.Context(), r.Viewer.Actor, account.AuditFilter{SubjectID: subjectID, Limit: 20})
	for i, e := range entries {
		if i == 0 || e.At != entries[i-1].At {
			versions--
		}
		if i > 0 && versions < 0 {
			break
		}
		m.Entries = append(m.Entries, auditLine{AuditEntry: e})
		m.Latest = m.Entries[0]
	}
	return m, err
}

// conflict answers 409 with the form and what somebody else did.
func (r *Request) conflict(m *meanwhile) {
	r.status = meanings[fault.Changed].status
	r.visit.fault = "changed-meanwhile"
	text := "Somebody changed this since you opened it"
	if m.Latest.ActorName != "" {
		view := &View{now: r.portal.Now(), zone: r.zone()}
		at, _ := view.moment(m.Latest.At)
		when := clock(at)
		if day := view.day(at); day != "Today" {
			when = clock(at) + ", " + strings.ToLower(day[:1]) + day[1:]
		}
		text = m.Latest.ActorName + " changed this at " + when
	}
	r.Form.Wrong("", text+". Choose which to keep")
}

// The three acts below each have a page of the same address for browsers without scripts.

func (p *Portal) askToRemove(r *Request) error { return p.askAbout(r, removal, "removal") }
func (p *Portal) askToDeactivate(r *Request) error {
	return p.askAbout(r, deactivation, "deactivation")
}

func (p *Portal) askToSignOff(r *Request) error { return p.askAbout(r, signingOff, "sign-out") }

func (p *Portal) askAbout(r *Request, question func(*Request, string) Confirm, act string) error {
	u, err := p.Account.HubUserByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	c := question(r, u.Label())
	c.Path, c.Next = r.URL.RequestURI(), r.back()
	return r.Render("account/confirm.html", Page{Title: c.Title, Section: "hub-users",
		Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}, Link{u.Label(), r.to("hub-users", u.ID)}), Data: c})
}

func (p *Portal) removeHubUser(r *Request) error {
	u, err := p.Account.RemoveHubUser(r.Context(), r.Viewer.Actor, r.PathValue("id"), 0)
	if err != nil {
		return r.Again(err, p.hubUser)
	}
	return r.Go(r.back(), Banner{Text: u.Label() + " is removed from " + r.Viewer.Account.Name + ".", More: "They lost access now, also where they were signed in. You can invite them again."})
}

func (p *Portal) signOffHubUser(r *Request) error {
	u, err := p.Account.SignOutHubUser(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return r.Again(err, p.hubUser)
	}
	return r.Go(r.back(), Banner{Text: u.Label() + " is signed out of " + r.Viewer.Account.Name + " everywhere.", More: "They can sign in again, and got an email about it."})
}

func (p *Portal) deactivateHubUser(r *Request) error {
	return p.setState(r, account.Deactivated, func(u account.HubUser) Banner {
		return Banner{Text: u.Label() + " is deactivated.", More: "They can't use this account until you reactivate them. Their access, " + u.Roles.String() + ", is kept.",
			Link: r.to("hub-users", u.ID), Label: "Open " + u.Label()}
	})
}

func (p *Portal) reactivateHubUser(r *Request) error {
	return p.setState(r, account.Active, func(u account.HubUser) Banner {
		return Banner{Text: u.Label() + " is active again, with the same access as before: " + u.Roles.String() + "."}
	})
}

func (p *Portal) setState(r *Request, state account.HubUserState, done func(account.HubUser) Banner) error {
	u, err := p.Account.ChangeHubUser(r.Context(), r.Viewer.Actor, r.PathValue("id"), account.Change{State: &state}, 0)
	if err != nil {
		return r.Again(err, p.hubUser)
	}
	return r.Go(r.back(), done(u))
}
