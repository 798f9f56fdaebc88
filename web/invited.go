package web

import (
	"net/http"

	"hubline/base/fault"
	"hubline/product/account"
)

// invitedForm is what may be changed of an invitation that is open.
type invitedForm struct {
	Roles   []string `form:"roles"`
	Groups  []string `form:"groups"`
	Grouped string   `form:"grouped,hidden"` // the boxes of groups were there, so that none ticked means none
	Version string   `form:"version,hidden"`
}

// invitedPage is one invitation, as its account sees it.
type invitedPage struct {
	account.Invitation
	Status    personStatus
	Cards     roleCards
	Joins     []Option // groups to tick
	Ended     string   // the state in a word, when it is over
	Over      string   // the same in a sentence
	Access    string   // as stored, in words
	Open      bool     // pending, expired or not
	Expired   bool
	Resend    bool
	Meanwhile *meanwhile
	Cancel    Confirm
	History   string
}

// invited shows one invitation with what can be done about it.
func (p *Portal) invited(r *Request) error {
	i, err := p.Account.InvitationByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.invitedPage(r, i, nil)
}

func (p *Portal) invitedPage(r *Request, i account.Invitation, m *meanwhile) (err error) {
	r.Fill(invitedForm{Roles: i.Roles.Words(), Groups: refIDs(i.Groups)})
	chosen, _ := account.ParseRoles(r.Form.values["roles"])
	now := p.Now()
	data := invitedPage{Invitation: i, Cards: roleCards{r.Form, roleSentences("This person", "{n} people"), chosen.Sentence("This person", false)}, Access: i.Access(),
		Open: i.State == account.Pending, Expired: i.Expired(now.UnixMilli()), Resend: i.Resendable(now.UnixMilli()), Meanwhile: m,
		Cancel: cancellation(i.Email), History: r.to("audit-log") + "?about=" + i.ID,
		Status: statusOf(account.Listed{Invited: true, State: string(i.State), Delivery: i.Delivery, ExpiresAt: i.ExpiresAt}, now)}
	if data.Open {
		if data.Joins, err = p.joinOptions(r); err != nil {
			return err
		}
	}
	data.Cancel.ID, data.Cancel.Path = "cancel", r.to("invitations", i.ID, "cancellation")
	data.Ended, data.Over = over(i)
	return r.Render("account/invitation.html", Page{Title: "Invitation to " + cmpOr(i.Name, i.Email), Section: "hub-users",
		Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}), Data: data})
}

// over says what became of an invitation that is not open.
func over(i account.Invitation) (word, text string) {
	switch i.State {
	case account.Accepted:
		return "Accepted", "They accepted it. If they have left since, you can invite them again."
	case account.Declined:
		return "Declined", "They said no. Invite them again if they change their mind."
	case account.Voided:
		return "Stopped", "It stopped, as " + i.InviterName + " is no longer an admin."
	case account.Cancelled:
		return "Cancelled", "It was cancelled."
	case account.Replaced:
		return "Replaced", "A newer invitation to the same address replaced it."
	}
	return "Expired", "It ran out."
}

// changeInvited changes the access that an open invitation offers.
func (p *Portal) changeInvited(r *Request) error {
	var in invitedForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.invited)
	}
	roles, err := account.ParseRoles(in.Roles)
	if err != nil {
		return r.Again(err, p.invited)
	}
	before, err := p.Account.InvitationByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	change := account.InvitedChange{Roles: &roles}
	if in.Grouped != "" {
		change.Groups = &in.Groups
	}
	after, err := p.Account.ChangeInvited(r.Context(), r.Viewer.Actor, before.ID, change, version(in.Version))
	if fault.Is(err, fault.Changed) {
		m, err := p.meanwhile(r, before.ID, before.Version-version(in.Version))
		if err != nil {
			return err
		}
		r.conflict(m)
		return p.invitedPage(r, before, m)
	}
	if err != nil {
		return r.Again(err, p.invited)
	}
	if after.Version == before.Version {
		return r.Go(r.to("invitations", after.ID), Banner{Kind: "info", Text: "Nothing was different, so nothing was changed."})
	}
	return r.Go(r.to("invitations", after.ID), Banner{Text: "The invitation to " + after.Email + " now offers " + after.Access() + " (was " + before.Access() + ").",
		More: "The link in their email still works."})
}

// resend mails the invitation again with a new link. A refusal is told where the button was pressed.
func (p *Portal) resend(r *Request) error {
	i, err := p.Account.Resend(r.Context(), r.Viewer.Actor, r.PathValue("id"), 0)
	if f, ok := fault.Of(err); ok && (f.Kind == fault.TooMany || f.Kind == fault.Conflict) {
		return r.Go(r.back(), Banner{Kind: "warn", Text: sentence(f.Message)})
	}
	if err != nil {
		return err
	}
	return r.Go(r.back(), Banner{Text: "Invitation sent again to " + i.Email + ".", More: "The link in the email before stopped working. The new one works for " + invitationLife(r.Viewer.Actor.Account) + "."})
}

// askToCancel is the question before cancelling, for browsers without scripts.
func (p *Portal) askToCancel(r *Request) error {
	i, err := p.Account.InvitationByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	c := cancellation(i.Email)
	c.Path, c.Next = r.URL.RequestURI(), r.back()
	return r.Render("account/confirm.html", Page{Title: c.Title, Section: "hub-users",
		Crumbs: accountCrumbs(r, Link{"Hub users", r.to("hub-users")}, Link{i.Email, r.to("invitations", i.ID)}), Data: c})
}

// cancelInvitation ends an invitation, or takes one that has ended off the list.
func (p *Portal) cancelInvitation(r *Request) error {
	before, err := p.Account.InvitationByID(r.Context(), r.Viewer.Actor, r.PathValue("id"))
	if err != nil {
		return err
	}
	i, err := p.Account.Cancel(r.Context(), r.Viewer.Actor, before.ID, 0)
	if fault.Is(err, fault.Conflict) {
		return r.Again(err, p.invited)
	}
	if err != nil {
		return err
	}
	done := Banner{Text: "The invitation to " + i.Email + " is cancelled.", More: "The link in their email no longer works."}
	if before.State != account.Pending {
		done = Banner{Text: "The invitation to " + i.Email + " is off the list."}
	}
	return r.Go(r.back(), done)
}

// invitations leads to where invitations are listed.
func (p *Portal) invitations(r *Request) error {
	http.Redirect(r.W, r.Request, r.to("hub-users")+"?status=invited", http.StatusSeeOther)
	return nil
}
