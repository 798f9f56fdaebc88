package api_test

import (
	"strings"
	"time"

	"hubline/api"
	"hubline/product/account"
	"hubline/product/support"
)

// goldenReviews keeps the answers about reviews of access.
func (w *world) goldenReviews(m masks, examples map[string]string) {
	const in = "/accounts/harbour"
	var people, left api.ReviewPeople
	var outcome api.ReviewOutcome
	w.send("PATCH", in+"/access-review", examples["set-review-reminder"]).want(200, nil).golden(m, "set-review-reminder.json")
	w.send("PATCH", in+"/access-review", `{"remind_months":5}`).problem(422, "review-months", "remind_months")
	w.send("GET", in+"/access-review/hub-users", nil).want(200, &people).golden(m, "list-review-people.json")
	if len(people.Items) != 2 {
		w.t.Fatalf("to decide about are %+v", people.Items)
	}
	jo, mary := people.Items[0], people.Items[1]
	one := strings.ReplaceAll(examples["decide-access-review"], "k3vq5zr2yb7m4xw6ct2ahsn5de", jo.ID)
	var standing api.ReviewStanding
	none := w.send("POST", in+"/access-review/decisions", one).problem(409, "review-refused", "")
	if len(none.Errors) != 1 || !strings.HasSuffix(none.Errors[0].Type, "/changed-meanwhile") || none.Errors[0].Field != "decisions[0]" {
		w.t.Errorf("what was seen in another version is refused with %+v", none.Errors)
	}
	if w.send("GET", in+"/access-review", nil).want(200, &standing); standing.Open != nil {
		w.t.Errorf("decisions that were all refused began %+v", standing.Open)
	}
	w.send("POST", in+"/access-review/decisions", map[string]any{"decisions": []map[string]any{{"id": jo.ID, "version": jo.Version, "decision": "change", "roles": []string{"admin", "billing"}},
		{"id": mary.ID, "version": mary.Version, "decision": "remove"}}}).want(200, &outcome).golden(m, "decide-access-review.json")
	w.send("GET", in+"/access-review", nil).want(200, nil).golden(m, "get-access-review.json")
	w.send("GET", in+"/access-review/hub-users", nil).want(200, &left)
	if len(left.Items) != 1 || left.Items[0].ID != mary.ID {
		w.t.Errorf("left are %+v", left.Items)
	}
	keep := map[string]any{"id": mary.ID, "version": mary.Version, "decision": "keep"}
	w.send("POST", in+"/access-review/decisions", map[string]any{"decisions": []any{keep, keep}}).problem(422, "review-decision", "decisions")
	w.send("POST", in+"/access-review/decisions", map[string]any{"decisions": []any{}}).problem(409, "review-size", "")
	w.send("POST", in+"/access-review/decisions", map[string]any{"decisions": []any{keep}}).want(200, &outcome)
	if outcome.Review.DoneAt == nil {
		w.t.Errorf("nobody is left, and the review stands at %+v", outcome.Review)
	}
	w.send("GET", in+"/access-reviews", nil).want(200, nil).golden(m, "list-access-reviews.json")
	at := in + "/access-reviews/" + outcome.Review.ID
	w.send("GET", at, nil).want(200, nil).golden(m, "get-reviewed.json")
	w.send("GET", at+"/decisions", nil).want(200, nil).golden(m, "list-review-decisions.json")
	w.send("GET", at+"/decisions.csv", nil).want(200, nil).golden(m, "download-review-decisions.csv")
	w.send("GET", in+"/access-reviews/"+strings.Repeat("0", 16)+strings.Repeat("a", 12)+"/decisions.csv", nil).want(404, nil)
}

// goldenVisits keeps the answers about staff who see the account, and about terms.
func (w *world) goldenVisits(m masks, examples map[string]string) {
	const in = "/accounts/harbour"
	alex := w.Staff("alex@voice.example")
	ask := func(reason string) support.Visit {
		w.t.Helper()
		v, err := w.Support.AskVisit(w.t.Context(), alex.Inside(w.admin.Account), support.VisitRequest{Reason: reason, Minutes: 30})
		if err != nil {
			w.t.Fatal(err)
		}
		return v
	}
	at := in + "/visits/" + ask("Main line rings nobody").ID
	w.send("POST", at+"/answer", examples["answer-visit"]).want(200, nil).golden(m, "answer-visit.json")
	w.send("POST", at+"/answer", `{"answer":"refuse"}`).want(409, nil).golden(m, "problems/visit-answered.json")
	w.send("POST", at+"/end", nil).want(200, nil).golden(m, "end-visit.json")
	w.send("POST", at+"/end", nil).problem(409, "visit-over", "")
	w.send("GET", in+"/visits", nil).want(200, nil).golden(m, "list-visits.json")
	w.send("POST", in+"/visit-grant", `{"hours":0}`).problem(422, "grant-hours", "hours")
	w.send("POST", in+"/visit-grant", examples["grant-visits"]).want(200, nil).golden(m, "grant-visits.json")
	w.send("GET", in+"/visit-grant", nil).want(200, nil).golden(m, "get-visit-grant.json")
	w.send("DELETE", in+"/visit-grant", nil).want(204, nil)
	var visits api.Visits
	w.Clock.Advance(time.Minute)
	ask("Once more")
	w.send("GET", in+"/visits?limit=1", nil).want(200, &visits)
	if len(visits.Items) != 1 || visits.Items[0].State != "asked" || visits.Next == "" {
		w.t.Errorf("without the grant the newest visit is %+v", visits)
	}
	w.send("GET", in+"/visits?after="+visits.Next, nil).want(200, &visits)
	if len(visits.Items) != 1 || visits.Items[0].State != "ended" {
		w.t.Errorf("the visits before are %+v", visits)
	}

	if _, err := w.PublishTerms(w.t.Context(), alex, account.NewTerms{Terms: "Be kind.", Privacy: "We keep what the service needs."}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.AcceptTerms(w.t.Context(), w.admin.SignIn().Actor(), 1); err != nil {
		w.t.Fatal(err)
	}
	w.send("GET", in+"/terms", nil).want(200, nil).golden(m, "list-terms.json")
	w.send("GET", in+"/terms/1", nil).want(200, nil).golden(m, "get-terms.json")
	w.send("GET", in+"/terms/2", nil).want(404, nil)
	w.send("GET", in+"/terms-acceptances?version=1", nil).want(200, nil).golden(m, "list-terms-acceptances.json")
}
