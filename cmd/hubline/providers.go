package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"hubline/base/openid"
	"hubline/product/account"
)

// Providers are the services that people of every account may sign in with.
type Providers struct {
	GoogleClientID         string   `group:"portal" name:"google-client-id" env:"HUBLINE_GOOGLE_CLIENT_ID" placeholder:"ID" help:"Client ID of this installation at Google. With it and the secret people can sign in with Google. Its redirect URI is the base URL and /sign-in/with/google/answer."`
	GoogleClientSecret     string   `group:"portal" name:"google-client-secret" env:"HUBLINE_GOOGLE_CLIENT_SECRET" secret:"" placeholder:"SECRET" help:"Client secret of this installation at Google. On a command line others can read it: use the variable or the file."`
	GoogleClientSecretFile string   `group:"portal" name:"google-client-secret-file" env:"HUBLINE_GOOGLE_CLIENT_SECRET_FILE" placeholder:"FILE" help:"File that holds the client secret at Google."`
	SignInProviders        []string `group:"portal" name:"sign-in-provider" env:"HUBLINE_SIGN_IN_PROVIDER" secret:"" placeholder:"PROVIDER" help:"Another OpenID Connect provider that people can sign in with: \"name=Example ID;issuer=https://login.example.com;client-id=hub\". Further keys: id (in its redirect URI, base URL/sign-in/with/ID/answer; else made from the name), client-secret, client-secret-file, domains (of the addresses it may vouch for, with spaces between; none: all)."`
}

const (
	googleIssuer = "https://accounts.google.com"
	googleID     = "google"
)

var providerID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// settle reads secrets from their files and checks what the providers need.
func (c *Providers) settle() error {
	if err := fromFile(&c.GoogleClientSecret, "google-client-secret", c.GoogleClientSecretFile); err != nil {
		return err
	}
	if (c.GoogleClientID == "") != (c.GoogleClientSecret == "") {
		return usagef("--google-client-id and --google-client-secret belong together; give both or neither")
	}
	_, err := c.list()
	return err
}

// list returns the providers in the order of their buttons.
func (c *Providers) list() (list []account.SignInProvider, err error) {
	if c.GoogleClientID != "" {
		list = append(list, account.SignInProvider{ID: googleID, Name: "Google", Issuer: googleIssuer, ClientID: c.GoogleClientID, Secret: c.GoogleClientSecret, Enabled: true})
	}
	for _, text := range c.SignInProviders {
		p, err := parseProvider(text)
		if err == nil && slices.ContainsFunc(list, func(one account.SignInProvider) bool { return one.ID == p.ID }) {
			err = fmt.Errorf("two providers are called %q; give one of them another id", p.ID)
		}
		if err != nil {
			return nil, usagef("--sign-in-provider: %w", err)
		}
		list = append(list, p)
	}
	return list, nil
}

func parseProvider(text string) (account.SignInProvider, error) {
	p := account.SignInProvider{Enabled: true}
	for part := range strings.SplitSeq(text, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return p, fmt.Errorf("%q has no value; write key=value, with semicolons between", strings.TrimSpace(part))
		}
		if err := setProvider(&p, strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return p, err
		}
	}
	if p.ID == "" {
		p.ID = strings.Join(strings.FieldsFunc(strings.ToLower(p.Name), func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') }), "-")
	}
	switch {
	case p.Name == "" || p.Issuer == "" || p.ClientID == "":
		return p, errors.New("give name, issuer and client-id at least")
	case !providerID.MatchString(p.ID) || len(p.ID) > 20:
		return p, fmt.Errorf("id %q must be 1 to 20 small letters, digits and single dashes", p.ID)
	}
	return p, nil
}

func setProvider(p *account.SignInProvider, key, value string) (err error) {
	switch key {
	case "id":
		p.ID = value
	case "name":
		p.Name = value
	case "issuer":
		p.Issuer = value
	case "client-id":
		p.ClientID = value
	case "client-secret":
		p.Secret = value
	case "client-secret-file":
		var text []byte
		if text, err = os.ReadFile(value); err == nil {
			p.Secret = strings.TrimRight(string(text), "\r\n")
		}
	case "domains":
		p.Domains, err = account.ParseDomains(value)
	default:
		err = fmt.Errorf("%q is no key; there are id, name, issuer, client-id, client-secret, client-secret-file and domains", key)
	}
	return err
}

// signIn gives the room account the way to sign-in providers: the installation's, and those that accounts add.
func (c *Config) signIn(a *account.Config) error {
	guard, err := c.outward()
	if err != nil {
		return err
	}
	a.OpenID = openid.New(guard, nil)
	a.Providers, err = c.Providers.list()
	return err
}

// providers looks whether the sign-in providers of the configuration answer.
func (c *doctorCommand) providers(ctx context.Context) (findings []finding) {
	guard, err := c.outward()
	if err != nil {
		return nil // settle has said it
	}
	list, err := c.Providers.list()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, doctorLimit)
	defer cancel()
	client := openid.New(guard, nil)
	for _, p := range list {
		f := finding{healthy, "sign-in", p.Name + " answers at " + p.Issuer, ""}
		if err := client.Probe(ctx, p.Issuer); err != nil {
			f = finding{worth, "sign-in", p.Name + " does not answer: " + err.Error(), "Check the issuer, and that this machine reaches it; an inner one has to be in --outward-allow"}
		}
		findings = append(findings, f)
	}
	return findings
}
