package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"hubline/base/mail/mailbox"
	"hubline/base/openid/provider"
	"hubline/cmd/hubline/carrier"
)

type demoCommand struct {
	Data  string `default:"hubline-demo" placeholder:"DIR" help:"Folder of the demo; started again it carries on with what is there."`
	HTTP  string `name:"http" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address of the portal, API and mailbox. Port 0 takes a free one. Other machines reach it only at an address that is not loopback."`
	SIP   string `name:"sip" default:"127.0.0.1:5060" placeholder:"ADDR" help:"Address for phones, UDP and TCP. The demo's telephone network listens ten ports above. Port 0 takes free ones."`
	Fresh bool   `help:"Begin anew: delete what the demo keeps in the folder."`
}

// The files of a demo folder besides the store and the key.
const (
	demoFile    = "demo.json"
	demoMails   = "mails"
	demoMarker  = "demo-complete"
	markerWords = "The demo in this folder is complete. Without this file the next start begins anew.\n"
)

// demo is a running demo while it is being set up.
type demo struct {
	*system
	dir string
	box *mailbox.Box
	net *carrier.Network

	provider *provider.Provider // of sign-ins
	hooksAt  string             // where webhooks of the demo lead

	keys map[string]string    // API keys of the last start, by account
	sips map[string][]demoSIP // devices of the last start, by account and extension
}

func (c *demoCommand) Run(ctx context.Context, std *streams) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := listen(ctx, c.HTTP, "", "", "--http")
	if err != nil {
		return err
	}
	d, err := c.build(ctx, listener, std)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ready, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- d.run(ctx, listener, nil, func() { close(ready) }) }()
	<-ready
	if err := d.prepare(ctx, c.HTTP, std); err != nil {
		cancel()
		return errors.Join(err, <-stopped, d.close())
	}
	return errors.Join(<-stopped, d.close())
}

// close ends what stands outside the system: mailbox and carrier.
func (d *demo) close() error { return errors.Join(d.net.Close(), d.box.Close()) }

