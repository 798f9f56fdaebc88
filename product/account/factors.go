package account

import (
	"errors"
	"slices"
	"strings"
)

// Factors are the kinds of second factor that somebody could sign in with, in the order of SecondFactors.
type Factors []Method

// SecondFactors are the kinds of second factor that people set up. Recovery codes stand in for them and come with them.
var SecondFactors = []Method{ByPasskey, ByTOTP}

// noFactor is how the record of a review keeps that there was none; an empty text is of a time that did not keep it.
const noFactor = "none"

// factorsFromColumn reads a column with ways in, or one with factors.
func factorsFromColumn(text string) (f Factors) {
	for _, m := range SecondFactors {
		if slices.Contains(strings.Split(text, ","), string(m)) {
			f = append(f, m)
		}
	}
	return f
}

// String names the kinds as pages do: "Passkey, Authenticator app", or "None".
func (f Factors) String() string {
	if len(f) == 0 {
		return "None"
	}
	names := make([]string, len(f))
	for i, m := range f {
		names[i] = map[Method]string{ByPasskey: "Passkey", ByTOTP: "Authenticator app"}[m]
	}
	return strings.Join(names, ", ")
}

// Words returns the kinds as the API shows them, never nil: "passkey", "totp".
func (f Factors) Words() []string {
	words := make([]string, len(f))
	for i, m := range f {
		words[i] = string(m)
	}
	return words
}

func (f Factors) column() string { return cmpOr(strings.Join(f.Words(), ","), noFactor) }

// factorsColumn scans such a column.
type factorsColumn Factors

// Scan implements sql.Scanner.
func (c *factorsColumn) Scan(v any) error {
	text, ok := v.(string)
	if raw, bytes := v.([]byte); bytes {
		text, ok = string(raw), true
	}
	if !ok {
		return errors.New("factors are not text")
	}
	*c = factorsColumn(factorsFromColumn(text))
	return nil
}
