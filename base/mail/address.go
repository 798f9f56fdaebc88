package mail

import (
	"strings"

	"golang.org/x/net/idna"

	"hubline/base/fault"
)

// Limits of RFC 5321 section 4.5.3.1, as corrected by RFC 3696 erratum 1690.
const (
	maxAddress = 254
	maxLocal   = 64
)

// registration checks labels and converts them, but maps nothing: what looks like another domain stays another domain.
var registration = idna.New(
	idna.ValidateForRegistration(),
	idna.StrictDomainName(true),
	idna.VerifyDNSLength(true),
	idna.BidiRule(),
)

// ParseAddress returns the canonical form of exactly one email address: local part in ASCII without quoting, domain as
// A-labels, A to Z folded to lower case in both and nothing else changed. Two mailboxes never get the same form.
func ParseAddress(text string) (string, error) {
	text = strings.Trim(text, " \t")
	if text == "" {
		return "", fault.New(fault.Invalid, "email-missing", "Enter an email address")
	}
	wrong := fault.New(fault.Invalid, "email-form", "Enter an email address in the form name@example.com")
	local, domain, ok := strings.Cut(foldASCII(text), "@")
	if !ok || !isLocal(local) {
		return "", wrong
	}
	domain, err := registration.ToASCII(domain)
	if err != nil || !isDomain(domain) || len(local)+1+len(domain) > maxAddress {
		return "", wrong
	}
	return local + "@" + domain, nil
}

// foldASCII lowers A to Z only; Unicode's case rules would make different mailboxes equal.
func foldASCII(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}

// isLocal accepts a dot-atom (RFC 5322 section 3.2.3).
func isLocal(s string) bool {
	if s == "" || len(s) > maxLocal {
		return false
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.Trim(atom, "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~") != "" {
			return false
		}
	}
	return true
}

// isDomain accepts at least two labels of which the last is no number: an IP address is no mail domain here.
func isDomain(s string) bool {
	dot := strings.LastIndexByte(s, '.')
	return dot > 0 && strings.Trim(s[dot+1:], "0123456789") != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}
