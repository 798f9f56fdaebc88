package web

import (
	"strings"
	"testing"

	"hubline/product/account/accounttest"
)

func TestProfile(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		v := w.as(w.Rig.Open("harbour"))
		v.open("/profile").shows(200, "/profile", "Your details", "admin@harbour.example", "Same as this device")
		v.press("Save changes", "name", "").shows(422, "/profile", "There is a problem", "Enter your name")
		v.press("Save changes", "name", "Priya <i>Nair", "theme", "purple").shows(422, "/profile", "Choose light, dark, or the same as this device")
		if !strings.Contains(v.body, `value="Priya &lt;i&gt;Nair"`) {
			t.Error("what was typed is gone, or not escaped")
		}
		v.press("Save changes", "name", "Priya Nair", "theme", "dark").shows(200, "/profile", "Your details are changed")
		if !strings.Contains(v.body, `data-theme="dark"`) || !strings.Contains(v.body, `value="Priya Nair"`) {
			t.Error("the change does not show")
		}
		v.press("Save changes", "theme", "").lacks("problem")
		if strings.Contains(v.body, "data-theme") {
			t.Error("still dark")
		}
	})
}

func TestSessions(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		here := w.as(admin)
		phone := w.browser(cafe)
		phone.agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1"
		phone.signIn(admin.Email, accounttest.Password).shows(200, "/harbour/")
		third := w.browser(office).signIn(admin.Email, accounttest.Password)

		here.open("/profile/security").shows(200, "/profile/security", "Chrome on Windows", "This browser", "Safari on iPhone", cafe, "3 browsers")
		here.press("Sign out Safari on iPhone, "+cafe).shows(200, "/profile/security", "That browser is signed out").lacks("Sign out Safari on iPhone")
		phone.open("/profile").shows(200, "/sign-in")
		third.open("/profile").shows(200, "/profile")

		here.press("Sign out everywhere else").shows(200, "/profile/security", "Every other browser is signed out", "1 browser").lacks("Sign out everywhere else")
		third.open("/profile").shows(200, "/sign-in")

		northside := w.as(w.Rig.Open("northside"))
		_, id, _ := strings.Cut(here.body, "/profile/security/sessions/")
		id, _, _ = strings.Cut(id, "/")
		northside.post("/profile/security/sessions/"+id+"/end").shows(200, "/profile/security")
		here.open("/profile/security").shows(200, "/profile/security")
		here.press("Sign out Chrome on Windows, "+accounttest.Address).shows(200, "/sign-in", "You are signed out")
	})
}

func TestChangePassword(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		here := w.as(admin)
		other := w.browser(cafe).signIn(admin.Email, accounttest.Password)
		link := func() string {
			w.browser(home).open("/sign-in/forgot").press("Email me a link", "email", admin.Email)
			return w.link(admin.Email, "Choose a new password", "/password/")
		}()
		here.open("/profile/security").press("Change password", "current_password", "wrong words here", "password", newPassword).
			shows(422, "/profile/security/password", "That is not your present password", "This browser")
		here.press("Change password", "current_password", accounttest.Password, "password", "harbour harbour").shows(422, "/profile/security/password", "easy to guess")
		before := here.cookie(sessionCookie)
		here.press("Change password", "current_password", accounttest.Password, "password", newPassword).shows(200, "/profile/security", "Your password is changed", "1 browser")
		if here.cookie(sessionCookie) == before {
			t.Error("the token is the same")
		}
		other.open("/profile").shows(200, "/sign-in")
		w.browser(home).open(link).shows(404, link)
		w.mailed(admin.Email, "Your password was changed")
	})
}
