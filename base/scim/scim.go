// Package scim reads what directories send by SCIM 2.0 (RFC 7643, RFC 7644): resources, filters and patches, with the liberties that
// Okta and Microsoft Entra take. It does not know whom a directory may bring, nor how anything is stored.
package scim

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"hubline/base/fault"
)

// The names of messages and schemas (RFC 7643 10.3, RFC 7644 8.2).
const (
	UserSchema    = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupSchema   = "urn:ietf:params:scim:schemas:core:2.0:Group"
	PatchMessage  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	ListMessage   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	ErrorMessage  = "urn:ietf:params:scim:api:messages:2.0:Error"
	extensionUser = "urn:ietf:params:scim:schemas:extension:"
)

// MediaType is what SCIM calls its JSON (RFC 7644 8.1).
const MediaType = "application/scim+json"

// The codes of this package's faults. Types gives the word that the standard has for each.
const (
	badSyntax  = "scim-syntax"
	badFilter  = "scim-filter"
	badPath    = "scim-path"
	noTarget   = "scim-no-target"
	badValue   = "scim-value"
	mutability = "scim-mutability"
)

// Types is the scimType (RFC 7644 3.12, table 9) of each of this package's fault codes.
var Types = map[string]string{badSyntax: "invalidSyntax", badFilter: "invalidFilter", badPath: "invalidPath", noTarget: "noTarget", badValue: "invalidValue", mutability: "mutability"}

func syntax(message string) error { return fault.New(fault.Invalid, badSyntax, message) }

// Unsupported is the fault for a filter that is well formed and asks for what is not offered.
func Unsupported(message string) error { return fault.Field(badFilter, "filter", message) }

// Unchangeable is the fault for a change of what can't be changed by a directory (scimType mutability).
func Unchangeable(attribute, message string) error {
	return fault.Field(mutability, attribute, message)
}

// quoted shows what somebody sent in a sentence, cut to a length that a sentence bears.
func quoted(text string) string {
	if utf8.RuneCountInString(text) > 60 {
		text = string([]rune(text)[:60]) + "…"
	}
	return strconv.Quote(text)
}

// Path names an attribute: "userName", "name.givenName", or either behind the URN of its schema (RFC 7644 3.10). Names are compared without
// regard to case.
type Path struct {
	Schema string // URN, "" if none was given
	Name   string
	Sub    string // "" if the whole attribute is meant
}

// String is the path as it is written, without its schema.
func (p Path) String() string {
	if p.Sub == "" {
		return p.Name
	}
	return p.Name + "." + p.Sub
}

// parsePath reads an attribute path without a filter.
func parsePath(text string) (p Path, ok bool) {
	rest := text
	if len(text) > 4 && strings.EqualFold(text[:4], "urn:") {
		at := strings.LastIndexByte(text, ':')
		p.Schema, rest = text[:at], text[at+1:]
	}
	var dotted bool
	p.Name, p.Sub, dotted = strings.Cut(rest, ".")
	return p, attributeName(p.Name) && (!dotted || attributeName(p.Sub))
}

// attributeName reports whether the text is an ATTRNAME (RFC 7643 2.1), or $ref.
func attributeName(text string) bool {
	for i, c := range strings.TrimPrefix(text, "$") {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return strings.Trim(text, "$") != "" && len(text) <= 100
}
