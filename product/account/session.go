package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/tel"
)

// How long a session lives (NIST SP 800-63B-4). Holders of a role, and provider staff, sign in again after a day or an idle hour.
const (
	sessionLife    = 30 * 24 * time.Hour
	sessionIdle    = 7 * 24 * time.Hour
	privilegedLife = 24 * time.Hour
	privilegedIdle = time.Hour
	seenEvery      = time.Minute // how exact seen_at is kept
	tokenSession   = "hs"
	tokenDevice    = "hd"
)

// Person is who signs in: one verified address, in as many accounts as invited it.
type Person struct {
	ID       string
	Email    string
	Name     string
	Staff    bool
	Theme    string // "", "light" or "dark"
	TimeZone string // their own; "": that of the account they look at
	Numbers  tel.Form
	epoch    int64
	password string
	ways     ways
	mailed   int64 // when a mailed link set the password, which nobody has shown with a second factor since; 0: no
	termsDue bool  // there are terms that they have not accepted
}

const personColumns = `p.id, p.email, p.name, p.staff, p.theme, p.time_zone, p.number_form, p.epoch, COALESCE(p.password, ''), p.ways, p.password_mailed_at,
	CASE WHEN p.terms_version < (SELECT COALESCE(MAX(version), 0) FROM terms_versions) THEN 1 ELSE 0 END`

func (p *Person) fields() []any {
	return []any{&p.ID, &p.Email, &p.Name, (*flag)(&p.Staff), &p.Theme, &p.TimeZone, &p.Numbers, &p.epoch, &p.password, &p.ways, &p.mailed, (*flag)(&p.termsDue)}
}

// flag scans the store's 0 and 1.
type flag bool

// Scan implements sql.Scanner.
func (f *flag) Scan(v any) error {
	n, ok := v.(int64)
	*f = n != 0
	if !ok {
		return errors.New("flag is not a number")
	}
	return nil
}

// Browser is where a request comes from.
type Browser struct {
	Address   string // network address without port
	UserAgent string
	Device    string // token that an earlier sign-in of this browser left, or ""
}

// Entrance is what a successful sign-in hands to the door: the secrets for two cookies.
type Entrance struct {
	Person  Person
	Session string   // token of the session; empty while the second factor is missing
	Device  string   // token by which this browser is known from now on
	Half    string   // instead of a session: what FinishSignIn takes together with the second factor
	Codes   []string // recovery codes of somebody who has just come with their first second factor; told this once
}

// SignIn checks an address and a password and starts a session. Known and unknown addresses get the same words after the same work.
func (r *Room) SignIn(ctx context.Context, email, password string, b Browser) (in Entrance, err error) {
	defer fault.Wrap(&err, "account.SignIn")
	canonical, addressFault := signInAddress(email)
	if addressFault != nil {
		return Entrance{}, addressFault
	}
	if password == "" {
		return Entrance{}, fault.Field("password-empty", "password", "Enter your password")
	}
	person, err := r.personByEmail(ctx, r.DB, canonical)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Entrance{}, err
	}
	defer r.logSignIn(ctx, ByPassword, canonical, person.ID, b, &in, &err)
	deviceID, err := r.knownDevice(ctx, person.ID, b.Device)
	if err != nil {
		return Entrance{}, err
	}
	leave, err := r.hash.lineUp(ctx, deviceID != "")
	if err != nil {
		return Entrance{}, err
	}
	defer leave()
	limits := r.signInLimits(canonical, Network(b.Address), deviceID)
	if err := r.spend(ctx, limits...); err != nil {
		return Entrance{}, err
	}
	if len(password) > 4*PasswordMost {
		password, person.password = "", ""
	}
	same, err := r.hash.Matches(ctx, canonical, password, person.password)
	if err != nil {
		return Entrance{}, err
	}
	if !same {
		return Entrance{}, noMatch()
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		now, err := r.personByID(ctx, q, person.ID)
		if fault.Is(err, fault.NotFound) || err == nil && now.password != person.password { // reset while the hash was being checked
			return noMatch()
		}
		if err != nil {
			return err
		}
		if err := r.noteTries(ctx, q, now, deviceID != "", b); err != nil {
			return err
		}
		if err := r.refund(ctx, q, limits...); err != nil {
			return err
		}
		in, err = r.startSession(ctx, q, now, b, Proved(r.now(), ByPassword), "")
		return err
	})
	return in, err
}

func noMatch() error {
	return fault.New(fault.SignedOut, "sign-in-failed", "That email and password do not match. Check both, or reset your password")
}

