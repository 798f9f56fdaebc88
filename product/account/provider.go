package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/openid"
)

// SignInProvider is a service that people sign in with instead of a password (OpenID Connect). The installation's are in its
// configuration and lead everywhere; an account's own lead into that account only, as its admins decide who the service vouches for.
type SignInProvider struct {
	ID        string // "google"; an account's own have a random one
	AccountID string // "" for the installation's
	Name      string // on buttons: "Continue with Google"
	Issuer    string
	ClientID  string
	// Domains are the parts after the @ of the addresses that it may vouch for, in canonical form. The installation's may have none: then
	// all count.
	Domains   []string
	Enabled   bool
	CreatedAt int64
	// Secret is what the service calls us by. The store keeps it sealed, and no verb returns it.
	Secret string
}

const providerColumns = `v.account_id, v.id, v.name, v.issuer, v.client_id, v.client_secret, v.domains, v.enabled, v.created_at`

func (p *SignInProvider) fields() []any {
	return []any{&p.AccountID, &p.ID, &p.Name, &p.Issuer, &p.ClientID, &p.Secret, (*domainList)(&p.Domains), (*flag)(&p.Enabled), &p.CreatedAt}
}

// domainList scans the store's list of domains.
type domainList []string

// Scan implements sql.Scanner.
func (l *domainList) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return errors.New("list of domains is not a text")
	}
	*l = strings.Split(text, ",")
	return nil
}

// secretContext is what an account's provider's secret is sealed for.
func (p SignInProvider) secretContext() string {
	return "sign-in provider secret " + p.AccountID + " " + p.ID
}

// client opens the secret and returns what the exchange with the service needs.
func (p SignInProvider) client(r *Room) (openid.Provider, error) {
	c := openid.Provider{Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.Secret}
	if p.AccountID == "" {
		return c, nil
	}
	plain, err := r.Keys.Open(p.secretContext(), p.Secret)
	c.ClientSecret = string(plain)
	return c, err
}

// redirect is where the service sends browsers back to. An account's providers share one address, so that it is known before they are.
func (p SignInProvider) redirect(r *Room, slug string) string {
	if p.AccountID == "" {
		return r.BaseURL + "/sign-in/with/" + p.ID + "/answer"
	}
	return r.ProviderRedirect(slug)
}

// ProviderRedirect is the address that an account's sign-in providers send browsers back to. It is registered with the provider.
func (r *Room) ProviderRedirect(slug string) string {
	return r.BaseURL + "/sign-in/at/" + slug + "/answer"
}

// admits says whether the provider may vouch for the identity: where it is bound to domains, only for verified addresses in them.
func (p SignInProvider) admits(who openid.Identity) error {
	if len(p.Domains) == 0 {
		return nil
	}
	email, err := verifiedEmail(p, who)
	if err != nil {
		return err
	}
	if _, domain, _ := strings.Cut(email, "@"); !slices.Contains(p.Domains, domain) {
		return fault.New(fault.Forbidden, "provider-domain", p.Name+" signs in people with an address at "+listWords(p.Domains)+", and you chose "+email+". Choose another, or sign in another way")
	}
	return nil
}

// verifiedEmail returns the identity's address in canonical form, if the provider says that it is theirs.
func verifiedEmail(p SignInProvider, who openid.Identity) (string, error) {
	email, bad := signInAddress(who.Email)
	switch {
	case bad != nil:
		return "", fault.New(fault.Forbidden, "provider-no-email", p.Name+" did not tell your email address. Allow it to, or use another way")
	case !who.EmailVerified && openid.IsEntra(p.Issuer):
		return "", fault.New(fault.Forbidden, "provider-email-unverified", p.Name+" does not say that "+email+" is in a domain of its own. Use another way, and tell whoever looks after it: the ID token needs the claim xms_edov")
	case !who.EmailVerified:
		return "", fault.New(fault.Forbidden, "provider-email-unverified", p.Name+" has not verified the address "+email+". Verify it there, or use another way")
	}
	return email, nil
}

// listWords joins names as a sentence does: "a, b or c".
func listWords(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " or " + list[len(list)-1]
}

// OfferedProviders lists what people can sign in with: the installation's providers and, given the slug of an account, that account's
// own. An account that nobody has has none.
func (r *Room) OfferedProviders(ctx context.Context, slug string) (list []SignInProvider, err error) {
	defer fault.Wrap(&err, "account.OfferedProviders(%q)", slug)
	if r.OpenID == nil {
		return nil, nil
	}
	for _, p := range r.Providers {
		list = append(list, p.public())
	}
	if slug == "" {
		return list, nil
	}
	own, err := r.providers(ctx, r.DB, `SELECT `+providerColumns+` FROM accounts a JOIN sign_in_providers v ON v.account_id = a.id
		WHERE a.slug = $1 AND v.enabled = 1 ORDER BY v.name, v.id LIMIT 20`, slug)
	return append(list, own...), err
}

// public is the provider without its secret.
func (p SignInProvider) public() SignInProvider {
	p.Secret = ""
	return p
}

// providers reads providers without their secrets.
func (r *Room) providers(ctx context.Context, q db.Q, query string, args ...any) (list []SignInProvider, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p SignInProvider
		if err := rows.Scan(p.fields()...); err != nil {
			return nil, err
		}
		list = append(list, p.public())
	}
	return list, rows.Err()
}

// provider finds an enabled provider, the installation's when accountID is empty, with its secret as it is kept. It is asked again inside
// every transaction that rests on one: a provider that was switched off meanwhile signs nobody in.
func (r *Room) provider(ctx context.Context, q db.Q, accountID, id string) (p SignInProvider, err error) {
	if accountID == "" {
		for _, p := range r.Providers {
			if p.ID == id && r.OpenID != nil {
				return p, nil
			}
		}
		return p, providerGone()
	}
	err = q.QueryRowContext(ctx, `SELECT `+providerColumns+` FROM sign_in_providers v WHERE v.account_id = $1 AND v.id = $2 AND v.enabled = 1`,
		accountID, id).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) || err == nil && r.OpenID == nil {
		err = providerGone()
	}
	return p, err
}

func providerGone() error {
	return fault.New(fault.NotFound, "provider-unknown", "This way of signing in is switched off. Sign in another way")
}
