package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// engine is rtpengine without its kernel module, driven through its ng protocol: a cookie, a space and a bencoded dictionary over UDP.
type engine struct {
	cmd  *exec.Cmd
	conn net.Conn
	told int
}

func startEngine(ctx context.Context) (peer, error) {
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	control := free.LocalAddr().String()
	free.Close()
	e := &engine{cmd: onFirst(ctx, "rtpengine", "--config-file=none", "--foreground", "--table=-1", "--interface=127.0.0.1", "--listen-ng="+control,
		"--port-min="+strconv.Itoa(*portMin), "--port-max="+strconv.Itoa(*portMin+9999), "--log-level=1", "--log-stderr")}
	var said bytes.Buffer
	e.cmd.Stderr = &said
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	if e.conn, err = net.Dial("udp", control); err != nil {
		return nil, err
	}
	for range 50 {
		if answer, err := e.ask("d7:command4:pinge"); err == nil && strings.Contains(answer, "pong") {
			return e, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	e.close()
	return nil, fmt.Errorf("rtpengine did not get ready: %s", said.String())
}

func (e *engine) name() string { return "rtpengine" }
func (e *engine) pid() int     { return e.cmd.Process.Pid }

func (e *engine) open(_ context.Context, left, right []string) (ports [][2]int, err error) {
	for i := range left {
		// The port that an offer is answered with is the one that the called side sends to.
		atRight, err := e.tell("offer", i, left[i], "")
		if err != nil {
			return nil, err
		}
		atLeft, err := e.tell("answer", i, right[i], "right")
		if err != nil {
			return nil, err
		}
		ports = append(ports, [2]int{atLeft, atRight})
	}
	return ports, nil
}

var mediaPort = regexp.MustCompile(`m=audio (\d+) `)

func (e *engine) tell(command string, call int, addr, toTag string) (port int, err error) {
	host, p, _ := net.SplitHostPort(addr)
	sdp := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %s RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n", host, host, p)
	fields := []string{"ICE", "remove", "call-id", "bench-" + strconv.Itoa(call), "command", command, "from-tag", "left", "sdp", sdp}
	if toTag != "" {
		fields = append(fields, "to-tag", toTag)
	}
	text := "d"
	for _, f := range fields {
		text += strconv.Itoa(len(f)) + ":" + f
	}
	answer, err := e.ask(text + "e")
	if err != nil {
		return 0, err
	}
	m := mediaPort.FindStringSubmatch(answer)
	if m == nil {
		return 0, fmt.Errorf("rtpengine: %s", answer)
	}
	return strconv.Atoi(m[1])
}

func (e *engine) ask(text string) (string, error) {
	e.told++
	cookie := "bench" + strconv.Itoa(e.told)
	if _, err := e.conn.Write([]byte(cookie + " " + text)); err != nil {
		return "", err
	}
	answer := make([]byte, 8192)
	e.conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	for {
		n, err := e.conn.Read(answer)
		if err != nil {
			return "", err
		}
		if own, rest, ok := strings.Cut(string(answer[:n]), " "); ok && own == cookie {
			return rest, nil
		}
	}
}

func (e *engine) close() {
	if e.conn != nil {
		e.conn.Close()
	}
	e.cmd.Process.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := e.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "media: rtpengine:", err)
	}
}
