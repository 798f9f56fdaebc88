package account

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
)

// TermsMost is how many characters the terms, or the privacy text, may have.
const TermsMost = 60_000

// Terms is one version of what the provider asks people to accept. The zero value is none.
type Terms struct {
	Version     int    // 1 is the first
	Dated       string // day that stands above the text, as 2006-01-02
	Terms       string // plain paragraphs, separated by empty lines
	Privacy     string
	PublishedAt int64
	PublishedBy string
	Accepted    int // people who accepted this version
}

// NewTerms is what it takes to publish a version.
type NewTerms struct {
	Dated   string // empty: today in UTC
	Terms   string
	Privacy string
}

// Acceptance is what somebody accepted, and when.
type Acceptance struct {
	PersonID   string
	Email      string
	Name       string
	Version    int
	AcceptedAt int64
	Address    string // network address
}

const termsColumns = `t.version, t.dated, t.terms, t.privacy, t.published_at, t.published_by`

func (t *Terms) fields() []any {
	return []any{&t.Version, &t.Dated, &t.Terms, &t.Privacy, &t.PublishedAt, &t.PublishedBy}
}

// Terms returns a version that anybody may read, the newest for 0. Without any it is the zero value.
func (r *Room) Terms(ctx context.Context, version int) (t Terms, err error) {
	defer fault.Wrap(&err, "account.Terms(%d)", version)
	err = r.DB.QueryRowContext(ctx, `SELECT `+termsColumns+` FROM terms_versions t WHERE t.version = $1 OR $1 = 0 ORDER BY t.version DESC LIMIT 1`, version).Scan(t.fields()...)
	if errors.Is(err, sql.ErrNoRows) && version == 0 {
		return t, nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return t, err
}

// HasTerms reports whether the provider has published terms.
func (r *Room) HasTerms(ctx context.Context) (_ bool, err error) {
	defer fault.Wrap(&err, "account.HasTerms")
	return exists(ctx, r.DB, `SELECT 1 FROM terms_versions LIMIT 1`)
}

// PublishTerms makes a new version the one that counts: everybody is asked to accept it before their next step in an account. It is the
// provider's verb.
func (r *Room) PublishTerms(ctx context.Context, actor Actor, in NewTerms) (t Terms, err error) {
	defer fault.Wrap(&err, "account.PublishTerms")
	if !actor.Provider() {
		return t, notFound()
	}
	if t, err = in.check(r.Now()); err != nil {
		return t, err
	}
	t.PublishedAt, t.PublishedBy = r.now(), actor.Name
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var before Terms
		err := q.QueryRowContext(ctx, `SELECT `+termsColumns+` FROM terms_versions t ORDER BY t.version DESC LIMIT 1`).Scan(before.fields()...)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if before.Terms == t.Terms && before.Privacy == t.Privacy {
			return fault.Field("terms-same", "terms", "Both texts are those of version "+strconv.Itoa(before.Version)+". Change one before everybody is asked again")
		}
		t.Version = before.Version + 1
		if _, err := q.ExecContext(ctx, `INSERT INTO terms_versions (version, dated, terms, privacy, published_at, published_by) VALUES ($1, $2, $3, $4, $5, $6)`,
			t.Version, t.Dated, t.Terms, t.Privacy, t.PublishedAt, t.PublishedBy); err != nil {
			return err
		}
		return r.Record(ctx, q, actor.Inside(Account{}), Entry{Action: TermsPublished, SubjectID: strconv.Itoa(t.Version), SubjectName: "version " + strconv.Itoa(t.Version), After: t.Dated})
	})
	return t, err
}

func (in NewTerms) check(now time.Time) (t Terms, err error) {
	var dayFault *fault.Fault
	if t.Dated = strings.TrimSpace(in.Dated); t.Dated == "" {
		t.Dated = now.UTC().Format(time.DateOnly)
	}
	if _, err := time.Parse(time.DateOnly, t.Dated); err != nil {
		dayFault = fault.Field("terms-date", "dated", "Enter the date as 2026-11-25")
	}
	text := func(field, label, typed string) (string, *fault.Fault) {
		typed = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(typed, "\r\n", "\n"), "\r", "\n"))
		switch n := utf8.RuneCountInString(typed); {
		case typed == "":
			return "", fault.Field("terms-empty", field, "Enter the "+label)
		case !utf8.ValidString(typed) || strings.ContainsFunc(typed, unprintable):
			return "", fault.Field("terms-characters", field, "The "+label+" has a character that can't be shown. Take it out")
		case n > TermsMost:
			return "", fault.Field("terms-long", field, "The "+label+" must be "+strconv.Itoa(TermsMost)+" characters or fewer. It has "+strconv.Itoa(n))
		}
		return typed, nil
	}
	var termsFault, privacyFault *fault.Fault
	t.Terms, termsFault = text("terms", "terms of use", in.Terms)
	t.Privacy, privacyFault = text("privacy", "privacy text", in.Privacy)
	return t, fault.All(dayFault, termsFault, privacyFault)
}

