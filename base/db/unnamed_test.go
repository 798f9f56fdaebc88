package db

import "testing"

func TestUnnamedParametersAreTheSameOnes(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"a":                                    "a",
		"b = $1":                               "b = ?",
		"($1,$2), ($3)":                        "(?,?), (?)",
		"($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)": "(?,?,?,?,?,?,?,?,?,?,?)",
		// As they are: what is used twice, or in another order, or may be no parameter.
		"$1, $1":      "$1, $1",
		"$2, $1":      "$2, $1",
		"$1, '$2'":    "$1, '$2'",
		`$1 AS "$2"`:  `$1 AS "$2"`,
		"$1 -- $2":    "$1 -- $2",
		"$1 /* $2 */": "$1 /* $2 */",
		"$name":       "$name",
		"$1, $12":     "$1, $12",
		"$1, $02":     "$1, $02",
		"$1, ?":       "$1, ?",
		"limit $":     "limit $",
	} {
		if got := unnamed(query); got != want {
			t.Errorf("%s: %s", query, got)
		}
	}
}