// CheckAddress says whether a text is an email address to sign in with. It does not look whether anybody has it.
func CheckAddress(email string) error {
	_, bad := signInAddress(email)
	return fault.All(bad)
}

func signInAddress(email string) (string, *fault.Fault) {
	offer, bad := checkOffer(Offer{Email: email}, "email", "name")
	if bad != nil && bad.Field == "email" {
		if strings.TrimSpace(email) == "" {
			return "", fault.Field("email-empty", "email", "Enter your email address")
		}
		return "", fault.Field("email-form", "email", "Enter an email address in the form name@example.com")
	}
	return offer.Email, nil
}

// startSession is the only place where sessions begin, whichever way somebody came. Whoever has a second factor and did not show it, nor
// comes with a browser that stands for it, gets a half sign-in instead. The session keeps what they proved; what each account makes of it is
// asked at every request. inside is the ID of the only account that it may enter, or "". It records the sign-in in every account of the
// person and tells them by mail about a browser not seen before.
func (r *Room) startSession(ctx context.Context, q db.Q, p Person, b Browser, shown Proofs, inside string) (Entrance, error) {
	if p.ways.second() && !shown.SecondFactor() {
		kept, err := r.remembered(ctx, q, p, b)
		if err != nil {
			return Entrance{}, err
		}
		if !kept {
			half, err := r.sealHalf(p, shown, inside)
			return Entrance{Person: p, Half: half}, err
		}
		shown = shown.with(ByDevice, r.now())
	}
	if err := r.provedSecond(ctx, q, p, shown); err != nil {
		return Entrance{}, err
	}
	now := r.now()
	deviceID, deviceToken, fresh, err := r.rememberDevice(ctx, q, p, b.Device)
	if err != nil {
		return Entrance{}, err
	}
	token, hash := ident.Token(tokenSession)
	if _, err = q.ExecContext(ctx, `
		INSERT INTO sessions (id, token_hash, person_id, epoch, device_id, address, user_agent, proofs, confined_to, checked_at, check_used, checked_by, created_at, seen_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, '', $10, $10, $11)`,
		ident.New(), hash, p.ID, p.epoch, deviceID, b.Address, plain(b.UserAgent, 300), shown.column(), inside, now, now+sessionLife.Milliseconds()); err != nil {
		return Entrance{}, err
	}
	if _, err = q.ExecContext(ctx, `UPDATE memberships SET last_signed_in_at = $2 WHERE person_id = $1 AND state <> 'removed'`, p.ID, now); err != nil {
		return Entrance{}, err
	}
	if err := r.note(ctx, q, p.ID, "signed-in", shown.Words(), b); err != nil {
		return Entrance{}, err
	}
	if fresh {
		if err := r.tellNewSignIn(ctx, q, p, b); err != nil {
			return Entrance{}, err
		}
	}
	return Entrance{Person: p, Session: token, Device: deviceToken}, nil
}

// rememberDevice finds the browser among those the person signed in from, or adds it. fresh is true for a new browser of a person
// who had another one before.
func (r *Room) rememberDevice(ctx context.Context, q db.Q, p Person, token string) (id, kept string, fresh bool, err error) {
	now := r.now()
	if hash := ident.Hash(tokenDevice, token); hash != "" {
		err = q.QueryRowContext(ctx, `UPDATE known_devices SET seen_at = $3 WHERE person_id = $1 AND token_hash = $2 RETURNING id`, p.ID, hash, now).Scan(&id)
		if !errors.Is(err, sql.ErrNoRows) {
			return id, token, false, err
		}
	}
	before, err := exists(ctx, q, `SELECT 1 FROM known_devices WHERE person_id = $1 LIMIT 1`, p.ID)
	if err != nil {
		return "", "", false, err
	}
	hash := ident.Hash(tokenDevice, token)
	if hash == "" { // a browser keeps one device token for everybody who uses it
		token, hash = ident.Token(tokenDevice)
	}
	id = ident.New()
	_, err = q.ExecContext(ctx, `INSERT INTO known_devices (person_id, id, token_hash, created_at, seen_at) VALUES ($1, $2, $3, $4, $4)`, p.ID, id, hash, now)
	return id, token, before, err
}

