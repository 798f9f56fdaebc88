package rtp_test

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"hubline/media/rtp"
)

func TestPacketsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	want := rtp.Header{Marker: true, Payload: 101, Sequence: 65535, Timestamp: 1 << 31, SSRC: 0xdeadbeef}
	packet := want.Append(nil, []byte("sound"))
	got, payload, ok := rtp.Parse(packet)
	if !ok || got != want || string(payload) != "sound" {
		t.Fatalf("%+v %q %v, want %+v", got, payload, ok, want)
	}
	next := rtp.Header{Payload: 8, Sequence: 1}
	next.Put(packet)
	if got, payload, ok := rtp.Parse(packet); !ok || got != next || string(payload) != "sound" {
		t.Fatalf("written over: %+v %q %v", got, payload, ok)
	}
}

func TestPayloadLiesBetweenSourcesExtensionAndPadding(t *testing.T) {
	t.Parallel()
	packet := rtp.Header{Payload: 8}.Append(nil, []byte{
		1, 1, 1, 1, 2, 2, 2, 2, // two contributing sources
		0xbe, 0xde, 0, 1, 9, 9, 9, 9, // an extension of one word
		'a', 'b', 0, 2, // payload and two bytes of padding
	})
	packet[0] |= 0x30 | 2
	if _, payload, ok := rtp.Parse(packet); !ok || string(payload) != "ab" {
		t.Errorf("payload %q, %v", payload, ok)
	}
}

func TestBrokenPacketsAreRefused(t *testing.T) {
	t.Parallel()
	good := rtp.Header{Payload: 8}.Append(nil, []byte{0, 0})
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	for name, packet := range map[string][]byte{
		"empty": {}, "short": good[:11], "version 1": change(func(b []byte) { b[0] = 1 << 6 }), "RTCP": change(func(b []byte) { b[1] = 200 }),
		"sources beyond the end": change(func(b []byte) { b[0] |= 15 }), "extension beyond the end": change(func(b []byte) { b[0] |= 0x10 }),
		"padding of nothing": change(func(b []byte) { b[0] |= 0x20 }), "padding beyond the start": change(func(b []byte) { b[0] |= 0x20; b[13] = 3 }),
	} {
		if _, _, ok := rtp.Parse(packet); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(rtp.Header{Payload: 8}.Append(nil, []byte{1, 2, 3}))
	f.Add(rtp.Report{Name: "x", Sender: &rtp.Sender{}, Blocks: []rtp.Block{{}}, Bye: true}.Append(nil))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if h, payload, ok := rtp.Parse(packet); ok && (len(payload) > len(packet)-rtp.HeaderSize || h.Payload > 127) {
			t.Errorf("%+v %d", h, len(payload))
		}
		rtp.ParseReport(packet)
		rtp.ParseEvent(packet)
	})
}

func TestEventsStandForKeys(t *testing.T) {
	t.Parallel()
	for i, key := range []byte("0123456789*#ABCD") {
		code, ok := rtp.KeyCode(key)
		if !ok || int(code) != i {
			t.Errorf("%c is %d, %v", key, code, ok)
		}
		e, ok := rtp.ParseEvent(rtp.Event{Code: code, End: true, Volume: 10, Duration: 1280}.Append(nil))
		if back, known := e.Key(); !ok || !known || back != key || !e.End || e.Volume != 10 || e.Duration != 1280 {
			t.Errorf("%c came back as %c, %+v", key, back, e)
		}
	}
	if code, ok := rtp.KeyCode('d'); !ok || code != 15 {
		t.Errorf("d is %d, %v", code, ok)
	}
	for _, key := range []byte("E x\n\x10\x1a") {
		if _, ok := rtp.KeyCode(key); ok {
			t.Errorf("%q is a key", key)
		}
	}
	if _, known := (rtp.Event{Code: 16}).Key(); known {
		t.Error("flash is a key")
	}
}

// add feeds packets 20 ms apart with these sequence numbers.
func add(s *rtp.Stream, late time.Duration, sequences ...uint16) {
	for _, n := range sequences {
		s.Add(rtp.Header{Sequence: n, Timestamp: uint32(n) * 160}, time.Duration(n)*20*time.Millisecond+late)
	}
}

func TestLossIsCountedAcrossWrapsDisorderAndRestarts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		sequences      []uint16
		received, lost uint64
	}{
		{"nothing missing", []uint16{1, 2, 3}, 3, 0},
		{"one missing", []uint16{1, 2, 4}, 3, 1},
		{"the counter wraps", []uint16{65534, 65535, 0, 2}, 4, 1},
		{"in disorder", []uint16{1, 3, 2, 4}, 4, 0},
		{"late from before the first", []uint16{10, 9, 11}, 3, 0},
		{"doubled", []uint16{1, 1, 2}, 3, 0},
		{"another beginning", []uint16{1, 3, 40000, 40001}, 4, 1},
	} {
		var s rtp.Stream
		add(&s, 0, c.sequences...)
		if s.Received() != c.received || s.Lost() != c.lost {
			t.Errorf("%s: %d received, %d lost; want %d, %d", c.name, s.Received(), s.Lost(), c.received, c.lost)
		}
	}
}

func TestJitterIsZeroForEvenSpacingAndGrowsOtherwise(t *testing.T) {
	t.Parallel()
	var even, uneven rtp.Stream
	for n := range uint16(400) {
		add(&even, 0, n)
		add(&uneven, time.Duration(n%2)*10*time.Millisecond, n)
	}
	if even.Jitter() != 0 {
		t.Errorf("even: %v", even.Jitter())
	}
	// Every packet is 10 ms off its neighbour, so the mean settles there.
	if j := uneven.Jitter(); j < 9*time.Millisecond || j > 10*time.Millisecond {
		t.Errorf("uneven: %v, want about 10ms", j)
	}
}

func TestBlocksCoverTheTimeSinceTheLast(t *testing.T) {
	t.Parallel()
	var s rtp.Stream
	add(&s, 0, 1, 2, 4)
	if b := s.Block(); b.Fraction != 64 || b.Lost != 1 || b.Highest != 4 {
		t.Errorf("first: %+v", b)
	}
	add(&s, 0, 5, 6)
	if b := s.Block(); b.Fraction != 0 || b.Lost != 1 || b.Highest != 6 {
		t.Errorf("second: %+v", b)
	}
}

func TestReportsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []rtp.Report{
		{SSRC: 7},
		{SSRC: 7, Blocks: []rtp.Block{{SSRC: 9, Fraction: 64, Lost: 5, Highest: 1 << 20, Jitter: 12, Last: 3, Delay: 4}}},
		{SSRC: 7, Sender: &rtp.Sender{NTP: 1 << 40, Timestamp: 8, Packets: 2, Bytes: 320}, Bye: true},
	} {
		for _, name := range []string{"", "a", "ab", "abc", "abcd"} {
			want.Name = name
			packet := want.Append(nil)
			if len(packet)%4 != 0 || !rtp.IsControl(packet) {
				t.Errorf("%d bytes", len(packet))
			}
			got, ok := rtp.ParseReport(packet)
			got.Name = name
			if !ok || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v %v, want %+v", got, ok, want)
			}
			if _, ok := rtp.ParseReport(packet[:len(packet)-1]); ok {
				t.Error("a cut packet was accepted")
			}
		}
	}
	if _, ok := rtp.ParseReport([]byte{2 << 6, 203, 0, 0}); ok {
		t.Error("a packet without report was accepted")
	}
}
