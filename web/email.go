package web

import (
	"net/http"

	"hubline/base/fault"
)

// askEmail begins a change of the viewer's own address.
func (p *Portal) askEmail(r *Request) error {
	var in struct {
		Email string `form:"new_email"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.profile)
	}
	if err := p.Account.AskEmail(r.Context(), r.Viewer.Actor, in.Email, r.browser()); err != nil {
		return r.againHere(renamed(err, "email", "new_email"), p.profile)
	}
	return r.Go("/profile", Banner{Text: "We sent a link to " + in.Email, More: "Open it in this browser within 24 hours. Until then you sign in as before."})
}

// emailPage asks whether to use an address.
type emailPage struct{ Self, Email string }

// newEmail shows what a link to a new address is for. Looking changes nothing, as mail scanners follow links.
func (p *Portal) newEmail(r *Request) error {
	email, err := p.Account.NewEmail(r.Context(), r.Viewer.Actor, r.PathValue("token"))
	if err != nil {
		return r.deadEmailLink(err, Link{"Your details", "/profile"})
	}
	return r.Render("profile/new-email.html", Page{Title: "Use this address?", Layout: "card", Data: emailPage{r.URL.Path, email}})
}

func (p *Portal) confirmEmail(r *Request) error {
	in, err := p.Account.ConfirmEmail(r.Context(), r.Viewer.Actor, r.PathValue("token"), r.browser())
	if f, ok := fault.Of(err); ok && f.Kind == fault.Conflict {
		return r.Go("/profile", Banner{Kind: "bad", Text: f.Message})
	}
	if err != nil {
		return r.deadEmailLink(err, Link{"Your details", "/profile"})
	}
	return r.begin(in, "/profile", "", func() error {
		return r.Go("/profile", Banner{Text: "You sign in with " + in.Person.Email + " now", More: "Every other browser is signed out. The old address can take this back for 7 days."})
	})
}

// oldEmail asks whether to take a change of address back.
func (p *Portal) oldEmail(r *Request) error {
	email, err := p.Account.OldEmail(r.Context(), r.PathValue("token"))
	if err != nil {
		return r.deadEmailLink(err, Link{"Sign in", "/sign-in"})
	}
	return r.Render("profile/old-email.html", Page{Title: "Take the change back?", Layout: "card", Data: emailPage{r.URL.Path, email}})
}

func (p *Portal) takeBackEmail(r *Request) error {
	email, err := p.Account.TakeBackEmail(r.Context(), r.PathValue("token"), r.browser())
	if err != nil {
		return r.deadEmailLink(err, Link{"Sign in", "/sign-in"})
	}
	return r.Render("signin/dead.html", Page{Title: "The change is taken back", Layout: "card", Data: deadPage{
		Text: "Everybody is signed out. We sent a link to " + email + " to choose a new password.", On: Link{"Sign in", "/sign-in"}}})
}

func (r *Request) deadEmailLink(err error, on Link) error {
	f, ok := fault.Of(err)
	if !ok || f.Kind != fault.NotFound && f.Kind != fault.Conflict {
		return err
	}
	status := http.StatusNotFound
	if f.Kind == fault.Conflict {
		status = http.StatusConflict
	}
	return r.deadLink(status, f, "This link can't be used", deadPage{Text: sentence(f.Message), On: on})
}
