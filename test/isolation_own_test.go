package test

import (
	"slices"
	"testing"

	"hubline/base/fault"
	"hubline/product/account"
)

// notOwn are verbs for anybody that are about no thing of a person's own, or answer that there is none.
var notOwn = []string{"Admins", "Again", "GoToProvider", "ProviderAnswered", "CodePending", "LinkableProviders"}

// confirming are verbs of the step-up check, which only people pass.
var confirming = []string{"SendCode", "ConfirmCode", "BeginPasskeyCheck", "ConfirmWithPasskey"}

// forPeople are verbs in an account that no key may use, whatever its scopes.
var forPeople = []string{"MakeOwnKey", "AskForAccess", "FirstSteps", "PutStepsAway", "NewDirectoryToken"}

// waysIn are verbs that show or change how a person signs in.
var waysIn = []string{"AskEmail", "StartAuthenticator", "PendingAuthenticator", "ConfirmAuthenticator", "RemoveAuthenticator", "BeginPasskey", "AddPasskey",
	"RenamePasskey", "RemovePasskey", "NewRecoveryCodes", "Unlink", "ChangePassword", "AcceptAs"}

// ownThings calls every verb about a person's own things as somebody who is no person: a key of theirs, which acts for its account and reads
// nothing of its maker, and nobody. Verbs about ways in are called from a session that rests on an account's own provider too, which must
// not reach the person's other accounts.
func ownThings(t *testing.T, h *harbour, verbs map[string]verb) {
	_, key := h.Key(h.admin)
	confined := h.admin.Check().Actor()
	confined.Confined = confined.Account.ID
	refused := func(name, code string, a actor) {
		shown, err := verbs[name].call(h, t.Context(), a)
		if f, ok := fault.Of(err); !ok || f.Code != code {
			t.Errorf("%s as %s: %v, %v, want the fault %s", name, a.Kind, shown, err, code)
		}
	}
	for name, v := range verbs {
		switch {
		case v.whom != anyone || slices.Contains(notOwn, name):
		case slices.Contains(confirming, name):
			refused(name, "check-not-needed", key)
			refused(name, "check-not-needed", account.Actor{})
		default:
			refused(name, "person-needed", key)
			refused(name, "signed-out", account.Actor{})
		}
	}
	for _, name := range forPeople {
		refused(name, "person-needed", key)
	}
	refused("FirstSteps", "membership-restricted", restricted(h.admin.Actor()))
	for _, name := range waysIn {
		refused(name, "session-confined", confined)
	}
}