// TermsVersions lists every version, newest first, with how many accepted it. It is the provider's verb.
func (r *Room) TermsVersions(ctx context.Context, actor Actor) (list []Terms, err error) {
	defer fault.Wrap(&err, "account.TermsVersions")
	if !actor.Provider() {
		return nil, notFound()
	}
	return db.Collect(ctx, r.DB, func(t *Terms) []any { return append(t.fields(), &t.Accepted) }, `
		SELECT `+termsColumns+`, (SELECT COUNT(*) FROM terms_acceptances x WHERE x.version = t.version) FROM terms_versions t ORDER BY t.version DESC LIMIT 500`)
}

// TermsHistory lists every version without its texts, newest first, for the people of an account.
func (r *Room) TermsHistory(ctx context.Context, actor Actor) (list []Terms, err error) {
	defer fault.Wrap(&err, "account.TermsHistory")
	if err := actor.Require(ViewHome); err != nil {
		return nil, err
	}
	return db.Collect(ctx, r.DB, func(t *Terms) []any { return []any{&t.Version, &t.Dated, &t.PublishedAt} }, `SELECT version, dated, published_at FROM terms_versions ORDER BY version DESC LIMIT 500`)
}

// TermsVersion returns one version with its texts, for the people of an account.
func (r *Room) TermsVersion(ctx context.Context, actor Actor, version int) (t Terms, err error) {
	defer fault.Wrap(&err, "account.TermsVersion")
	if err := actor.Require(ViewHome); err != nil {
		return t, err
	}
	if version < 1 {
		return t, notFound()
	}
	return r.Terms(ctx, version)
}

// AcceptTerms keeps that the actor's person accepts a version, which has to be the newest: nobody accepts what they have not seen. Asked
// again it changes nothing.
func (r *Room) AcceptTerms(ctx context.Context, actor Actor, version int) (err error) {
	defer fault.Wrap(&err, "account.AcceptTerms")
	if err := actor.isPerson(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var newest int
		if err := q.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM terms_versions`).Scan(&newest); err != nil {
			return err
		}
		if version != newest || newest == 0 {
			return fault.Field("terms-version", "terms", "There is a newer version. Read it, then accept it")
		}
		if _, err := q.ExecContext(ctx, `INSERT INTO terms_acceptances (person_id, version, accepted_at, address) VALUES ($1, $2, $3, $4) ON CONFLICT (person_id, version) DO NOTHING`,
			actor.PersonID, version, r.now(), actor.Address); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `UPDATE people SET terms_version = $2 WHERE id = $1 AND terms_version < $2`, actor.PersonID, version); err != nil {
			return err
		}
		return r.noticePeople(ctx, q, actor.PersonID)
	})
}

// TermsDue returns the version that the actor's person still has to accept; the zero value when there is none.
func (r *Room) TermsDue(ctx context.Context, actor Actor) (t Terms, err error) {
	defer fault.Wrap(&err, "account.TermsDue")
	if err := actor.isPerson(); err != nil {
		return t, err
	}
	if t, err = r.Terms(ctx, 0); err != nil || t.Version == 0 {
		return t, err
	}
	accepted, err := exists(ctx, r.DB, `SELECT 1 FROM terms_acceptances WHERE person_id = $1 AND version = $2`, actor.PersonID, t.Version)
	if err != nil || accepted {
		return Terms{}, err
	}
	return t, nil
}

// Acceptances lists what the actor's own person accepted, newest first.
func (r *Room) Acceptances(ctx context.Context, actor Actor) (list []Acceptance, err error) {
	defer fault.Wrap(&err, "account.Acceptances")
	if err := actor.isPerson(); err != nil {
		return nil, err
	}
	return r.acceptances(ctx, `x.person_id = $1 ORDER BY x.version DESC LIMIT 500`, actor.PersonID)
}

// EachAcceptance calls fn with everything that was accepted, oldest version first, without holding more than a few hundred. It is the
// provider's verb.
func (r *Room) EachAcceptance(ctx context.Context, actor Actor, fn func(Acceptance) error) (err error) {
	defer fault.Wrap(&err, "account.EachAcceptance")
	if !actor.Provider() {
		return notFound()
	}
	for version, person := 0, ""; ; {
		list, err := r.acceptances(ctx, `(x.version, x.person_id) > ($1, $2) ORDER BY x.version, x.person_id LIMIT 500`, version, person)
		if err != nil {
			return err
		}
		for _, a := range list {
			if err := fn(a); err != nil {
				return err
			}
			version, person = a.Version, a.PersonID
		}
		if len(list) < 500 {
			return nil
		}
	}
}

func (r *Room) acceptances(ctx context.Context, condition string, args ...any) (list []Acceptance, err error) {
	return db.Collect(ctx, r.DB, func(a *Acceptance) []any {
		return []any{&a.PersonID, &a.Email, &a.Name, &a.Version, &a.AcceptedAt, &a.Address}
	}, `SELECT x.person_id, p.email, p.name, x.version, x.accepted_at, x.address FROM terms_acceptances x JOIN people p ON p.id = x.person_id WHERE `+condition, args...)
}
