package web

import (
	"regexp"
	"testing"

	"hubline/product/account"
)

// New people see how to sign in safely on their first page until they put it away, on every device; the page of their details keeps it.
func TestNewPeopleSeeGuidance(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		mary := w.Rig.Open("harbour")
		_, token := w.Invite(mary, "new@harbour.example", account.Billing)
		v := w.browser("192.0.2.9")
		v.open("/invitations/"+token).press("Accept and join", "name", "New Comer", "password", "quince tram wattle 14").
			shows(200, "/harbour/", "Sign in safely", "Nobody from Southern Cross Voice asks you for a password or a code")
		v.open("/harbour/").shows(200, "/harbour/", "Sign in safely")
		v.press("Put away").shows(200, "/harbour/", "Put away. You find it again under Your details.")
		v.open("/harbour/").lacks("Sign in safely")
		w.browser("192.0.2.10").signIn("new@harbour.example", "quince tram wattle 14").shows(200, "/harbour/").lacks("Sign in safely")
		v.open("/profile").shows(200, "/profile", "Sign in safely")
	})
}

// What the columns, statuses, roles and actions of the list mean stands on the page itself.
func TestRowA23HubUsersExplainThemselves(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		mary := w.Rig.Open("harbour")
		w.Invite(mary, "new@harbour.example")
		page := w.as(mary).open("/harbour/hub-users")
		page.shows(200, "/harbour/hub-users", "What the columns, roles and actions mean")
		for _, term := range []string{"Person", "Access", "Status", "Invitation sent", "Accepted", "Last signed in", "Admin", "Billing", "Standard user", "Group", "Active", "Deactivated", "Invited, 5 days left",
			"Invite expired", "Email bounced", "Declined", "Stopped", "Edit", "Resend", "Cancel invitation", "Deactivate and Reactivate", "Remove from account"} {
			if !page.explains(term) {
				t.Errorf("the help of the page does not explain %q", term)
			}
		}
	})
}

var definedTerm = regexp.MustCompile(`(?s)<dt>(.*?)</dt>`)

// explains reports whether the page defines the term.
func (p *page) explains(term string) bool {
	for _, m := range definedTerm.FindAllStringSubmatch(p.body, -1) {
		if wordsOf(m[1]) == term {
			return true
		}
	}
	return false
}
