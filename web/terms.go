package web

import (
	"net/url"
	"strconv"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// termsPage shows a version of the provider's terms, and asks to accept it when that is due.
type termsPage struct {
	account.Terms
	Day  string // of the text, in words
	Due  bool   // the viewer has not accepted this version
	Next string
}

// acceptForm is the tick with which people accept.
type acceptForm struct {
	Accept  bool `form:"accept"`
	Version int  `form:"terms,hidden"`
}

// check wants the tick, and that the version is the one that is due.
func (in acceptForm) check(due account.Terms) error {
	switch {
	case due.Version == 0:
		return nil
	case in.Version != due.Version:
		return fault.Field("terms-version", "accept", "There is a newer version. Read it, then accept it")
	case !in.Accept:
		return fault.Field("terms-accept", "accept", "Tick that you accept the terms of use and the privacy text, to go on")
	}
	return nil
}

// terms shows the terms to anybody: the newest, or the version that the address names.
func (p *Portal) terms(r *Request) error {
	asked := r.URL.Query().Get("version")
	version, _ := strconv.Atoi(asked)
	if asked != "" && version < 1 {
		return fault.New(fault.NotFound, "no-page", "We could not find that page")
	}
	t, err := p.Account.Terms(r.Context(), version)
	if err != nil {
		return err
	}
	data := termsPage{Terms: t, Day: dayWords(t.Dated), Next: r.Next()}
	if version == 0 {
		due, err := p.termsDue(r)
		if err != nil {
			return err
		}
		data.Due = due.Version > 0
	}
	return r.Render("signin/terms.html", Page{Title: "Terms of use and privacy", Layout: "card", Data: data})
}

// termsDue is what the viewer still has to accept. Nobody and staff are not asked.
func (p *Portal) termsDue(r *Request) (account.Terms, error) {
	if r.Viewer == nil || r.Viewer.Staff {
		return account.Terms{}, nil
	}
	return p.Account.TermsDue(r.Context(), r.Viewer.Actor)
}

// dayWords writes 2026-11-25 as 25 November 2026.
func dayWords(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("2 January 2006")
}

// acceptTerms keeps the acceptance and goes on to where the person wanted to go.
func (p *Portal) acceptTerms(r *Request) error {
	var in acceptForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.terms)
	}
	due, err := p.termsDue(r)
	if err != nil {
		return err
	}
	if err := in.check(due); err != nil {
		return r.Again(err, p.terms)
	}
	if due.Version > 0 {
		if err := p.Account.AcceptTerms(r.Context(), r.Viewer.Actor, due.Version); err != nil {
			return r.Again(err, p.terms)
		}
	}
	return r.Redirect(r.Next())
}

// termsFor is what whoever accepts an invitation has to accept with the same form. Somebody who signs in with it is asked afterwards,
// if they have not accepted before.
func (p *Portal) termsFor(r *Request, w account.Welcome) (account.Terms, error) {
	if r.Viewer != nil {
		return p.termsDue(r)
	}
	if w.Known {
		return account.Terms{}, nil
	}
	return p.Account.Terms(r.Context(), 0)
}

// acceptedWith keeps what was accepted together with an invitation. A version that appeared meanwhile is asked about on the next page.
func (p *Portal) acceptedWith(r *Request, entrance account.Entrance, t account.Terms) error {
	if t.Version == 0 {
		return nil
	}
	var actor account.Actor
	var err error
	if r.Viewer != nil {
		actor = r.Viewer.Actor
	} else {
		actor, err = p.Account.SignedIn(r.Context(), entrance.Session, p.address(r.Request))
	}
	if err == nil {
		err = p.Account.AcceptTerms(r.Context(), actor, t.Version)
	}
	if fault.Is(err, fault.Invalid) {
		return nil
	}
	return err
}

// toTerms is the address of the page that asks.
func toTerms(next string) string { return "/terms?next=" + url.QueryEscape(next) }

// publishForm is a new version.
type publishForm struct {
	Dated   string `form:"dated"`
	Terms   string `form:"terms"`
	Privacy string `form:"privacy"`
}

// consoleTerms shows the provider's people every version, and the form for a new one.
func (p *Portal) consoleTerms(r *Request) error {
	list, err := p.Account.TermsVersions(r.Context(), r.Viewer.Actor)
	if err != nil {
		return err
	}
	now := publishForm{Dated: p.Now().In(p.Zone).Format(time.DateOnly)}
	if len(list) > 0 {
		now.Terms, now.Privacy = list[0].Terms, list[0].Privacy
	}
	r.Fill(now)
	return r.Render("console/terms.html", Page{Title: "Terms and privacy", Data: list})
}

func (p *Portal) publishTerms(r *Request) error {
	var in publishForm
	if err := r.Decode(&in); err != nil {
		return r.Again(err, p.consoleTerms)
	}
	t, err := p.Account.PublishTerms(r.Context(), r.Viewer.Actor, account.NewTerms{Dated: in.Dated, Terms: in.Terms, Privacy: in.Privacy})
	if err != nil {
		return r.Again(err, p.consoleTerms)
	}
	return r.Go("/console/terms", Banner{Text: "Version " + strconv.Itoa(t.Version) + " is published.", More: "Everybody is asked to accept it on their next click in an account."})
}

// acceptancesCSV sends who accepted what and when.
func (p *Portal) acceptancesCSV(r *Request) error {
	zone := r.zone()
	out, err := r.csv("terms-acceptances", "Email", "Name", "Version", "Accepted ("+zone.String()+")", "Network address")
	if err != nil {
		return err
	}
	return out.end(p.Account.EachAcceptance(r.Context(), r.Viewer.Actor, func(a account.Acceptance) error {
		return out.row(a.Email, a.Name, strconv.Itoa(a.Version), csvTime(a.AcceptedAt, zone), a.Address)
	}))
}
