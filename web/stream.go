package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// Stream is an open event stream (text/event-stream) to one page.
type Stream struct {
	w    http.ResponseWriter
	ctrl *http.ResponseController
}

// streamWrite bounds each write, so that a reader who went away without a word frees the connection.
const streamWrite = 10 * time.Second

// Stream turns the answer into an event stream. app.js listens for the events "changed" (data: a topic) and "ended".
func (r *Request) Stream() (*Stream, error) {
	h := r.W.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	h.Set(gzhttp.HeaderNoCompression, "1")
	s := &Stream{r.W, http.NewResponseController(r.W)}
	return s, s.write(": open\n\n")
}

// Send sends one event; data is a single line.
func (s *Stream) Send(event, data string) error {
	return s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", event, data))
}

// Beat keeps proxies from closing a quiet stream.
func (s *Stream) Beat() error { return s.write(":\n\n") }

func (s *Stream) write(text string) error {
	if err := s.ctrl.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.ctrl.Flush()
}
