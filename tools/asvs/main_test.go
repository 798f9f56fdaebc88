package main

import (
	"strings"
	"testing"
)

func TestRequirementsAreWhole(t *testing.T) {
	t.Parallel()
	known, err := tests("../..")
	if err != nil {
		t.Fatal(err)
	}
	list, err := parse(requirements, known)
	if err != nil {
		t.Fatal(err)
	}
	if page := report(list); strings.Count(page, "\n## ") != 1+len(chapters) || strings.Contains(page, ". Other\n") {
		t.Errorf("%d chapters", strings.Count(page, "\n## ")-1)
	}
	for what, bad := range map[string]string{
		"a test that is gone": strings.Replace(requirements, "test TestSessionsEnd\n", "test TestSessionsNeverEnd\n", 1), "one twice": requirements + "1.1.1 | 2 | x | rule because\n",
		"one missing": requirements[:strings.LastIndex(requirements, "17.3.2")], "no reason": strings.Replace(requirements, "none nothing speaks LDAP", "none", 1), "no way": strings.Replace(requirements, "| none nothing speaks LDAP", "| maybe nothing", 1),
	} {
		if _, err := parse(bad, known); err == nil {
			t.Errorf("%s is not noticed", what)
		}
	}
}