func (r *Room) knownDevice(ctx context.Context, personID, token string) (id string, err error) {
	hash := ident.Hash(tokenDevice, token)
	err = r.DB.QueryRowContext(ctx, `SELECT id FROM known_devices WHERE person_id = $1 AND token_hash = $2`, personID, hash).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// SignedIn returns the person behind a session token, outside any account: for the pages of a person and for the provider's console.
func (r *Room) SignedIn(ctx context.Context, token, address string) (Actor, error) {
	actor, err := r.identify(ctx, "s.token_hash", ident.Hash(tokenSession, token), "", address, true)
	fault.Wrap(&err, "account.SignedIn")
	return actor, err
}

// Enter returns the person behind a session token as a member of the account with that slug, or as staff on a visit to it, with the rights of
// this moment. It asks
// the store every time; nothing about rights is kept between requests. No such account, and no membership in it, are the same answer.
func (r *Room) Enter(ctx context.Context, token, slug, address string) (Actor, error) {
	actor, err := r.identify(ctx, "s.token_hash", ident.Hash(tokenSession, token), slug, address, true)
	if err == nil && actor.Account.ID == "" {
		err = notFound()
	}
	fault.Wrap(&err, "account.Enter(%q)", slug)
	return actor, err
}

// Again reads the rights of an actor who came in before anew, for what stays open between requests: same session, same account,
// whatever its token is by now. Unlike a request it does not count as use, so that an open page keeps no idle session alive.
func (r *Room) Again(ctx context.Context, actor Actor) (_ Actor, err error) {
	defer fault.Wrap(&err, "account.Again")
	now, err := r.identify(ctx, "s.id", actor.SessionID, actor.Account.Slug, actor.Address, false)
	if err == nil && actor.Account.ID != "" && (now.Account.ID == "" || now.MembershipID != actor.MembershipID || now.Visit != actor.Visit) {
		err = notFound()
	}
	return now, err
}

// identify is the one query that every signed-in request makes. column and key name the session.
func (r *Room) identify(ctx context.Context, column, key, slug, address string, use bool) (Actor, error) {
	if key == "" {
		return Actor{}, signedOut()
	}
	var s session
	var p Person
	var account, number, name, zone, state, demand, methods, memberID, memberName, roles, favourites sql.NullString
	var hours, check, daily, seats, opened, version, life, remember, ended sql.NullInt64
	err := r.DB.QueryRowContext(ctx, `
		SELECT s.id, s.epoch, s.created_at, s.seen_at, s.expires_at, s.checked_at, s.check_used, s.checked_by, s.proofs, s.confined_to, `+sessionRules+`, `+personColumns+`,
		       a.id, a.number, a.name, a.time_zone, a.invitation_hours, a.check_minutes, a.daily_invitations, a.phone_user_limit, a.created_at, a.version, a.state,
		       a.second_factor, a.sign_in_methods, a.session_hours, a.remember_devices, m.id, m.name, m.roles, m.favourites, m.sessions_ended_at
		FROM sessions s
		JOIN people p ON p.id = s.person_id
		LEFT JOIN accounts a ON a.slug = $2
		LEFT JOIN memberships m ON m.account_id = a.id AND m.person_id = p.id AND m.state = 'active' AND s.confined_to IN ('', a.id)
		WHERE `+column+` = $1`, key, slug).Scan(slices.Concat(s.fields(), p.fields(), []any{
		&account, &number, &name, &zone, &hours, &check, &daily, &seats, &opened, &version, &state, &demand, &methods, &life, &remember, &memberID, &memberName, &roles, &favourites, &ended})...)
	if errors.Is(err, sql.ErrNoRows) {
		return Actor{}, signedOut()
	}
	if err != nil {
		return Actor{}, err
	}
	now := r.now()
	if s.ended(now, p) {
		return Actor{}, signedOut()
	}
	if use && now-s.seen > seenEvery.Milliseconds() {
		if err := r.useSession(ctx, s.id, address, now); err != nil {
			return Actor{}, err
		}
	}
	actor := Actor{Kind: Member, PersonID: p.ID, Name: p.Name, Email: p.Email, Theme: p.Theme, TimeZone: p.TimeZone, Numbers: p.Numbers, SessionID: s.id, Address: address,
		proofs: proofsFromColumn(s.proofs), ways: p.ways, termsDue: p.termsDue, Confined: s.confined}
	if p.Staff {
		actor.Kind = Staff
	}
	if memberID.Valid && !p.Staff {
		actor.Account = Account{ID: account.String, Slug: slug, Number: number.String, Name: name.String, CreatedAt: opened.Int64, Version: version.Int64,
			Policy: Policy{TimeZone: zone.String, InvitationHours: int(hours.Int64), CheckMinutes: int(check.Int64), DailyInvitations: int(daily.Int64),
				SecondFactor: Demand(demand.String), Methods: Methods(methods.String), SessionHours: int(life.Int64), RememberDevices: remember.Int64 == 1},
			PhoneUserLimit: int(seats.Int64), State: State(state.String)}
		if err := r.stopped(actor.Account); err != nil {
			return Actor{}, err
		}
		actor.MembershipID, actor.Name, actor.Roles = memberID.String, cmpOr(memberName.String, p.Name), rolesFromColumn(roles.String)
		actor.Favourites = strings.Fields(favourites.String)
		actor.signedInAt, actor.endedAt = s.created, ended.Int64
		actor.Checked = s.fresh(now, p.ways, actor.Account.Policy.checkRule())
	}
	actor.Needs = r.needs(actor)
	if p.Staff {
		return r.visiting(ctx, r.DB, actor, account.String)
	}
	return actor, nil
}

// needs works out what keeps the actor from what its roles, or the console, would allow.
func (r *Room) needs(a Actor) []Need {
	if a.Kind == Staff && r.StaffSecondFactor && !a.twoFactors(Policy{}) {
		return []Need{NeedSecondFactor}
	}
	return a.unmet()
}

// session is what decides whether a session still stands.
type session struct {
	id                                                string
	epoch, created, seen, expires, checked, checkUsed int64
	checkedBy                                         Method
	proofs, confined                                  string
	roles, hours                                      int64 // of the person's memberships: how many hold a role, and the shortest life that one allows
}

// sessionRules are the columns of a person's memberships that decide how long their sessions live.
const sessionRules = `(SELECT COUNT(*) FROM memberships x WHERE x.person_id = p.id AND x.state = 'active' AND x.roles <> ''),
	(SELECT COALESCE(MIN(y.session_hours), 0) FROM memberships x JOIN accounts y ON y.id = x.account_id WHERE x.person_id = p.id AND x.state = 'active')`

func (s *session) fields() []any {
	return []any{&s.id, &s.epoch, &s.created, &s.seen, &s.expires, &s.checked, &s.checkUsed, &s.checkedBy, &s.proofs, &s.confined, &s.roles, &s.hours}
}

// ended reports whether a session is over: expired, idle too long, or made before the person's secrets last changed.
func (s session) ended(now int64, p Person) bool {
	life, idle := sessionTimes(s.roles > 0 || p.Staff, s.hours)
	return s.epoch != p.epoch || ahead(max(s.created, s.seen), now) || now >= s.expires || now-s.created >= life.Milliseconds() || now-s.seen >= idle.Milliseconds()
}

func signedOut() error {
	return fault.New(fault.SignedOut, "signed-out", "You have been signed out. Sign in and we will bring back what you typed")
}

// SignOut ends the session of that token. It is no error if it ended before.
func (r *Room) SignOut(ctx context.Context, token string) (err error) {
	defer fault.Wrap(&err, "account.SignOut")
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var person string
		err := q.QueryRowContext(ctx, `DELETE FROM sessions WHERE token_hash = $1 RETURNING person_id`, ident.Hash(tokenSession, token)).Scan(&person)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return r.noticePeople(ctx, q, person)
	})
}

