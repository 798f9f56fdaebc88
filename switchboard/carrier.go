package switchboard

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"hubline/base/tel"
	"hubline/sip"
)

// Carrier is a provider's connection to the telephone network, as it is configured.
type Carrier struct {
	Name      string
	Hosts     []string // host[:port], the preferred first; the next is tried when one does not take a call
	Transport string   // udp, tcp or tls
	Sources   []string // ADDRESS, ADDRESS:PORT or NETWORK whose calls are the carrier's; empty: the hosts' addresses, with their port if one is written
	Username  string
	Password  string
	Realm     string // that the credentials are for; empty: the host's name. Challenges of another realm are never answered
	Domain    string // in From and P-Asserted-Identity; empty: the first host's name if there is a username, else our own domain
	Register  bool   // register there, for carriers that find us by that
	Numbers   string // how numbers are written: e164 (+61…), digits (61…) or national (0…)
	Identity  string // where the calling number is told: pai, rpid or from
	Ping      time.Duration
	Channels  int  // calls at once; 0: no limit but the others
	Ringback  bool // callers hear ringing from us: for carriers that leave them in silence until somebody answers
}

const defaultPing = 30 * time.Second

// ParseCarrier reads "name=Example;host=sip.example.net:5060;username=…;password-file=…". Keys: name, host and source (both as often as
// needed), transport, username, password, password-file, realm, domain, register, numbers, identity, ping, channels, ringback.
func ParseCarrier(text string) (Carrier, error) {
	c := Carrier{Transport: "udp", Numbers: "e164", Identity: "pai", Ping: defaultPing}
	for _, part := range strings.Split(text, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return c, fmt.Errorf("%q has no value; write key=value, with semicolons between", strings.TrimSpace(part))
		}
		if err := c.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return c, err
		}
	}
	return c, c.check()
}

func (c *Carrier) set(key, value string) (err error) {
	switch key {
	case "name":
		c.Name = value
	case "host":
		c.Hosts = append(c.Hosts, value)
	case "source":
		c.Sources = append(c.Sources, value)
	case "transport":
		c.Transport, err = oneOf(key, value, "udp", "tcp", "tls")
	case "username":
		c.Username = value
	case "password":
		c.Password = value
	case "password-file":
		var text []byte
		if text, err = os.ReadFile(value); err == nil {
			c.Password = strings.TrimRight(string(text), "\r\n")
		}
	case "realm":
		c.Realm = value
	case "domain":
		c.Domain = value
	case "register":
		c.Register, err = strconv.ParseBool(value)
	case "numbers":
		c.Numbers, err = oneOf(key, value, "e164", "digits", "national")
	case "identity":
		c.Identity, err = oneOf(key, value, "pai", "rpid", "from")
	case "ping":
		c.Ping, err = time.ParseDuration(value)
	case "channels":
		c.Channels, err = strconv.Atoi(value)
	case "ringback":
		c.Ringback, err = strconv.ParseBool(value)
	default:
		return fmt.Errorf("%q is no key of a carrier; the keys are name, host, source, transport, username, password, password-file, realm, domain, register, numbers, identity, ping, channels and ringback", key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func oneOf(key, value string, words ...string) (string, error) {
	for _, w := range words {
		if value == w {
			return w, nil
		}
	}
	return "", fmt.Errorf("%q is none of %s", value, strings.Join(words, ", "))
}

func (c *Carrier) check() error {
	switch {
	case c.Name == "":
		return fmt.Errorf("a carrier needs a name")
	case len(c.Hosts) == 0:
		return fmt.Errorf("carrier %s needs a host", c.Name)
	case c.Register && (c.Username == "" || c.Password == ""):
		return fmt.Errorf("carrier %s needs username and password to register", c.Name)
	}
	for _, h := range c.Hosts {
		if _, _, err := splitHost(h); err != nil {
			return fmt.Errorf("carrier %s: %w", c.Name, err)
		}
	}
	for _, s := range c.Sources {
		if _, err := parseSource(s); err != nil {
			return fmt.Errorf("carrier %s: %w", c.Name, err)
		}
	}
	return nil
}

// splitHost reads host[:port]; port 0 means that none is written.
func splitHost(text string) (host string, port uint16, err error) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return addr.String(), 0, nil
	}
	host = text
	if strings.Contains(text, ":") {
		var digits string
		if host, digits, err = net.SplitHostPort(text); err != nil {
			return "", 0, fmt.Errorf("host %q: write host or host:port", text)
		}
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return "", 0, fmt.Errorf("host %q: the port is no number from 1 to 65535", text)
		}
		port = uint16(n)
	}
	if host == "" {
		return "", 0, fmt.Errorf("host %q: the name is missing", text)
	}
	return host, port, nil
}

