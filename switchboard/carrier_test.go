package switchboard_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"hubline/sip"
	"hubline/switchboard"
)

func TestParseCarrier(t *testing.T) {
	t.Parallel()
	c, err := switchboard.ParseCarrier("name=Example; host=sip.example.net; host=[2001:db8::1]:5070; source=192.0.2.0/28;source=203.0.113.9:5060;transport=tcp;username=me;" +
		"password=se=cret;realm=example;domain=example.net;register=true;numbers=national;identity=rpid;ping=10s;channels=30;ringback=true")
	must(t, err)
	wish := switchboard.Carrier{Name: "Example", Hosts: []string{"sip.example.net", "[2001:db8::1]:5070"}, Sources: []string{"192.0.2.0/28", "203.0.113.9:5060"}, Transport: "tcp",
		Username: "me", Password: "se=cret", Realm: "example", Domain: "example.net", Register: true, Numbers: "national", Identity: "rpid", Ping: 10 * time.Second, Channels: 30, Ringback: true}
	if !reflect.DeepEqual(c, wish) {
		t.Errorf("read %+v", c)
	}
	for text, complaint := range map[string]string{
		"host=x":                            "needs a name",
		"name=x":                            "needs a host",
		"name=x;host=y:0":                   "port",
		"name=x;host=y;transport=sctp":      "none of udp",
		"name=x;host=y;register=true":       "username and password",
		"name=x;host=y;source=here":         "source",
		"name=x;host=y;colour=red":          "no key",
		"name=x;host=y;ping":                "no value",
		"name=x;host=y;password-file=/nope": "password-file",
	} {
		if _, err := switchboard.ParseCarrier(text); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v, want a word about %q", text, err, complaint)
		}
	}
}

func TestCarrierProfiles(t *testing.T) {
	for name, tt := range map[string]struct {
		change                func(*switchboard.Carrier)
		dialled, target, from string
		header, value         string
	}{
		"digits and RPID":   {func(c *switchboard.Carrier) { c.Numbers, c.Identity = "digits", "rpid" }, "0491570157", "61491570157", "61255500142", "Remote-Party-ID", "<sip:61255500142@sip.hubline.test>;party=calling;screen=yes;privacy=off"},
		"national and From": {func(c *switchboard.Carrier) { c.Numbers, c.Identity = "national", "from" }, "0491570157", "0491570157", "0255500142", "P-Asserted-Identity", ""},
		"a short number":    {func(c *switchboard.Carrier) { c.Numbers = "national" }, "000", "000", "0255500142", "P-Asserted-Identity", "<sip:0255500142@sip.hubline.test>"},
		"its own domain":    {func(c *switchboard.Carrier) { c.Domain = "carrier.example" }, "1300555019", "+611300555019", "+61255500142", "P-Asserted-Identity", "<sip:+61255500142@carrier.example>"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, r *rig) {
				a := r.phone(r.mary).call(tt.dialled)
				z := r.network.ringing()
				m := z.Request()
				if m.Target.User != tt.target || m.From().URI.User != tt.from || m.Get(tt.header) != tt.value {
					t.Errorf("to %s, From %q, %s %q", m.Target.User, m.Get("From"), tt.header, m.Get(tt.header))
				}
				z.Refuse(486, "")
				refusal(t, a)
			}, func(c *switchboard.Config) { tt.change(&c.Carriers[0]) })
		})
	}
}

// S6: credentials are for the carrier's own realm, and for nobody else who asks.
func TestS6CredentialsGoToTheirCarrierOnly(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		mary := r.phone(r.mary)
		nonces := sip.NewNonces([]byte("secret"), 0, nil)
		for realm, wanted := range map[string]bool{"network.example": true, domain: false, "evil.example": false} {
			a := mary.call("0491570157")
			r.network.ringing().Refuse(407, "", "Proxy-Authenticate", nonces.Challenge(realm, "MD5", "x", false))
			if !wanted {
				if res := refusal(t, a); res.Status != 503 {
					t.Errorf("%s: %d", realm, res.Status)
				}
				continue
			}
			z := r.network.ringing()
			c, err := sip.ParseCredentials(z.Request().Get("Proxy-Authorization"))
			must(t, err)
			if !c.Valid(sip.HA1("MD5", "me", realm, "secret"), "INVITE", nil) {
				t.Error("the credentials are wrong")
			}
			must(t, z.Answer(r.network.offer()))
			want(t, a, sip.Answered)
			a.Hangup()
			want(t, z, sip.Bye)
		}
		select {
		case z := <-r.network.rang:
			t.Errorf("another realm was answered:\n%s", z.Request().AppendTo(nil))
		default:
		}
		// A phone that challenges a call gets no answer either.
		tom := r.phone(r.tom)
		a := mary.call("102")
		tom.ringing().Refuse(407, "", "Proxy-Authenticate", nonces.Challenge("network.example", "MD5", "x", false))
		refusal(t, a)
		select {
		case <-tom.rang:
			t.Error("a phone's challenge was answered")
		default:
		}
	}, func(c *switchboard.Config) {
		c.Carriers[0].Username, c.Carriers[0].Password, c.Carriers[0].Realm = "me", "secret", "network.example"
	})
}

func TestRegisteringWithACarrier(t *testing.T) {
	on(t, func(t *testing.T, r *rig) {
		late := time.After(time.Minute) // a try that a busy machine loses is repeated after half of it
		for challenged := false; ; {
			select {
			case in := <-r.network.other:
				if in.Request.Method != "REGISTER" {
					continue
				}
				c, err := sip.ParseCredentials(in.Request.Get("Authorization"))
				if err != nil {
					challenged = true
				} else if challenged && c.Valid(sip.HA1("MD5", "me", "network.example", "secret"), "REGISTER", nil) {
					return
				}
			case <-late:
				t.Fatal("no registration with the credentials within a minute")
			}
		}
	}, func(c *switchboard.Config) {
		carrier := &c.Carriers[0]
		carrier.Username, carrier.Password, carrier.Realm, carrier.Register = "me", "secret", "network.example", true
	})
}

func TestReach(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	c := switchboard.Carrier{Name: "x", Hosts: []string{n.addr.String()}, Transport: "udp"}
	if up, all, err := c.Reach(t.Context()); err != nil || up != 1 || all != 1 {
		t.Errorf("%d of %d, %v", up, all, err)
	}
}
