package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/job"
	"hubline/base/seal"
)

type doctorCommand struct {
	Config
	JSON bool `name:"json" help:"Print JSON."`
}

// finding is one line of the doctor.
type finding struct {
	State string `json:"state"` // ok, warn, fail
	Part  string `json:"part"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"` // the way out
}

const (
	healthy = "ok"
	worth   = "warn" // worth a look; sign-in works
	broken  = "fail" // sign-in does not work, or soon will not

	doctorLimit     = 10 * time.Second // for each look at something outside
	aliveLimit      = 2 * time.Second  // for an answer from this machine
	certificateLeft = 14 * 24 * time.Hour
	oldJob          = 10 * time.Minute
)

func (c *doctorCommand) Run(ctx context.Context, std *streams) error {
	if err := c.settle(); err != nil {
		return err
	}
	if c.BaseURL == "" {
		c.BaseURL = "http://localhost" // with a port that only the start chooses
	}
	findings := c.examine(ctx)
	bad := 0
	for _, f := range findings {
		if f.State == broken {
			bad++
		}
	}
	if c.JSON {
		if err := printJSON(std.out, findings); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			line := fmt.Sprintf("%-5s %-7s %s", f.State, f.Part, f.Text)
			if f.Do != "" {
				line += ". " + f.Do
			}
			fmt.Fprintln(std.out, line)
		}
	}
	if bad > 0 {
		return errReported
	}
	return nil
}

func (c *doctorCommand) examine(ctx context.Context) (list []finding) {
	list = append(list, c.config()...)
	list = append(list, c.storeAndKey(ctx)...)
	list = append(list, c.mail(ctx)...)
	list = append(list, c.names(ctx), c.certificate(ctx), c.port(ctx, "--http", c.HTTP))
	if c.MetricsAddr != "" {
		list = append(list, c.port(ctx, "--metrics-addr", c.MetricsAddr))
	}
	list = append(list, c.providers(ctx)...)
	list = append(list, c.phones(ctx)...)
	return append(list, clock(time.Now()))
}

func (c *doctorCommand) config() []finding {
	from := "flags and variables"
	if c.ConfigFile != "" {
		from = c.ConfigFile
	}
	list := []finding{{healthy, "config", "read from " + from, ""}}
	u, err := url.Parse(c.BaseURL)
	if err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		list = append(list, finding{broken, "config", c.BaseURL + " is not encrypted; browsers do not keep the sign-in there",
			"Use an https:// base URL, with --tls-cert and --tls-key or a proxy in front"})
	}
	return list
}

// storeAndKey looks at the store without changing it.
func (c *doctorCommand) storeAndKey(ctx context.Context) (list []finding) {
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	shown := mask(c.Store, true)
	path, embedded := strings.CutPrefix(c.Store, "sqlite:")
	if embedded {
		data := writable(filepath.Dir(path))
		if list = append(list, data); data.State == broken {
			return list
		}
	}
	if _, err := os.Stat(path); embedded && errors.Is(err, fs.ErrNotExist) {
		return append(list, finding{worth, "store", path + " does not exist yet", "The first start makes it"}, c.key(true))
	}
	d, err := db.Open(ctx, c.Store)
	if err != nil {
		return append(list, finding{broken, "store", shown + " cannot be opened: " + err.Error(), "Check --store, and that the server runs and lets this machine in"}, c.key(true))
	}
	defer d.Close()
	list = append(list, finding{healthy, "store", shown, ""})
	switch err := db.Check(ctx, d); {
	case errors.Is(err, db.ErrOlder):
		list = append(list, finding{worth, "schema", err.Error(), "hubline serve does it at its start"})
		return append(list, c.key(fresh(ctx, d)))
	case err != nil:
		return append(list, finding{broken, "schema", err.Error(), ""}, c.key(false))
	}
	list = append(list, finding{healthy, "schema", fmt.Sprintf("version %d", db.Version()), ""}, c.key(false))
	return append(append(list, jobs(ctx, d)...), c.audit(ctx, d)...)
}

// writable reports whether files can be made in the folder, or the folder itself.
func writable(dir string) finding {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return finding{broken, "data", dir + " is not a folder", "Choose another one with --data"}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return finding{broken, "data", err.Error(), "Let the account that runs Hubline reach it"}
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".hubline-doctor-*")
	if err != nil {
		return finding{broken, "data", dir + " cannot be written", "Give it to the account that runs Hubline"}
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return finding{healthy, "data", dir + " can be written", ""}
}

// key looks at the key; unused tells that nothing has been sealed with one yet.
func (c *doctorCommand) key(unused bool) finding {
	key, err := c.keyBytes()
	if err != nil {
		return finding{broken, "key", err.Error(), ""}
	}
	if key != nil {
		return finding{healthy, "key", "given as --key or HUBLINE_KEY", ""}
	}
	_, err = os.Stat(c.KeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && unused:
		return finding{worth, "key", c.KeyFile + " does not exist yet", "The first start makes it; keep a copy"}
	case errors.Is(err, fs.ErrNotExist):
		return finding{broken, "key", c.KeyFile + " is missing; nobody can sign in with another key", "Restore it from the backup"}
	}
	if _, err := seal.Load(c.KeyFile); err != nil {
		return finding{broken, "key", err.Error(), ""}
	}
	return finding{healthy, "key", c.KeyFile, ""}
}

