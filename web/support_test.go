package web

import (
	"strings"
	"testing"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// Rows B01 and B02 on pages: from the plan's limit to a request, to the provider's answer, to the mail and the page that tell it.
func TestAskingForMore(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		boss := w.Rig.Open("harbour")
		admin, sam := w.as(boss), w.staff("sam@provider.example")
		admin.open("/harbour/support").shows(200, "/harbour/support", "No requests yet")
		admin.open("/harbour/support/more").shows(200, "/harbour/support/more", "Your plan holds 10 phone users", "your access, Admin, Billing")
		admin.press("Ask for more", "phone_users", "10").shows(422, "/harbour/support/more", "There is a problem", "Enter how many you need in all")
		admin.press("Ask for more", "phone_users", "ten").shows(422, "/harbour/support/more", "Phone users must be a whole number")
		admin.press("Ask for more", "phone_users", "14", "description", "A new branch").
			shows(200, "/harbour/support/*", "Your request 1001 is with Southern Cross Voice", "Waiting for an answer", "More phone users: 14 instead of 10", "A new branch", "14 phone users in all")
		request := admin.url.Path
		admin.open("/harbour/support/more").shows(200, "/harbour/support/more", "Request 1001 already asks for more phone users", "Open request 1001")
		admin.lacks("Phone users you need in all").post("/harbour/support/more", "phone_users", "20", "description", "Now").shows(409, "/harbour/support/more", "Add to that one")

		sam.open("/console/requests").shows(200, "/console/requests", "Harbour Group", "More phone users: 14 instead of 10", "Admin, Billing")
		sam.open("/console/requests/1001").shows(200, "/console/requests/1001", "Access when asking", "Admin, Billing", "A new branch", "Plan now", "0 of 10 phone users in use")
		sam.press("Raise the plan", "phone_user_limit", "10").shows(422, "/console/requests/1001/limit", "Enter a higher number")
		sam.press("Raise the plan", "phone_user_limit", "14", "reply", strings.Repeat("a", 2001)).shows(422, "/console/requests/1001/limit", "Answer must be 2,000 characters or fewer")
		sam.press("Raise the plan", "reply", "From today.").shows(200, "/console/requests/1001", "The plan of Harbour Group now holds 14 phone users", "takes no more answers").lacks("Raise the plan")
		sam.open("/console/requests").shows(200, "/console/requests", "Nobody waits")
		sam.open("/console/requests?status=closed").shows(200, "/console/requests", "Request 1001")
		sam.open("/console/requests/7").shows(404, "/console/requests/7")
		sam.open("/console/requests/x").shows(404, "/console/requests/x")

		if m := w.mailed(boss.Email, "Your plan now holds 14 phone users"); !strings.Contains(m.Text, "From today.") || !strings.Contains(m.Text, w.URL+request) {
			t.Errorf("the mail: %s", m.Text)
		}
		admin.open(request).shows(200, request, "Closed", "From today.", "Southern Cross Voice").lacks("Sam", "Send answer")
		admin.open("/harbour/support/more").shows(200, "/harbour/support/more", "Your plan holds 14 phone users")
		admin.open("/harbour/audit-log").shows(200, "/harbour/audit-log", "Provider staff changed the plan from 10 to 14 phone users", "Admin opened the request 1001", "More phone users: 14 instead of 10")
	})
}

func TestARequestGoesToAndFro(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		boss := w.Rig.Open("harbour")
		admin, sam := w.as(boss), w.staff("sam@provider.example")
		admin.open("/harbour/support/new").press("Send request", "subject", "", "description", "").
			shows(422, "/harbour/support/new", "Enter a subject", "Enter a description")
		admin.press("Send request", "subject", "Hold music", "description", "How do I change it?").shows(200, "/harbour/support/*", "Your request 1001", "How do I change it?")
		request := admin.url.Path
		sam.open("/console/requests/1001").press("Send answer", "text", "").shows(422, "/console/requests/1001", "Enter an answer")
		sam.press("Send answer", "text", "Under Sounds.").shows(200, "/console/requests/1001", "Your answer is sent", "Answered").lacks("Raise the plan")
		w.mailed(boss.Email, "Southern Cross Voice answered your request 1001")
		admin.open(request).shows(200, request, "Answered", "Under Sounds.").press("Send answer", "text", "Which format?").
			shows(200, request, "Your answer is sent", "Waiting for an answer", "Which format?")
		sam.open("/console/requests").shows(200, "/console/requests", "Hold music")
		admin.press("Send answer", "text", "Found it", "close", "on").shows(200, request, "Request 1001 is closed", "takes no more answers")
		admin.post(request, "text", "One more").shows(409, request, "Request 1001 is closed")
		admin.open("/harbour/support").shows(200, "/harbour/support", "Hold music", "Closed")
		admin.open("/harbour/support?after=forged").shows(200, "/harbour/support", "Hold music")
		sam.open("/console/requests?status=open&after=forged").shows(200, "/console/requests", "Nobody waits")
	})
}

