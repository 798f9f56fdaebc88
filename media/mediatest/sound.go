// Package mediatest is for tests of sound: it makes tones, says how much of a recording is a tone, reads and writes WAV files, and plays
// a plain RTP phone. It knows the packages below media only, so that media's own tests can use it.
package mediatest

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"time"

	"hubline/media/g711"
)

// Tone makes a sine at half of full scale.
func Tone(hz, rate int, length time.Duration) []int16 {
	samples := make([]int16, int(length*time.Duration(rate)/time.Second))
	for i := range samples {
		samples[i] = int16(16384 * math.Sin(2*math.Pi*float64(hz)*float64(i)/float64(rate)))
	}
	return samples
}

// shareBlock is the length over which a tone is looked for at a time: short enough that a jump of its phase, as after a lost packet,
// spoils little, long enough to tell 400 Hz from 450 Hz.
const shareBlock = 40 * time.Millisecond

// Share is the part of a recording's energy that lies at a frequency, 0 to 1, by Goertzel's algorithm. A clean tone has more than 0.95 in
// G.711, silence has 0. A recording of a call that was connected to a tone has 0.8 or more.
func Share(samples []int16, rate, hz int) float64 {
	block := int(shareBlock * time.Duration(rate) / time.Second)
	var all, tone float64
	for ; len(samples) >= block && block > 0; samples = samples[block:] {
		a, t := goertzel(samples[:block], rate, hz)
		all, tone = all+a, tone+t
	}
	if all < 1 { // silence, a constant included
		return 0
	}
	return min(tone/all, 1)
}

// goertzel returns the energy of a block, and of its part at the frequency.
func goertzel(block []int16, rate, hz int) (all, tone float64) {
	w := 2 * math.Pi * float64(hz) / float64(rate)
	factor := 2 * math.Cos(w)
	var mean, s1, s2 float64
	for _, v := range block {
		mean += float64(v) / float64(len(block))
	}
	for _, v := range block {
		x := float64(v) - mean
		all += x * x
		s1, s2 = x+factor*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - factor*s1*s2
	return all, 2 * power / float64(len(block))
}

// Formats of WAV files.
const (
	wavPCM = 1
	wavA   = 6
	wavMu  = 7
)

// ReadWAV reads the first channel of a WAV file of 16-bit samples or either law of G.711. A file that a program is still writing has no
// lengths yet; what is there is read.
func ReadWAV(path string) (samples []int16, rate int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	if len(text) < 12 || string(text[:4]) != "RIFF" || string(text[8:12]) != "WAVE" {
		return nil, 0, fmt.Errorf("%s: not a WAV file", path)
	}
	var format, channels int
	for rest := text[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int(binary.LittleEndian.Uint32(rest[4:]))
		body := rest[8:]
		if size > len(body) || name == "data" && size == 0 {
			size = len(body)
		}
		switch {
		case name == "fmt " && size >= 16:
			format, channels, rate = int(binary.LittleEndian.Uint16(body)), int(binary.LittleEndian.Uint16(body[2:])), int(binary.LittleEndian.Uint32(body[4:]))
		case name == "data":
			samples, err = decodeWAV(body[:size], format, channels)
			return samples, rate, err
		}
		rest = body[min(size+size%2, len(body)):]
	}
	return nil, 0, fmt.Errorf("%s: no samples", path)
}

func decodeWAV(data []byte, format, channels int) (samples []int16, err error) {
	width := 1
	sample := func(b []byte) int16 { return g711.A.Decode(b[0]) }
	switch format {
	case wavPCM:
		width, sample = 2, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) }
	case wavMu:
		sample = func(b []byte) int16 { return g711.Mu.Decode(b[0]) }
	case wavA:
	default:
		return nil, fmt.Errorf("WAV format %d is not read", format)
	}
	for frame := width * max(channels, 1); len(data) >= frame; data = data[frame:] {
		samples = append(samples, sample(data))
	}
	return samples, nil
}

// WriteWAV writes 16-bit samples of one channel.
func WriteWAV(path string, samples []int16, rate int) error {
	b := append([]byte("RIFF"), make([]byte, 4)...)
	binary.LittleEndian.PutUint32(b[4:], uint32(36+2*len(samples)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{wavPCM, 1} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*rate))
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(samples)))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return os.WriteFile(path, b, 0o644)
}
