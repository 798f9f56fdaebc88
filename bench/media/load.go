package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"

	"hubline/media/rtp"
)

const (
	frameTime  = 20 * time.Millisecond
	payload    = 160
	warmUp     = 2 * time.Second
	socketSets = 8   // on each side; the calls share them
	slices20   = 80  // parts of a frame's time in which the calls' packets are spread
	batch      = 128 // packets for one call to the kernel
)

// generator is both ends of all calls: it sends, and notes when what it sent came out of the relay.
type generator struct {
	calls int
	conns [2][socketSets]*net.UDPConn
	began time.Time

	measuring atomic.Bool  // packets sent now are marked, and those that come back marked are timed
	arrived   atomic.Int64 // packets of any kind
	mu        sync.Mutex
	delays    []time.Duration
	readers   sync.WaitGroup
}

func newGenerator(calls int) (*generator, error) {
	g := &generator{calls: calls, began: time.Now()}
	for side := range g.conns {
		for i := range g.conns[side] {
			conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				return nil, err
			}
			conn.SetReadBuffer(4 << 20)
			g.conns[side][i] = conn
		}
	}
	return g, nil
}

func (g *generator) left() []string  { return g.addresses(0) }
func (g *generator) right() []string { return g.addresses(1) }

func (g *generator) addresses(side int) (list []string) {
	for i := range g.calls {
		list = append(list, g.conns[side][i%socketSets].LocalAddr().String())
	}
	return list
}

func (g *generator) close() {
	for _, side := range g.conns {
		for _, conn := range side {
			conn.Close()
		}
	}
	g.readers.Wait()
}

// run sends for the warm-up and the measurement and adds up what the relay used in the measurement.
func (g *generator) run(ctx context.Context, ports [][2]int, pid int) (r result, err error) {
	for _, side := range g.conns {
		for _, conn := range side {
			g.readers.Go(func() { g.read(conn) })
		}
	}
	streams := g.streams(ports)
	g.send(ctx, streams, warmUp, nil)
	before, err := processorTime(pid)
	if err != nil {
		return r, err
	}
	already := g.arrived.Load()
	g.measuring.Store(true)
	began := time.Now()
	g.send(ctx, streams, time.Duration(*seconds)*time.Second, &r.sent)
	r.took = time.Since(began)
	after, err := processorTime(pid)
	r.used, r.relayed = after-before, int(g.arrived.Load()-already)
	time.Sleep(200 * time.Millisecond) // for what is on its way
	g.measuring.Store(false)
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(g.delays)
	if r.received = len(g.delays); r.received > 0 {
		r.p50, r.p99 = g.delays[r.received/2], g.delays[r.received*99/100]
	}
	return r, err
}

// stream is one direction of a call.
type stream struct {
	conn   *ipv4.PacketConn
	to     net.Addr
	header rtp.Header
	packet [rtp.HeaderSize + payload]byte
}

func (g *generator) streams(ports [][2]int) (list []*stream) {
	for i, pair := range ports {
		for side, port := range pair {
			list = append(list, &stream{
				conn: ipv4.NewPacketConn(g.conns[side][i%socketSets]), to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port},
				header: rtp.Header{Payload: 8, SSRC: uint32(2*i + side + 1)},
			})
		}
	}
	return list
}

// send gives every stream its packet in each frame's time, evenly spread, late ones at once.
func (g *generator) send(ctx context.Context, streams []*stream, length time.Duration, sent *int) {
	// Streams of one socket stand together, so that one call to the kernel takes many.
	parts := make([][]*stream, slices20)
	for i, s := range streams {
		parts[i*slices20/len(streams)] = append(parts[i*slices20/len(streams)], s)
	}
	for _, part := range parts {
		slices.SortStableFunc(part, func(a, b *stream) int {
			return strings.Compare(a.conn.LocalAddr().String(), b.conn.LocalAddr().String())
		})
	}
	began := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		due := time.Duration(n) * frameTime / slices20
		if due >= length {
			return
		}
		if wait := due - time.Since(began); wait > 0 {
			time.Sleep(wait)
		}
		count := g.burst(parts[n%slices20])
		if sent != nil {
			*sent += count
		}
	}
}

func (g *generator) burst(streams []*stream) (sent int) {
	messages := make([]ipv4.Message, 0, batch)
	for i, s := range streams {
		s.header.Sequence++
		s.header.Timestamp += payload
		s.packet[0] = 2 << 6
		s.header.Put(s.packet[:])
		binary.BigEndian.PutUint64(s.packet[rtp.HeaderSize:], uint64(time.Since(g.began)))
		s.packet[rtp.HeaderSize+8] = 0
		if g.measuring.Load() {
			s.packet[rtp.HeaderSize+8] = 1
		}
		messages = append(messages, ipv4.Message{Buffers: [][]byte{s.packet[:]}, Addr: s.to})
		if i+1 < len(streams) && streams[i+1].conn.LocalAddr() == s.conn.LocalAddr() && len(messages) < batch {
			continue
		}
		for rest := messages; len(rest) > 0; {
			n, err := s.conn.WriteBatch(rest, 0)
			if err != nil {
				break
			}
			sent, rest = sent+n, rest[n:]
		}
		messages = messages[:0]
	}
	return sent
}

func (g *generator) read(conn *net.UDPConn) {
	messages := make([]ipv4.Message, batch)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	from := ipv4.NewPacketConn(conn)
	for {
		n, err := from.ReadBatch(messages, 0)
		if err != nil {
			return
		}
		now := time.Since(g.began)
		g.arrived.Add(int64(n))
		g.mu.Lock()
		for _, m := range messages[:n] {
			if packet := m.Buffers[0][:m.N]; m.N > rtp.HeaderSize+8 && !rtp.IsControl(packet) && packet[rtp.HeaderSize+8] == 1 {
				g.delays = append(g.delays, now-time.Duration(binary.BigEndian.Uint64(packet[rtp.HeaderSize:])))
			}
		}
		g.mu.Unlock()
	}
}

// processorTime is what all threads of a process ran, by the scheduler's clock in nanoseconds.
func processorTime(pid int) (used time.Duration, err error) {
	if runtime.GOOS != "linux" {
		return 0, fmt.Errorf("processor times are read on Linux only, not on %s", runtime.GOOS)
	}
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		ns, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		used += time.Duration(ns)
	}
	return used, err
}
