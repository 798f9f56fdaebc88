package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"hubline/cmd/hubline/carrier"
	"hubline/sip"
)

func TestDoctorOnPhones(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cert, key := selfSigned(t, "localhost", now.Add(-time.Hour), now.Add(90*24*time.Hour))
	other, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	network, err := carrier.Start("127.0.0.1:0", carrier.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { network.Close() })
	tls := []string{"--base-url", "https://localhost", "--tls-cert", cert, "--tls-key", key, "--sip-tls", "127.0.0.1:0"}
	for _, c := range []struct {
		name  string
		args  []string
		part  string
		state string
		says  string
	}{
		{"no port for phones", nil, "phones", worth, "WebSocket only"},
		{"a port that is free", []string{"--sip", "127.0.0.1:0"}, "phones", healthy, "is free"},
		{"a port that is taken", []string{"--sip", other.LocalAddr().String()}, "phones", broken, "in use"},
		{"an address that is none", []string{"--sip", "phones:5060"}, "phones", broken, "as an IP address"},
		{"ports for sound", []string{"--sip", "127.0.0.1:0", "--rtp-ports", "20000-20399"}, "sound", healthy, "100 calls"},
		{"the port of phones among those for sound", []string{"--sip", "127.0.0.1:20100", "--rtp-ports", "20000-20399"}, "sound", broken, "hold the port"},
		{"ports that are none", []string{"--sip", "127.0.0.1:0", "--rtp-ports", "5-1"}, "phones", broken, "give two ports"},
		{"this machine only", []string{"--sip", "127.0.0.1:0"}, "address", worth, "only this machine"},
		{"behind a NAT", []string{"--sip", "127.0.0.1:0", "--public-ip", "203.0.113.9"}, "address", healthy, "none of this machine's"},
		{"a name without address", []string{"--sip", "127.0.0.1:0", "--sip-domain", "sip.invalid"}, "SIP DNS", broken, "sip.invalid"},
		{"a server elsewhere", []string{"--sip", "127.0.0.1:0", "--sip-domain", "sip.invalid", "--sip-server", "127.0.0.9:5070"}, "SIP DNS", worth, "127.0.0.9"},
		{"TLS", tls, "SIP TLS", healthy, "localhost"},
		{"TLS for another name", append([]string{"--sip-domain", "sip.example"}, tls...), "SIP TLS", broken, "not for sip.example"},
		{"no carrier", []string{"--sip", "127.0.0.1:0"}, "carrier", worth, "calls stay inside"},
		{"a carrier that answers", []string{"--carrier", "name=Demo;host=" + network.Addr().String()}, "carrier", healthy, "Demo answers"},
		{"a carrier without name", []string{"--carrier", "host=127.0.0.1"}, "carrier", broken, "name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, parts := diagnosis(t, append([]string{"--data", t.TempDir(), "--http", "127.0.0.1:0"}, c.args...)...)
			expect(t, parts, c.part, c.state, c.says)
		})
	}
}

func TestDoctorKnowsAHublineThatServesPhones(t *testing.T) {
	t.Parallel()
	d := startDemo(t, seeded(t))
	defer d.stop()
	_, parts := diagnosis(t, "--data", t.TempDir(), "--http", "127.0.0.1:0", "--sip", d.about.SIP)
	expect(t, parts, "phones", healthy, "Hubline answers on "+d.about.SIP)
}

// The numbers of /metrics move with a call that was turned away.
func TestMetricsCountCalls(t *testing.T) {
	t.Parallel()
	d := startDemo(t, seeded(t))
	defer d.stop()
	mary := d.phone(t, *d.about.Accounts[0].PhoneUsers[0].SIP, "udp")
	mary.event(mary.call("999999"), sip.Refused)
	deadline := time.Now().Add(patience)
	for {
		_, body, _ := get(t, strings.TrimPrefix(d.about.Portal, "http://"), "/metrics")
		missing := ""
		for _, want := range []string{"hubline_registrations 1\n", "hubline_calls 0\n", `hubline_calls_ended_total{outcome="unavailable"} 1`, `hubline_calls_ended_total{outcome="answered"} 0`,
			`hubline_sip_messages_total{what="malformed"} 0`, `hubline_sip_messages_total{what="over budget"} 0`, `hubline_media_packets_total{what="stranger"} 0`} {
			if !strings.Contains(body, want) {
				missing = want
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("/metrics lacks %s", missing)
		}
		pause := time.NewTimer(10 * time.Millisecond)
		<-pause.C
	}
}
