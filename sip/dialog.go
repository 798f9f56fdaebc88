package sip

import (
	"slices"
	"strconv"
	"strings"
)

// dialog is the state of RFC 3261 12: what the two ends agreed to call each other and where requests go.
type dialog struct {
	callID              string
	local, remote       string // From and To of our requests, with tags
	localTag, remoteTag string
	target              URI      // the peer's Contact
	route               []string // in the order in which they are visited
	localSeq, remoteSeq uint32
}

// calleeDialog is the state that an INVITE makes at its callee (RFC 3261 12.1.1).
func calleeDialog(invite *Message, tag string) dialog {
	to := invite.Respond(200, "")
	to.SetToTag(tag)
	d := dialog{
		callID: strings.Clone(invite.CallID()), local: to.get(hTo), remote: strings.Clone(invite.get(hFrom)),
		localTag: tag, remoteTag: strings.Clone(invite.FromTag()), target: invite.From().URI, route: recordRoutes(invite, false),
	}
	d.remoteSeq, _ = invite.CSeq()
	d.refresh(invite)
	return d
}

// callerDialog is the state that a response makes at the caller (RFC 3261 12.1.2).
func callerDialog(invite, res *Message) dialog {
	d := dialog{
		callID: invite.CallID(), local: invite.get(hFrom), remote: strings.Clone(res.get(hTo)),
		localTag: invite.FromTag(), remoteTag: strings.Clone(res.ToTag()), target: invite.Target, route: recordRoutes(res, true),
	}
	d.localSeq, _ = invite.CSeq()
	d.refresh(res)
	return d
}

// refresh takes the peer's Contact over as remote target (RFC 3261 12.2).
func (d *dialog) refresh(m *Message) {
	if contacts := m.Contacts(); len(contacts) > 0 && (contacts[0].URI.Scheme == "sip" || contacts[0].URI.Scheme == "sips") {
		d.target = contacts[0].URI
	}
}

// recordRoutes takes a message's Record-Route apart into single routes.
func recordRoutes(m *Message, reverse bool) []string {
	var route []string
	for _, line := range m.All("Record-Route") {
		list, err := ParseAddresses(line)
		if err != nil {
			return nil
		}
		for _, a := range list {
			route = append(route, a.String())
		}
	}
	if reverse {
		slices.Reverse(route)
	}
	return route
}

// request makes a request inside the dialog (RFC 3261 12.2.1.1). Every method but ACK takes the next sequence number; an ACK
// has that of its INVITE.
func (d *dialog) request(method string, seq uint32) *Message {
	if seq == 0 {
		d.localSeq++
		seq = d.localSeq
	}
	target, route := d.target, d.route
	if len(route) > 0 {
		first, err := ParseAddress(route[0])
		if _, loose := first.URI.Params.Get("lr"); err == nil && !loose { // a router from before RFC 3261
			route = append(slices.Clone(route[1:]), "<"+target.String()+">")
			target = first.URI
		}
	}
	target.Headers = ""
	m := NewRequest(method, target)
	for _, r := range route {
		m.Add("Route", r)
	}
	m.set(hFrom, d.local)
	m.set(hTo, d.remote)
	m.set(hCallID, d.callID)
	m.set(hCSeq, strconv.FormatUint(uint64(seq), 10)+" "+method)
	return m
}

// hop is where the next request goes: the first route, or the peer's Contact.
func (d *dialog) hop() URI {
	if len(d.route) > 0 {
		if first, err := ParseAddress(d.route[0]); err == nil {
			return first.URI
		}
	}
	return d.target
}

// contact is how a peer reaches us inside a dialog over the flow.
func (f *Flow) contact() string {
	if t := f.Transport(); t != "udp" {
		return "<sip:" + f.host() + ";transport=" + t + ">"
	}
	return "<sip:" + f.host() + ">"
}

// sdpOf returns the session description in a message, nil if it has none.
func sdpOf(m *Message) []byte {
	if len(m.Body) == 0 {
		return nil
	}
	return m.SDP()
}

const sdpType = "application/sdp"

func setSDP(m *Message, sdp []byte) {
	if len(sdp) > 0 {
		m.set(hContentType, sdpType)
		m.Body = sdp
	}
}

// lists tells whether a comma list in any line of a header has the token: Supported, Require, Allow.
func (m *Message) lists(id nameID, token string) bool {
	for i := range m.headers {
		if m.headers[i].id != id {
			continue
		}
		for item := range strings.SplitSeq(m.headers[i].value, ",") {
			if equalFold(trim(item), token) {
				return true
			}
		}
	}
	return false
}

// What a leg understands.
const (
	legAllow     = "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, OPTIONS"
	legSupported = "timer"
)

// introduce adds what both ends of an INVITE or UPDATE tell about themselves.
func introduce(m *Message, flow *Flow) {
	if m.find(hContact) == nil {
		m.set(hContact, flow.contact())
	}
	if m.find(hAllow) == nil {
		m.set(hAllow, legAllow)
	}
	if m.find(hSupported) == nil {
		m.set(hSupported, legSupported)
	}
}
