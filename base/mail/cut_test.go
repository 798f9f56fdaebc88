package mail_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// The places where a connection can break, in order. "sent" loses what the client says, "answered" loses the answer to
// it, "done" breaks right after the answer.
var cuts = []string{
	"connected", "greeting answered", "greeting done",
	"EHLO sent", "EHLO answered", "EHLO done",
	"MAIL sent", "MAIL answered", "MAIL done",
	"RCPT sent", "RCPT answered", "RCPT done",
	"DATA sent", "DATA answered", "DATA done",
	"in the mail", "end sent", "end answered", "end done",
	"QUIT sent", "QUIT answered", "QUIT done",
}

// TestF4 cuts the first try of each mail at every step and tries again until the mail is taken, as a queue does.
func TestF4ACutConnectionLosesNoMailAndDoublesItOnlyBetweenEndAndAnswer(t *testing.T) {
	t.Parallel()
	const runs = 20
	box := startMailbox(t, nil)
	proxy := startProxy(t, box.Addr())
	tries := make(map[string]int)
	for _, cut := range cuts {
		for n := range runs {
			m := hello
			m.Subject = fmt.Sprint(cut, " ", n)
			c := client(proxy.listen(cut))
			for {
				tries[m.Subject]++
				if err := c.Send(t.Context(), m); err == nil {
					break
				} else if tries[m.Subject] > 2 {
					t.Fatalf("%s: %v", m.Subject, err)
				}
			}
		}
	}
	came := make(map[string]int)
	for _, m := range box.Mails() {
		came[m.Subject]++
		if m.Text != hello.Text {
			t.Fatalf("%s came damaged", m.Subject)
		}
	}
	doubles := 0
	for _, cut := range cuts {
		wantCame, wantTries := 1, 2
		switch {
		case cut == "end answered":
			wantCame = 2
			doubles += runs
		case cut == "end done" || strings.HasPrefix(cut, "QUIT"):
			wantTries = 1 // the server has the mail and said so
		}
		for n := range runs {
			subject := fmt.Sprint(cut, " ", n)
			if came[subject] != wantCame || tries[subject] != wantTries {
				t.Errorf("%s: came %d times after %d tries, want %d and %d", subject, came[subject], tries[subject], wantCame, wantTries)
			}
		}
	}
	t.Logf("%d runs cut at %d steps: 0 lost, %d doubled, all between end of data and answer", runs*len(cuts), len(cuts), doubles)
}

// A proxy stands before an SMTP server and breaks connections.
type proxy struct {
	t      *testing.T
	server string
	wait   sync.WaitGroup
}

func startProxy(t *testing.T, server string) *proxy {
	p := &proxy{t: t, server: server}
	t.Cleanup(p.wait.Wait)
	return p
}

// listen opens a door whose first connection is cut.
func (p *proxy) listen(cut string) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { l.Close() })
	p.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.pass(conn, cut)
			cut = ""
		}
	})
	return l.Addr().String()
}

// pass carries one connection, which has no pipelining, up to the cut.
func (p *proxy) pass(client net.Conn, cut string) {
	defer client.Close()
	if cut == "connected" {
		return
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer server.Close()
	said, answers := bufio.NewReader(client), bufio.NewReader(server)
	for step := "greeting"; ; {
		answer, ok := reply(answers)
		if !ok || cut == step+" answered" {
			return
		}
		if _, err := io.WriteString(client, answer); err != nil || cut == step+" done" {
			return
		}
		if step == "DATA" {
			if !body(said, server, cut) {
				return
			}
			step = "end"
			continue
		}
		line, err := said.ReadString('\n')
		if err != nil {
			return
		}
		step, _, _ = strings.Cut(strings.TrimSpace(line), " ")
		if cut == step+" sent" {
			return
		}
		if _, err := io.WriteString(server, line); err != nil {
			return
		}
	}
}

// reply reads one answer, which may have several lines (RFC 5321 section 4.2.1).
func reply(r *bufio.Reader) (text string, ok bool) {
	for {
		line, err := r.ReadString('\n')
		if err != nil || len(line) < 4 {
			return text, false
		}
		text += line
		if line[3] != '-' {
			return text, true
		}
	}
}

func body(from *bufio.Reader, to io.Writer, cut string) bool {
	for n := 0; ; n++ {
		line, err := from.ReadString('\n')
		if err != nil || cut == "in the mail" && n == 12 {
			return false
		}
		end := line == ".\r\n"
		if end && cut == "end sent" {
			return false
		}
		if _, err := io.WriteString(to, line); err != nil {
			return false
		}
		if end {
			return true
		}
	}
}
