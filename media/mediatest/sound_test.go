package mediatest_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hubline/media/g711"
	"hubline/media/mediatest"
)

func TestShareTellsATone(t *testing.T) {
	t.Parallel()
	tone := mediatest.Tone(440, 8000, time.Second)
	other := mediatest.Tone(1000, 8000, time.Second)
	mixed := make([]int16, len(tone))
	for i := range mixed {
		mixed[i] = tone[i]/2 + other[i]/2
	}
	for _, c := range []struct {
		name     string
		samples  []int16
		hz       int
		low, top float64
	}{
		{"the tone", tone, 440, .99, 1}, {"another", tone, 1000, 0, .01}, {"in A-law", g711.A.Samples(g711.A.Bytes(tone)), 440, .95, 1},
		{"in µ-law", g711.Mu.Samples(g711.Mu.Bytes(tone)), 440, .95, 1}, {"half of it", mixed, 440, .45, .55},
		{"with silence around", slices.Concat(make([]int16, 4000), tone, make([]int16, 4000)), 440, .95, 1},
		{"silence", make([]int16, 8000), 440, 0, 0}, {"nothing", nil, 440, 0, 0}, {"a constant", slices.Repeat([]int16{8}, 8000), 440, 0, 0},
	} {
		if s := mediatest.Share(c.samples, 8000, c.hz); s < c.low || s > c.top {
			t.Errorf("%s: share %.3f, want %.2f to %.2f", c.name, s, c.low, c.top)
		}
	}
}

func TestFilesAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	path, tone := filepath.Join(t.TempDir(), "tone.wav"), mediatest.Tone(440, 16000, 100*time.Millisecond)
	if err := mediatest.WriteWAV(path, tone, 16000); err != nil {
		t.Fatal(err)
	}
	samples, rate, err := mediatest.ReadWAV(path)
	if err != nil || rate != 16000 || !slices.Equal(samples, tone) {
		t.Errorf("%d samples at %d, %v", len(samples), rate, err)
	}
}
