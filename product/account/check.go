package account

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hubline/base/fault"
	"hubline/base/mail"
)

var (
	looksLikeLink = regexp.MustCompile(`(?i)://|\bwww\.|@`)
	longDigits    = regexp.MustCompile(`\p{Nd}{6}`)
	phoneNumber   = regexp.MustCompile(`(\p{Nd}[\s.()+\x{2010}-\x{2015}-]*){8}`) // 1300-555-019, but not "12-14 High Street"
)

// checkName cleans a name that people type and that mails show: one line, no links, no telephone numbers, so that nobody can use
// our mails to spread them.
func checkName(field, label, text string, most int) (string, *fault.Fault) {
	name := strings.Join(strings.Fields(text), " ")
	switch {
	case !utf8.ValidString(name) || strings.ContainsFunc(text, unprintable):
		return name, fault.Field("name-characters", field, label+" has a character that can't be shown. Type it again without it")
	case utf8.RuneCountInString(name) > most:
		return name, fault.Field("name-long", field, label+" must be "+strconv.Itoa(most)+" characters or fewer")
	case looksLikeLink.MatchString(name):
		return name, fault.Field("name-link", field, label+" can't hold a web or email address. Take it out")
	case longDigits.MatchString(strings.ReplaceAll(name, " ", "")) || phoneNumber.MatchString(name):
		return name, fault.Field("name-digits", field, label+" can't hold a telephone number. Take it out")
	}
	return name, nil
}

// unprintable reports characters that no name or message needs: controls (but not the white space that Fields folds) and the
// invisible format characters that turn text around.
func unprintable(c rune) bool {
	if c == '\t' || c == '\n' || c == '\r' {
		return false
	}
	return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) && c != '\u200d' && c != '\u200c' || c == utf8.RuneError
}

func checkAccountName(text string) (string, *fault.Fault) {
	name, bad := checkName("name", "Account name", text, 60)
	if bad == nil && name == "" {
		bad = fault.Field("name-empty", "name", "Enter the account's name")
	}
	if bad == nil && strings.ContainsFunc(name, func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c) && !strings.ContainsRune(" -'’&.,()/+", c)
	}) {
		bad = fault.Field("name-characters", "name", "Account name can hold letters, digits, spaces and - ' & . , ( ) / +")
	}
	return name, bad
}

func checkZone(name string) (string, *fault.Fault) {
	name = strings.TrimSpace(name)
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		return name, fault.Field("time-zone", "time_zone", "Choose a time zone from the list, for example Australia/Sydney")
	}
	return name, nil
}

// checkMessage cleans the inviter's message: text of several lines, at most 500 characters.
func checkMessage(text string) (string, *fault.Fault) {
	text = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"))
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable):
		return text, fault.Field("message-characters", "message", "Message has a character that can't be shown. Type it again without it")
	case utf8.RuneCountInString(text) > 500:
		return text, fault.Field("message-long", "message", "Message must be 500 characters or fewer. It has "+strconv.Itoa(utf8.RuneCountInString(text)))
	}
	return text, nil
}

// checkOffer cleans one line of an invitation: an address and perhaps a name.
func checkOffer(in Offer, emailField, nameField string) (Offer, *fault.Fault) {
	var bad *fault.Fault
	email, err := mail.ParseAddress(in.Email)
	if err != nil {
		bad = fault.Field("email-form", emailField, emailAdvice(in.Email, err))
	}
	name, nameFault := checkName(nameField, "Name", in.Name, 80)
	if bad == nil {
		bad = nameFault
	}
	return Offer{Email: email, Name: name}, bad
}

func emailAdvice(typed string, err error) string {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "Enter an email address"
	}
	if shown := strconv.Quote(typed); utf8.RuneCountInString(typed) <= 80 {
		return shown + " is not a full email address. Fix it or remove it"
	}
	return err.Error()
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func cmpOr(text, otherwise string) string {
	if strings.TrimSpace(text) == "" {
		return otherwise
	}
	return text
}
