package switchboard

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hubline/sip"
)

const (
	resolveEvery    = time.Minute
	resolveLimit    = 5 * time.Second
	registerExpires = 10 * time.Minute
	registerRetry   = 30 * time.Second
	answerLimit     = 10 * time.Second // for OPTIONS and REGISTER
)

// trunk is a carrier at work: where its hosts are, which of them answer, and how many calls it carries.
type trunk struct {
	Carrier
	log   *slog.Logger
	self  netip.Addr // our address, where sockets are open on every one
	calls atomic.Int64

	mu    sync.Mutex
	addrs [][]netip.AddrPort // of each host
	down  map[netip.AddrPort]bool
	flows map[netip.AddrPort]*sip.Flow // connections, where the transport has them
}

// trunks are all carriers, in the order in which they are tried.
type trunks struct {
	list    []*trunk
	sources atomic.Pointer[[]trunkSource]
}

type trunkSource struct {
	source
	trunk *trunk
}

func newTrunks(carriers []Carrier, self netip.Addr, log *slog.Logger) *trunks {
	t := &trunks{}
	for _, c := range carriers {
		t.list = append(t.list, &trunk{Carrier: c, log: log.With("carrier", c.Name), self: self, down: map[netip.AddrPort]bool{}, flows: map[netip.AddrPort]*sip.Flow{},
			addrs: make([][]netip.AddrPort, len(c.Hosts))})
	}
	for _, c := range t.list {
		c.resolve(context.Background(), true)
	}
	t.publish()
	return t
}

// of returns the carrier whose calls come from an address, nil if there is none.
func (t *trunks) of(from netip.AddrPort) *trunk {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	for _, s := range *t.sources.Load() {
		if s.covers(from) {
			return s.trunk
		}
	}
	return nil
}

// publish lists the addresses of all carriers anew.
func (t *trunks) publish() {
	var all []trunkSource
	for _, c := range t.list {
		for _, text := range c.Sources {
			if s, err := parseSource(text); err == nil {
				all = append(all, trunkSource{s, c})
			}
		}
		if len(c.Sources) > 0 {
			continue
		}
		c.mu.Lock()
		for i, host := range c.Hosts {
			_, port, _ := splitHost(host)
			for _, a := range c.addrs[i] {
				all = append(all, trunkSource{only(a.Addr(), port), c})
			}
		}
		c.mu.Unlock()
	}
	t.sources.Store(&all)
}

// run looks hosts up again, asks them whether they are there, and stays registered, until ctx ends.
func (t *trunks) run(ctx context.Context, e *sip.Engine) {
	var wait sync.WaitGroup
	defer wait.Wait()
	for _, c := range t.list {
		if c.Ping > 0 {
			wait.Go(func() { c.ping(ctx, e) })
		}
		if c.Register {
			wait.Go(func() { c.stayRegistered(ctx, e) })
		}
	}
	tick := time.NewTicker(resolveEvery)
	defer tick.Stop()
	for {
		for _, c := range t.list {
			c.resolve(ctx, false)
		}
		t.publish()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// resolve finds the addresses of the hosts. A name that cannot be looked up keeps those it had.
func (c *trunk) resolve(ctx context.Context, numericOnly bool) {
	for i, text := range c.Hosts {
		host, port, err := splitHost(text)
		if err != nil {
			continue
		}
		if port == 0 {
			port = c.usualPort()
		}
		addrs, err := lookUp(ctx, host, numericOnly)
		if err != nil {
			c.log.Warn("a carrier's host was not found", "host", host, "error", err)
			continue
		}
		list := make([]netip.AddrPort, len(addrs))
		for k, a := range addrs {
			list[k] = netip.AddrPortFrom(a.Unmap(), port)
		}
		c.mu.Lock()
		if len(list) > 0 {
			c.addrs[i] = list
		}
		c.mu.Unlock()
	}
}

func (c *Carrier) usualPort() uint16 {
	if c.Transport == "tls" {
		return 5061
	}
	return 5060
}

func lookUp(ctx context.Context, host string, numericOnly bool) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil || numericOnly {
		if err != nil {
			return nil, nil
		}
		return []netip.Addr{a}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, err
}

// all lists every address of the carrier, the preferred host first.
func (c *trunk) all() []netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.addrs...)
}

// ways lists where a call may be sent, those that answer first. What does not answer is tried last, not never.
func (c *trunk) ways() []netip.AddrPort {
	all := c.all()
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortStableFunc(all, func(a, b netip.AddrPort) int {
		switch {
		case c.down[a] == c.down[b]:
			return 0
		case c.down[a]:
			return 1
		}
		return -1
	})
	return all
}

