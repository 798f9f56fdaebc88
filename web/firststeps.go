package web

import (
	"slices"

	"hubline/product/account"
)

// firstSteps is what somebody may set up in a new account, ticked by what is stored; nil when all is done or the list was put away.
func (p *Portal) firstSteps(r *Request) ([]Step, error) {
	actor := r.Viewer.Actor
	if actor.Kind != account.Member { // somebody on a visit sets nothing up
		return nil, nil
	}
	so, err := p.Account.FirstSteps(r.Context(), actor)
	if err != nil || so.Away {
		return nil, err
	}
	steps := []Step{{Label: "Add a second factor to your sign-in", Text: "A passkey or an authenticator app, so that a stolen password is not enough.", Done: so.Second, Action: "Open security", Path: "/profile/security"}}
	if r.may(account.InviteHubUsers) {
		steps = append(steps, Step{Label: "Invite a colleague", Text: "An account is safer with two admins.", Done: so.Invited, Action: "Invite people", Path: r.to("hub-users", "invite")})
	}
	if r.may(account.ChangeSettings) {
		steps = append(steps, Step{Label: "Decide who needs a second factor", Text: "Nobody has to have one now.", Done: so.Demanding, Action: "Open settings", Path: r.to("settings")})
	}
	if r.may(account.ChangePhoneUsers) && r.may(account.ChangeNumbers) && r.may(account.ViewCalls) {
		begun, err := p.Calls.Begun(r.Context(), actor)
		if err != nil {
			return nil, err
		}
		steps = append(steps, Step{Label: "Add a phone user", Text: "Somebody with an extension, who calls and is called.", Done: begun.Users, Action: "Add phone user", Path: r.to("phone-users", "new")},
			Step{Label: "Set up the first phone", Text: "With the link in the email that a phone user gets.", Done: begun.Phones, Action: "Open phone users", Path: r.to("phone-users")})
		if begun.Numbers {
			steps = append(steps, Step{Label: "Choose where a number leads", Text: "Until then callers hear that it is not in service.", Done: begun.Leads, Action: "Open numbers", Path: r.to("numbers")})
		}
		steps = append(steps, Step{Label: "Make the first call", Text: "*43 plays back what you say.", Done: begun.Calls, Action: "Calls now", Path: r.to("calls")})
	}
	if !slices.ContainsFunc(steps, func(s Step) bool { return !s.Done }) {
		return nil, nil
	}
	return steps, nil
}

// putStepsAway remembers that the viewer does not want the list of first steps any more.
func (p *Portal) putStepsAway(r *Request) error {
	if err := p.Account.PutStepsAway(r.Context(), r.Viewer.Actor); err != nil {
		return err
	}
	return r.Go(r.to(""), Banner{Text: "The list is put away."})
}
