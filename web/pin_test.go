package web

import (
	"regexp"
	"strings"
	"testing"

	"hubline/product/account"
)

var pinOnPage = regexp.MustCompile(`<dd>(\d{3} \d{3})</dd>`)

// S25 on the pages: the caller's own page shows the digits once, the console says who it is.
func TestS25TheSupportPINOnBothSides(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		jo := w.as(w.Join(owner, "jo@harbour.example"))
		sam := w.staff("sam@provider.example")
		jo.open("/harbour/support/pin").shows(200, "/harbour/support/pin", "Get a PIN", "15 minutes, and once")
		jo.press("Get a PIN").shows(200, "/harbour/support/pin", "Read this out", "Get another PIN")
		pin := pinOnPage.FindStringSubmatch(jo.body)
		if pin == nil {
			t.Fatalf("the page shows no PIN: %s", jo.text())
		}
		jo.open("/harbour/support/pin").lacks(pin[1])
		sam.open("/console/pin").press("Check PIN", "pin", "12").shows(422, "/console/pin", "Enter the six digits")
		sam.press("Check PIN", "pin", pin[1]).shows(200, "/console/pin", "Jo", "PIN is right", "jo@harbour.example", "Harbour Group", "10001", "Standard", "Nothing that changes the account or its bill")
		sam.press("Check PIN", "pin", pin[1]).shows(422, "/console/pin", "That PIN is not right, was used, or ran out").lacks("jo@harbour.example")
		w.as(owner).open("/harbour/audit-log").shows(200, "/harbour/audit-log", "Provider staff checked the support PIN of Jo")
		sam.open("/console/audit-log").shows(200, "/console/audit-log", "Sam checked the support PIN of Jo")
		if strings.Contains(w.log.String(), strings.ReplaceAll(pin[1], " ", "")) {
			t.Error("the log holds the PIN")
		}
	})
}

// Row A07 on the pages: billing asks about bills and nothing else, a standard user asks for nothing, and both are told who can.
func TestRowA07WhoAsksForWhat(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		owner := w.Rig.Open("harbour")
		bea, jo := w.as(w.Join(owner, "bea@harbour.example", account.Billing)), w.as(w.Join(owner, "jo@harbour.example"))
		sam := w.staff("sam@provider.example")
		for _, v := range []*visitor{bea, jo} {
			v.open("/harbour/support/new").shows(403, "/harbour/support/new", "You need Account admin access", "Admin can give it to you")
			v.post("/harbour/support/new", "subject", "Cancel", "description", "All of it").shows(403, "/harbour/support/new")
			v.post("/harbour/support/more", "phone_users", "50").shows(403, "/harbour/support/more")
		}
		jo.open("/harbour/support/invoice").shows(403, "/harbour/support/invoice", "You need Billing access")
		bea.open("/harbour/support").shows(200, "/harbour/support", "No requests yet", "Change invoice details").lacks("New request")
		bea.open("/harbour/support/invoice").press("Send request", "subject", "New address", "description", "1 High Street").shows(200, "/harbour/support/*", "is with Southern Cross Voice")
		w.as(w.Join(owner, "amy@harbour.example", account.Admin)).open("/harbour/support").shows(200, "/harbour/support").lacks("New address")
		sam.open("/console/requests").shows(200, "/console/requests", "New address")
		sam.open("/console/requests/1001").shows(200, "/console/requests/1001", "Billing", "A change of invoice details")
	})
}
