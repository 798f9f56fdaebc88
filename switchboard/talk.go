package switchboard

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"hubline/media"
	"hubline/sip/sdp"
)

// Reasons why an offer cannot be taken; each is a 488.
var (
	errNoSDP     = errors.New("switchboard: no session description")
	errBadSDP    = errors.New("switchboard: the session description cannot be read")
	errNoAudio   = errors.New("switchboard: no audio in the session description")
	errEncrypted = errors.New("switchboard: encrypted audio only")
	errNoCodec   = errors.New("switchboard: no audio codec in common")
)

// ours are the codecs that pass through, in the order in which we offer them where nobody else did.
var ours = []sdp.Codec{
	{Payload: 8, Name: "PCMA", Rate: 8000, Channels: 1},
	{Payload: 0, Name: "PCMU", Rate: 8000, Channels: 1},
	{Payload: 9, Name: "G722", Rate: 8000, Channels: 1},
	{Payload: 96, Name: "opus", Rate: 48000, Channels: 2},
	{Payload: 101, Name: eventName, Rate: 8000, Channels: 1, Fmtp: "0-16"},
	{Payload: 102, Name: eventName, Rate: 48000, Channels: 1, Fmtp: "0-16"},
}

const eventName = "telephone-event"

// offered is what we offer a phone that asked us to: what every phone has, so that the other side is not tied to less.
var offered = []sdp.Codec{ours[0], ours[1], ours[4]}

// talk is one leg's side of the negotiation of media (RFC 3264): what its peer said, and what we say to it. Nothing of a peer's description
// reaches the other one but codecs, packet time and direction; addresses are those of our own endpoint.
type talk struct {
	end         *media.Endpoint
	reach       func(peer netip.Addr) netip.Addr // our address as a peer sees it
	at          netip.Addr                       // the one that is described
	id, version uint64
	lines       []mline     // of this dialog so far; later descriptions may not have fewer (RFC 3264 8)
	audio       int         // the one that is used
	spoken      []sdp.Codec // as we last described them
	way         string      // the direction, likewise
	ptime       int
	said        []byte
	remote      []byte // the peer's last description
	peer        peerAudio
}

// mline is what must stay of a medium that is switched off.
type mline struct{ kind, proto, format string }

// peerAudio is what a peer's description says about its audio.
type peerAudio struct {
	codecs    []sdp.Codec
	addr      netip.AddrPort
	control   netip.AddrPort // of RTCP, if it says so
	direction string
	held      bool
	ptime     int
}

// newTalk begins the negotiation with a peer whose signalling came from that address.
func (b *Board) newTalk(end *media.Endpoint, peer netip.Addr) *talk {
	var id [8]byte
	rand.Read(id[:])
	reach := func(peer netip.Addr) netip.Addr {
		peer = peer.Unmap()
		if told := end.Addr().Addr(); told.Is4() == peer.Is4() || !b.media.Takes(peer) {
			return told
		}
		return b.engine.SeenBy(peer)
	}
	return &talk{end: end, reach: reach, at: reach(peer), id: binary.BigEndian.Uint64(id[:]) >> 2, lines: []mline{{kind: "audio", proto: "RTP/AVP"}}}
}

// repeats tells whether the peer only said again what it said before, as in a refresh of the session (RFC 4028).
func (t *talk) repeats(text []byte) bool { return t.said != nil && bytes.Equal(t.remote, text) }

// hear reads a description of the peer.
func (t *talk) hear(text []byte) (peerAudio, error) {
	if len(text) == 0 {
		return peerAudio{}, errNoSDP
	}
	s, err := sdp.Parse(text)
	if err != nil {
		return peerAudio{}, errBadSDP
	}
	at, err := pick(s)
	if err != nil {
		return peerAudio{}, err
	}
	m := s.Media[at]
	p := peerAudio{codecs: sdp.Common(m.Codecs(), ours), direction: m.Direction(), held: m.Direction() != sdp.SendRecv || m.Held(), ptime: m.PTime()}
	if !slices.ContainsFunc(p.codecs, speech) {
		return peerAudio{}, errNoCodec
	}
	if p.direction == sdp.SendRecv && m.Held() {
		p.direction = sdp.SendOnly // as RFC 2543 held calls, with an address of zeros
	}
	p.addr, _ = m.Addr()
	if port, ok := m.Get("rtcp"); ok {
		p.control = control(p.addr, port)
	}
	lines := make([]mline, len(s.Media))
	for i, m := range s.Media {
		lines[i] = mline{m.Kind, m.Proto, m.Formats[0]}
	}
	t.lines, t.audio = lines, at
	if addr := p.addr.Addr(); addr.IsValid() && !addr.IsUnspecified() {
		t.face(addr)
	}
	t.remote, t.peer = bytes.Clone(text), p
	return p, nil
}

// face describes our end at an address of the family that the peer's sound has. The offer that went to several phones was made for each of
// them: what the one that answered was sent is what was said.
func (t *talk) face(peer netip.Addr) {
	at := t.reach(peer)
	if at == t.at {
		return
	}
	if t.at = at; t.said == nil {
		return
	}
	if t.remote != nil { // it moved during the call
		t.version++
	}
	t.said = t.describe(t.spoken, t.way, t.ptime, at)
}

// saidTo is what was said last, with our address as that peer sees it.
func (t *talk) saidTo(peer netip.Addr) []byte {
	if at := t.reach(peer); at != t.at {
		return t.describe(t.spoken, t.way, t.ptime, at)
	}
	return t.said
}

