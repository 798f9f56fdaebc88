package web

import (
	"strings"
	"testing"

	"hubline/product/account"
)

// A list of people is looked over line by line first; what is wrong is put right on the page, and nobody is invited twice.
func TestInvitingPeopleByAList(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		if _, err := w.MakeGroup(t.Context(), admin.Actor(), account.NewGroup{Name: "Front desk", Roles: account.Roles{account.Billing}}); err != nil {
			t.Fatal(err)
		}
		v := w.as(admin)
		rows := "Email\tFirst name\tLast name\tRoles\tGroups\n" +
			"jo@harbour.example\tJo\tBaptiste\tAdmin\tfront DESK\n" +
			"lee@harbour.example\tLee\tWong\tOwner\t\n" +
			"admin@harbour.example\t\t\t\t\n"
		v.open("/harbour/hub-users").follow("Invite by a list").press("Check the list", "rows", "Name\nJo\n").shows(422, "*", "One of them has to be Email")
		v.press("Check the list", "rows", rows, "message", "Welcome.").
			shows(200, "*", "Invite 1 person", "1 line can't be invited as it is", "Line 3: Lee Wong", "There is no role", "Already here", "front DESK", "Welcome.")
		page := v.url.Path
		v.press("Check again", "fix-3-roles", "billing").shows(200, page, "Invite 2 people").lacks("can't be invited")
		v.open(page+"?show=already-here").shows(200, "*", "already has access").lacks("Jo Baptiste")
		v.open(page).press("Invite 2 people", "step", "invite").shows(200, page, "Inviting", "0 of 2 people")
		w.RunJobs()
		v.open(page).shows(200, page, "What happened", "Download the report")
		v.open(page+"/report.csv").shows(200, "*", "jo@harbour.example,Jo,Baptiste,Admin,front DESK,2,Invited,", "admin@harbour.example,,,,,4,Already here,admin@harbour.example already has access")
		told := 0
		for _, m := range w.Box.Mails() {
			if m.To == "lee@harbour.example" && strings.Contains(m.Text, "Welcome.") {
				told++
			}
		}
		if told != 1 {
			t.Errorf("lee got %d invitations with the message", told)
		}
		v.open("/harbour/hub-user-imports").shows(200, "*", "Earlier lists", "3 lines").
			press("Check the list", "rows", rows).shows(200, "*", "nobody to invite", "Already invited")
		v.open("/harbour/hub-user-imports/template.csv").shows(200, "*", "Email,First name,Last name,Roles,Groups")
	})
}

// Groups are chosen in the form, shown before sending and on the invitation, and joined by accepting.
func TestInvitingPeopleIntoGroups(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Open("harbour")
		v := w.as(admin)
		v.open("/harbour/hub-users/invite").lacks("Groups to join")
		g, err := w.MakeGroup(t.Context(), admin.Actor(), account.NewGroup{Name: "Front desk leads", Roles: account.Roles{account.Billing}})
		if err != nil {
			t.Fatal(err)
		}
		v.open("/harbour/hub-users/invite").shows(200, "*", "Groups to join", "Gives Billing").
			press("Review invitation", "email", "jo@harbour.example", "groups", g.ID).shows(200, "*", "Front desk leads", "from Front desk leads").
			press("Send invitation", "step", "send").shows(200, "/harbour/hub-users", "They get Billing access when they accept", "from Front desk leads").
			follow("See the invitation").shows(200, "*", "Front desk leads", "They join when they accept")
		w.RunJobs()
		v.open("/harbour/hub-users/invite").press("Review invitation", "email", "lee@harbour.example", "groups", "gone").shows(422, "*", "not there any more")
	})
}
