package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress shows how far long work is: one line that changes on a terminal, a line for each finished part elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	shown    time.Time
	part     string
	done     int64
}

const (
	redraw    = 100 * time.Millisecond
	clearLine = "\r\x1b[K"
)

func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// rows notes that so many rows of a table are done.
func (p *progress) rows(table string, n int64) {
	if !p.terminal {
		if p.part != table {
			p.line()
		}
	} else if time.Since(p.shown) > redraw {
		p.shown = time.Now()
		fmt.Fprintf(p.w, "%s%s: %d rows", clearLine, table, n)
	}
	p.part, p.done = table, n
}

// end finishes the line.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.w, clearLine)
		return
	}
	p.line()
}

// line reports a finished part that had anything in it.
func (p *progress) line() {
	if p.done > 0 {
		fmt.Fprintf(p.w, "%s: %d rows\n", p.part, p.done)
	}
}
