package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/mail"
	"hubline/base/openid"
)

// NewProvider is what an admin enters to let people sign in with a service of the account's own.
type NewProvider struct {
	Name     string
	Issuer   string
	ClientID string
	Secret   string
	Domains  string // separated by commas, spaces or lines
}

const (
	mostProviders = 5 // of one account
	mostDomains   = 20
)

// OwnProviders lists the account's own sign-in providers by name, without their secrets.
func (r *Room) OwnProviders(ctx context.Context, actor Actor) (_ []SignInProvider, err error) {
	defer fault.Wrap(&err, "account.OwnProviders")
	if err := actor.Require(ViewSettings); err != nil {
		return nil, err
	}
	return r.providers(ctx, r.DB, `SELECT `+providerColumns+` FROM sign_in_providers v WHERE v.account_id = $1 ORDER BY v.name, v.id LIMIT 50`, actor.Account.ID)
}

// AddProvider adds a sign-in provider to the account, after asking it for what it publishes about itself. It needs a fresh step-up check.
func (r *Room) AddProvider(ctx context.Context, actor Actor, in NewProvider) (p SignInProvider, err error) {
	defer fault.Wrap(&err, "account.AddProvider")
	if err := actor.Require(ChangeSettings); err != nil {
		return p, err
	}
	if r.OpenID == nil {
		return p, providerGone()
	}
	if p, err = r.checkProvider(in); err != nil {
		return p, err
	}
	if actor.Kind == Member && !actor.Checked { // before anything is asked of other machines; the check is used up with the change
		return p, fault.New(fault.StepUp, "check-needed", "Confirm it is you. We will email you a code")
	}
	p.AccountID, p.ID, p.Enabled, p.CreatedAt = actor.Account.ID, ident.New(), true, r.now()
	if err := r.probe(ctx, actor, p); err != nil {
		return SignInProvider{}, err
	}
	p.Secret = r.Keys.Seal(p.secretContext(), []byte(in.Secret))
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.mayChangeProviders(ctx, q, &actor); err != nil {
			return err
		}
		var many int64
		if err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM sign_in_providers WHERE account_id = $1`, p.AccountID).Scan(&many); err != nil {
			return err
		}
		if many >= mostProviders {
			return fault.New(fault.Conflict, "provider-limit", "An account can have "+decimal(mostProviders)+" sign-in providers. Remove one first")
		}
		_, err := q.ExecContext(ctx, `
			INSERT INTO sign_in_providers (account_id, id, name, issuer, client_id, client_secret, domains, enabled, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)`,
			p.AccountID, p.ID, p.Name, p.Issuer, p.ClientID, p.Secret, strings.Join(p.Domains, ","), p.CreatedAt)
		if db.IsUnique(err) {
			return fault.Field("provider-known", "client_id", "The account has this provider with this client already. Remove that one first")
		}
		if err != nil {
			return err
		}
		return r.recordProvider(ctx, q, actor, ProviderAdded, p, "", p.Issuer+" for "+strings.Join(p.Domains, ", "))
	})
	return p.public(), err
}

// mayChangeProviders reads the actor's rights again and asks for a fresh check: whoever adds a provider decides who can sign in.
func (r *Room) mayChangeProviders(ctx context.Context, q db.Q, actor *Actor) error {
	if err := r.Still(ctx, q, actor, ChangeSettings); err != nil {
		return err
	}
	return r.requireCheck(ctx, q, *actor, actor.Account.Policy.checkRule())
}

func (r *Room) recordProvider(ctx context.Context, q db.Q, actor Actor, action Action, p SignInProvider, before, after string) error {
	return r.Record(ctx, q, actor, Entry{Action: action, SubjectID: p.ID, SubjectName: p.Name, Before: before, After: after})
}

// checkProvider validates the form of what was entered.
func (r *Room) checkProvider(in NewProvider) (p SignInProvider, err error) {
	name, nameFault := checkName("name", "Name", in.Name, 40)
	if nameFault == nil && name == "" {
		nameFault = fault.Field("name-empty", "name", "Enter the name that the button shows, for example Example ID")
	}
	p = SignInProvider{Name: name, Issuer: strings.TrimSpace(in.Issuer), ClientID: strings.TrimSpace(in.ClientID)}
	issuerFault := checkIssuer(r.OpenID, p.Issuer)
	idFault := checkCredential("client_id", "Client ID", p.ClientID)
	secretFault := checkCredential("client_secret", "Client secret", in.Secret)
	domains, domainFault := checkDomains(in.Domains)
	p.Domains = domains
	return p, fault.All(nameFault, issuerFault, idFault, secretFault, domainFault)
}

func checkIssuer(client *openid.Client, issuer string) *fault.Fault {
	switch {
	case issuer == "":
		return fault.Field("issuer-empty", "issuer", "Enter the provider's issuer, for example https://id.example.com")
	case len(issuer) > 300 || client.CheckIssuer(issuer) != nil:
		return fault.Field("issuer-form", "issuer", "Issuer must be a public https address without a question mark, for example https://id.example.com")
	case openid.SharedEntra(issuer):
		return fault.Field("issuer-tenant", "issuer", "Enter the issuer of your own Microsoft Entra tenant: https://login.microsoftonline.com/TENANT-ID/v2.0, with the tenant ID in small letters")
	}
	return nil
}

func checkCredential(field, label, text string) *fault.Fault {
	switch {
	case text == "":
		return fault.Field("credential-empty", field, "Enter the "+strings.ToLower(label[:1])+label[1:]+" that the provider gave you")
	case len(text) > 500 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == utf8.RuneError || unprintable(c) }):
		return fault.Field("credential-form", field, label+" is not one that a provider gives. Copy it again")
	}
	return nil
}

// ParseDomains reads a list of domains with commas, spaces or lines between, each in the form that addresses are compared in.
func ParseDomains(text string) ([]string, error) {
	domains, bad := checkDomains(text)
	return domains, fault.All(bad)
}

func checkDomains(text string) (domains []string, bad *fault.Fault) {
	for _, word := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(", ;\n\r\t", c) }) {
		email, err := mail.ParseAddress("x@" + strings.TrimPrefix(word, "@"))
		if err != nil {
			return nil, fault.Field("domain-form", "domains", plain(word, 80)+" is not a domain. Enter what stands after the @ of your people's addresses, for example harbour.example")
		}
		if domain := strings.TrimPrefix(email, "x@"); !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	switch {
	case len(domains) == 0:
		return nil, fault.Field("domains-empty", "domains", "Enter the domains of your people's addresses. The provider signs in nobody else")
	case len(domains) > mostDomains:
		return nil, fault.Field("domains-many", "domains", "Enter "+decimal(mostDomains)+" domains or fewer")
	}
	return domains, nil
}

// probe asks the provider for what it publishes, not too often for one account; what it lacks is the issuer's fault.
func (r *Room) probe(ctx context.Context, actor Actor, p SignInProvider) error {
	if err := r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error { return r.Still(ctx, q, &actor, ChangeSettings) }); err != nil {
		return err
	}
	if err := r.spend(ctx, limit{key: "provider-test:" + p.AccountID, free: 20, most: time.Minute, forget: 10 * time.Minute}); err != nil {
		return err
	}
	err := r.OpenID.Probe(ctx, p.Issuer)
	if err == nil {
		return nil
	}
	r.Log.Info("a sign-in provider does not answer its test", "issuer", p.Issuer, "account", p.AccountID, "error", err)
	if errors.Is(err, openid.ErrUnreachable) {
		return &fault.Fault{Kind: fault.Invalid, Code: "issuer-silent", Field: "issuer", Err: err,
			Message: "Nothing at " + p.Issuer + " answers as a sign-in provider does. Check the issuer: it has to be spelled exactly as the provider spells it"}
	}
	return err
}

// TestProvider asks one of the account's providers anew for what it publishes, and says what is wrong. It changes nothing.
func (r *Room) TestProvider(ctx context.Context, actor Actor, id string) (p SignInProvider, err error) {
	defer fault.Wrap(&err, "account.TestProvider")
	if err := actor.Require(ChangeSettings); err != nil {
		return p, err
	}
	if r.OpenID == nil {
		return p, providerGone()
	}
	if p, err = r.ownProvider(ctx, r.DB, actor, id); err != nil {
		return p, err
	}
	err = r.probe(ctx, actor, p)
	return p.public(), err
}

func (r *Room) ownProvider(ctx context.Context, q db.Q, actor Actor, id string) (p SignInProvider, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+providerColumns+` FROM sign_in_providers v WHERE v.account_id = $1 AND v.id = $2`, actor.Account.ID, id).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return p, err
}

// SwitchProvider switches one of the account's providers on or off. Off, it signs nobody in from the next answer on, and the sessions
// that rest on it end.
func (r *Room) SwitchProvider(ctx context.Context, actor Actor, id string, on bool) (p SignInProvider, err error) {
	defer fault.Wrap(&err, "account.SwitchProvider")
	action := map[bool]Action{true: ProviderSwitchedOn, false: ProviderSwitchedOff}[on]
	return r.changeProvider(ctx, actor, id, action, `UPDATE sign_in_providers SET enabled = $3 WHERE account_id = $1 AND id = $2`, map[bool]int{true: 1}[on])
}

// RemoveProvider takes one of the account's providers away, with its secret. The sessions of the account's providers end.
func (r *Room) RemoveProvider(ctx context.Context, actor Actor, id string) (p SignInProvider, err error) {
	defer fault.Wrap(&err, "account.RemoveProvider")
	return r.changeProvider(ctx, actor, id, ProviderRemoved, `DELETE FROM sign_in_providers WHERE account_id = $1 AND id = $2`)
}

func (r *Room) changeProvider(ctx context.Context, actor Actor, id string, action Action, query string, args ...any) (p SignInProvider, err error) {
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.mayChangeProviders(ctx, q, &actor); err != nil {
			return err
		}
		if p, err = r.ownProvider(ctx, q, actor, id); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, query, append([]any{p.AccountID, p.ID}, args...)...); err != nil {
			return err
		}
		if action != ProviderSwitchedOn {
			if err := r.endConfined(ctx, q, actor); err != nil {
				return err
			}
		}
		return r.recordProvider(ctx, q, actor, action, p, "", "")
	})
	return p.public(), err
}

// endConfined ends the sessions that rest on a provider of the account, but not the one that asks.
func (r *Room) endConfined(ctx context.Context, q db.Q, actor Actor) error {
	people, err := db.Collect(ctx, q, db.Value[string], `DELETE FROM sessions WHERE confined_to = $1 AND id <> $2 RETURNING person_id`, actor.Account.ID, actor.SessionID)
	if err != nil {
		return err
	}
	return r.noticePeople(ctx, q, people...)
}
