package job

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestBackoffGrowsFromASecondToAnHour(t *testing.T) {
	t.Parallel()
	for range 200 {
		for attempt, most := 1, 2*time.Second; attempt < 40; attempt, most = attempt+1, min(2*most, time.Hour) {
			if d := backoff(attempt); d < most/2 || d > most {
				t.Fatalf("backoff(%d) is %v, want %v to %v", attempt, d, most/2, most)
			}
		}
	}
}

func TestErrorTextsAreShortAndStorable(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"plain", "a\x00b\tc", "two\nlines", strings.Repeat("ü", 1000), "\xff\xfe", ""} {
		got := text(errors.New(in))
		if len(got) > maxText || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\t\r\n") {
			t.Errorf("text(%q) is %q", in, got)
		}
	}
}
