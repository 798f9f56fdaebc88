package web

import (
	"slices"
	"strings"

	"hubline/product/account"
)

// restrictedPage says what keeps somebody out of an account, or of the console, and how to get there.
type restrictedPage struct {
	Where   string // the account's name, or the provider's
	Needs   []account.Need
	Has     bool     // the person has a second factor, and did not show it
	Allowed []string // ways to sign in that the account allows, in words
	Passkey bool     // the person has one, and the account takes it in place of what they signed in with
	Used    string   // what they signed in with, in words
	Next    string   // where they wanted to go
}

// Missing reports whether something of that name is missing.
func (d restrictedPage) Missing(need string) bool {
	return slices.Contains(d.Needs, account.Need(need))
}

// Ways lists what is allowed: "a password or a passkey".
func (d restrictedPage) Ways() string { return orList(d.Allowed) }

// restrictedPath is where somebody is sent whose membership is restricted.
func restrictedPath(v *Viewer) string {
	if v.Account != nil {
		return "/" + v.Account.Slug + "/restricted"
	}
	return "/console/restricted"
}

// restricted tells what is missing. Whoever lacks nothing goes on.
func (p *Portal) restricted(r *Request) error {
	actor := r.Viewer.Actor
	next := r.Next()
	if next == "/" && r.Viewer.Account != nil {
		next = r.to("")
	}
	if !actor.Restricted() {
		return r.Redirect(next)
	}
	if actor.Needs[0] == account.NeedTerms {
		return r.Redirect(toTerms(next))
	}
	data := restrictedPage{Where: p.Provider, Needs: actor.Needs, Has: actor.HasSecondFactor(), Next: next,
		Passkey: p.showsPasskey(actor) && actor.Account.Policy.Methods.Has(account.ByPasskey)}
	if r.Viewer.Account != nil {
		data.Where = r.Viewer.Account.Name
	}
	for _, m := range account.SignInMethods {
		if actor.Account.Policy.Methods.Has(m) && (m != account.ByPasskey || p.Account.PasskeysWork()) {
			data.Allowed = append(data.Allowed, m.Words())
		}
		if actor.SignedInWith(m) {
			data.Used = m.Words()
		}
	}
	return r.Render("signin/restricted.html", Page{Title: "One more step for " + data.Where, Layout: "card", Data: data})
}

// orList joins words as a sentence does: "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
