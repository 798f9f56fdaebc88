package sip

import (
	"bytes"
	"errors"
)

// A StreamParser cuts one stream into messages by their Content-Length (RFC 3261 18.3). It remembers how far it looked, so that a peer who
// sends one byte at a time costs no more than one who does not; the zero value is ready.
type StreamParser struct {
	searched int      // bytes of the head that hold no empty line
	head     *Message // read, its body still to come
	used     int      // bytes of that head
	length   int      // bytes of its body
}

// ErrUnframed comes together with a message whose end in the stream cannot be known: it can be answered, and then the connection must end.
var ErrUnframed = errors.New("sip: no usable Content-Length on a stream")

var headEnd = []byte("\r\n\r\n")

// Next reads the first message of what is buffered; between two calls without a result the caller may only add bytes at the end. A nil
// message without an error means that more bytes are needed. used is how many bytes the message took; the caller drops them, and skips
// the CR LF of keep-alives in front of the next. Any error ends the connection; with ErrUnframed there is a message to answer first.
func (p *StreamParser) Next(buffered []byte) (m *Message, used int, err error) {
	if p.head == nil {
		if err = p.readHead(buffered); err != nil {
			m, p.head = p.head, nil
			return m, len(buffered), err
		}
	}
	if p.head == nil || len(buffered) < p.used+p.length {
		return nil, 0, nil
	}
	m, used = p.head, p.used+p.length
	if p.length > 0 {
		m.Body = bytes.Clone(buffered[p.used:used])
	}
	*p = StreamParser{}
	return m, used, nil
}

func (p *StreamParser) readHead(buffered []byte) error {
	from := max(0, min(p.searched, len(buffered))-len(headEnd)+1)
	end := bytes.Index(buffered[from:], headEnd)
	if end < 0 {
		p.searched = len(buffered)
		if len(buffered) > maxHead {
			return ErrNotSIP
		}
		return nil
	}
	head := from + end + len(headEnd)
	if head > maxHead {
		return ErrNotSIP
	}
	m, used, err := parseHead(bytes.Clone(buffered[:head]))
	if err != nil {
		return err
	}
	m.Body = nil
	n, given := m.contentLength()
	p.head, p.used, p.length = m, used, n
	if !given {
		m.blame(400, "Missing Content-Length")
		return ErrUnframed
	}
	return nil
}
