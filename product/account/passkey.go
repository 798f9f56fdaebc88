package account

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// PasskeyLife is how long a browser may take to answer what one of the Begin verbs asked.
const PasskeyLife = 5 * time.Minute

const (
	passkeyScope  = "account passkey"
	passkeyAnswer = 64 << 10 // bytes; a real answer has two or three thousand
	tokenPasskey  = "hw"
)

// PasskeyAsk is what a browser is asked about passkeys: options for navigator.credentials, and what has to come back beside the answer.
type PasskeyAsk struct {
	Options   any    `json:"options"`   // PublicKeyCredentialCreationOptionsJSON or PublicKeyCredentialRequestOptionsJSON (WebAuthn level 3)
	Challenge string `json:"challenge"` // sealed; worth nothing without the answer, once, for PasskeyLife
	Browser   string `json:"-"`         // token to leave in the browser of somebody who is not signed in: the answer counts only beside it
}

// PasskeyAnswer is what came back.
type PasskeyAnswer struct {
	Challenge string // as PasskeyAsk had it
	Answer    string // the credential as PublicKeyCredential.toJSON gives it
	Browser   string // the token that PasskeyAsk left in the browser
}

// errand is what a passkey is asked for. An answer for one is none for another.
type errand string

const (
	passkeyToAdd    errand = "add"
	passkeyToEnter  errand = "enter"
	passkeyToCheck  errand = "check"
	passkeyToAccept errand = "accept"
)

// challenge is what a browser was asked. It travels sealed through the browser, and is used up by the answer that counts.
type challenge struct {
	Errand  errand
	Asked   string // random, as WebAuthn carries it
	Person  string // who has to answer; "" when anybody may
	Session string // in which session; "" for somebody who is not signed in
	Browser string // hash of the token that the browser holds; "" in a session
	Link    string // hash of the invitation's token
	Until   int64
}

// holder is a person as the WebAuthn library wants them. Their ID is random, so that it can be the user handle.
type holder struct {
	id, email, name string
	keys            []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.id) }
func (h holder) WebAuthnName() string                       { return h.email }
func (h holder) WebAuthnDisplayName() string                { return cmpOr(h.name, h.email) }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// PasskeysWork reports whether browsers can make passkeys for the portal's address: those of hosts that have no name can't be named by one.
func (r *Room) PasskeysWork() bool {
	_, err := r.relyingParty()
	return err == nil
}

// relyingParty is the portal as passkeys know it: by the host of its base URL, never by what a request says.
func (r *Room) relyingParty() (*webauthn.WebAuthn, error) {
	u, err := url.Parse(r.BaseURL)
	if err != nil || net.ParseIP(u.Hostname()) != nil || u.Scheme == "http" && u.Hostname() != "localhost" || protocol.ValidateRPID(u.Hostname()) != nil {
		return nil, fault.New(fault.Conflict, "passkeys-off", "Passkeys need the portal to have a name and https. Sign in another way")
	}
	origin := u.Scheme + "://" + u.Host
	if usual := map[string]string{"https": "443", "http": "80"}[u.Scheme]; u.Port() == usual {
		origin = u.Scheme + "://" + u.Hostname()
	}
	return webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: cmpOr(r.Provider.Name, u.Hostname()), RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired}})
}

// ask seals what the browser is asked.
func (r *Room) ask(c challenge, options any) (PasskeyAsk, error) {
	c.Until = r.now() + PasskeyLife.Milliseconds()
	plain, err := json.Marshal(c)
	return PasskeyAsk{Options: options, Challenge: r.Keys.Seal(passkeyScope, plain)}, err
}

// askToMake asks a browser for a new passkey.
func (r *Room) askToMake(c challenge, h holder) (PasskeyAsk, error) {
	party, err := r.relyingParty()
	if err != nil {
		return PasskeyAsk{}, err
	}
	var have []protocol.CredentialDescriptor
	for _, key := range h.keys {
		have = append(have, key.Descriptor())
	}
	options, session, err := party.BeginRegistration(h, webauthn.WithExclusions(have))
	if err != nil {
		return PasskeyAsk{}, err
	}
	c.Asked, c.Person = session.Challenge, h.id
	return r.ask(c, options.Response)
}

