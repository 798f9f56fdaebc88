package api

import (
	"strconv"
	"strings"

	"hubline/base/fault"
)

// An ETag is "version-rest". The version counts the changes that people make; the rest stands for what changes by itself, such as
// the last sign-in or the delivery of a mail. If-None-Match compares the whole tag, so that nobody keeps an old state; If-Match
// compares the version alone, so that a sign-in does not void an admin's change.
func etag(version int64, rest string) string {
	return `"` + strconv.FormatInt(version, 10) + rest + `"`
}

// unchanged reports whether an If-None-Match header names the tag (RFC 9110, 13.1.2: weak comparison).
func unchanged(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// ifMatch returns the version in an If-Match header (RFC 9110, 13.1.1); 0 is any version.
func ifMatch(header string) (int64, error) {
	header = strings.TrimSpace(header)
	if header == "" || header == "*" {
		return 0, nil
	}
	form := fault.Field("if-match-form", "If-Match", `If-Match must be one ETag just as it was answered, with its quotes, or *`)
	if strings.HasPrefix(header, `W/"`) {
		return 0, form // a weak tag never matches here
	}
	inner, ok := strings.CutPrefix(header, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	digits, _, _ := strings.Cut(inner, "-")
	version, err := strconv.ParseInt(digits, 10, 64)
	if !ok || !closed || strings.ContainsAny(inner, `",`) {
		return 0, form
	}
	if err != nil || version < 1 {
		return 0, fault.New(fault.Changed, "changed-meanwhile", "Nothing here has that ETag. Get the item again, then make your change")
	}
	return version, nil
}
