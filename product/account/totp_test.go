package account

import "testing"

// TestTOTPVectors checks the values of RFC 6238 appendix B, whose last six digits are the six-digit codes.
func TestTOTPVectors(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	if got := totpCode(secret, 59_000/totpStep); got != "287082" {
		t.Errorf("at 59 s: %s", got)
	}
	for seconds, want := range map[int64]string{1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := totpCode(secret, seconds*1000/totpStep); got != want {
			t.Errorf("at %d s: %s, want %s", seconds, got, want)
		}
		now := seconds * 1000
		step := totpMatch(secret, want, now, 0)
		if step != now/totpStep {
			t.Errorf("at %d s the code has step %d", seconds, step)
		}
		if totpMatch(secret, want, now, step) != 0 {
			t.Errorf("at %d s the code counts twice", seconds)
		}
		for drift, works := range map[int64]bool{-2: false, -1: true, 1: true, 2: false} {
			if got := totpMatch(secret, want, now+drift*totpStep, 0) != 0; got != works {
				t.Errorf("at %d s, %d steps off: %v", seconds, drift, got)
			}
		}
	}
}
