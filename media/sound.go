package media

import (
	"embed"
	"math"
	"sync"
	"time"

	"hubline/media/g711"
)

//go:embed sounds/*.alaw
var files embed.FS

// Sound is something Play sends: samples in either law, once or without end.
type Sound struct {
	endless bool
	bytes   func(g711.Law) []byte
}

// Messages spoken once. How they were made is in sounds/README.md.
var (
	Unavailable  = spoken("unavailable")    // The person you are calling cannot take your call now. Goodbye.
	NotInService = spoken("not-in-service") // The number you have dialled is not in service. Check the number and call again.
	NotPermitted = spoken("not-permitted")  // This call is not permitted.
	EchoTest     = spoken("echo-test")      // This is the echo test. Speak, and you will hear yourself.
)

// Tones of an Australian exchange, without end (ITU-T E.180 supplement 2).
var (
	Ringback     = Cadence([]int{400, 450}, 400*time.Millisecond, 200*time.Millisecond, 400*time.Millisecond, 2*time.Second)
	Busy         = Cadence([]int{425}, 375*time.Millisecond, 375*time.Millisecond)
	Unobtainable = Cadence([]int{425}, 2500*time.Millisecond, 500*time.Millisecond)
)

const (
	sampleRate = 8000
	// toneLevel is the peak of all frequencies together, about -12 dBm0: what exchanges send.
	toneLevel = 0.25 * 32767
	// rampSamples softens the ends of a tone, which would click otherwise.
	rampSamples = 16
)

// Tone is a frequency in whole Hz (1 to 3999) without end.
func Tone(hz int) Sound { return Cadence([]int{hz}, time.Second) }

// Cadence is a mix of frequencies in whole Hz, switched on and off in turn for these times, beginning with on, again and again. A single
// time that is whole seconds makes a tone without a seam.
func Cadence(hz []int, times ...time.Duration) Sound {
	return sampled(true, func() []int16 { return cadence(hz, times) })
}

func cadence(hz []int, times []time.Duration) (samples []int16) {
	for i, t := range times {
		n := int(t * sampleRate / time.Second)
		for k := range n {
			var level float64
			if i%2 == 0 {
				for _, f := range hz {
					level += math.Sin(2 * math.Pi * float64(f) * float64(k) / sampleRate)
				}
				level *= toneLevel / float64(len(hz))
			}
			if edge := min(k, n-1-k); len(times) > 1 && edge < rampSamples {
				level *= float64(edge) / rampSamples
			}
			samples = append(samples, int16(level))
		}
	}
	return samples
}

// sampled makes both laws when the sound is first played.
func sampled(endless bool, make func() []int16) Sound {
	both := sync.OnceValue(func() (b [2][]byte) {
		samples := make()
		b[g711.Mu], b[g711.A] = g711.Mu.Bytes(samples), g711.A.Bytes(samples)
		return b
	})
	return Sound{endless: endless, bytes: func(law g711.Law) []byte { return both()[law] }}
}

func spoken(name string) Sound {
	return sampled(false, func() []int16 {
		text, err := files.ReadFile("sounds/" + name + ".alaw")
		if err != nil {
			panic(err) // the file is part of the program
		}
		return g711.A.Samples(text)
	})
}

// Length is how long a sound takes; zero without end.
func (s Sound) Length() time.Duration {
	if s.endless {
		return 0
	}
	return time.Duration(len(s.bytes(g711.A))) * time.Second / sampleRate
}

// frame is the frame that begins at a sample; an endless sound begins again, another is filled up with silence.
func (s Sound) frame(bytes []byte, at int, law g711.Law) []byte {
	if at %= len(bytes); at+frameSamples <= len(bytes) {
		return bytes[at : at+frameSamples]
	}
	frame := append(make([]byte, 0, frameSamples), bytes[at:]...)
	for len(frame) < frameSamples {
		if s.endless {
			frame = append(frame, bytes[:min(frameSamples-len(frame), len(bytes))]...)
		} else {
			frame = append(frame, law.Silence())
		}
	}
	return frame
}