// source is where a carrier's calls come from. Port 0 means any.
type source struct {
	network netip.Prefix
	port    uint16
}

func (s source) covers(a netip.AddrPort) bool {
	return s.network.Contains(a.Addr()) && (s.port == 0 || s.port == a.Port())
}

func parseSource(text string) (source, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return source{p.Masked(), 0}, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return only(a.Unmap(), 0), nil
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		return only(a.Addr().Unmap(), a.Port()), nil
	}
	return source{}, fmt.Errorf("source %q: write an address, address:port or network", text)
}

func only(a netip.Addr, port uint16) source { return source{netip.PrefixFrom(a, a.BitLen()), port} }

// target writes a number as the carrier wants it dialled.
func (c *Carrier) target(plan tel.Plan, number string) string {
	digits, e164 := strings.CutPrefix(number, "+")
	switch {
	case !e164, c.Numbers == "e164":
		return number
	case c.Numbers == "national":
		if national := compact(plan.National(number)); !strings.HasPrefix(national, "+") {
			return national
		}
	}
	return digits
}

// compact takes the spaces out of a number written for people.
func compact(number string) string { return strings.ReplaceAll(number, " ", "") }

// fromDomain is the host that the carrier knows us by.
func (c *Carrier) fromDomain(own string) string {
	switch {
	case c.Domain != "":
		return c.Domain
	case c.Username != "":
		host, _, _ := splitHost(c.Hosts[0])
		return host
	}
	return own
}

// identify writes who is calling into an INVITE for the carrier (RFC 3323, 3325). Everything that a phone wrote is gone by then.
func (c *Carrier) identify(invite *sip.Message, plan tel.Plan, who identity, own string) {
	domain := c.fromDomain(own)
	anonymous := sip.Address{Name: "Anonymous", URI: sip.URI{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}}
	if who.number == "" {
		invite.Set("From", anonymous.String())
		return
	}
	real := sip.Address{URI: sip.URI{Scheme: "sip", User: c.target(plan, who.number), Host: domain}}
	from := real
	if who.hidden {
		from = anonymous
		invite.Set("Privacy", "id")
	}
	invite.Set("From", from.String())
	switch c.Identity {
	case "pai":
		invite.Set("P-Asserted-Identity", real.String())
	case "rpid":
		privacy := "off"
		if who.hidden {
			privacy = "full"
		}
		real.Params = sip.Params{{Name: "party", Value: "calling"}, {Name: "screen", Value: "yes"}, {Name: "privacy", Value: privacy}}
		invite.Set("Remote-Party-ID", real.String())
	}
}

// calling reads who calls from a carrier's INVITE. A hidden caller has no number here: nobody behind the carrier may learn it.
func (c *Carrier) calling(m *sip.Message, plan tel.Plan) (number string, hidden bool) {
	from := m.From()
	if anonymous(from.URI) || withheld(m.Get("Privacy")) {
		return "", true
	}
	who := from
	switch c.Identity {
	case "pai":
		if list, err := sip.ParseAddresses(m.Get("P-Asserted-Identity")); err == nil && len(list) > 0 {
			who = list[0]
		}
	case "rpid":
		if a, err := sip.ParseAddress(m.Get("Remote-Party-ID")); err == nil {
			if p, _ := a.Params.Get("privacy"); p != "" && p != "off" {
				return "", true
			}
			who = a
		}
	}
	if e164, ok := plan.Parse(who.URI.User); ok {
		return e164, false
	}
	if digits := strings.TrimPrefix(who.URI.User, "+"); digits != "" && len(digits) <= 15 && strings.Trim(digits, "0123456789") == "" {
		return who.URI.User, false
	}
	return "", who.URI.User == ""
}

func anonymous(u sip.URI) bool {
	return strings.EqualFold(u.User, "anonymous") || strings.EqualFold(u.Host, "anonymous.invalid")
}

// withheld tells whether a Privacy header asks for the identity to be kept back (RFC 3323 4.2, RFC 3325 9.3).
func withheld(privacy string) bool {
	for _, word := range strings.FieldsFunc(privacy, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
		switch strings.ToLower(word) {
		case "id", "user", "header":
			return true
		}
	}
	return false
}
