package sip

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestAStreamInPiecesGivesTheSameMessages(t *testing.T) {
	t.Parallel()
	whole := append(append(append([]byte(nil), inviteText...), registerText...), inviteText...)
	for size := 1; size < len(whole); size += 1 + size/3 {
		got := stream(t, whole, size)
		if len(got) != 3 || got[0].Method != "INVITE" || got[1].Method != "REGISTER" || string(got[2].Body) != someSDP {
			t.Fatalf("%d bytes at a time: %d messages", size, len(got))
		}
	}
}

// stream feeds text in pieces of that size, as a connection's reader does, and returns what came out until an error.
func stream(t testing.TB, text []byte, size int) (all []*Message) {
	t.Helper()
	var p StreamParser
	var buffered []byte
	for len(text) > 0 {
		n := min(size, len(text))
		buffered, text = append(buffered, text[:n]...), text[n:]
		for {
			if p.head == nil {
				buffered = bytes.TrimLeft(buffered, "\r\n")
			}
			m, used, err := p.Next(buffered)
			if m != nil {
				all = append(all, m)
			}
			if err != nil {
				return all
			}
			if m == nil {
				break
			}
			if used == 0 || used > len(buffered) {
				t.Fatalf("used %d of %d bytes", used, len(buffered))
			}
			buffered = buffered[used:]
		}
	}
	return all
}

func TestAStreamWithoutALengthEnds(t *testing.T) {
	t.Parallel()
	for name, l := range map[string][]string{
		"no length":       without(request("INVITE"), "Content-Length"),
		"two lengths":     request("INVITE", "l: 4"),
		"negative length": append(without(request("INVITE"), "Content-Length"), "l: -1"),
		"too long":        append(without(request("INVITE"), "Content-Length"), "l: 65536"),
	} {
		var p StreamParser
		text := append(lines(l...), "INVITE sip:smuggled SIP/2.0\r\n\r\n"...)
		m, used, err := p.Next(text)
		if m == nil || !errors.Is(err, ErrUnframed) || used != len(text) {
			t.Errorf("%s: %v, %d, %v", name, m, used, err)
			continue
		}
		if status, reason := Admit(m); status != 400 {
			t.Errorf("%s: %d %s", name, status, reason)
		}
	}
	for name, text := range map[string]string{
		"an endless head": "INVITE sip:a SIP/2.0\r\n" + strings.Repeat("X: y\r\n", maxHead),
		"not SIP":         "GET / HTTP/1.1\r\n\r\n",
	} {
		var p StreamParser
		if m, _, err := p.Next([]byte(text)); err == nil || m != nil {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

// A peer who sends a long body byte by byte makes the head be read once, not once a byte.
func TestADripFedBodyIsCheap(t *testing.T) {
	t.Parallel()
	head := lines(append(without(request("MESSAGE"), "Content-Length"), "Content-Length: 60000", "Content-Type: text/plain")...)
	var p StreamParser
	text := append(head, make([]byte, 60000)...)
	if m, _, _ := p.Next(text[:len(head)]); m != nil {
		t.Fatal("a message without its body")
	}
	read := p.head
	for n := len(head); n < len(text); n += 1000 {
		if m, _, _ := p.Next(text[:n]); m != nil || p.head != read {
			t.Fatal("the head was read again")
		}
	}
	m, used, err := p.Next(text)
	if err != nil || used != len(text) || len(m.Body) != 60000 {
		t.Error(used, err)
	}
}
