package main

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"hubline/base/outward"
	"hubline/base/seal"
)

// groups are the headings of flags in help and of sections in "hubline config".
var groups = []kong.Group{
	{Key: "general", Title: "Configuration"},
	{Key: "store", Title: "Store"},
	{Key: "portal", Title: "Portal and API"},
	{Key: "mail", Title: "Mail"},
	{Key: "watch", Title: "Logs, metrics, traces"},
}

// Config is the whole configuration. The help of a field is its documentation: help texts and "hubline config" print it.
type Config struct {
	Ground
	Site
	Providers
	Phones

	TrustedProxies []string `group:"portal" name:"trusted-proxies" env:"HUBLINE_TRUSTED_PROXIES" placeholder:"NET" help:"Networks of reverse proxies, such as 10.0.0.0/8, whose X-Forwarded-For header is believed. From others it is ignored."`
	OutwardAllow   []string `group:"portal" name:"outward-allow" env:"HUBLINE_OUTWARD_ALLOW" placeholder:"NET" help:"Inner networks (10.1.0.0/16), addresses, or addresses with a port (10.1.0.5:8443) that addresses typed by customers may lead to. All others must be on the public internet."`
	TLSCert        string   `group:"portal" name:"tls-cert" env:"HUBLINE_TLS_CERT" placeholder:"FILE" help:"Certificate chain (PEM). With it and the key Hubline serves HTTPS itself; renewed files are taken up within a minute."`
	TLSKey         string   `group:"portal" name:"tls-key" env:"HUBLINE_TLS_KEY" placeholder:"FILE" help:"Private key (PEM) of the certificate."`

	SMTPAddr         string `group:"mail" name:"smtp-addr" env:"HUBLINE_SMTP_ADDR" placeholder:"HOST:PORT" help:"Mail server that takes invitations, codes and notices. Without one nothing is mailed, and what waits is given up in the end."`
	SMTPUsername     string `group:"mail" name:"smtp-username" env:"HUBLINE_SMTP_USERNAME" placeholder:"NAME" help:"User name at the mail server. Empty: no sign-in there."`
	SMTPPassword     string `group:"mail" name:"smtp-password" env:"HUBLINE_SMTP_PASSWORD" secret:"" placeholder:"PASSWORD" help:"Password at the mail server. On a command line others can read it: use the variable or the file."`
	SMTPPasswordFile string `group:"mail" name:"smtp-password-file" env:"HUBLINE_SMTP_PASSWORD_FILE" placeholder:"FILE" help:"File that holds the password at the mail server."`
	SMTPTLS          string `group:"mail" name:"smtp-tls" env:"HUBLINE_SMTP_TLS" enum:"starttls,tls,none" default:"starttls" help:"How the connection to the mail server is protected: ${enum}. \"none\" is for a server on this machine only."`
	MailFrom         string `group:"mail" env:"HUBLINE_MAIL_FROM" placeholder:"ADDRESS" help:"Sender of all mail, such as \"Example Telephony <portal@example.com>\". Empty: portal@ at the host of the base URL."`

	LogFormat        string `group:"watch" env:"HUBLINE_LOG_FORMAT" enum:"text,json" default:"text" help:"Form of the log on standard error: ${enum}."`
	LogLevel         string `group:"watch" env:"HUBLINE_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Least level that is logged: ${enum}."`
	MetricsAddr      string `group:"watch" env:"HUBLINE_METRICS_ADDR" placeholder:"ADDR" help:"Address that serves /metrics instead of the portal's own, so that the outside does not see it."`
	AuditCheckpoints string `group:"watch" name:"audit-checkpoints" env:"HUBLINE_AUDIT_CHECKPOINTS" placeholder:"FILE" help:"File that every signed checkpoint of the audit logs is appended to, best on a disk that whoever looks after the store can't change. With it \"hubline audit verify --checkpoint\" finds a history that was rewritten as a whole."`

	OTLPEndpoint string `group:"watch" name:"otlp-endpoint" env:"HUBLINE_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" help:"OpenTelemetry collector (OTLP over HTTP) that takes traces. Empty: no traces. The other OTEL_* variables are obeyed too."`
}

