package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is one that runs, with the users that may register there.
type server struct {
	cmd    *exec.Cmd
	said   *bytes.Buffer
	addr   *net.UDPAddr
	domain string
	users  []*user
	beside int // another process group that works for it, 0 for none
	down   func()

	// written returns the sum of the sequence numbers of all bindings in the server's database; nil when it has none that is looked at.
	written func(ctx context.Context) (int, error)
}

// device is a phone user with one device.
type device struct {
	name, password string
	dial           string // what others dial
	account        int
}

// user is a device whose phone the load plays.
type user struct {
	device
	state
}

// onFirst is a command that has the first processor, in a process group of its own.
func onFirst(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	if path, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		cmd = exec.CommandContext(ctx, path, append([]string{"-c", "0", name}, args...)...)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func (s *server) start() error {
	s.said = &bytes.Buffer{}
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	return s.cmd.Start()
}

// wait asks for a sign of life until there is one.
func (s *server) wait() error {
	c, err := net.DialUDP("udp", nil, s.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	answer := make([]byte, 2048)
	for range 150 {
		fmt.Fprintf(c, "OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKalive\r\nFrom: <sip:bench@%[3]s>;tag=1\r\nTo: <sip:%[3]s>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 9\r\nContent-Length: 0\r\n\r\n",
			s.addr, c.LocalAddr(), s.domain)
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Read(answer); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.stop()
	return fmt.Errorf("%s did not get ready: %s", filepath.Base(s.cmd.Path), s.said)
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { s.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
	if s.down != nil {
		s.down()
	}
}

// group lists the processes of a process group.
func group(leader int) (pids []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(leader) {
			pids = append(pids, strings.Split(name, "/")[2])
		}
	}
	return pids
}

// used is what all threads of the server's processes ran, by the scheduler's clock in nanoseconds.
func (s *server) used() time.Duration { return groupTime(s.processes()) }

func (s *server) processes() []string {
	pids := group(s.cmd.Process.Pid)
	if s.beside > 0 {
		pids = append(pids, group(s.beside)...)
	}
	return pids
}

func groupTime(pids []string) (used time.Duration) {
	for _, pid := range pids {
		threads, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
		for _, name := range threads {
			text, err := os.ReadFile(name)
			if err != nil {
				continue // the thread ended
			}
			first, _, _ := strings.Cut(string(text), " ")
			ns, _ := strconv.ParseInt(first, 10, 64)
			used += time.Duration(ns)
		}
	}
	return used
}

func ownTime() time.Duration { return groupTime([]string{strconv.Itoa(os.Getpid())}) }

// memory is the server's proportional set size in bytes: pages that processes share count once.
func (s *server) memory() (bytes float64) {
	for _, pid := range s.processes() {
		text, _ := os.ReadFile("/proc/" + pid + "/smaps_rollup")
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
				kib, _ := strconv.ParseFloat(fields[1], 64)
				bytes += kib * 1024
			}
		}
	}
	return bytes
}

// freeUDP finds a port that is free for UDP and TCP.
func freeUDP() (*net.UDPAddr, error) {
	for {
		tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		addr := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcp.Addr().(*net.TCPAddr).Port}
		udp, err := net.ListenUDP("udp4", addr)
		tcp.Close()
		if err == nil {
			return addr, udp.Close()
		}
	}
}