// Belonging is one account of a person, for the account switcher.
type Belonging struct {
	Slug     string
	Number   string
	Name     string
	TimeZone string
	Roles    Roles
}

// Belongings lists the accounts the actor's person may enter, by name.
func (r *Room) Belongings(ctx context.Context, actor Actor) (list []Belonging, err error) {
	defer fault.Wrap(&err, "account.Belongings")
	if err := actor.isPerson(); err != nil {
		return nil, err
	}
	rows, err := r.DB.QueryContext(ctx, `
		SELECT a.slug, a.number, a.name, a.time_zone, m.roles FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.person_id = $1 AND m.state = 'active' AND $2 IN ('', m.account_id) ORDER BY a.search, a.id LIMIT 500`, actor.PersonID, actor.Confined)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b Belonging
		var roles string
		if err := rows.Scan(&b.Slug, &b.Number, &b.Name, &b.TimeZone, &roles); err != nil {
			return nil, err
		}
		b.Roles = rolesFromColumn(roles)
		list = append(list, b)
	}
	return list, rows.Err()
}

func (r *Room) personByEmail(ctx context.Context, q db.Q, email string) (p Person, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+personColumns+` FROM people p WHERE p.email = $1`, email).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return p, err
}

func (r *Room) personByID(ctx context.Context, q db.Q, id string) (p Person, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+personColumns+` FROM people p WHERE p.id = $1`, id).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return p, err
}

// plain makes words from outside, such as a browser's name, fit to be stored and shown: valid, at most so many bytes, and without the
// characters that hide or turn what stands beside them.
func plain(text string, most int) string {
	return cut(strings.Map(func(c rune) rune {
		if unprintable(c) || c < ' ' {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, " ")), most)
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
