package switchboard_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"hubline/base/db/dbtest"
	"hubline/sip"
)

// BenchmarkRefresh is a REGISTER with credentials for a binding that is there, and its answer. The client's own work is in it.
func BenchmarkRefresh(b *testing.B) {
	r := newRig(b, dbtest.SQLite(b))
	p := r.unregistered(r.mary, "udp")
	conn, err := net.Dial("udp", r.sip.String())
	must(b, err)
	defer conn.Close()
	answer := make([]byte, 4096)
	exchange := func(m *sip.Message) *sip.Message {
		if _, err := conn.Write(m.AppendTo(nil)); err != nil {
			b.Fatal(err)
		}
		n, err := conn.Read(answer)
		must(b, err)
		res, err := sip.Parse(answer[:n])
		must(b, err)
		return res
	}
	request := func(n int) *sip.Message {
		m := p.request("REGISTER", "")
		m.Prepend("Via", "SIP/2.0/UDP "+conn.LocalAddr().String()+";branch=z9hG4bK"+strconv.Itoa(n)+";rport")
		m.Set("CSeq", strconv.Itoa(n+1)+" REGISTER")
		m.Set("Contact", "<sip:phone@"+conn.LocalAddr().String()+">")
		m.Set("Expires", "300")
		m.Set("Max-Forwards", "70")
		return m
	}
	challenge := exchange(request(0)).Get("WWW-Authenticate")
	b.ReportAllocs()
	n := 1
	for b.Loop() {
		m := request(n)
		credentials, err := sip.Answer(challenge, p.as.Username, p.as.Password, "REGISTER", m.Target.String(), uint32(n))
		must(b, err)
		m.Set("Authorization", credentials)
		if res := exchange(m); res.Status != 200 {
			challenge = res.Get("WWW-Authenticate")
			if !strings.Contains(challenge, "stale") {
				b.Fatal(res.Status, res.Reason)
			}
			n = 0
		}
		n++
	}
}
