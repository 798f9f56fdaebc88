package g711_test

import (
	"testing"

	"hubline/media/g711"
)

// The values are those of the tables in G.711: the ends of the range, zero, and the first step of a middle segment.
func TestBytesMeanTheSamplesOfTheStandard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		law  g711.Law
		b    byte
		want int16
	}{
		{"µ-law, highest", g711.Mu, 0x80, 32124}, {"µ-law, lowest", g711.Mu, 0x00, -32124}, {"µ-law, zero", g711.Mu, 0xff, 0}, {"µ-law, middle", g711.Mu, 0xbf, 1980},
		{"A-law, highest", g711.A, 0xaa, 32256}, {"A-law, lowest", g711.A, 0x2a, -32256}, {"A-law, first positive", g711.A, 0xd5, 8}, {"A-law, first negative", g711.A, 0x55, -8},
	} {
		if got := c.law.Decode(c.b); got != c.want {
			t.Errorf("%s: %#x is %d, want %d", c.name, c.b, got, c.want)
		}
	}
}

func TestEveryByteSurvivesDecodingAndEncoding(t *testing.T) {
	t.Parallel()
	for _, law := range []g711.Law{g711.Mu, g711.A} {
		for b := range 256 {
			again := law.Encode(law.Decode(byte(b)))
			if law.Decode(again) != law.Decode(byte(b)) { // µ-law has two zeros
				t.Errorf("law %d: %#x became %#x", law, b, again)
			}
		}
	}
}

func TestEncodingErrsByLessThanAStep(t *testing.T) {
	t.Parallel()
	for _, law := range []g711.Law{g711.Mu, g711.A} {
		for sample := -32124; sample <= 32124; sample++ {
			size := sample
			if size < 0 {
				size = -size
			}
			off := int(law.Decode(law.Encode(int16(sample)))) - sample
			if off < 0 {
				off = -off
			}
			if off > size/32+17 {
				t.Fatalf("law %d: %d is off by %d", law, sample, off)
			}
		}
	}
}

func TestTheOtherLawSoundsTheSame(t *testing.T) {
	t.Parallel()
	for b := range 256 {
		was, is := int(g711.A.Decode(byte(b))), int(g711.Mu.Decode(g711.A.Other()[b]))
		if off := was - is; off > 600 || off < -600 || (was > 64 && is <= 0) || (was < -64 && is >= 0) {
			t.Errorf("A-law %#x is %d, %d in µ-law", b, was, is)
		}
	}
}
