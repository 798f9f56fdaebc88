package phoneuser

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/mail"
	"hubline/base/tel"
	"hubline/product/account"
)

// Limits of a phone user's fields.
const (
	nameMost       = 40 // characters
	firstExtension = 101
	lastExtension  = 999_999
)

var extensionForm = regexp.MustCompile(`^[1-9][0-9]{1,5}$`)

// owner answers who owns a number, and asks the store once for each.
type owner func(e164 string) (tel.Kind, bool, error)

func (r *Room) owner(ctx context.Context, q db.Q, accountID string) owner {
	type answer struct {
		kind tel.Kind
		ok   bool
	}
	known := map[string]answer{}
	return func(e164 string) (tel.Kind, bool, error) {
		a, asked := known[e164]
		if !asked && r.Owns != nil {
			var err error
			if a.kind, a.ok, err = r.Owns(ctx, q, accountID, e164); err != nil {
				return a.kind, false, err
			}
			known[e164] = a
		}
		return a.kind, a.ok, nil
	}
}

// check cleans the settings of a phone user and collects what is wrong with them, but for the extension. Numbers that did not change are
// not asked for again, so that nobody is kept from renaming a phone user by a number that was withdrawn since.
func (r *Room) check(in, before Settings, owns owner) (_ Settings, faults []*fault.Fault, err error) {
	clean := in
	name, bad := account.CheckName("display_name", "Display name", in.DisplayName, nameMost)
	if bad == nil && name == "" {
		bad = fault.Field("display-name-empty", "display_name", "Enter a display name")
	}
	clean.DisplayName = name
	email, emailFault := checkEmail(in.Email, in.AppEnabled)
	clean.Email = email
	prefix, prefixFault := r.checkPrefix(in.LocalPrefix)
	clean.LocalPrefix = prefix
	faults = append(faults, bad, emailFault, prefixFault)
	for _, n := range []struct {
		typed, was string
		to         *string
		check      func(tel.Kind, bool) *fault.Fault
	}{
		{in.CallerID, before.CallerID, &clean.CallerID, checkCallerID},
		{in.SMSNumber, before.SMSNumber, &clean.SMSNumber, checkSMSNumber},
	} {
		e164, kind, ok, err := r.readNumber(n.typed, n.was, owns)
		if err != nil {
			return clean, nil, err
		}
		if *n.to = e164; e164 != n.was && e164 != "" {
			faults = append(faults, n.check(kind, ok))
		}
	}
	return clean, faults, nil
}

// readNumber makes E.164 of what was typed and asks who owns it. What is no number stays as it is, and is owned by nobody.
func (r *Room) readNumber(typed, was string, owns owner) (e164 string, kind tel.Kind, ok bool, err error) {
	typed = strings.TrimSpace(typed)
	if typed == "" || typed == was {
		return typed, tel.Unknown, false, nil
	}
	e164, ok = r.Plan.Parse(typed)
	if !ok || e164 == was {
		if !ok {
			e164 = typed
		}
		return e164, tel.Unknown, false, nil
	}
	owned, ok, err := owns(e164)
	if kind = r.Plan.Kind(e164); owned != tel.Unknown {
		kind = owned
	}
	return e164, kind, ok, err
}

func checkCallerID(kind tel.Kind, owned bool) *fault.Fault {
	switch {
	case kind == tel.N1300 || kind == tel.N1800 || kind == tel.N13:
		return fault.Field("caller-id-kind", "caller_id", "A "+string(kind)+" number takes calls only, and the law does not let it be shown. Choose a local or mobile number")
	case !owned:
		return fault.Field("caller-id-not-owned", "caller_id", "Choose a number on your account")
	case !kind.Presentable():
		return fault.Field("caller-id-kind", "caller_id", "Only local and mobile numbers can be shown to the people you call. Choose one of those")
	}
	return nil
}

func checkSMSNumber(kind tel.Kind, owned bool) *fault.Fault {
	switch {
	case kind == tel.Local:
		return fault.Field("sms-number-kind", "sms_number", "Choose a mobile number. Landlines cannot send SMS")
	case kind != tel.Mobile && kind != tel.Unknown:
		return fault.Field("sms-number-kind", "sms_number", "Choose a mobile number. Other numbers cannot send SMS")
	case !owned:
		return fault.Field("sms-number-not-owned", "sms_number", "Choose a mobile number on your account")
	}
	return nil
}

