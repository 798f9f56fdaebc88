package account

import (
	"time"

	"hubline/base/fault"
)

// CheckName cleans a name that people type and that mails show, for the rooms to come: one line of at most most characters, without
// links and telephone numbers, so that nobody can use our mails to spread them. The empty name passes.
func CheckName(field, label, text string, most int) (string, *fault.Fault) {
	return checkName(field, label, text, most)
}

// Unlink keeps mail programs from turning parts of a name or a message into links.
func Unlink(text string) string { return unlink(text) }

// Moment is a time in Unix milliseconds as mails show it: "25 November 2026, 9:14 am (Sydney)".
func Moment(ms int64, zone *time.Location) string { return moment(ms, zone) }

// Signature is the name under which the actor writes to people: a key writes for its maker.
func (a Actor) Signature() string { return a.signature() }
