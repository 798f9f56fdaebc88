package api

import (
	"context"
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// stream is an answer that is written while it is read from the store.
type stream struct {
	Body func(huma.Context)
}

// csvFlush is how many lines are collected before they are sent.
const csvFlush = 500

// csv answers with a file of lines (RFC 4180). An error before the first line is a problem like any other; after it, the connection
// is cut, so that nobody takes half a file for a whole one.
func (d *door) csv(file string, header []string, each func(ctx context.Context, write func(...string) error) error) *stream {
	return &stream{func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		out, lines := csv.NewWriter(w), 0
		begin := func() {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
			w.Header().Set("Content-Disposition", `attachment; filename="`+file+`"`)
			_ = out.Write(header) // the writer keeps its first error
		}
		err := each(r.Context(), func(cells ...string) error {
			if lines == 0 {
				begin()
			}
			for i, cell := range cells {
				cells[i] = harmless(cell)
			}
			_ = out.Write(cells)
			if lines++; lines%csvFlush == 0 {
				out.Flush()
			}
			return out.Error()
		})
		if err != nil && lines == 0 {
			d.fail(w, r, err)
			return
		}
		if lines == 0 {
			begin()
		}
		if out.Flush(); err == nil {
			err = out.Error()
		}
		if err != nil {
			if r.Context().Err() == nil {
				_ = d.problemOf(r.Context(), err) // for its log line
			}
			panic(http.ErrAbortHandler)
		}
	}}
}

// harmless keeps spreadsheets from running what people typed as a formula. A phone number in E.164 is a number to them and nothing worse.
func harmless(cell string) string {
	if cell != "" && !forms["number"].MatchString(cell) && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func csvTime(ms int64) string {
	if ms == 0 {
		return ""
	}
	return at(ms).Format(time.RFC3339)
}
