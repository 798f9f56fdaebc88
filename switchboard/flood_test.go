package switchboard_test

import (
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/sip"
)

// S9: what is no SIP, or not quite, ends nothing.
func TestS9MalformedMessagesEndNothing(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		conn, err := net.Dial("udp", r.sip.String())
		must(t, err)
		defer conn.Close()
		whole := mary.request("REGISTER", "")
		whole.Prepend("Via", "SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx")
		whole.Set("Authorization", `Digest username="x", realm="`+domain+`", nonce="x", uri="sip:x", response="x", qop=auth, nc=00000001, cnonce="x"`)
		text := whole.AppendTo(nil)
		for i := range text { // every byte cut off, and every byte changed
			conn.Write(text[:i])
			broken := append([]byte(nil), text...)
			broken[i] ^= 0x5a
			conn.Write(broken)
			if i%64 == 0 {
				mary.once(mary.request("OPTIONS", "")) // do not outrun the socket's buffer
			}
		}
		if res := mary.register(300); res.Status != 200 {
			t.Errorf("afterwards a phone gets %d", res.Status)
		}
		if n := r.board.Engine().Stats().Panics; n != 0 {
			t.Errorf("%d panics", n)
		}
	})
}

// S10: strangers cost no memory: each is answered and forgotten.
func TestS10StrangersAreForgotten(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		conn, err := net.Dial("udp", r.sip.String())
		must(t, err)
		defer conn.Close()
		answer := make([]byte, 4096)
		send := func(method string, i int) {
			m := sip.NewRequest(method, sip.URI{Scheme: "sip", User: "101", Host: domain})
			n := strconv.Itoa(i)
			m.Set("Via", "SIP/2.0/UDP "+conn.LocalAddr().String()+";branch=z9hG4bK"+method+n)
			m.Set("From", "<sip:u"+n+"@"+domain+">;tag="+n)
			m.Set("To", "<sip:u"+n+"@"+domain+">")
			m.Set("Call-ID", method+n)
			m.Set("CSeq", "1 "+method)
			m.Set("Max-Forwards", "70")
			_, err := conn.Write(m.AppendTo(nil))
			must(t, err)
			size, err := conn.Read(answer)
			must(t, err)
			if res, err := sip.Parse(answer[:size]); err != nil || res.Status != 401 && res.Status != 407 {
				t.Fatalf("%s: %q", method, answer[:size])
			}
		}
		send("REGISTER", 0)
		before := runtime.NumGoroutine()
		for i := range 5000 {
			send("REGISTER", i)
			send("INVITE", i)
		}
		if s := r.board.Engine().Stats(); s.Transactions > 10 || s.Legs != 0 {
			t.Errorf("%d transactions and %d legs are kept for strangers", s.Transactions, s.Legs)
		}
		if after := runtime.NumGoroutine(); after > before+200 { // other tests run at the same time
			t.Errorf("%d goroutines, %d before", after, before)
		}
	})
}

// S11: nobody but the phones that talk is heard or hears, though the ports of the call are open to all.
func TestS11StrangersNeitherHearNorSpeak(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		tom, mary, a, z := r.together()
		toTom, toMary := audioOf(t, a.RemoteSDP()), audioOf(t, z.RemoteSDP())
		bleeder := mediatest.NewPhone(t, "127.0.0.2") // another address: it never signalled
		for _, at := range []netip.AddrPort{toTom, toMary} {
			for range 20 {
				bleeder.Say(at, 8, make([]byte, 160))
			}
		}
		go mary.sound.Whistle(toMary, 1000, 300*time.Millisecond)
		tom.sound.Whistle(toTom, 440, 300*time.Millisecond)
		for _, at := range []netip.AddrPort{toTom, toMary} {
			for range 20 {
				bleeder.Say(at, 8, make([]byte, 160))
			}
		}
		mary.sound.Wait(10)
		tom.sound.Wait(10)
		if n := len(bleeder.Packets()); n != 0 {
			t.Errorf("a stranger heard %d packets", n)
		}
		if share := mediatest.Share(mary.sound.Heard(), 8000, 440); share < 0.8 {
			t.Errorf("Mary hears %.2f of Tom: somebody else spoke", share)
		}
		a.Hangup()
		want(t, z, sip.Bye)
	})
}
