package carrier

import (
	"context"
	"errors"
	"time"

	"hubline/media"
	"hubline/sip"
	"hubline/sip/sdp"
)

// Times of a call.
const (
	toneTime = time.Second
	ringTime = 3 * time.Minute  // until a number that never answers gives up
	talkTime = 10 * time.Minute // until the network has heard enough
	toneHz   = 440
)

// ours are the codecs that the network speaks.
var ours = []sdp.Codec{
	{Payload: 8, Name: "PCMA", Rate: 8000, Channels: 1},
	{Payload: 0, Name: "PCMU", Rate: 8000, Channels: 1},
	{Payload: 101, Name: "telephone-event", Rate: 8000, Channels: 1, Fmtp: "0-16"},
}

var errNoCodec = errors.New("carrier: no audio codec in common")

// call is one call whose far end is the network itself.
type call struct {
	n         *Network
	leg       *sip.Leg
	noted     *noted
	end       *media.Endpoint
	codecs    []sdp.Codec // agreed on
	direction string      // that the peer asked for; empty: both ways
	said      []byte      // our last description
}

// refuse ends a call that was not answered.
func (c *call) refuse(status int) {
	c.noted.over(c.n.o.Now(), outcomeOf(status), status)
	c.leg.Refuse(status, "")
}

// ring lets the number ring for a time, 0 being until the caller gives up, and tells whether the caller is still there.
func (c *call) ring(length time.Duration) bool {
	c.leg.Ring(180, nil)
	c.noted.says("ringing")
	return c.waits(length)
}

// waits lets time pass before the answer, and tells whether the caller is still there.
func (c *call) waits(length time.Duration) bool {
	forever := length == 0
	if forever {
		length = ringTime
	}
	over := time.NewTimer(length)
	defer over.Stop()
	for {
		select {
		case ev, open := <-c.leg.Events():
			if !open || ev.Kind == sip.Cancelled || ev.Kind == sip.Bye {
				c.noted.over(c.n.o.Now(), outcomeOf(487), 487)
				return false
			}
		case <-over.C:
			if forever {
				c.refuse(480)
			}
			return !forever
		case <-c.n.work.Done():
			c.refuse(503)
			return false
		}
	}
}

// answer takes the call: it rings, plays a tone and then sends back what it hears.
func (c *call) answer(early bool) {
	var err error
	if c.end, err = c.n.media.Endpoint(); err != nil {
		c.n.o.Log.Error("the demo's network has no port for a call", "error", err)
		c.refuse(503)
		return
	}
	defer c.end.Close()
	offer := c.leg.RemoteSDP()
	if err := c.agree(offer); err != nil {
		c.refuse(488)
		return
	}
	sound, err := media.Playable(playable(c.codecs))
	if err != nil {
		c.refuse(488)
		return
	}
	if early && offer != nil {
		c.leg.Ring(183, c.said)
		c.noted.says("ringing")
		playing, silence := context.WithCancel(c.n.work)
		go func() { _ = c.end.Play(playing, media.Ringback, sound) }() // a call without sound is still a call
		there := c.waits(c.n.o.Ring)
		silence()
		if !there {
			return
		}
	} else if !c.ring(c.n.o.Ring) {
		return
	}
	if c.leg.Answer(c.said) != nil {
		c.noted.over(c.n.o.Now(), outcomeOf(487), 487)
		return
	}
	c.noted.answered(c.n.o.Now())
	c.talk(offer == nil, sound)
}

// talk goes on until somebody hangs up. Where the caller left the offer to us, sound begins with its answer.
func (c *call) talk(late bool, sound media.Codec) {
	talking, stop := context.WithTimeout(c.n.work, talkTime)
	defer stop()
	if !late {
		go c.play(talking, sound)
	}
	for {
		select {
		case ev, open := <-c.leg.Events():
			switch {
			case !open || ev.Kind == sip.Bye || ev.Kind == sip.Failed || ev.Kind == sip.Timeout:
				c.noted.over(c.n.o.Now(), outcomeOf(200), 200)
				return
			case ev.Kind == sip.Confirmed && late:
				if ev.SDP == nil || c.agree(ev.SDP) != nil {
					c.hangUp()
					return
				}
				go c.play(talking, sound)
			case ev.Kind == sip.Offered:
				c.reoffered(ev)
			}
		case d := <-c.end.Digits():
			c.noted.pressed(d.Key)
		case <-talking.Done():
			c.hangUp()
			return
		}
	}
}

func (c *call) hangUp() {
	c.noted.over(c.n.o.Now(), outcomeOf(200), 200)
	c.leg.Hangup()
}

// play plays the tone, then the echo.
func (c *call) play(ctx context.Context, sound media.Codec) {
	tone, stop := context.WithTimeout(ctx, toneTime)
	defer stop()
	_ = c.end.Play(tone, media.Tone(toneHz), sound)
	if ctx.Err() == nil {
		_ = c.end.Echo(ctx)
	}
}

// reoffered answers a hold, a change of codec or a refresh of the session.
func (c *call) reoffered(ev sip.Event) {
	if ev.SDP == nil {
		c.leg.AnswerOffer(ev, c.said)
		return
	}
	if c.agree(ev.SDP) != nil {
		c.leg.RefuseOffer(ev, 488)
		return
	}
	c.leg.AnswerOffer(ev, c.said)
}

// agree reads the caller's description, nil for none, and describes our end: the answer to it, or else an offer.
func (c *call) agree(theirs []byte) error {
	c.codecs = ours
	if theirs != nil {
		if err := c.hear(theirs); err != nil {
			return err
		}
	}
	own := c.end.Addr()
	said := sdp.New(own.Addr(), 1, uint64(c.n.o.Now().UnixNano()))
	audio := said.Add("audio", int(own.Port()), "RTP/AVP")
	audio.SetAddr(own)
	audio.SetCodecs(c.codecs)
	if c.direction != "" {
		audio.SetDirection(sdp.Reverse(c.direction))
	}
	c.said = said.Bytes()
	return nil
}

// hear reads a description of the peer and sends there.
func (c *call) hear(theirs []byte) error {
	s, err := sdp.Parse(theirs)
	if err != nil {
		return err
	}
	m := s.Audio()
	if m == nil {
		return errNoCodec
	}
	codecs := sdp.Common(m.Codecs(), ours)
	if _, err := media.Playable(playable(codecs)); err != nil {
		return err
	}
	to, _ := m.Addr()
	c.codecs, c.direction = codecs, m.Direction()
	c.end.SetCodecs(playable(codecs)...)
	c.end.SetPeer(to, c.leg.Flow().Remote().Addr())
	c.end.Mute(c.direction == sdp.SendOnly || c.direction == sdp.Inactive)
	return nil
}

func playable(codecs []sdp.Codec) (list []media.Codec) {
	for _, c := range codecs {
		list = append(list, media.Codec{Payload: uint8(c.Payload), Name: c.Name, Clock: c.Rate})
	}
	return list
}
