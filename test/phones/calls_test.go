package phones

import (
	"strings"
	"testing"
	"time"

	"hubline/media/mediatest"
)

// hears checks that a tone makes up what the phone heard in its last call from one moment on, for a time; 0 is all that follows. A negative
// moment counts from the end.
func (p *phone) hears(hz int, from, length time.Duration) {
	p.t.Helper()
	all := p.recordings()
	if len(all) == 0 {
		p.t.Fatal("the phone recorded nothing")
	}
	samples, rate, err := mediatest.ReadWAV(all[len(all)-1])
	must(p.t, err)
	count := func(d time.Duration) int { return int(d * time.Duration(rate) / time.Second) }
	if from < 0 {
		samples = samples[max(0, len(samples)+count(from)):]
	} else {
		samples = samples[min(count(from), len(samples)):]
	}
	if length > 0 {
		samples = samples[:min(count(length), len(samples))]
	}
	if share := mediatest.Share(samples, rate, hz); share < 0.8 {
		p.t.Errorf("%.2f of %d samples is %d Hz", share, len(samples), hz)
	}
}

// hearsFor fails unless the phone heard a tone for so long at some moment: when it began depends on both clocks.
func (p *phone) hearsFor(hz int, length time.Duration) {
	p.t.Helper()
	all := p.recordings()
	if len(all) == 0 {
		p.t.Fatal("the phone recorded nothing")
	}
	samples, rate, err := mediatest.ReadWAV(all[len(all)-1])
	must(p.t, err)
	window, best := int(length*time.Duration(rate)/time.Second), 0.0
	for from := 0; from+window <= len(samples); from += window / 8 {
		best = max(best, mediatest.Share(samples[from:from+window], rate, hz))
	}
	if best < 0.8 {
		p.t.Errorf("at no moment more than %.2f of %v is %d Hz", best, length, hz)
	}
}

func TestTwoPhonesHearEachOther(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			mary, jo := d.phone(d.device("101"), 440, transport), d.phone(d.device("102"), 1000, "udp")
			mary.do("dial", "102")
			if in := jo.wait("CALL_INCOMING"); in.Name != "Mary Chen" || !strings.HasPrefix(in.Peer, "sip:101@") {
				t.Errorf("the phone shows %q, %s", in.Name, in.Peer)
			}
			mary.wait("CALL_RINGING")
			jo.do("accept", "")
			mary.wait("CALL_ESTABLISHED")
			jo.wait("CALL_ESTABLISHED")
			mary.hasHeard(time.Second)
			jo.hasHeard(time.Second)
			mary.do("hangup", "")
			jo.wait("CALL_CLOSED")
			mary.wait("CALL_CLOSED")
			mary.hears(1000, 0, 0)
			jo.hears(440, 0, 0)
			d.recorded(1, record{"internal", "answered", "101", "102", "Jo Baptiste", "", "hung-up", 200})
		})
	}
}

func TestACallOutShowsTheChosenCallerID(t *testing.T) {
	t.Parallel()
	d := start(t)
	tom := d.phone(d.device("104"), 1000, "udp")
	tom.do("dial", "0491570006")
	tom.wait("CALL_ESTABLISHED")
	tom.hasHeard(3 * time.Second) // the network's own tone for a second, then an echo
	tom.do("hangup", "")
	tom.wait("CALL_CLOSED")
	tom.hearsFor(440, 400*time.Millisecond)
	tom.hears(1000, -time.Second, 0)
	d.recorded(1, record{"outbound", "answered", "+61491570156", "+61491570006", "0491 570 006", "+61491570156", "hung-up", 200})
	seen := d.carried()
	if want := (outside{"from_system", "+61491570156", "+61491570156", "", "+61491570006", "answered", ""}); len(seen) != 1 || seen[0] != want {
		t.Errorf("the carrier saw %+v, want %+v", seen, want)
	}
}

func TestTheCompanyNumberRingsMary(t *testing.T) {
	t.Parallel()
	d := start(t)
	mary, reception := d.phone(d.device("101"), 440, "udp"), d.phone(d.device("103"), 1000, "udp")
	reception.do("dial", "0255500142") // out to the network, which brings it back
	if in := mary.wait("CALL_INCOMING"); !strings.HasPrefix(in.Peer, "sip:0255500143@") {
		t.Errorf("the phone shows %q, %s", in.Name, in.Peer)
	}
	mary.do("accept", "")
	reception.wait("CALL_ESTABLISHED")
	mary.hasHeard(time.Second)
	reception.hasHeard(time.Second)
	mary.do("hangup", "")
	reception.wait("CALL_CLOSED")
	mary.wait("CALL_CLOSED")
	mary.hears(1000, 0, 0)
	reception.hears(440, 0, 0)
	d.records(2)
	seen := map[string]bool{}
	for _, r := range d.records(2) {
		seen[r.Direction] = r.Status == "answered" && r.From == "+61255500143" && r.To == "+61255500142" && (r.Direction == "outbound" || r.Point == "Mary Chen")
	}
	if !seen["inbound"] || !seen["outbound"] {
		t.Errorf("recorded %+v", d.records(2))
	}
}

func TestTheEchoTestPlaysBackWhatItHears(t *testing.T) {
	t.Parallel()
	d := start(t)
	jo := d.phone(d.device("102"), 1000, "tcp")
	jo.do("dial", "*43")
	jo.wait("CALL_ESTABLISHED")
	jo.hasHeard(6 * time.Second)
	jo.do("hangup", "")
	jo.wait("CALL_CLOSED")
	jo.hears(1000, -time.Second, 0)
	d.recorded(1, record{"internal", "answered", "102", "*43", "Echo test", "", "hung-up", 200})
}