// Ground is the part of the configuration that every command needs which opens the store.
type Ground struct {
	ConfigFile string `group:"general" name:"config" short:"c" env:"HUBLINE_CONFIG" placeholder:"FILE" help:"Configuration file, TOML or YAML, with these names as keys (smtp-addr, or addr in a section smtp)."`
	Data       string `group:"store" env:"HUBLINE_DATA" default:"hubline-data" placeholder:"DIR" help:"Folder of the embedded store and of the key file."`
	Store      string `group:"store" env:"HUBLINE_STORE" secret:"url" placeholder:"URL" help:"Where everything is kept: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME. Empty: sqlite:hubline.db in the data folder."`
	StoreFile  string `group:"store" env:"HUBLINE_STORE_FILE" placeholder:"FILE" help:"File that holds the store's address, for one with a password."`
	Key        string `group:"store" env:"HUBLINE_KEY" secret:"" placeholder:"KEY" help:"Key of 32 bytes, in base64 or hexadecimal, that seals what the store keeps secret. All nodes share it. Empty: the key file."`
	KeyFile    string `group:"store" env:"HUBLINE_KEY_FILE" placeholder:"FILE" help:"File of 32 bytes that holds the key; made at the first start. Empty: hubline.key in the data folder."`
}

// Site is what links in mail and pages need.
type Site struct {
	HTTP     string `group:"portal" name:"http" env:"HUBLINE_HTTP" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address to listen on for the portal and the API. Port 0 takes a free one."`
	BaseURL  string `group:"portal" name:"base-url" env:"HUBLINE_BASE_URL" placeholder:"URL" help:"Address under which people reach the portal, such as https://hub.example.com. Links in mail begin with it and requests for another host are refused. Empty: http://localhost and the port of --http."`
	Provider string `group:"portal" env:"HUBLINE_PROVIDER" default:"Hubline" placeholder:"NAME" help:"Your company's name as customers know it; pages and mail show it."`

	StaffTimeZone string `group:"portal" name:"staff-time-zone" env:"HUBLINE_STAFF_TIME_ZONE" default:"Australia/Sydney" placeholder:"ZONE" help:"Time zone of your staff: the console shows times in it. Customers see the time zone of their account."`

	StaffSecondFactor string `group:"portal" name:"staff-second-factor" env:"HUBLINE_STAFF_SECOND_FACTOR" enum:"on,off" default:"on" help:"Whether your staff need a second factor, such as an authenticator app, for the console: ${enum}. The demo has it off."`

	CloseDays int `group:"portal" name:"close-days" env:"HUBLINE_CLOSE_DAYS" default:"30" placeholder:"DAYS" help:"How long a closed account can be had back before its data is deleted, 1 to 365 days."`

	SupportPhone string `group:"portal" env:"HUBLINE_SUPPORT_PHONE" placeholder:"NUMBER" help:"Your support number, shown in mail."`
	SupportEmail string `group:"portal" env:"HUBLINE_SUPPORT_EMAIL" placeholder:"ADDRESS" help:"Your support address, shown in mail."`
}

