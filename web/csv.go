package web

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"
)

// csvFile writes one file row by row, so that its size costs no memory.
type csvFile struct {
	r    *Request
	w    *csv.Writer
	ctrl *http.ResponseController
	rows int
}

const (
	csvFlush = 500              // rows
	csvWrite = 30 * time.Second // for csvFlush rows; a reader who takes longer is gone
)

// csv begins a file for download. The name gets the day and the ending.
func (r *Request) csv(name string, columns ...string) (*csvFile, error) {
	h := r.W.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+"-"+r.portal.Now().In(r.zone()).Format("2006-01-02")+`.csv"`)
	f := &csvFile{r: r, w: csv.NewWriter(r.W), ctrl: http.NewResponseController(r.W)}
	f.w.UseCRLF = true // RFC 4180 section 2
	return f, f.row(columns...)
}

// row adds a line. Cells that a spreadsheet would take for a formula get an apostrophe in front, which shows them as text.
func (f *csvFile) row(cells ...string) error {
	for i, cell := range cells {
		cells[i] = plainCell(cell)
	}
	if err := f.w.Write(cells); err != nil {
		return err
	}
	if f.rows++; f.rows%csvFlush == 0 {
		return f.flush()
	}
	return nil
}

func plainCell(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func (f *csvFile) flush() error {
	f.w.Flush()
	_ = f.ctrl.SetWriteDeadline(time.Now().Add(csvWrite)) // what can't be bounded is still written
	return f.w.Error()
}

// end finishes the file. Half a file must not look whole: once the first rows are on their way, an error breaks the connection.
func (f *csvFile) end(err error) error {
	if err == nil {
		err = f.flush()
	}
	if err != nil && f.r.out.status != 0 {
		f.r.portal.report(f.r, err)
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		for _, name := range []string{"Content-Type", "Content-Disposition"} {
			f.r.W.Header().Del(name)
		}
	}
	return err
}

// csvTime is a time as spreadsheets sort it, in the zone that the column's heading names.
func csvTime(ms int64, zone *time.Location) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).In(zone).Format("2006-01-02 15:04")
}

// zone is where the viewer's days begin.
func (r *Request) zone() *time.Location {
	if r.Viewer != nil && r.Viewer.Zone != nil {
		return r.Viewer.Zone
	}
	return r.portal.Zone
}
