package outward

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"hubline/base/outward/outwardtest"
)

var short = Limits{Time: 5 * time.Second, Body: 1000}

// Abuse case A56: the server is made to fetch from the network around it.
func TestA56S27InnerAddressesAreNeverAsked(t *testing.T) {
	t.Parallel()
	g, err := New()
	if err != nil {
		t.Fatal(err)
	}
	client := g.Client(short)
	for _, host := range outwardtest.Inner {
		for _, port := range []string{"", ":443", ":8080"} {
			for _, scheme := range []string{"https://", "http://"} {
				address := scheme + host + port + "/latest/meta-data"
				if _, err := g.URL(address); !errors.Is(err, ErrInner) && !errors.Is(err, ErrURL) {
					t.Errorf("URL(%s) = %v, wanted a refusal", address, err)
				}
				if err := ask(client, address); !errors.Is(err, ErrInner) && !errors.Is(err, ErrURL) {
					t.Errorf("asking %s gave %v, wanted a refusal", address, err)
				}
			}
		}
	}
}

func ask(client *http.Client, address string) error {
	answer, err := client.Get(address)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.ReadAll(answer.Body)
	return err
}

// Abuse case A56: a name that resolves to an inner address. What it resolved to when somebody typed it in counts for nothing.
func TestA56S27NamesThatLeadInside(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, address := range outwardtest.Inner {
		a, err := netip.ParseAddr(strings.Trim(address, "[]"))
		if err != nil || a.Zone() != "" {
			continue // no DNS answer can say it
		}
		g := &Guard{resolver: names(t, a)}
		if _, err := g.URL("https://inner.example/"); err != nil {
			t.Fatalf("URL looked up the name: %v", err)
		}
		if err := ask(g.Client(short), "https://inner.example:"+port+"/"); !errors.Is(err, ErrInner) {
			t.Errorf("a name of %s gave %v, wanted ErrInner", a, err)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the inner server was asked %d times", n)
	}
}

// names starts a name server that answers every name with a.
func names(t *testing.T, a netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			q := m.Questions[0]
			header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
			switch {
			case q.Type == dnsmessage.TypeA && a.Is4():
				m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: a.As4()}}}
			case q.Type == dnsmessage.TypeAAAA && a.Is6():
				m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}}}
			}
			if packed, err := m.Pack(); err == nil {
				conn.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestPublicAddressesMayBeAsked(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1",
		"2606:4700::1111", "2a00:1450::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"} {
		if !Public(netip.MustParseAddr(text)) {
			t.Errorf("%s counts as inner", text)
		}
	}
	g := &Guard{}
	for _, text := range []string{"https://accounts.google.com", "https://id.example:8443/realms/a", "https://8.8.8.8/", "https://3com.example"} {
		if _, err := g.URL(text); err != nil {
			t.Errorf("URL(%s): %v", text, err)
		}
	}
	for _, text := range []string{"", "id.example", "http://id.example", "ftp://id.example", "file:///etc/passwd", "https://", "https://a:b@id.example",
		"https://id.example#x", "https:id.example", "gopher://127.0.0.1:25/", "https://id.example:0", "https://id.example:99999", "//id.example"} {
		if _, err := g.URL(text); !errors.Is(err, ErrURL) {
			t.Errorf("URL(%q) = %v, wanted ErrURL", text, err)
		}
	}
}

func TestAllowedAddressIsAskedAndNoOther(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/long":
			io.WriteString(w, strings.Repeat("x", int(short.Body)+1))
		default:
			io.WriteString(w, strings.Repeat("x", int(short.Body)))
		}
	}))
	defer server.Close()
	u, _ := url.Parse(server.URL)
	for _, allow := range []string{u.Host, u.Hostname(), "127.0.0.0/8", " " + u.Host} {
		g, err := New("10.0.0.1:1", allow)
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(g.Client(short), server.URL); err != nil {
			t.Errorf("allowing %q: %v", allow, err)
		}
		if err := ask(g.Client(short), server.URL+"/long"); !errors.Is(err, ErrTooLong) {
			t.Errorf("a long answer gave %v, wanted ErrTooLong", err)
		}
		answer, err := g.Client(short).Get(server.URL + "/away")
		if err != nil || answer.StatusCode != http.StatusFound {
			t.Errorf("a redirect gave %v, %v, wanted the answer 302 itself", answer, err)
		}
	}
	for _, allow := range []string{"127.0.0.1:1", "127.0.0.2", "10.0.0.0/8", "[::1]:" + u.Port()} {
		g, err := New(allow)
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(g.Client(short), server.URL); !errors.Is(err, ErrInner) {
			t.Errorf("allowing %q gave %v, wanted ErrInner", allow, err)
		}
	}
	for _, bad := range []string{"", "localhost", "localhost:80", "10.0.0.0/99", "10.0.0.1:http"} {
		if _, err := New(bad); err == nil {
			t.Errorf("New(%q) took it", bad)
		}
	}
}

func TestSlowAnswerIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	g, _ := New(server.Listener.Addr().String())
	var timeout net.Error
	if err := ask(g.Client(Limits{Time: 20 * time.Millisecond, Body: 10}), server.URL); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a server that never answers gave %v, wanted a time-out", err)
	}
}