// build makes the folder and wires a system whose mail goes to a mailbox of its own.
func (c *demoCommand) build(ctx context.Context, listener net.Listener, std *streams) (_ *demo, err error) {
	if err := c.folder(); err != nil {
		return nil, err
	}
	base, hosts := origins(listener.Addr())
	number := strings.TrimPrefix(base, "http://")                       // the demo asks its own provider there: names are not trusted
	if asked, _, _ := net.SplitHostPort(c.HTTP); asked == "localhost" { // people come by name, as passkeys need it
		base, hosts[0] = "http://"+hosts[0], number
	}
	cfg := &Config{Ground: Ground{Data: c.Data},
		Site:      Site{HTTP: c.HTTP, BaseURL: base, Provider: demoProvider, SupportEmail: demoSupportEmail, SupportPhone: demoSupportPhone, StaffSecondFactor: "off", StaffTimeZone: "Australia/Sydney"},
		Phones:    Phones{SIP: c.SIP, Country: "AU", Node: "demo"},
		LogFormat: "text", LogLevel: "warn", MailFrom: demoFrom, SMTPTLS: "none"}
	if err := cfg.settle(); err != nil {
		return nil, err
	}
	log := cfg.logger(std.err)
	d := &demo{dir: c.Data, keys: readKeys(filepath.Join(c.Data, demoFile)), sips: readSIPs(filepath.Join(c.Data, demoFile))}
	// Whoever waits for the file must not read the addresses of the last start.
	if err := os.Remove(filepath.Join(c.Data, demoFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if d.box, err = mailbox.Start(mailbox.Options{Dir: filepath.Join(c.Data, demoMails), Refuse: demoRefused, Log: log}); err != nil {
		return nil, err
	}
	if d.net, err = startCarrier(c.SIP, log); err != nil {
		return nil, errors.Join(err, d.box.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	d.hooksAt = "http://" + number + demoHooksPath
	if err := d.startProvider(cfg, number); err != nil {
		return nil, err
	}
	cfg.SMTPAddr = d.box.Addr()
	cfg.Carriers = []string{"name=Demo network;ping=10s;host=" + d.net.Addr().String()}
	if d.system, err = assemble(ctx, cfg, true, log, cfg.smtp()); err != nil {
		return nil, err
	}
	// A demo is for trying: the same made-up colleague may be invited again and again.
	d.room.DailyInvitations, d.room.RecipientWeekly = 10_000, 1_000
	d.hosts, d.dev = hosts, true
	box, hooks := d.box.Handler(), &demoHooks{}
	if err := d.connect(ctx); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	if err := d.mount(map[string]http.Handler{"/_mail": box, "/_mail.json": box, "/_mail.css": box, "/_carrier.json": d.net.Handler(), demoHooksPath: hooks, demoHooksPath + ".json": hooks, demoProviderPath + "/": d.provider}); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	return d, nil
}

// folder makes the demo's folder, and empties it for a fresh start or when an earlier first start was cut short. It deletes
// only what a demo makes, because the folder's name may be a mistake.
func (c *demoCommand) folder() error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	_, err := os.Stat(filepath.Join(c.Data, demoMarker))
	if err == nil && !c.Fresh {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The marker goes first, so that a start which is cut short here begins anew the next time.
	for _, name := range []string{demoMarker, demoFile, "hubline.db", "hubline.db-wal", "hubline.db-shm", "hubline.key", demoMails} {
		if err := os.RemoveAll(filepath.Join(c.Data, name)); err != nil {
			return err
		}
	}
	return nil
}

// origins returns the address that links begin with, and the other names under which this listener is reached.
func origins(addr net.Addr) (base string, hosts []string) {
	host, port, _ := net.SplitHostPort(addr.String())
	hosts = []string{net.JoinHostPort("localhost", port)}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		addresses, err := net.InterfaceAddrs()
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && err == nil {
				hosts = append(hosts, net.JoinHostPort(n.IP.String(), port))
			}
		}
		if name, err := os.Hostname(); err == nil {
			hosts = append(hosts, net.JoinHostPort(name, port))
		}
	}
	return "http://" + net.JoinHostPort(host, port), hosts
}

// prepare fills a new demo, writes demo.json and says how to sign in.
func (d *demo) prepare(ctx context.Context, asked string, std *streams) error {
	_, err := os.Stat(filepath.Join(d.dir, demoMarker))
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(std.out, "Making accounts and people …")
		if err = d.seed(ctx); err == nil {
			err = os.WriteFile(filepath.Join(d.dir, demoMarker), []byte(markerWords), 0o600)
		}
	}
	if err != nil {
		return fmt.Errorf("fill the demo: %w", err)
	}
	about, err := d.describe(ctx)
	if err != nil {
		return err
	}
	if err := about.write(filepath.Join(d.dir, demoFile)); err != nil {
		return err
	}
	if host, _, err := net.SplitHostPort(asked); err == nil && !loopback(host) {
		fmt.Fprintln(std.err, "This demo listens beyond this machine: whoever reaches it can read its mailbox and sign in.")
	}
	first := about.Accounts[0].HubUsers[0]
	fmt.Fprintf(std.out, `
Portal    %s
Sign in   %s  %s
Console   %s  %s
Mailbox   %s
Provider  %s (Continue with %s)
Webhooks  %s (shows what it is sent)
Phones    %s, %s

Everybody else is in %s. Ctrl+C stops it; started again it carries on.
`, about.Portal, first.Email, first.Password, about.Staff.Email, about.Staff.Password, about.Mailbox, about.SignIn, demoProviderName, d.hooksAt,
		about.SIP, about.Domain, filepath.Join(d.dir, demoFile))
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// demoAbout is demo.json: how programs reach a running demo (outside.md section 3). What does not exist yet is absent.
type demoAbout struct {
	Portal   string        `json:"portal"`
	API      string        `json:"api"`
	Mailbox  string        `json:"mailbox"`
	SIP      string        `json:"sip"`
	SIPWS    string        `json:"sip_websocket"`
	Domain   string        `json:"sip_domain"`
	Metrics  string        `json:"metrics"`
	SignIn   string        `json:"sign_in_provider"`
	Webhooks string        `json:"webhook_receiver"` // an address for webhooks; with ".json" behind it, what came there
	Carrier  demoCarrier   `json:"carrier"`
	Staff    demoLogin     `json:"staff"`
	Accounts []demoAccount `json:"accounts"`
}

type demoCarrier struct {
	SIP string `json:"sip"`
}

type demoLogin struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type demoAccount struct {
	Slug       string            `json:"slug"`
	Number     string            `json:"number"`
	Name       string            `json:"name"`
	APIKey     string            `json:"api_key"`
	Limit      int               `json:"phone_user_limit"`
	HubUsers   []demoHubUser     `json:"hub_users"`
	Numbers    []demoNumberAbout `json:"numbers"`
	PhoneUsers []demoPhoneUser   `json:"phone_users"`
}

type demoHubUser struct {
	Email    string   `json:"email"`
	Password string   `json:"password"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles"`
}

// describe collects what demo.json says.
func (d *demo) describe(ctx context.Context) (*demoAbout, error) {
	base := d.cfg.BaseURL
	about := &demoAbout{Portal: base, API: base + "/api/v1", Mailbox: base + "/_mail", Metrics: base + "/metrics", SignIn: base + demoProviderPath, Webhooks: d.hooksAt,
		SIP: d.sip.String(), SIPWS: "ws" + strings.TrimPrefix(base, "http") + "/sip", Domain: d.phones.Domain,
		Carrier: demoCarrier{d.net.Addr().String()}, Staff: demoLogin{demoStaff.email, d.password(demoStaff.email)}}
	for _, set := range demoAccounts {
		key, err := d.key(ctx, set, d.keys[set.slug])
		if err != nil {
			return nil, err
		}
		a := demoAccount{Slug: set.slug, Number: set.number, Name: set.name, APIKey: key}
		for _, p := range set.people {
			roles := p.roles.Words()
			a.HubUsers = append(a.HubUsers, demoHubUser{Email: p.email, Password: d.password(p.email), Name: p.name, Roles: roles})
		}
		actor, err := d.room.UseKey(ctx, key, set.slug, "")
		if err != nil {
			return nil, err
		}
		a.Limit = actor.Account.PhoneUserLimit
		if err := d.followHook(ctx, actor); err != nil {
			return nil, err
		}
		if a.Numbers, a.PhoneUsers, err = d.phonesAbout(ctx, actor); err != nil {
			return nil, err
		}
		about.Accounts = append(about.Accounts, a)
	}
	return about, nil
}

// readKeys returns the API keys of an earlier start by account; nothing when there is no readable file.
func readKeys(path string) map[string]string {
	keys := map[string]string{}
	var about demoAbout
	text, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(text, &about) == nil {
		for _, a := range about.Accounts {
			keys[a.Slug] = a.APIKey
		}
	}
	return keys
}

// write puts demo.json in place in one step, so that whoever waits for it never reads half of it.
func (a *demoAbout) write(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+demoFile+".*") // mode 0600
	if err != nil {
		return err
	}
	if err := errors.Join(printJSON(f, a), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// demoWords make passwords that a person can type from the terminal.
var demoWords = strings.Fields(`amber anchor apricot bamboo basil beacon birch bramble canyon cedar cobalt copper coral cotton cricket
	dolphin ember fennel fern ferry flint gravel harvest hazel heron indigo island jasmine juniper kelp lagoon lantern lemon lichen
	linen lupin maple marble meadow mineral mint nutmeg olive orchid otter paddle pebble pepper pigeon pine plover quartz quince
	river saffron sail sparrow spruce tidal timber topaz walnut willow wren`)

// password is a person's password: random for each demo folder, and the same at each start in it.
func (d *demo) password(email string) string {
	sum := d.ring.MAC("demo password", []byte(email))
	var words []string
	for _, b := range sum[:4] {
		words = append(words, demoWords[int(b)%len(demoWords)])
	}
	return fmt.Sprintf("%s-%d%d%d", strings.Join(words, "-"), sum[4]%10, sum[5]%10, sum[6]%10)
}
