package web

import (
	"html/template"

	"hubline/base/fault"
	"hubline/product/account"
)

// rolesPage shows the access table as the room keeps it.
type rolesPage struct {
	Columns []roleColumn
	Rights  []account.Right
	Sets    []roleSet
}

// roleColumn is one kind of user.
type roleColumn struct {
	Label string
	Yours bool
}

// roleSet is one combination that can be given, with what it means in a sentence.
type roleSet struct {
	Label, Sentence string
	Yours           bool
}

func (p *Portal) roles(r *Request) error {
	yours := r.Viewer.Actor.Roles
	data := rolesPage{Rights: account.Rights, Columns: []roleColumn{{"Standard", len(yours) == 0}, {"Admin", yours.Has(account.Admin)}, {"Billing", yours.Has(account.Billing)}}}
	for _, set := range roleSets() {
		data.Sets = append(data.Sets, roleSet{set.String(), set.Sentence("This person", false), set.Equal(yours)})
	}
	return r.Render("account/roles.html", Page{Title: "What each role can do", Crumbs: accountCrumbs(r), Data: data})
}

// RightRows writes a line for each right: what it is, and who holds it, in the order of the columns.
func (v *View) RightRows(page rolesPage) template.HTML {
	m := v.portal.markup()
	for _, right := range page.Rights {
		m.raw("\n" + `<tr role="row"><th scope="row" role="rowheader">`).text(right.Words).raw(`<span class="sub">`).text(right.Area).raw(`</span></th>`)
		for i, holds := range []bool{right.Standard, right.Admin, right.Billing} {
			m.raw(`<td role="cell" data-th="`).text(page.Columns[i].Label).raw(`">`)
			if holds {
				m.raw(`<span class="yes">`).icon("ok").raw(` Yes</span></td>`)
			} else {
				m.raw(`<span class="no">No</span></td>`)
			}
		}
		m.raw(`</tr>`)
	}
	m.onto(v.out)
	return ""
}

// askForAccess asks the admins for what a page needed that the viewer may not see.
func (p *Portal) askForAccess(r *Request) error {
	var in struct {
		Permission string `form:"permission,hidden"`
	}
	if err := r.Decode(&in); err != nil {
		return err
	}
	if r.Viewer.Actor.Kind == account.Visitor { // whom an admin lets in does not ask for a role
		return fault.New(fault.Forbidden, "visit-excluded", "Staff can't do this in a customer's account. Its own admins can")
	}
	home := r.Viewer.Account.Slug
	asked, err := p.Account.AskForAccess(r.Context(), r.Viewer.Actor, account.Permission(in.Permission))
	if err != nil {
		return err
	}
	return r.Go("/"+home+"/", Banner{Text: "We asked for you", More: people(asked) + " will see it in an email. Your access counts as soon as one of them changes it."})
}
