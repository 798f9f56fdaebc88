package sip

import "bytes"

// A StreamParser cuts a stream into messages by their Content-Length (RFC 3261 18.3).
type StreamParser struct{ searched int }

var headEnd = []byte("\r\n\r\n")

// Next reads the first message of what is buffered. A nil message without an error means that more bytes are needed. used is how many
// bytes the message took; the caller drops them, and skips CR LF keep-alives in front of the next. An error ends the connection.
func (p *StreamParser) Next(buffered []byte) (m *Message, used int, err error) {
	from := max(0, min(p.searched, len(buffered))-len(headEnd)+1)
	end := bytes.Index(buffered[from:], headEnd)
	if end < 0 {
		if len(buffered) > maxHead {
			return nil, 0, ErrNotSIP
		}
		p.searched = len(buffered)
		return nil, 0, nil
	}
	head := from + end + len(headEnd)
	m, used, err = parseHead(bytes.Clone(buffered[:head]))
	if err != nil {
		return nil, 0, err
	}
	n, given := m.contentLength()
	if !given {
		m.blame(400, "Content-Length Missing")
	}
	if len(buffered) < used+n {
		return nil, 0, nil
	}
	p.searched = 0
	m.Body = bytes.Clone(buffered[used : used+n])
	return m, used + n, nil
}
