package web

import "hubline/product/account"

// homePage is an account's first page: what the viewer may do here, and what waits for them.
type homePage struct {
	Access string // roles in words
	Can    []account.Right
	Counts *account.Counts // nil for those who don't look after people
	Admins []string
	Lonely bool // the viewer is the only admin
}

func (p *Portal) home(r *Request) error {
	actor := r.Viewer.Actor
	data := homePage{Access: actor.Roles.String()}
	for _, right := range account.Rights {
		if actor.Can(right.Permission) {
			data.Can = append(data.Can, right)
		}
	}
	var err error
	if data.Admins, err = p.Account.Admins(r.Context(), actor); err != nil {
		return err
	}
	if r.may(account.ViewHubUsers) {
		counts, err := p.Account.CountPeople(r.Context(), actor)
		if err != nil {
			return err
		}
		data.Counts = &counts
		data.Lonely = len(data.Admins) == 1 && r.may(account.InviteHubUsers)
	}
	return r.Render("account/home.html", Page{Title: "Home", Data: data})
}