// pick finds the audio that we can carry: not encrypted, because phones that encrypt need keys from both of us.
func pick(s *sdp.Session) (int, error) {
	encrypted := false
	for i, m := range s.Media {
		if m.Kind != "audio" || m.Port == 0 {
			continue
		}
		if m.Proto == "RTP/AVP" || m.Proto == "RTP/AVPF" {
			return i, nil
		}
		encrypted = true
	}
	if encrypted {
		return 0, errEncrypted
	}
	return 0, errNoAudio
}

func speech(c sdp.Codec) bool { return !strings.EqualFold(c.Name, eventName) }

// control reads the attribute rtcp: a port, or a port with an address (RFC 3605).
func control(rtp netip.AddrPort, value string) netip.AddrPort {
	port, connection, _ := strings.Cut(value, " ")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}
	}
	addr := rtp.Addr()
	if a, ok := sdp.Address(connection); ok {
		addr = a
	}
	return netip.AddrPortFrom(addr, uint16(n))
}

// say describes our end to the peer: these codecs, this direction. What was said before is said again as it was; anything else is the next
// version of it (RFC 3264 8).
func (t *talk) say(codecs []sdp.Codec, direction string, ptime int) []byte {
	t.spoken, t.way, t.ptime = codecs, direction, ptime
	if said := t.describe(codecs, direction, ptime, t.at); bytes.Equal(said, t.said) {
		return said
	}
	t.version++
	t.said = t.describe(codecs, direction, ptime, t.at)
	return t.said
}

func (t *talk) describe(codecs []sdp.Codec, direction string, ptime int, at netip.Addr) []byte {
	addr := netip.AddrPortFrom(at, uint16(t.end.Port()))
	s := sdp.New(addr.Addr(), t.id, t.version)
	for i, l := range t.lines {
		m := s.Add(l.kind, 0, l.proto)
		if i != t.audio {
			m.Formats = []string{l.format}
			continue
		}
		m.SetAddr(addr)
		m.SetCodecs(codecs)
		if ptime > 0 {
			m.Set("ptime", strconv.Itoa(ptime))
		}
		m.SetDirection(direction)
	}
	return s.Bytes()
}

// again describes our end as before: an offer for a peer that asked for one.
func (t *talk) again(direction string) []byte {
	codecs := t.spoken
	if len(codecs) == 0 {
		codecs = offered
	}
	return t.say(codecs, direction, t.peer.ptime)
}

// open lets sound through between the peer and its endpoint, as its last description says.
func (t *talk) open(signalled netip.Addr) {
	codecs := make([]media.Codec, 0, len(t.peer.codecs)+len(t.spoken))
	// What both sides named: sent with the peer's number, and taken with ours too (RFC 3264 5.1).
	for _, list := range [][]sdp.Codec{sdp.Common(t.peer.codecs, t.spoken), sdp.Common(t.spoken, t.peer.codecs)} {
		for _, c := range list {
			codecs = append(codecs, media.Codec{Payload: uint8(c.Payload), Name: c.Name, Clock: c.Rate})
		}
	}
	t.end.SetCodecs(codecs...)
	t.end.SetPeer(t.peer.addr, signalled)
	if t.peer.control.IsValid() {
		t.end.SetControl(t.peer.control)
	}
	t.end.Mute(t.peer.direction == sdp.SendOnly || t.peer.direction == sdp.Inactive)
}

// relayed lists the codecs of an offer as they are offered on: where one law of G.711 is there the other is too, because we turn one into
// the other for nothing.
func relayed(codecs []sdp.Codec) []sdp.Codec {
	out := make([]sdp.Codec, 0, len(codecs)+1)
	hasA := slices.ContainsFunc(codecs, ours[0].Same)
	hasMu := slices.ContainsFunc(codecs, ours[1].Same)
	for _, c := range codecs {
		out = append(out, c)
		switch {
		case c.Same(ours[0]) && !hasMu && free(codecs, ours[1].Payload):
			out = append(out, ours[1])
		case c.Same(ours[1]) && !hasA && free(codecs, ours[0].Payload):
			out = append(out, ours[0])
		}
	}
	return out
}

func free(codecs []sdp.Codec, payload int) bool {
	return !slices.ContainsFunc(codecs, func(c sdp.Codec) bool { return c.Payload == payload })
}

// answering picks from an offer what the far side answered, with the payload numbers of the offer.
func answering(offer, answer []sdp.Codec) []sdp.Codec {
	var out []sdp.Codec
	add := func(c sdp.Codec) {
		if !slices.ContainsFunc(out, c.Same) {
			out = append(out, c)
		}
	}
	for _, a := range answer {
		i := slices.IndexFunc(offer, a.Same)
		if i < 0 {
			if i = slices.IndexFunc(offer, otherLaw(a).Same); i < 0 {
				continue
			}
		}
		c := offer[i]
		if a.Fmtp != "" && c.Fmtp != "" {
			c.Fmtp = a.Fmtp
		}
		add(c)
	}
	return out
}

// otherLaw returns the G.711 codec of the other law; a codec that is no G.711 stays itself.
func otherLaw(c sdp.Codec) sdp.Codec {
	switch {
	case c.Same(ours[0]):
		return ours[1]
	case c.Same(ours[1]):
		return ours[0]
	}
	return c
}

// speakable returns the first of the codecs that messages can be played in.
func speakable(codecs []sdp.Codec) (sdp.Codec, bool) {
	i := slices.IndexFunc(codecs, func(c sdp.Codec) bool { return c.Same(ours[0]) || c.Same(ours[1]) })
	if i < 0 {
		return sdp.Codec{}, false
	}
	return codecs[i], true
}