// Phones is what phones, and the numbers that they dial, need.
type Phones struct {
	Country                 string   `group:"phones" env:"HUBLINE_COUNTRY" default:"AU" placeholder:"XX" help:"Country whose numbering plan people dial by, in two letters."`
	SIPDomain               string   `group:"phones" name:"sip-domain" env:"HUBLINE_SIP_DOMAIN" placeholder:"NAME" help:"SIP domain of the installation, fixed at its first start: every phone's credential is bound to it. Empty: the host of the base URL."`
	SIP                     string   `group:"phones" name:"sip" env:"HUBLINE_SIP" placeholder:"ADDR" help:"Address for phones, UDP and TCP on one port, such as 0.0.0.0:5060. Port 0 takes a free one. Empty: phones connect over TLS and WebSocket only."`
	SIPTLS                  string   `group:"phones" name:"sip-tls" env:"HUBLINE_SIP_TLS" placeholder:"ADDR" help:"Address for phones that use TLS, such as 0.0.0.0:5061, with the certificate of --tls-cert."`
	PublicIP                string   `group:"phones" name:"public-ip" env:"HUBLINE_PUBLIC_IP" placeholder:"IP" help:"Address that phones and carriers are told, where it differs from the one listened on: behind a NAT, or when listening on all. Empty: found by this machine's own routes."`
	RTPPorts                string   `group:"phones" name:"rtp-ports" env:"HUBLINE_RTP_PORTS" default:"16384-32767" placeholder:"FROM-TO" help:"UDP ports for the sound of calls; each side of a call takes two."`
	Carriers                []string `group:"phones" name:"carrier" env:"HUBLINE_CARRIER" secret:"" placeholder:"CARRIER" help:"Connection to the telephone network, the preferred first: \"name=Example;host=sip.example.net\". Further keys: host (again, for the next to try), source (address or network its calls come from), transport (udp, tcp, tls), username, password, password-file, realm, domain, register, numbers (e164, digits, national), identity (pai, rpid, from), ping, channels."`
	SIPRate                 int      `group:"phones" name:"sip-rate" env:"HUBLINE_SIP_RATE" default:"500" placeholder:"N" help:"SIP requests a second that one address (IPv6: its /64) may send; more is dropped. Carriers are not limited. 0: no limit."`
	CallsFromRegisteredOnly bool     `group:"phones" name:"calls-from-registered-only" env:"HUBLINE_CALLS_FROM_REGISTERED_ONLY" default:"true" negatable:"" help:"Let a phone call only from where it is signed in, so that a stolen password makes no calls elsewhere. Emergency numbers always work. --no-calls-from-registered-only is for set-ups whose phones call without signing in."`
	Node                    string   `group:"phones" name:"node" env:"HUBLINE_NODE" placeholder:"NAME" help:"Name of this node among those that share the store; the same at each start. Empty: main with the embedded store, with another the name of this machine."`
	SIPServer               string   `group:"phones" name:"sip-server" env:"HUBLINE_SIP_SERVER" placeholder:"HOST:PORT" help:"Where phones are told to connect. Empty: the SIP domain."`
}

// settle reads secrets from their files and fills what follows from other fields.
func (c *Config) settle() error {
	if err := c.Ground.settle(); err != nil {
		return err
	}
	if err := fromFile(&c.SMTPPassword, "smtp-password", c.SMTPPasswordFile); err != nil {
		return err
	}
	if _, err := c.proxies(); err != nil {
		return err
	}
	if _, err := c.outward(); err != nil {
		return err
	}
	if err := c.Providers.settle(); err != nil {
		return err
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return usagef("--tls-cert and --tls-key belong together; give both or neither")
	}
	if c.SIPTLS != "" && c.TLSCert == "" {
		return usagef("--sip-tls needs --tls-cert and --tls-key")
	}
	if c.TLSCert != "" && c.BaseURL == "" {
		return usagef("give --base-url with --tls-cert: the name that the certificate is for")
	}
	return c.Site.settle(c.HTTP)
}

// settle reads the store's address from its file and fills the defaults that lie in the data folder.
func (g *Ground) settle() error {
	if err := fromFile(&g.Store, "store", g.StoreFile); err != nil {
		return err
	}
	if g.Key != "" && g.KeyFile != "" {
		return usagef("--key and --key-file are both given; keep one")
	}
	if g.Store == "" {
		g.Store = "sqlite:" + filepath.Join(g.Data, "hubline.db")
	}
	if g.KeyFile == "" {
		g.KeyFile = filepath.Join(g.Data, "hubline.key")
	}
	return nil
}

