package web

import "hubline/product/account"

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

// Marks are the cells of a right, in the order of the columns.
func (p rolesPage) Marks(right account.Right) []bool {
	return []bool{right.Standard, right.Admin, right.Billing}
}
