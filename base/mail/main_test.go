package mail_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain raises the number of generated cases; -rapid.checks on the command line still wins.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "20000", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
