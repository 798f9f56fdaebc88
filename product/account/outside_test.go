package account_test

import (
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// What a browser calls itself is stored, on a store that takes only text, and shown to the person in the list of sessions.
func TestBrowsersWithOddNamesSignIn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		rig := accounttest.New(t, d)
		jo := rig.Open("harbour")
		for _, tt := range []struct{ agent, want string }{
			{"Firefox\x00/140", "Firefox /140"},
			{"Jos\xc3 \xff\xfe", "Jos   "},
			{"a\x1b[31mb\x7f", "a [31mb "},
			{"invoice\u202egnp.exe", "invoice gnp.exe"},
			{"two\r\nlines\t", "two  lines "},
			{"Zoë", "Zoë"},
		} {
			in, err := rig.SignIn(t.Context(), jo.Email, accounttest.Password, account.Browser{Address: accounttest.Address, UserAgent: tt.agent})
			if err != nil {
				t.Errorf("%q: %v", tt.agent, err)
				continue
			}
			actor, err := rig.SignedIn(t.Context(), in.Session, accounttest.Address)
			if err != nil {
				t.Fatal(err)
			}
			list, err := rig.Sessions(t.Context(), actor)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				if s.Current && s.UserAgent != tt.want {
					t.Errorf("%q is shown as %q, want %q", tt.agent, s.UserAgent, tt.want)
				}
			}
		}
	})
}