// askToShow asks a browser for a passkey: one of the holder's, or any.
func (r *Room) askToShow(c challenge, h holder) (PasskeyAsk, error) {
	party, err := r.relyingParty()
	if err != nil {
		return PasskeyAsk{}, err
	}
	begin := func() (*protocol.CredentialAssertion, *webauthn.SessionData, error) {
		return party.BeginDiscoverableLogin()
	}
	if c.Person = h.id; h.id != "" {
		begin = func() (*protocol.CredentialAssertion, *webauthn.SessionData, error) { return party.BeginLogin(h) }
	}
	options, session, err := begin()
	if err != nil {
		return PasskeyAsk{}, err
	}
	c.Asked = session.Challenge
	return r.ask(c, options.Response)
}

// bind ties the challenge to a browser: by the token that it holds already, or by a new one.
func (c *challenge) bind(held string) (token string) {
	if c.Browser = ident.Hash(tokenPasskey, held); c.Browser == "" {
		held, c.Browser = ident.Token(tokenPasskey)
	}
	return held
}

// asked opens what the browser was asked, for that errand, and uses it up. Whatever the answer then fails of gives it back, as all is one
// transaction.
func (r *Room) asked(ctx context.Context, q db.Q, e errand, session string, in PasskeyAnswer) (c challenge, err error) {
	if in.Answer == "" {
		return c, fault.New(fault.Invalid, "passkey-missing", "Your browser sent no passkey. Try again, or go on another way")
	}
	late := fault.New(fault.Invalid, "passkey-late", "That took too long, or was used already. Use your passkey again")
	plain, err := r.Keys.Open(passkeyScope, in.Challenge)
	if err != nil || json.Unmarshal(plain, &c) != nil || c.Errand != e || c.Session != session {
		return c, late
	}
	if session == "" && (c.Browser == "" || c.Browser != ident.Hash(tokenPasskey, in.Browser)) {
		return c, late
	}
	if r.now() >= c.Until || c.Until-r.now() > (PasskeyLife+clockSlack).Milliseconds() {
		return c, late
	}
	if err := r.spendOnce(ctx, q, "passkey "+c.Asked, c.Until); err != nil {
		if fault.Is(err, fault.SignedOut) {
			err = late
		}
		return c, err
	}
	return c, nil
}

func (c challenge) session(party *webauthn.WebAuthn) webauthn.SessionData {
	return webauthn.SessionData{Challenge: c.Asked, RelyingPartyID: party.Config.RPID, UserID: []byte(c.Person),
		UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault()}
}

func wrongPasskey() error {
	return fault.New(fault.Invalid, "passkey-wrong", "That passkey did not work here. Use another one, or go on another way")
}

// made checks a new passkey as WebAuthn level 3 section 7.1 has it, and keeps it for the person.
func (r *Room) made(ctx context.Context, q db.Q, c challenge, name string, in PasskeyAnswer) error {
	party, err := r.relyingParty()
	if err != nil {
		return err
	}
	if len(in.Answer) > passkeyAnswer {
		return wrongPasskey()
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(in.Answer))
	if err != nil {
		return wrongPasskey()
	}
	key, err := party.CreateCredential(holder{id: c.Person}, c.session(party), parsed)
	if err != nil {
		return wrongPasskey()
	}
	var transports []string
	for _, t := range key.Transport {
		transports = append(transports, string(t))
	}
	_, err = q.ExecContext(ctx, `
		INSERT INTO passkeys (person_id, id, credential_id, public_key, name, model, attestation, transports, flags, sign_count, created_at, used_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)`,
		c.Person, ident.New(), base64.RawURLEncoding.EncodeToString(key.ID), base64.RawURLEncoding.EncodeToString(key.PublicKey), name,
		hex.EncodeToString(key.Authenticator.AAGUID), key.AttestationFormat, plain(strings.Join(transports, ","), 100), int64(key.Flags.ProtocolValue()),
		int64(key.Authenticator.SignCount), r.now())
	if db.IsUnique(err) {
		return fault.New(fault.Conflict, "passkey-known", "That passkey is here already. Use it, or make one on another device")
	}
	return err
}

