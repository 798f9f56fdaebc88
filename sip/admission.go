package sip

import (
	"bytes"
	"strings"
)

// Supported are the option tags that a request may Require of us (RFC 3261 8.2.2.3); anything else is answered 420.
var Supported = []string{"timer"}

// What one message may have beyond what the parser limits; RFC 4475 3.1.1.7 sets the least that must pass.
const (
	maxVias  = 70  // as Max-Forwards cannot start higher in practice
	maxToken = 512 // bytes of a Call-ID, a tag or a branch, which are kept and compared
)

// single are the headers that may stand only once, and hold one value.
var single = [nameCount]bool{
	hFrom: true, hTo: true, hCallID: true, hCSeq: true, hMaxForwards: true, hContentLength: true, hContentType: true, hExpires: true,
	hContentDisposition: true, hDate: true, hEvent: true, hSubscriptionState: true, hSessionExpires: true, hMinSE: true, hRSeq: true,
	hRAck: true, hReferTo: true, hReferredBy: true, hReplaces: true, hTimestamp: true, hMIMEVersion: true, hSIPETag: true,
	hSIPIfMatch: true, hInfoPackage: true, hSubject: true, hOrganization: true, hUserAgent: true, hServer: true, hRetryAfter: true,
	hMinExpires: true,
}

var mandatory = [...]nameID{hVia, hFrom, hTo, hCallID, hCSeq}

// Admit decides about a message before any transaction sees it: 0 lets it in, -1 means that it is dropped without an answer (a response, or
// an ACK, which never has one), anything else is the status of a stateless answer, which Answer makes.
func Admit(m *Message) (status int, reason string) {
	status, reason = m.fault.status, m.fault.reason
	if status == 0 {
		status, reason = m.wellFormed()
	}
	if status == 0 && !m.IsResponse() {
		status, reason = m.acceptable()
	}
	if status != 0 && (m.IsResponse() || m.Method == "ACK") {
		return -1, ""
	}
	return status, reason
}

// Answer makes the answer to a request that Admit refused: with the headers that its status asks for, and a To tag left to the engine.
func (m *Message) Answer(status int, reason string) *Message {
	r := m.Respond(status, reason)
	switch status {
	case 415, 406:
		r.set(hAccept, "application/sdp")
		r.set(hAcceptEncoding, "identity")
	case 420:
		r.set(hUnsupported, clean(strings.Join(m.unsupported(), ", ")))
	}
	return r
}

// wellFormed looks at what every message must have: the mandatory headers once, and every value that is read later in its right form.
func (m *Message) wellFormed() (status int, reason string) {
	var seen [nameCount]bool
	vias := 0
	for i := range m.headers {
		h := &m.headers[i]
		if seen[h.id] && single[h.id] {
			return 400, "Repeated " + names[h.id]
		}
		seen[h.id] = true
		fine := true
		switch h.id {
		case hVia:
			var n int
			n, fine = countVias(h.value)
			vias += n
		case hFrom, hTo:
			fine = isOneAddress(h.value)
		case hContact:
			fine = h.value == "*" || areAddresses(h.value)
		case hRoute, hRecordRoute, hPath:
			fine = areAddresses(h.value)
		case hCallID:
			fine = isCallID(h.value)
		case hCSeq:
			_, _, fine = splitCSeq(h.value)
		case hMaxForwards:
			_, fine = number(h.value, 255)
		case hContentLength:
			_, fine = number(h.value, maxMessage)
		case hDate:
			fine = strings.HasSuffix(h.value, " GMT")
		}
		if !fine {
			return 400, "Malformed " + names[h.id]
		}
	}
	for _, id := range mandatory {
		if !seen[id] {
			return 400, "Missing " + names[id]
		}
	}
	// Every response that reaches us is for us, so a second Via is somebody else's mistake (RFC 3261 8.1.3.3).
	if vias > maxVias || vias > 1 && m.IsResponse() {
		return 400, "Too Many Vias"
	}
	return 0, ""
}

// acceptable looks at what a request asks of us.
func (m *Message) acceptable() (status int, reason string) {
	if _, method := m.CSeq(); method != m.Method {
		return 400, "CSeq Method Mismatch"
	}
	switch m.Target.Scheme {
	case "sip", "sips", "tel":
	default:
		return 416, ""
	}
	if m.Target.Headers != "" {
		return 400, "Headers in Request-URI"
	}
	if m.get(hMaxForwards) != "" && m.MaxForwards() == 0 && m.Method != "OPTIONS" && m.Method != "REGISTER" {
		return 483, ""
	}
	if m.Method == "REGISTER" {
		if status, reason = m.registrable(); status != 0 {
			return status, reason
		}
	} else if m.get(hContact) == "*" {
		return 400, "Malformed Contact"
	}
	if m.Method != "CANCEL" && m.Method != "ACK" && len(m.unsupported()) > 0 {
		return 420, ""
	}
	if m.Method == "INVITE" {
		return m.understandable()
	}
	return 0, ""
}

