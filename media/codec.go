package media

import (
	"errors"
	"fmt"
	"strings"

	"hubline/media/g711"
)

// Codec is one RTP payload type as the answer fixed it.
type Codec struct {
	Payload uint8  // 0 to 127
	Name    string // as in rtpmap, case does not matter: PCMU, PCMA, G722, opus, telephone-event, CN
	Clock   int    // of RTP timestamps, in Hz; 0 means 8000. G.722 has 8000 (RFC 3551), Opus 48000
}

// The codecs every phone has.
var (
	PCMU = Codec{Payload: 0, Name: "PCMU", Clock: 8000}
	PCMA = Codec{Payload: 8, Name: "PCMA", Clock: 8000}
)

// ErrNotPlayable is returned by Play for a codec that Hubline passes on but does not speak. The caller says it with a SIP status instead.
var ErrNotPlayable = errors.New("media: sounds are played in PCMU and PCMA only")

// Playable is the first of the codecs agreed on that Play speaks; ErrNotPlayable if there is none.
func Playable(codecs []Codec) (Codec, error) {
	for _, c := range codecs {
		if _, err := c.law(); err == nil {
			return c, nil
		}
	}
	return Codec{}, ErrNotPlayable
}

func (c Codec) law() (g711.Law, error) {
	switch {
	case c.clock() == 8000 && strings.EqualFold(c.Name, PCMU.Name):
		return g711.Mu, nil
	case c.clock() == 8000 && strings.EqualFold(c.Name, PCMA.Name):
		return g711.A, nil
	}
	return 0, fmt.Errorf("%w, not in %s/%d", ErrNotPlayable, c.Name, c.clock())
}

func (c Codec) clock() int {
	if c.Clock == 0 {
		return 8000
	}
	return c.Clock
}

func (c Codec) isEvent() bool { return strings.EqualFold(c.Name, "telephone-event") }

// format is what a payload type stands for, independent of the number that each side gives it.
type format uint8

const (
	unknown format = iota
	pcmu
	pcma
	g722
	opus
	comfortNoise
	event8000
	event48000
	otherFormat // passed on only where both sides use the same number
	formats
)

func (c Codec) format() format {
	switch name := strings.ToLower(c.Name); {
	case name == "pcmu":
		return pcmu
	case name == "pcma":
		return pcma
	case name == "g722":
		return g722
	case name == "opus":
		return opus
	case name == "cn":
		return comfortNoise
	case name == "telephone-event" && c.clock() == 48000:
		return event48000
	case name == "telephone-event":
		return event8000
	}
	return otherFormat
}

// table is an endpoint's codecs both ways round. The zero table stands for "not told": payload types pass unchanged.
type table struct {
	set   bool
	clock uint32
	in    [128]format
	out   [formats]payload
}

// payload is how a format is sent: with which number, and through which table where the peer has the other law of G.711.
type payload struct {
	ok     bool
	number uint8
	cross  *[256]byte
}

func newTable(codecs []Codec) (t table) {
	t.set = len(codecs) > 0
	for _, c := range codecs {
		f, number := c.format(), c.Payload&0x7f
		t.in[number] = f
		if !t.out[f].ok { // the first is the preferred one
			t.out[f] = payload{ok: true, number: number}
		}
		if t.clock == 0 && f != event8000 && f != event48000 && f != comfortNoise {
			t.clock = uint32(c.clock())
		}
	}
	switch mu, a := t.out[pcmu], t.out[pcma]; {
	case mu.ok && !a.ok:
		t.out[pcma] = payload{ok: true, number: mu.number, cross: g711.A.Other()}
	case a.ok && !mu.ok:
		t.out[pcmu] = payload{ok: true, number: a.number, cross: g711.Mu.Other()}
	}
	return t
}

// send finds the number for a packet that came with that number and format.
func (t *table) send(number uint8, f format) payload {
	if !t.set || f == unknown {
		return payload{ok: true, number: number}
	}
	if f == otherFormat {
		return payload{ok: t.in[number] == otherFormat, number: number}
	}
	return t.out[f]
}

// receive finds the format of a number; false for one that was not agreed on.
func (t *table) receive(number uint8) (format, bool) {
	f := t.in[number]
	return f, !t.set || f != unknown
}
