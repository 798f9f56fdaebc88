package web

import (
	"net/http"

	"hubline/base/fault"
	"hubline/product/account"
)

// secondPage asks for the second factor of somebody who has shown the first.
type secondPage struct {
	account.SecondStep
	Half string // the sign-in so far, sealed
	Next string
	Kept string
}

// WithPasskey is the button that completes the sign-in with a passkey.
func (d secondPage) WithPasskey() passkeyForm {
	return passkeyForm{Path: "/sign-in/passkey", Label: "Use your passkey", Next: d.Next, Kept: d.Kept, Half: d.Half, First: true}
}

// secondStep shows the form. A sign-in that took too long begins anew.
func (r *Request) secondStep(data secondPage) error {
	s, err := r.portal.Account.SecondStep(r.Context(), data.Half)
	if fault.Is(err, fault.SignedOut) {
		return r.signInStep(signInPage{Next: data.Next, Kept: data.Kept})
	}
	if err != nil {
		return err
	}
	s.Passkey = s.Passkey && r.portal.Account.PasskeysWork()
	data.SecondStep = s
	r.W.Header().Set("Cache-Control", "no-store")
	return r.Render("signin/second.html", Page{Title: "Confirm it is you", Layout: "card", Data: data})
}

// noSecondStep leads whoever opens the second step by itself to the first.
func (p *Portal) noSecondStep(r *Request) error { return r.Redirect("/sign-in") }

// finishSignIn takes the second factor.
func (p *Portal) finishSignIn(r *Request) error {
	var in struct {
		Half     string `form:"half,hidden"`
		Code     string `form:"code"`
		Remember string `form:"remember"`
	}
	again := func(r *Request) error {
		return r.secondStep(secondPage{Half: r.Posted("half"), Next: r.Next(), Kept: r.Kept()})
	}
	if err := r.Decode(&in); err != nil {
		return r.Again(err, again)
	}
	entrance, err := p.Account.FinishSignIn(r.Context(), in.Half, in.Code, in.Remember == "on", r.browser())
	if f, ok := fault.Of(err); ok && f.Code == "half-ended" {
		r.Form = &Form{}
		r.Form.Wrong("", f.Message)
		r.status = http.StatusUnprocessableEntity
		return r.signInStep(signInPage{Next: r.Next(), Kept: r.Kept()})
	}
	if err != nil {
		return r.againHere(err, again)
	}
	if err := r.enter(entrance); err != nil {
		return err
	}
	return r.Resume(r.Next())
}
