package test

import (
	"archive/zip"
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hubline/base/backup"
	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
	"hubline/product/support"
)

// Threat S22: whoever reads the store, a backup without its key or the log finds nothing there that lets them in. Everything that opens
// something is made once and used, while a log listens; then the whole store is written out and searched.
func TestS22SecretsAreNowhereInTheClear(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var log bytes.Buffer
		r := accounttest.New(t, d, accounttest.With(func(c *account.Config) {
			c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}))
		secrets := everySecret(t, r)
		var file bytes.Buffer
		_, err := backup.Write(t.Context(), d, &file, backup.Options{})
		check(t, err)
		archive, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
		check(t, err)
		all := map[string]string{"the log": log.String()}
		size := 0
		for _, member := range archive.File {
			content, err := member.Open()
			check(t, err)
			text, err := io.ReadAll(content)
			check(t, err)
			all[member.Name] = string(text)
			size += len(text)
		}
		for what, secret := range secrets {
			if len(secret) < 8 {
				t.Errorf("%s is %q, too short to be looked for", what, secret)
			}
			for place, text := range all {
				if strings.Contains(text, secret) {
					t.Errorf("%s stands in %s", what, place)
				}
			}
		}
		t.Logf("%s: %d secrets looked for in %d tables, %d bytes", d.Engine(), len(secrets), len(all)-1, size)
	})
}

// everySecret makes one of each thing that opens something and returns them by what they are. Mails that carry them stay
// queued. A PIN is six digits, so it is looked for as a value of its own.
func everySecret(t *testing.T, r *accounttest.Rig) map[string]string {
	t.Helper()
	admin := r.Open("harbour")
	jo := r.Join(admin, "jo@harbour.example", account.Admin).Check()
	_, invitation := r.Invite(admin, "lee@harbour.example")
	key, _ := r.Key(admin)
	check(t, r.StartAuthenticator(t.Context(), jo.Actor()))
	app, err := r.PendingAuthenticator(t.Context(), jo.Actor())
	check(t, err)
	session, recovery, err := r.ConfirmAuthenticator(t.Context(), jo.Actor(), r.App(app.Secret).Code(), jo.Browser())
	check(t, err)
	browser := admin.Browser()
	browser.Address = "198.51.100.7"
	check(t, r.AskReset(t.Context(), admin.Email, browser))
	check(t, r.AskEmail(t.Context(), admin.Check().Actor(), "moved@harbour.example", admin.Browser()))
	r.Clock.Advance(time.Minute)
	check(t, r.SendCode(t.Context(), admin.Actor(), admin.Browser()))
	_, err = r.SignIn(t.Context(), admin.Email, "a wrong canary password", browser)
	if !isFault(err, "sign-in-failed") {
		t.Fatal(err)
	}
	phones := phoneusertest.With(t, r)
	user := phones.Add(admin, "201", "Mary")
	taken, err := phones.Phones.TakeDetails(t.Context(), phones.Link(user.Email), phoneuser.Phone, "", "")
	check(t, err)
	second := phones.Add(admin, "202", "Tom")
	c := r.Room.Config
	help := support.New(support.Config{DB: r.DB, Jobs: r.Jobs, Keys: r.Keys, Account: r.Room, Mail: r.Mails, Now: r.Clock.Now, BaseURL: c.BaseURL, Provider: c.Provider})
	pin, _, err := help.MakePIN(t.Context(), admin.Actor())
	check(t, err)
	half, err := r.SignIn(t.Context(), jo.Email, accounttest.Password, browser)
	if err != nil || half.Half == "" {
		t.Fatalf("no half sign-in: %v", err)
	}
	return map[string]string{
		"a password": accounttest.Password, "a wrong password": "a wrong canary password", "a session": admin.Session(), "a session with a second factor": session,
		"a browser's name": admin.Device(), "an invitation": invitation, "an API key": key, "an app's secret": strings.ReplaceAll(app.Secret, " ", ""), "a recovery code": recovery[0],
		"a password link": r.ResetToken(admin.Email), "a link to a new address": r.EmailToken("moved@harbour.example"), "a phone's password": taken.Password,
		"a set-up link": phones.Link(second.Email), "a support PIN": `"` + pin + `"`, "a half sign-in": half.Half,
	}
}