// registrable: an address of record is a SIP URI (RFC 3261 10.3), and "*" stands alone with an expiry of 0 (10.2.2).
func (m *Message) registrable() (status int, reason string) {
	to, _, _ := splitAddress(m.get(hTo))
	if u, _ := splitURI(to.uri); u.scheme != "sip" && u.scheme != "sips" {
		return 400, "To Is No Address of Record"
	}
	contacts, all := 0, false
	for i := range m.headers {
		if h := &m.headers[i]; h.id == hContact {
			contacts++
			all = all || h.value == "*"
		}
	}
	if seconds, ok := m.Expires(); all && (contacts > 1 || !ok || seconds != 0) {
		return 400, "Contact * Needs Expires 0"
	}
	return 0, ""
}

// understandable: the body of an INVITE must be one that can be read, and SDP one that may be answered.
func (m *Message) understandable() (status int, reason string) {
	if len(m.Body) > 0 && m.mustUnderstandBody() {
		kind := mediaType(m.get(hContentType))
		if !equalFold(kind, "application/sdp") && !hasPrefixFold(kind, "multipart/") {
			return 415, ""
		}
		if encoding := m.get(hContentEncoding); encoding != "" && !equalFold(encoding, "identity") {
			return 415, ""
		}
	}
	offered, sdp := false, false
	for i := range m.headers {
		if m.headers[i].id != hAccept {
			continue
		}
		offered = true
		for part := range strings.SplitSeq(m.headers[i].value, ",") {
			kind := mediaType(part)
			sdp = sdp || equalFold(kind, "application/sdp") || equalFold(kind, "application/*") || kind == "*/*"
		}
	}
	if offered && !sdp {
		return 406, "Answer Would Not Be SDP"
	}
	return 0, ""
}

// mustUnderstandBody is false when the sender marked the body optional (RFC 3261 20.11).
func (m *Message) mustUnderstandBody() bool {
	handling, _ := param(m.get(hContentDisposition), "handling")
	return !equalFold(handling, "optional")
}

// unsupported lists what the request requires and we do not have.
func (m *Message) unsupported() []string {
	var missing []string
	for i := range m.headers {
		if m.headers[i].id != hRequire {
			continue
		}
		for tag := range strings.SplitSeq(m.headers[i].value, ",") {
			if len(missing) == maxListed {
				return missing
			}
			if tag = trim(tag); tag != "" && !supports(tag) {
				missing = append(missing, tag)
			}
		}
	}
	return missing
}

func supports(tag string) bool {
	for _, s := range Supported {
		if equalFold(s, tag) {
			return true
		}
	}
	return false
}

// countVias checks every Via of a line.
func countVias(s string) (n int, ok bool) {
	for {
		v, rest, ok := splitVia(trimLeft(s))
		if !ok || len(v.Branch) > maxToken {
			return n, false
		}
		n++
		if rest == "" || n > maxVias {
			return n, true
		}
		s = rest[1:]
	}
}

func isOneAddress(s string) bool {
	p, rest, ok := splitAddress(s)
	if !ok || rest != "" {
		return false
	}
	if _, ok = splitURI(p.uri); !ok {
		return false
	}
	tag, _ := param(p.params, "tag")
	return len(tag) <= maxToken
}

func areAddresses(s string) bool {
	for range maxListed {
		p, rest, ok := splitAddress(s)
		if !ok {
			return false
		}
		if _, ok = splitURI(p.uri); !ok {
			return false
		}
		if rest == "" {
			return true
		}
		s = rest[1:]
	}
	return false
}

// isCallID is wider than RFC 3261's word: anything visible, but not endless.
func isCallID(s string) bool {
	return s != "" && len(s) <= maxToken && strings.IndexByte(s, ' ') < 0 && strings.IndexByte(s, '\t') < 0
}

func mediaType(s string) string {
	s, _ = cutBefore(s, ';')
	return trim(s)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && equalFold(s[:len(prefix)], prefix)
}

// SDP returns the session description in the body: the body itself, or the first application/sdp part of a multipart one (RFC 5621);
// nil if there is none.
func (m *Message) SDP() []byte {
	kind := m.get(hContentType)
	if equalFold(mediaType(kind), "application/sdp") {
		return m.Body
	}
	boundary, ok := param(kind, "boundary")
	if !ok || !hasPrefixFold(kind, "multipart/") {
		return nil
	}
	mark := []byte("--" + unquote(boundary))
	for part := range bytes.SplitSeq(m.Body, mark) {
		head, body, ok := bytes.Cut(part, headEnd)
		if ok && isSDPPart(head) {
			return bytes.TrimSuffix(body, []byte("\r\n"))
		}
	}
	return nil
}

func isSDPPart(head []byte) bool {
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if equalFold(trim(name), "Content-Type") {
			return equalFold(mediaType(value), "application/sdp")
		}
	}
	return false
}
