package account

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// leaf returns the bytes of the entry that the tree hashes: the JSON object of these members in the canonical form of RFC 8785, that is
// members in alphabetical order, no space, and in strings only what must be escaped. at is in Unix milliseconds. What is no UTF-8 counts
// as U+FFFD. Once an entry is in a tree its form can never change; a later form would need members of its own.
func (e AuditEntry) leaf(accountID string) []byte {
	b := make([]byte, 0, 512)
	for i, member := range []struct{ name, value string }{
		{"account", accountID}, {"action", string(e.Action)}, {"actor_id", e.ActorID}, {"actor_kind", string(e.ActorKind)}, {"actor_name", e.ActorName},
		{"address", e.Address}, {"after", e.After}, {"at", ""}, {"before", e.Before}, {"id", e.ID}, {"subject_id", e.SubjectID}, {"subject_name", e.SubjectName},
	} {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, member.name...)
		b = append(b, '"', ':')
		if member.name == "at" {
			b = strconv.AppendInt(b, e.At, 10)
			continue
		}
		b = appendCanonical(b, member.value)
	}
	return append(append([]byte{'{'}, b...), '}')
}

// appendCanonical adds a string as RFC 8785 section 3.2.2.2 writes it. The form is spelt out here because encoding/json escapes more,
// and not the same in every version.
func appendCanonical(b []byte, text string) []byte {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	const digits = "0123456789abcdef"
	const escaped, letters = "\"\\\b\t\n\f\r", `"\btnfr`
	b = append(b, '"')
	for i := range len(text) {
		c := text[i]
		switch short := strings.IndexByte(escaped, c); {
		case short >= 0:
			b = append(b, '\\', letters[short])
		case c >= ' ':
			b = append(b, c)
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
		}
	}
	return append(b, '"')
}
