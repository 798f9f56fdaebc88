package sip

import (
	"strconv"
	"strings"
	"time"
)

// session is the session timer of a leg (RFC 4028): a call whose peer vanished ends by itself.
type session struct {
	interval   time.Duration // 0 for none
	mine       bool          // we refresh
	refreshing bool
	timer      timer
}

const mostSessionSeconds = 24 * 60 * 60

// sessionInterval reads Session-Expires; 0 when there is none.
func sessionInterval(m *Message) (interval time.Duration, refresher string) {
	value, params, _ := strings.Cut(m.get(hSessionExpires), ";")
	n, ok := seconds32(trim(value))
	if !ok {
		return 0, ""
	}
	for param := range strings.SplitSeq(params, ";") {
		name, v, _ := strings.Cut(param, "=")
		if equalFold(trim(name), "refresher") {
			refresher = lower(trim(v))
		}
	}
	return time.Duration(min(n, mostSessionSeconds)) * time.Second, refresher
}

// tooShort is the 422 for an interval that would cost more than it helps (RFC 4028 9); nil when there is nothing to refuse.
func (e *Engine) tooShort(m *Message) *Message {
	interval, _ := sessionInterval(m)
	if interval == 0 || interval >= e.cfg.MinSessionExpires || !m.lists(hSupported, "timer") {
		return nil
	}
	res := m.Respond(422, "")
	res.set(hMinSE, seconds(e.cfg.MinSessionExpires))
	return res
}

// offerSession asks for a session timer in a first INVITE (RFC 4028 7.1). Who refreshes is left to the callee.
func (e *Engine) offerSession(invite *Message) {
	if e.cfg.SessionExpires <= 0 || invite.find(hSessionExpires) != nil {
		return
	}
	invite.set(hSessionExpires, seconds(e.cfg.SessionExpires))
	invite.set(hMinSE, seconds(e.cfg.MinSessionExpires))
}

// sessionHeaders keeps the agreed timer in a re-INVITE or UPDATE of ours (RFC 4028 7.4).
func (l *Leg) sessionHeaders(req *Message) {
	if l.session.interval == 0 {
		return
	}
	refresher := "uas"
	if l.session.mine {
		refresher = "uac"
	}
	req.set(hSessionExpires, seconds(l.session.interval)+";refresher="+refresher)
	req.set(hMinSE, seconds(l.e.cfg.MinSessionExpires))
}

// agreeAsServer decides about the timer in a 2xx of ours (RFC 4028 9): the shorter of both wishes but nothing below the peer's
// least, refreshed by whom the peer names. A peer that does not know timers is refreshed by us.
func (l *Leg) agreeAsServer(req, res *Message) {
	ours := max(0, l.e.cfg.SessionExpires)
	asked, refresher := sessionInterval(req)
	interval := asked
	if asked == 0 || ours > 0 && ours < asked {
		interval = ours
		if least, ok := seconds32(req.get(hMinSE)); ok && interval > 0 {
			interval = max(interval, time.Duration(min(least, mostSessionSeconds))*time.Second)
		}
	}
	if interval == 0 {
		l.startSession(0, false)
		return
	}
	switch supported := req.lists(hSupported, "timer"); {
	case !supported || asked == 0:
		refresher = "uas"
	case refresher != "uas":
		refresher = "uac"
		res.set(hRequire, "timer")
	}
	res.set(hSessionExpires, strconv.Itoa(int(interval/time.Second))+";refresher="+refresher)
	l.startSession(interval, refresher == "uas")
}

// agreeAsClient reads the peer's decision from its 2xx (RFC 4028 7.2). A peer that does not know timers is refreshed by us.
func (l *Leg) agreeAsClient(res *Message) {
	interval, refresher := sessionInterval(res)
	if interval == 0 {
		l.startSession(max(0, l.e.cfg.SessionExpires), true)
		return
	}
	l.startSession(interval, refresher != "uas")
}

// startSession starts the timer anew: who refreshes does so at half of the interval, the other gives up shortly before its end
// (RFC 4028 10).
func (l *Leg) startSession(interval time.Duration, mine bool) {
	s := &l.session
	s.interval, s.mine, s.refreshing = interval, mine, false
	switch {
	case interval == 0:
		l.e.wheel.clear(&s.timer)
	case mine:
		l.e.wheel.set(&s.timer, interval/2, l, legTimerSession)
	default:
		l.e.wheel.set(&s.timer, interval-min(32*time.Second, interval/3), l, legTimerSession)
	}
}

// sessionDue refreshes the session, or ends a call that the peer did not refresh.
func (l *Leg) sessionDue() {
	s := &l.session
	switch {
	case l.state == legOver || s.interval == 0:
	case !s.mine || s.refreshing:
		l.fail(Timeout, nil)
	case l.state != legUp || l.offering || l.offer != nil || l.accepted != nil:
		l.e.wheel.set(&s.timer, 4*l.e.cfg.T1, l, legTimerSession)
	default:
		s.refreshing = true
		l.e.wheel.set(&s.timer, s.interval/2-min(32*time.Second, s.interval/3), l, legTimerSession)
		l.refresh()
	}
}

// refresh sends an UPDATE without an offer, or where the peer does not know UPDATE a re-INVITE with the session as it is
// (RFC 4028 10).
func (l *Leg) refresh() {
	if !l.updates {
		if _, err := l.reinvite(l.local, l.refreshed); err != nil {
			l.end(Event{Kind: Failed})
		}
		return
	}
	req := l.dialog.request("UPDATE", 0)
	introduce(req, l.flow)
	l.sessionHeaders(req)
	o := &Outgoing{deliver: func(m *Message) {
		if m.Status >= 200 {
			l.mu.Lock()
			l.refreshed(m)
			l.mu.Unlock()
		}
	}}
	if err := l.e.begin(o, l.flow.towards(l.dialog.hop()), req); err != nil {
		l.end(Event{Kind: Failed})
	}
}

// refreshed takes the answer to a refresh.
func (l *Leg) refreshed(m *Message) {
	s := &l.session
	switch {
	case l.state == legOver:
	case m.Status < 300:
		l.agreeAsClient(m)
	case m.Status == 408 || m.Status == 481 || m.Flow == nil:
		l.fail(Timeout, m)
	case m.Status == 405 || m.Status == 501:
		s.refreshing, l.updates = false, false
		l.e.wheel.set(&s.timer, l.e.cfg.T1, l, legTimerSession)
	case m.Status == 491 || m.Status == 500:
		s.refreshing = false
		l.e.wheel.set(&s.timer, 4*l.e.cfg.T1, l, legTimerSession)
	default: // refused, yet alive
		l.startSession(s.interval, s.mine)
	}
}
