package web

import (
	"net/http"

	"hubline/base/fault"
)

// forgot asks for the address that a link for a new password goes to.
func (p *Portal) forgot(r *Request) error {
	return r.Render("signin/forgot.html", Page{Title: "Forgot your password?", Layout: "card"})
}

func (p *Portal) sendReset(r *Request) error {
	if err := p.Account.AskReset(r.Context(), r.Posted("email"), r.browser()); err != nil {
		return r.againHere(err, p.forgot)
	}
	return r.Redirect("/sign-in/forgot/sent")
}

// resetSent answers every address alike.
func (p *Portal) resetSent(r *Request) error {
	return r.Render("signin/sent.html", Page{Title: "Check your email", Layout: "card"})
}

// choosePassword shows the form behind a link for a new password. Looking changes nothing, so that mail scanners may.
func (p *Portal) choosePassword(r *Request) error {
	person, err := p.Account.PasswordLink(r.Context(), r.PathValue("token"))
	if fault.Is(err, fault.NotFound) {
		return r.deadPasswordLink(err)
	}
	if err != nil {
		return err
	}
	return r.Render("signin/password.html", Page{Title: "Choose a password", Layout: "card", Data: person})
}

func (p *Portal) setPassword(r *Request) error {
	var in struct {
		Password string `form:"password,raw"`
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.choosePassword)
	}
	entrance, err := p.Account.SetPassword(r.Context(), r.PathValue("token"), in.Password, r.browser())
	if fault.Is(err, fault.NotFound) {
		return r.deadPasswordLink(err)
	}
	if err != nil {
		return r.againHere(err, p.choosePassword)
	}
	return r.begin(entrance, "/", "", func() error {
		return r.Go("/", Banner{Text: "Your new password is set", More: "You are signed in here and signed out everywhere else."})
	})
}

func (r *Request) deadPasswordLink(err error) error {
	f, _ := fault.Of(err)
	return r.deadLink(http.StatusNotFound, f, "This link no longer works", deadPage{Text: sentence(f.Message), On: Link{"Ask for a new link", "/sign-in/forgot"}})
}

// deadPage says what became of a mailed link, and the way on; Ask is where a form asks for another link.
type deadPage struct {
	Text, Ask string
	On        Link
}

// deadLink is the page behind a mailed link that can't be used any more.
func (r *Request) deadLink(status int, f *fault.Fault, title string, page deadPage) error {
	r.status = status
	r.visit.fault = f.Code
	return r.Render("signin/dead.html", Page{Title: title, Layout: "card", Data: page})
}