// settle makes the base URL an origin: scheme, host and port, nothing else. listen is where the portal listens; while its port
// is 0, to be chosen, an empty base URL stays empty.
func (s *Site) settle(listen string) error {
	if s.CloseDays < 0 || s.CloseDays > 365 { // 0: what is usual
		return usagef("--close-days %d: give 1 to 365", s.CloseDays)
	}
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return usagef("--http %s: give host and port, such as 127.0.0.1:8080", listen)
	}
	if s.BaseURL == "" && port == "0" {
		return nil
	}
	if s.BaseURL == "" {
		s.BaseURL = "http://localhost:" + port
	}
	u, err := url.Parse(s.BaseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return usagef("--base-url %q: give scheme and host only, such as https://hub.example.com", s.BaseURL)
	}
	s.BaseURL = u.Scheme + "://" + strings.ToLower(u.Host)
	_, err = s.zone()
	return err
}

// zone is where the provider's staff are.
func (s *Site) zone() (*time.Location, error) {
	zone, err := time.LoadLocation(s.StaffTimeZone)
	if err != nil || s.StaffTimeZone == "Local" {
		return nil, usagef("--staff-time-zone %q: give the name of a time zone, such as Australia/Perth", s.StaffTimeZone)
	}
	return zone, nil
}

// fromFile sets a secret from its file. A secret given both ways is an error, because nobody can tell which one counts.
func fromFile(secret *string, name, path string) error {
	if path == "" {
		return nil
	}
	if *secret != "" {
		return usagef("--%s and --%s-file are both given; keep one", name, name)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return usagef("--%s-file: %w", name, err)
	}
	*secret = strings.TrimRight(string(text), "\r\n")
	return nil
}

// keyBytes decodes the key given as text; nil when there is none and the key file counts.
func (g *Ground) keyBytes() ([]byte, error) {
	if g.Key == "" {
		return nil, nil
	}
	text := strings.TrimRight(strings.TrimSpace(g.Key), "=")
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.RawStdEncoding.DecodeString, base64.RawURLEncoding.DecodeString} {
		if key, err := decode(text); err == nil && len(key) == seal.KeySize {
			return key, nil
		}
	}
	return nil, usagef("--key: give %d bytes in base64 or hexadecimal, such as the output of: openssl rand -base64 %d", seal.KeySize, seal.KeySize)
}

// ring returns the keys that seal what the store keeps secret.
func (g *Ground) ring() (*seal.Ring, error) {
	key, err := g.keyBytes()
	if err != nil {
		return nil, err
	}
	if key != nil {
		return seal.New(key), nil
	}
	if err := os.MkdirAll(filepath.Dir(g.KeyFile), 0o700); err != nil {
		return nil, err
	}
	return seal.Load(g.KeyFile)
}

// keyForBackup returns the key in use, nil when there is no key yet.
func (g *Ground) keyForBackup() ([]byte, error) {
	key, err := g.keyBytes()
	if key != nil || err != nil {
		return key, err
	}
	key, err = os.ReadFile(g.KeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return key, err
}

// proxies parses the trusted networks; a single address is a network of one.
func (c *Config) proxies() ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range c.TrustedProxies {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if addr, err := netip.ParseAddr(text); err == nil {
			list = append(list, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, usagef("--trusted-proxies %q: give networks such as 10.0.0.0/8 or single addresses", text)
		}
		list = append(list, prefix)
	}
	return list, nil
}

// outward guards requests to addresses that customers typed.
func (c *Config) outward() (*outward.Guard, error) {
	guard, err := outward.New(c.OutwardAllow...)
	if err != nil {
		return nil, usagef("--outward-allow: %w", err)
	}
	return guard, nil
}

// from returns the sender of all mail.
func (c *Config) from() string {
	if c.MailFrom != "" {
		return c.MailFrom
	}
	host := "localhost"
	if u, err := url.Parse(c.BaseURL); err == nil {
		host = u.Hostname()
	}
	return fmt.Sprintf("%q <portal@%s>", c.Provider, host)
}