// Sending a form twice does what it does once.
func TestRequestsAreNotDoubled(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, sam := w.as(w.Rig.Open("harbour")), w.staff("sam@provider.example")
		for range 2 {
			admin.post("/harbour/support/new", "subject", "Hold music", "description", "How?", "form_key", "k1").shows(200, "/harbour/support/*", "Request 1001")
		}
		request := admin.url.Path
		for range 2 {
			admin.post(request, "text", "Any news?", "form_key", "k2").shows(200, request)
			sam.post("/console/requests/1001", "text", "Soon.", "form_key", "k3").shows(200, "/console/requests/1001")
		}
		if n := strings.Count(sam.body, "Any news?") + strings.Count(sam.body, "Soon."); n != 2 {
			t.Errorf("%d answers in\n%s", n, sam.text())
		}
		admin.open("/harbour/support").lacks("Request 1002")
	})
}

func TestConsoleChangesPlans(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, sam := w.as(w.Rig.Open("harbour")), w.staff("sam@provider.example")
		sam.open("/console/accounts/harbour").press("Change plan", "phone_user_limit", "-1").shows(422, "/console/accounts/harbour/plan", "The plan holds 0 to")
		sam.press("Change plan", "phone_user_limit", "3").shows(200, "/console/accounts/harbour", "The plan of Harbour Group now holds 3 phone users (was 10)")
		sam.press("Change plan").shows(200, "/console/accounts/harbour", "Nothing was different")
		admin.open("/harbour/support/more").shows(200, "/harbour/support/more", "Your plan holds 3 phone users")
	})
}

// Row A07: whoever may not change services may not ask for changes either.
func TestOnlyAdminsAskTheProvider(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		boss := w.Rig.Open("harbour")
		for _, u := range []*accounttest.User{w.Rig.Join(boss, "sta@harbour.example"), w.Rig.Join(boss, "bil@harbour.example", account.Billing)} {
			v := w.as(u)
			v.open("/harbour/").lacks("Requests")
			v.post("/harbour/support/more", "phone_users", "40").shows(403, "/harbour/support/more", "You need Account admin access")
			v.post("/harbour/support/new", "subject", "Cancel a number", "description", "Today").shows(403, "/harbour/support/new", "You need Account admin access")
		}
		w.as(boss).open("/harbour/support").shows(200, "/harbour/support", "No requests yet")
	})
}

func TestConsoleAssignsNumbers(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, sam := w.as(w.Rig.Open("harbour")), w.staff("sam@provider.example")
		w.Rig.Open("northside")
		sam.open("/console/accounts/harbour").press("Assign number", "number", "").shows(422, "/console/accounts/harbour/numbers", "Enter a phone number")
		sam.press("Assign number", "number", "1234").shows(422, "/console/accounts/harbour/numbers", "Enter a whole phone number")
		sam.press("Assign number", "number", "(02) 5550 0142", "service_name", "Front desk").shows(200, "/console/accounts/harbour", "02 5550 0142 belongs to Harbour Group now", "Front desk")
		sam.open("/console/accounts/northside").press("Assign number", "number", "+61 2 5550 0142").shows(422, "/console/accounts/northside/numbers", "belongs to Harbour Group")
		admin.open("/harbour/numbers").shows(200, "/harbour/numbers", "02 5550 0142", "Front desk")
		for _, search := range []string{"5550+0142", "0255500142", "%2B61255500142", "0142"} {
			sam.open("/console/accounts?q="+search).shows(200, "/console/accounts", "02 5550 0142", "Harbour Group", "Front desk").lacks("Northside Group")
		}
		sam.open("/console/accounts?q=9999").shows(200, "/console/accounts", "No account matches")
		sam.open("/console/accounts/northside/numbers/+61255500142/withdrawal").shows(404, "/console/accounts/northside/numbers/*")
		sam.open("/console/accounts/harbour/numbers/+61255500142/withdrawal").shows(200, "/console/accounts/harbour/numbers/*", "Withdraw 02 5550 0142?", "Calls to it lead nowhere").
			press("Withdraw number").shows(200, "/console/accounts/harbour", "02 5550 0142 is withdrawn from Harbour Group").lacks("Front desk")
		admin.open("/harbour/audit-log").shows(200, "/harbour/audit-log", "Provider staff assigned 02 5550 0142", "Provider staff withdrew 02 5550 0142")
	})
}