// flow returns a way to one of the carrier's addresses, over a connection that is there if it can.
func (c *trunk) flow(ctx context.Context, e *sip.Engine, to netip.AddrPort) (*sip.Flow, error) {
	c.mu.Lock()
	f := c.flows[to]
	c.mu.Unlock()
	if f != nil && f.Alive() {
		return f, nil
	}
	f, err := e.Dial(ctx, c.Transport, to, &tls.Config{ServerName: c.serverName(to), MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.flows[to] = f
	c.mu.Unlock()
	return f, nil
}

func (c *trunk) serverName(to netip.AddrPort) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, list := range c.addrs {
		if slices.Contains(list, to) {
			host, _, _ := splitHost(c.Hosts[i])
			return host
		}
	}
	return to.Addr().String()
}

// mark notes whether an address answers, and says so once.
func (c *trunk) mark(at netip.AddrPort, up bool) {
	c.mu.Lock()
	was := !c.down[at]
	c.down[at] = !up
	c.mu.Unlock()
	switch {
	case was && !up:
		c.log.Warn("a carrier's host does not answer", "address", at)
	case !was && up:
		c.log.Info("a carrier's host answers again", "address", at)
	}
}

// ping asks every address in turn whether it is there.
func (c *trunk) ping(ctx context.Context, e *sip.Engine) {
	tick := time.NewTicker(c.Ping)
	defer tick.Stop()
	for {
		for _, at := range c.all() {
			c.mark(at, c.answers(ctx, e, at))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// answers sends OPTIONS. Every answer is a sign of life, but those that mean "not now".
func (c *trunk) answers(ctx context.Context, e *sip.Engine, at netip.AddrPort) bool {
	m := sip.NewRequest("OPTIONS", c.uri("", at))
	m.Set("From", "<sip:ping@"+c.hostOf(at)+">;tag=ping")
	m.Set("To", "<"+c.uri("", at).String()+">")
	res := c.ask(ctx, e, at, m)
	return ctx.Err() != nil || res != nil && res.Flow != nil && res.Status != 503 && res.Status != 408
}

// ask sends a request and waits for its final answer, nil if there is no way to send it.
func (c *trunk) ask(ctx context.Context, e *sip.Engine, at netip.AddrPort, m *sip.Message) *sip.Message {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	f, err := c.flow(ctx, e, at)
	if err != nil {
		return nil
	}
	o, err := e.Send(ctx, f, m)
	if err != nil {
		return nil
	}
	var last *sip.Message
	for res := range o.Responses() {
		last = res
	}
	return last
}

func (c *trunk) uri(user string, at netip.AddrPort) sip.URI {
	u := sip.URI{Scheme: "sip", User: user, Host: c.hostOf(at)}
	if at.Port() != c.usualPort() {
		u.Port = int(at.Port())
	}
	if c.Transport != "udp" {
		u.Params = sip.Params{{Name: "transport", Value: c.Transport}}
	}
	return u
}

// hostOf names an address as the configuration does.
func (c *trunk) hostOf(at netip.AddrPort) string {
	host := c.serverName(at)
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// stayRegistered keeps a registration with the carrier's first host that takes it.
func (c *trunk) stayRegistered(ctx context.Context, e *sip.Engine) {
	callID := "hubline-" + c.Name + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	for cseq := 1; ; cseq += 2 {
		wait := registerRetry
		for _, at := range c.ways() {
			if granted := c.register(ctx, e, at, callID, cseq); granted > 0 {
				wait = granted * 4 / 5
				break
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// register signs in once (RFC 3261 10.2) and returns for how long, 0 if it failed. A challenge of a realm that the credentials are not for
// is never answered: whoever learns the answer could call at our cost.
func (c *trunk) register(ctx context.Context, e *sip.Engine, at netip.AddrPort, callID string, cseq int) time.Duration {
	authorization := ""
	for try := range 2 {
		m := sip.NewRequest("REGISTER", c.uri("", at))
		self := "<" + sip.URI{Scheme: "sip", User: c.Username, Host: c.fromDomain("")}.String() + ">"
		m.Set("From", self+";tag="+strconv.FormatInt(int64(cseq), 36))
		m.Set("To", self)
		m.Set("Call-ID", callID)
		m.Set("CSeq", strconv.Itoa(cseq+try)+" REGISTER")
		m.Set("Expires", strconv.Itoa(int(registerExpires.Seconds())))
		f, err := c.flow(ctx, e, at)
		if err != nil {
			return 0
		}
		m.Set("Contact", "<"+c.contact(f)+">")
		if authorization != "" {
			m.Set("Authorization", authorization)
		}
		res := c.ask(ctx, e, at, m)
		switch {
		case res == nil:
			return 0
		case res.Status < 300:
			return granted(res)
		case res.Status != 401 || try > 0:
			c.log.Warn("the carrier does not register us", "status", res.Status, "reason", res.Reason)
			return 0
		}
		if authorization, err = c.answer(res, "WWW-Authenticate", "REGISTER", m.Target.String()); err != nil {
			c.log.Warn("the carrier's challenge was not answered", "error", err)
			return 0
		}
	}
	return 0
}

// contact is where the carrier finds us.
func (c *trunk) contact(f *sip.Flow) string {
	addr := f.Local().Addr()
	if addr.IsUnspecified() && c.self.IsValid() {
		addr = c.self
	}
	u := sip.URI{Scheme: "sip", User: c.Username, Host: addr.String(), Port: int(f.Local().Port())}
	if addr.Is6() {
		u.Host = "[" + u.Host + "]"
	}
	if c.Transport != "udp" {
		u.Params = sip.Params{{Name: "transport", Value: c.Transport}}
	}
	return u.String()
}

func granted(res *sip.Message) time.Duration {
	seconds, ok := res.Expires()
	for _, a := range res.Contacts() {
		if text, has := a.Params.Get("expires"); has {
			if n, err := strconv.Atoi(text); err == nil {
				seconds, ok = n, true
			}
		}
	}
	if !ok || seconds < 10 {
		return registerRetry
	}
	return time.Duration(seconds) * time.Second
}

// realm is what the credentials are for.
func (c *Carrier) realm() string {
	if c.Realm != "" {
		return c.Realm
	}
	host, _, _ := splitHost(c.Hosts[0])
	return host
}

var errRealm = errors.New("switchboard: the challenge is not of the carrier's realm")

// answer answers a challenge of the carrier's own realm.
func (c *Carrier) answer(res *sip.Message, header, method, uri string) (string, error) {
	var last error = errRealm
	for _, text := range res.All(header) {
		challenge, err := sip.ParseChallenge(text)
		if err != nil {
			last = err
			continue
		}
		if challenge.Realm != c.realm() {
			continue
		}
		return sip.Answer(text, c.Username, c.Password, method, uri, 1)
	}
	return "", last
}