// shown checks the answer of a passkey as WebAuthn level 3 section 7.2 has it, and returns whose it is. Its device must have asked for a
// finger, a face or a PIN. A counter that stands still or falls, and a key that turned from one that stays on its device into one that
// is copied, are signs of a copy and refused.
func (r *Room) shown(ctx context.Context, q db.Q, c challenge, in PasskeyAnswer) (personID string, err error) {
	party, err := r.relyingParty()
	if err != nil {
		return "", err
	}
	if len(in.Answer) > passkeyAnswer {
		return "", wrongPasskey()
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(in.Answer))
	if err != nil {
		return "", wrongPasskey()
	}
	id, personID, key, err := r.passkeyByCredential(ctx, q, parsed.RawID)
	if err != nil {
		return "", err
	}
	before, h := key.Authenticator.SignCount, holder{id: personID, keys: []webauthn.Credential{key}}
	var now *webauthn.Credential
	if c.Person == "" {
		now, err = party.ValidateDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return h, nil }, c.session(party), parsed)
	} else {
		now, err = party.ValidateLogin(h, c.session(party), parsed)
	}
	if err != nil || now.Authenticator.CloneWarning {
		return "", wrongPasskey()
	}
	result, err := q.ExecContext(ctx, `UPDATE passkeys SET flags = $3, sign_count = $4, used_at = $5 WHERE person_id = $1 AND id = $2 AND sign_count = $6`,
		personID, id, int64(now.Flags.ProtocolValue()), int64(now.Authenticator.SignCount), r.now(), int64(before))
	if err != nil {
		return "", err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return "", errorOr(err, wrongPasskey())
	}
	return personID, nil
}

func (r *Room) passkeyByCredential(ctx context.Context, q db.Q, raw []byte) (id, personID string, key webauthn.Credential, err error) {
	row := q.QueryRowContext(ctx, `SELECT id, person_id, credential_id, public_key, transports, flags, sign_count FROM passkeys WHERE credential_id = $1`,
		base64.RawURLEncoding.EncodeToString(raw))
	var s storedKey
	err = row.Scan(&id, &personID, &s.credential, &s.public, &s.transports, &s.flags, &s.count)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", key, wrongPasskey()
	}
	if err != nil {
		return "", "", key, err
	}
	key, err = s.key()
	return id, personID, key, err
}

// storedKey is a passkey as the store keeps it.
type storedKey struct {
	credential, public, transports string
	flags, count                   int64
}

func (s storedKey) key() (key webauthn.Credential, err error) {
	if key.ID, err = base64.RawURLEncoding.DecodeString(s.credential); err != nil {
		return key, err
	}
	for t := range strings.FieldsFuncSeq(s.transports, func(c rune) bool { return c == ',' }) {
		key.Transport = append(key.Transport, protocol.AuthenticatorTransport(t))
	}
	key.Flags = webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(s.flags))
	key.Authenticator.SignCount = uint32(s.count)
	key.PublicKey, err = base64.RawURLEncoding.DecodeString(s.public)
	return key, err
}

// holder returns the person with their passkeys.
func (r *Room) holder(ctx context.Context, q db.Q, p Person) (h holder, err error) {
	h = holder{id: p.ID, email: p.Email, name: p.Name}
	rows, err := q.QueryContext(ctx, `SELECT credential_id, public_key, transports, flags, sign_count FROM passkeys WHERE person_id = $1 ORDER BY created_at, id LIMIT 100`, p.ID)
	if err != nil {
		return h, err
	}
	defer rows.Close()
	for rows.Next() {
		var s storedKey
		if err := rows.Scan(&s.credential, &s.public, &s.transports, &s.flags, &s.count); err != nil {
			return h, err
		}
		key, err := s.key()
		if err != nil {
			return h, err
		}
		h.keys = append(h.keys, key)
	}
	return h, rows.Err()
}
