package call

import (
	"cmp"
	"strings"
)

// Causes of calls, as whoever ran them wrote them down, in the words of pages and files.
var causes = map[string]string{
	"answered-elsewhere":    "Answered on another phone",
	"busy":                  "The called side was busy",
	"caller-gone":           "The caller's phone went away",
	"caller-id-missing":     "No caller ID is set",
	"caller-id-not-owned":   "The caller ID is not on the account",
	"cancelled":             "The caller hung up first",
	"carrier-refused":       "The network refused the call",
	"connection-lost":       "The connection was lost",
	"declined":              "Declined",
	"device-ended":          "The phone was taken away",
	"echo-over":             "The echo test was over",
	"encrypted-audio":       "The phone asks for encryption that is not offered",
	"ended-in-portal":       "Ended in the portal",
	"hung-up":               "Hung up",
	"internal":              "A fault on our side",
	Interrupted:             "The system stopped during the call",
	"international-barred":  "Calls abroad are not allowed",
	"leads-nowhere":         "The number leads nowhere",
	"lost":                  "The connection was lost",
	"no-answer":             "Nobody answered in time",
	"no-carrier":            "No carrier took the call",
	"no-common-codec":       "The phones have no audio format in common",
	"no-device":             "No phone is signed in",
	"no-media":              "No sound came any more",
	"no-media-port":         "No line was free",
	"no-such-number":        "There is no such number",
	"not-available":         "The phone takes no calls now",
	"phone-user-call-limit": "The phone user has too many calls",
	"account-stopped":       "The account was suspended",
	"account-call-limit":    "The account has too many calls",
	"system-call-limit":     "The system has too many calls",
	"premium-barred":        "Premium numbers are barred",
	"redirected":            "The call was sent elsewhere, which is not followed",
	"refused":               "The called side did not take the call",
	"session-expired":       "A phone stopped answering",
	"store-failed":          "A fault on our side",
	"system-stopped":        "The system was stopped",
	"unreachable":           "Nobody could be reached",
}

// Why tells in a few words why the call ended, "" while it goes on.
func (c Record) Why() string {
	if c.Cause == "hung-up" {
		switch c.EndedBy {
		case "caller":
			return "The caller hung up"
		case "callee":
			return "The called side hung up"
		}
	}
	return cmp.Or(causes[c.Cause], capital(strings.ReplaceAll(c.Cause, "-", " ")))
}
