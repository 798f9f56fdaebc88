package phones

import "testing"

func TestEveryWayACallCanGo(t *testing.T) {
	t.Parallel()
	mary, jo := "101", "102"
	for name, c := range map[string]struct {
		called string // scenario of Jo's device, "" for none
		answer play
		caller string // scenario of Mary's
		dials  string
		asks   play
		want   record
	}{
		"answered":      {"answer", play{Ring: 100}, "call", jo, play{Talk: 200}, record{"internal", "answered", mary, jo, "Jo Baptiste", "", "hung-up", 200}},
		"busy":          {"refuse", play{Status: 486}, "refused", jo, play{Status: 486}, record{"internal", "busy", mary, jo, "", "", "busy", 486}},
		"declined":      {"refuse", play{Status: 603}, "refused", jo, play{Status: 603}, record{"internal", "busy", mary, jo, "", "", "declined", 603}},
		"no answer":     {"ring", play{}, "refused", jo, play{Status: 480}, record{"internal", "unanswered", mary, jo, "", "", "no-answer", 480}},
		"cancelled":     {"ring", play{}, "cancel", jo, play{}, record{"internal", "cancelled", mary, jo, "", "", "cancelled", 487}},
		"not signed in": {"", play{}, "refused", jo, play{Status: 480}, record{"internal", "unavailable", mary, jo, "", "", "no-device", 480}},
		"no such extension": {"", play{}, "refused", "199", play{Status: 404},
			record{"outbound", "unavailable", mary, "199", "", "", "no-such-number", 404}},
		"no such number": {"", play{}, "refused", "0299", play{Status: 404}, record{"outbound", "unavailable", mary, "0299", "", "", "no-such-number", 404}},
		"premium": {"", play{}, "refused", "1900555123", play{Status: 403},
			record{"outbound", "unavailable", mary, "+611900555123", "", "", "premium-barred", 403}},
		"abroad": {"", play{}, "refused", "0011442079460000", play{Status: 403},
			record{"outbound", "unavailable", mary, "+442079460000", "", "", "international-barred", 403}},
		"hold":       {"answer-hold", play{}, "hold", jo, play{}, record{"internal", "answered", mary, jo, "Jo Baptiste", "", "hung-up", 200}},
		"timers":     {"answer", play{}, "refresh", jo, play{}, record{"internal", "answered", mary, jo, "Jo Baptiste", "", "hung-up", 200}},
		"late offer": {"answer", play{}, "late", jo, play{Talk: 100}, record{"internal", "answered", mary, jo, "Jo Baptiste", "", "hung-up", 200}},
		"out, answered": {"", play{}, "call", "0491570006", play{Talk: 100},
			record{"outbound", "answered", "+61255500142", "+61491570006", "0491 570 006", "+61255500142", "hung-up", 200}},
		"out, busy": {"", play{}, "refused", "0270100486", play{Status: 486},
			record{"outbound", "busy", "+61255500142", "+61270100486", "", "+61255500142", "busy", 486}},
		"out, refused": {"", play{}, "refused", "0270100603", play{Status: 603},
			record{"outbound", "busy", "+61255500142", "+61270100603", "", "+61255500142", "busy", 603}},
		"out, not in service": {"", play{}, "refused", "0270100404", play{Status: 404},
			record{"outbound", "unavailable", "+61255500142", "+61270100404", "", "+61255500142", "refused", 404}},
		"out, failing": {"", play{}, "refused", "0270100500", play{Status: 500},
			record{"outbound", "unavailable", "+61255500142", "+61270100500", "", "+61255500142", "refused", 500}},
		"out, cancelled": {"", play{}, "cancel", "0270100408", play{},
			record{"outbound", "cancelled", "+61255500142", "+61270100408", "", "+61255500142", "cancelled", 487}},
		"out, early media": {"", play{}, "call", "0270100183", play{},
			record{"outbound", "answered", "+61255500142", "+61270100183", "02 7010 0183", "+61255500142", "hung-up", 200}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			var other *run
			if c.called != "" {
				other = d.called(d.device("102"), c.called, c.answer)
			}
			d.calls(script{as: d.device("101"), scenario: c.caller, to: c.dials, play: c.asks}).passed()
			if other != nil {
				other.passed()
			}
			d.recorded(1, c.want)
		})
	}
}

func TestTheFirstOfSeveralPhonesToAnswerHasTheCall(t *testing.T) {
	t.Parallel()
	d := start(t)
	elsewhere := d.called(d.device("102"), "ring", play{Reason: "cause=200"})
	answers := d.called(d.device("102"), "answer", play{Ring: 300})
	d.calls(script{as: d.device("101"), scenario: "call", to: "102", play: play{Talk: 100}}).passed()
	elsewhere.passed()
	answers.passed()
	d.recorded(1, record{"internal", "answered", "101", "102", "Jo Baptiste", "", "hung-up", 200})
}

func TestWrongAndUnknownAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	d := start(t)
	known := d.device("101")
	for name, s := range map[string]script{
		"wrong password": {as: known, password: "wrong-" + known.Password[:8]},
		"unknown":        {as: device{Username: "m" + known.Username[2:] + "x", Password: known.Password}},
		"extension":      {as: device{Username: "101", Password: known.Password}},
	} {
		t.Run(name, func(t *testing.T) {
			s.scenario, s.address, s.play = "register", "127.0.0.2", play{Status: 401}
			d.sipp(s).passed()
		})
	}
	d.sipp(script{as: known, scenario: "register", play: play{Status: 200}}).passed()
}

func TestATooShortSessionTimerIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.calls(script{as: d.device("101"), scenario: "short", to: "102"}).passed()
}