func checkEmail(typed string, needed bool) (string, *fault.Fault) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		if needed {
			return "", fault.Field("email-needed", "email", "Enter an email address so we can send the phone app sign-in details")
		}
		return "", nil
	}
	email, err := mail.ParseAddress(typed)
	if err == nil {
		return email, nil
	}
	advice := "Enter an email address in the form name@example.com"
	if utf8.RuneCountInString(typed) <= 80 {
		advice = strconv.Quote(typed) + " is not a full email address. Fix it or remove it"
	}
	return typed, fault.Field("email-form", "email", advice)
}

// checkPrefix accepts the code itself, also without its 0 as spreadsheets leave it, and the empty text.
func (r *Room) checkPrefix(typed string) (string, *fault.Fault) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", nil
	}
	var codes []string
	for _, p := range r.Plan.Prefixes() {
		if typed == p.Code || "0"+typed == p.Code {
			return p.Code, nil
		}
		codes = append(codes, p.Code)
	}
	return typed, fault.Field("local-prefix", "local_prefix", "Choose a local prefix from "+listed(codes)+", or leave it empty")
}

func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// IsExtension reports whether what was dialled has the form of an extension: 2 to 6 digits, the first not 0.
func IsExtension(dialled string) bool { return extensionForm.MatchString(dialled) }

// checkExtension holds the form of an extension, and keeps it apart from what people dial outside.
func (r *Room) checkExtension(typed string) (string, *fault.Fault) {
	extension := strings.TrimSpace(typed)
	switch {
	case extension == "":
		return extension, fault.Field("extension-empty", "extension", "Enter an extension")
	case r.Plan.Emergency(extension):
		return extension, fault.Field("extension-emergency", "extension", extension+" is kept for emergency calls. Choose another extension")
	case !IsExtension(extension):
		return extension, fault.Field("extension-form", "extension", "Extension must be 2 to 6 digits and can't start with 0")
	case r.outside(extension):
		return extension, fault.Field("extension-outside", "extension", extension+" is a number people dial outside the office. Choose another extension")
	}
	return extension, nil
}

// outside reports digits that mean a service of the telephone network when they are dialled, such as 131 114 or 1223.
func (r *Room) outside(digits string) bool {
	dialled, err := r.Plan.Dial(digits, "")
	return err == nil && slices.Contains([]tel.Kind{tel.Emergency, tel.N13, tel.N1300, tel.N1800, tel.Short, tel.Premium}, dialled.Kind)
}

// free refuses an extension that a living phone user has, and names them and the way out.
func (r *Room) free(ctx context.Context, q db.Q, accountID, extension string) (*fault.Fault, error) {
	var holder string
	err := q.QueryRowContext(ctx, `SELECT display_name FROM phone_users WHERE account_id = $1 AND extension = $2 AND deleted_at = 0`, accountID, extension).Scan(&holder)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	next, err := r.nextExtension(ctx, q, accountID)
	return fault.Field("extension-taken", "extension", "Extension "+extension+" belongs to "+holder+". "+next+" is free"), err
}

// NextExtension returns the lowest extension from 101 that nobody has and nothing else uses.
func (r *Room) NextExtension(ctx context.Context, actor account.Actor) (_ string, err error) {
	defer fault.Wrap(&err, "phoneuser.NextExtension")
	if err := actor.Require(account.ViewPhoneUsers); err != nil {
		return "", err
	}
	return r.nextExtension(ctx, r.DB, actor.Account.ID)
}

func (r *Room) nextExtension(ctx context.Context, q db.Q, accountID string) (string, error) {
	for n := int64(firstExtension); n <= lastExtension; n++ {
		extension := strconv.FormatInt(n, 10)
		if _, bad := r.checkExtension(extension); bad != nil {
			continue
		}
		// The end of the run of extensions that begins at n, if n is taken.
		var taken, last sql.NullInt64
		err := q.QueryRowContext(ctx, `
			SELECT (SELECT MAX(sort_extension) FROM phone_users WHERE account_id = $1 AND deleted_at = 0 AND sort_extension = $2),
			       (SELECT MIN(p.sort_extension) FROM phone_users p WHERE p.account_id = $1 AND p.deleted_at = 0 AND p.sort_extension >= $2
			        AND NOT EXISTS (SELECT 1 FROM phone_users o WHERE o.account_id = $1 AND o.deleted_at = 0 AND o.sort_extension = p.sort_extension + 1))`,
			accountID, n).Scan(&taken, &last)
		if err != nil {
			return "", err
		}
		if !taken.Valid {
			return extension, nil
		}
		n = last.Int64
	}
	return "", nil
}
