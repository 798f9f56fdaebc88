package web

import (
	"hubline/product/account"
	"hubline/product/call"
	"hubline/product/report"
	"hubline/product/support"
	"hubline/product/webhook"
)

// homePage is an account's first page: what the viewer may do here, and what waits for them.
type homePage struct {
	Access   string // roles in words
	Can      []account.Right
	Counts   *account.Counts // nil for those who don't look after people
	Today    *today          // nil for those who may not see calls
	Admins   []string
	Lonely   bool              // the viewer is the only admin
	Guidance *guidance         // for new people; nil once it was put away
	Review   bool              // a review of access is due
	Hooks    []webhook.Webhook // that an admin should look at
	Steps    []Step            // what a new account still wants; nil when nothing
	Asking   []support.Visit   // staff who wait to be let in
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
	if data.Guidance, err = p.guidance(r); err != nil {
		return err
	}
	if data.Steps, err = p.firstSteps(r); err != nil {
		return err
	}
	if data.Admins, err = p.Account.Admins(r.Context(), actor); err != nil {
		return err
	}
	if r.may(account.ViewHubUsers) {
		counts, err := p.Account.CountPeople(r.Context(), actor)
		if err != nil {
			return err
		}
		data.Counts = &counts
		if r.may(account.ChangeHubUsers) {
			policy, err := p.Account.ReviewPolicy(r.Context(), actor)
			if err != nil {
				return err
			}
			data.Review = policy.DueAt > 0 && policy.DueAt <= p.Now().UnixMilli()
		}
		data.Lonely = len(data.Admins) == 1 && r.may(account.InviteHubUsers)
	}
	if r.may(account.ViewCalls) {
		if data.Today, err = p.today(r); err != nil {
			return err
		}
	}
	if data.Hooks, err = p.webhooksInTrouble(r); err != nil {
		return err
	}
	if r.may(account.LetStaffIn) && p.Support != nil {
		visits, _, err := p.Support.Visits(r.Context(), actor, "", 0)
		if err != nil {
			return err
		}
		data.Asking = visitsPage{List: visits, At: p.Now()}.Asking()
	}
	return r.Render("account/home.html", Page{Title: "Home", Data: data})
}

// StepsDone counts the first steps that are done.
func (d homePage) StepsDone() (n int) {
	for _, s := range d.Steps {
		if s.Done {
			n++
		}
	}
	return n
}

// today is the day's calls at a glance.
type today struct {
	Now     int // calls that go on
	In, Out report.Figures
}

func (p *Portal) today(r *Request) (*today, error) {
	live, err := p.Calls.Live(r.Context(), r.Viewer.Actor)
	if err != nil {
		return nil, err
	}
	t := &today{Now: len(live)}
	for name, figures := range map[string]*report.Figures{"inbound-calls": &t.In, "outbound-calls": &t.Out} {
		found, err := p.Reports.Run(r.Context(), r.Viewer.Actor, name, report.Query{Filter: call.Filter{Limit: 1}, Days: 1, Zone: r.zone()})
		if err != nil {
			return nil, err
		}
		*figures = found.Figures
	}
	return t, nil
}
