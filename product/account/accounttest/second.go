package accounttest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"hubline/product/account"
)

// App is a person's authenticator app.
type App struct {
	Recovery []string // the codes that came with it
	secret   []byte
	rig      *Rig
}

// Code returns what the app shows at the time on the clock (RFC 6238).
func (a *App) Code() string {
	mac := hmac.New(sha1.New, a.secret)
	var step [8]byte
	binary.BigEndian.PutUint64(step[:], uint64(a.rig.Clock.Now().Unix()/30))
	mac.Write(step[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

// App returns an authenticator app that was given a key, as pages show it.
func (r *Rig) App(key string) *App {
	r.t.Helper()
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(key, " ", ""))
	if err != nil {
		r.t.Fatalf("the key %q: %v", key, err)
	}
	return &App{rig: r, secret: secret}
}

// Enrol sets up an authenticator app for the user, whose step-up check must be fresh.
func (u *User) Enrol() *App {
	t, ctx := u.rig.t, u.rig.t.Context()
	t.Helper()
	person, err := u.rig.SignedIn(ctx, u.login.session, Address)
	if err == nil {
		err = u.rig.StartAuthenticator(ctx, person)
	}
	var made account.NewAuthenticator
	if err == nil {
		made, err = u.rig.PendingAuthenticator(ctx, person)
	}
	if err != nil {
		t.Fatalf("%s begins to set up an authenticator app: %v", u.Email, err)
	}
	app := u.rig.App(made.Secret)
	session, codes, err := u.rig.ConfirmAuthenticator(ctx, person, app.Code(), u.Browser())
	if err != nil {
		t.Fatalf("%s sets up an authenticator app: %v", u.Email, err)
	}
	u.login.session, app.Recovery = session, codes
	return app
}

// CheckWith passes the step-up check with the next code of the app.
func (u *User) CheckWith(app *App) *User {
	t := u.rig.t
	t.Helper()
	u.rig.Clock.Advance(30 * time.Second)
	session, err := u.rig.ConfirmCode(t.Context(), u.Actor(), app.Code())
	if err != nil {
		t.Fatalf("%s confirms with the app: %v", u.Email, err)
	}
	u.login.session = session
	return u
}
