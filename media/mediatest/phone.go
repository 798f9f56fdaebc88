package mediatest

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"hubline/media/g711"
	"hubline/media/rtp"
)

// Phone is one RTP port of a made-up phone. It keeps every packet it receives.
type Phone struct {
	t    testing.TB
	conn *net.UDPConn
	SSRC uint32
	seq  uint16

	mu  sync.Mutex
	got []Packet
}

// Packet is what a phone received.
type Packet struct {
	rtp.Header
	Body []byte
	From netip.AddrPort
}

// NewPhone opens a free port on an address such as 127.0.0.1; the test closes it.
func NewPhone(t testing.TB, address string) *Phone {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 0)))
	if err != nil {
		t.Fatal(err)
	}
	p := &Phone{t: t, conn: conn, SSRC: 0x1000}
	var reader sync.WaitGroup
	reader.Go(p.read)
	t.Cleanup(func() {
		conn.Close()
		reader.Wait()
	})
	return p
}

// Addr is where the phone listens and sends from.
func (p *Phone) Addr() netip.AddrPort {
	a := p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (p *Phone) read() {
	buffer := make([]byte, 2048)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if h, body, ok := rtp.Parse(buffer[:n]); ok {
			p.mu.Lock()
			p.got = append(p.got, Packet{h, slices.Clone(body), from})
			p.mu.Unlock()
		}
	}
}

// Send sends bytes as they are.
func (p *Phone) Send(to netip.AddrPort, packet []byte) {
	if _, err := p.conn.WriteToUDPAddrPort(packet, to); err != nil {
		p.t.Log(err)
	}
}

// Say sends the next packet of the phone's stream in that payload type.
func (p *Phone) Say(to netip.AddrPort, payload uint8, body []byte) {
	p.Send(to, rtp.Header{Payload: payload, Sequence: p.seq, Timestamp: uint32(p.seq) * 160, SSRC: p.SSRC}.Append(nil, body))
	p.seq++
}

// Whistle sends a tone in PCMA as fast as real time asks, until it lasted that long.
func (p *Phone) Whistle(to netip.AddrPort, hz int, length time.Duration) {
	sound := g711.A.Bytes(Tone(hz, 8000, length))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for frame := range slices.Chunk(sound, 160) {
		p.Say(to, 8, frame)
		<-tick.C
	}
}

// Packets is what was received so far.
func (p *Phone) Packets() []Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// Heard is the sound received so far, in the order of arrival.
func (p *Phone) Heard() (samples []int16) {
	for _, packet := range p.Packets() {
		switch packet.Payload {
		case 0:
			samples = append(samples, g711.Mu.Samples(packet.Body)...)
		case 8:
			samples = append(samples, g711.A.Samples(packet.Body)...)
		}
	}
	return samples
}

// Wait returns the packets as soon as there are n; the test fails after ten seconds.
func (p *Phone) Wait(n int) []Packet {
	p.t.Helper()
	Until(p.t, func() bool { return len(p.Packets()) >= n })
	return p.Packets()
}

// Until waits for a condition; the test fails after ten seconds.
func Until(t testing.TB, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("did not happen within ten seconds")
		}
	}
}
