package account

import (
	"strings"

	"github.com/ccojocar/zxcvbn-go"
)

// scored is how many characters of a password are estimated: the estimate's cost grows faster than the password's length.
const scored = 48

// guessable says why attackers would try a password early, or "" if they would not. It knows the common passwords, names and words
// that the estimator carries, keyboard walks, repeats, sequences and dates, and the words of the person's own context.
func guessable(password string, context []string) string {
	low := strings.ToLower(password)
	for _, word := range contextWords(context) {
		if rest := strings.ReplaceAll(low, word, ""); rest != low && len(rest) < 6 {
			return "it is little more than your own name, address or account"
		}
	}
	if repeats(low) > 0 {
		return "it repeats itself"
	}
	head := password
	if len(head) > scored {
		head = cut(head, scored)
	}
	if zxcvbn.PasswordStrength(head, contextWords(context)).Score < 2 {
		return "it is made of words, names, dates or keyboard patterns that are tried first"
	}
	return ""
}

// contextWords are the parts of names and addresses, four letters and longer, that a person's own password should not be made of.
func contextWords(context []string) []string {
	words := []string{"hubline"}
	for _, text := range context {
		for word := range strings.FieldsFuncSeq(fold(text), func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') }) {
			if len(word) >= 4 {
				words = append(words, word)
			}
		}
	}
	return words
}

// repeats returns the shortest period of the text ("abcabcabc" has 3), or 0 if it has none shorter than half of itself.
func repeats(text string) int {
	for period := 1; period <= len(text)/2; period++ {
		if text[period:] == text[:len(text)-period] {
			return period
		}
	}
	return 0
}