// jobs tells of mails and other work that does not get done.
func jobs(ctx context.Context, d *db.DB) (list []finding) {
	queued, dead, oldest, err := job.New(d, nil, slog.New(slog.DiscardHandler)).Counts(ctx)
	switch {
	case err != nil:
		return []finding{{broken, "jobs", err.Error(), ""}}
	case dead > 0:
		list = append(list, finding{worth, "jobs", fmt.Sprintf("%d given up", dead), "See them in the console and try them again"})
	}
	if queued > 0 && time.Since(oldest) > oldJob {
		list = append(list, finding{worth, "jobs", fmt.Sprintf("%d waiting, the oldest since %s", queued, oldest.UTC().Format("2006-01-02 15:04 UTC")), "Is hubline serve running?"})
	}
	if list == nil {
		list = append(list, finding{healthy, "jobs", fmt.Sprintf("%d waiting, none given up", queued), ""})
	}
	return list
}

func (c *doctorCommand) mail(ctx context.Context) []finding {
	if c.SMTPAddr == "" {
		return []finding{{broken, "mail", "no mail server is configured; codes, invitations and password links cannot be sent", "Set --smtp-addr"}}
	}
	if _, err := mail.ParseAddress(c.from()); err != nil {
		return []finding{{broken, "mail", "the sender " + c.from() + " is not an email address", "Set --mail-from"}}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	if err := c.smtp().Check(ctx); err != nil {
		return []finding{{broken, "mail", c.SMTPAddr + ": " + err.Error(), "Check address, protection (--smtp-tls), user name and password"}}
	}
	return []finding{{healthy, "mail", c.SMTPAddr + " takes mail from " + c.from(), ""}}
}

// names asks whether the name people type leads anywhere.
func (c *doctorCommand) names(ctx context.Context) finding {
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return finding{broken, "DNS", err.Error(), ""}
	}
	host := u.Hostname()
	if loopback(host) {
		return finding{worth, "DNS", host + " is this machine only", "Set --base-url to the name that people use"}
	}
	if net.ParseIP(host) != nil {
		return finding{healthy, "DNS", host + " is an address", ""}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return finding{broken, "DNS", host + ": " + err.Error(), "Make an A or AAAA record for it"}
	}
	return finding{healthy, "DNS", host + " is " + strings.Join(addresses, ", "), ""}
}

// certificate looks at our own files, or at what a proxy shows at the base URL.
func (c *doctorCommand) certificate(ctx context.Context) finding {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "https" {
		return finding{worth, "TLS", "not used by the base URL", ""}
	}
	if c.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return finding{broken, "TLS", err.Error(), "Check --tls-cert and --tls-key"}
		}
		return validity(pair.Leaf, u.Hostname(), time.Now())
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = "443"
	}
	dialer := tls.Dialer{Config: &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	var unknown *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return finding{broken, "TLS", c.BaseURL + ": " + err.Error(), "Renew or replace the proxy's certificate"}
	case err != nil:
		return finding{worth, "TLS", "the proxy at " + c.BaseURL + " was not reached from here: " + err.Error(), "Check its certificate from outside"}
	}
	defer conn.Close()
	return validity(conn.(*tls.Conn).ConnectionState().PeerCertificates[0], u.Hostname(), time.Now())
}

func validity(leaf *x509.Certificate, host string, now time.Time) finding {
	until := leaf.NotAfter.UTC().Format("2 January 2006")
	switch {
	case now.After(leaf.NotAfter):
		return finding{broken, "TLS", "the certificate ran out on " + until, "Renew it"}
	case now.Before(leaf.NotBefore):
		return finding{broken, "TLS", "the certificate begins on " + leaf.NotBefore.UTC().Format("2 January 2006"), "Check the clock"}
	case leaf.VerifyHostname(host) != nil:
		return finding{broken, "TLS", "the certificate is not for " + host, "Get one that names it"}
	case leaf.NotAfter.Sub(now) < certificateLeft:
		return finding{worth, "TLS", "the certificate runs out on " + until, "Renew it"}
	}
	return finding{healthy, "TLS", "certificate for " + host + " until " + until, ""}
}

// port reports whether the address is free, or a Hubline answers there already.
func (c *doctorCommand) port(ctx context.Context, flag, address string) finding {
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", address)
	if err == nil {
		_ = listener.Close()
		return finding{healthy, "port", address + " is free", ""}
	}
	if c.alive(ctx, address) {
		return finding{healthy, "port", "Hubline answers on " + address, ""}
	}
	return finding{broken, "port", err.Error(), "Stop the other program or choose another address with " + flag}
}

// alive asks a listener whether it is a Hubline. The certificate does not matter for that.
func (c *doctorCommand) alive(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, aliveLimit)
	defer cancel()
	scheme, path := "http", "/healthz"
	if c.TLSCert != "" && address == c.HTTP {
		scheme = "https"
	}
	if address == c.MetricsAddr {
		path = "/metrics"
	}
	if host, port, err := net.SplitHostPort(address); err == nil && (host == "" || net.ParseIP(host) != nil && net.ParseIP(host).IsUnspecified()) {
		address = net.JoinHostPort("localhost", port)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+path, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// clock asks the kernel whether something keeps the time right: codes, sessions and leases depend on it.
func clock(now time.Time) finding {
	const begun = 2026 // this program cannot have run earlier
	if now.Year() < begun {
		return finding{broken, "clock", "says " + now.UTC().Format("2 January 2006 15:04 UTC"), "Set it; install chrony or systemd-timesyncd"}
	}
	if known, right := clockKept(); known && !right {
		return finding{worth, "clock", "nothing keeps it right", "Install chrony or systemd-timesyncd, unless the host does it"}
	}
	return finding{healthy, "clock", now.UTC().Format("2 January 2006 15:04 UTC"), ""}
}
