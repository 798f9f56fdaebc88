package report

import (
	"strconv"
	"strings"
	"time"

	"hubline/product/call"
)

// column is a column of a report.
type column struct {
	title string
	cell  func(*Room, call.Record, *time.Location) string
}

var (
	dateColumn = column{"Date", func(_ *Room, c call.Record, zone *time.Location) string {
		return time.UnixMilli(c.StartedAt).In(zone).Format("2 Jan 2006")
	}}
	timeColumn = column{"Time", func(_ *Room, c call.Record, zone *time.Location) string {
		return time.UnixMilli(c.StartedAt).In(zone).Format("3:04:05 pm")
	}}
	durationColumn  = column{"Duration", func(_ *Room, c call.Record, _ *time.Location) string { return clock(ms(c.TalkMS)) }}
	ringColumn      = column{"Ring time", func(_ *Room, c call.Record, _ *time.Location) string { return clock(ms(c.RingMS)) }}
	directionColumn = column{"Direction", func(_ *Room, c call.Record, _ *time.Location) string { return c.Direction.Words() }}
	statusColumn    = column{"Status", func(_ *Room, c call.Record, _ *time.Location) string { return c.Status.Words() }}
	endColumn       = column{"Why it ended", func(_ *Room, c call.Record, _ *time.Location) string { return c.Why() }}
	serviceColumn   = column{"Service name", func(_ *Room, c call.Record, _ *time.Location) string { return c.ServiceName }}
	numberColumn    = column{"Service number", func(r *Room, c call.Record, _ *time.Location) string { return r.Plan.Shown(c.ServiceNumber) }}
	pointColumn     = column{"Answering point", func(_ *Room, c call.Record, _ *time.Location) string { return c.AnsweringPoint }}
	extensionColumn = column{"Extension name", func(_ *Room, c call.Record, _ *time.Location) string { return c.FromName }}
)

// peerColumn shows the number at the far end under the title that the report has for it.
func peerColumn(title string) column {
	return column{title, func(r *Room, c call.Record, _ *time.Location) string {
		if c.Hidden && c.Direction == call.Inbound {
			return "Hidden"
		}
		return r.Plan.Shown(c.Peer())
	}}
}

// The columns of product.md 12.2 whose facts exist.
var (
	inboundColumns = []column{dateColumn, timeColumn, durationColumn, numberColumn, serviceColumn, peerColumn("Caller number"), pointColumn, statusColumn,
		ringColumn, endColumn}
	outboundColumns = []column{dateColumn, timeColumn, durationColumn, extensionColumn, serviceColumn, peerColumn("Called number"), statusColumn,
		ringColumn, endColumn}
	allColumns = []column{dateColumn, timeColumn, directionColumn, durationColumn, numberColumn, serviceColumn, peerColumn("Customer number"),
		extensionColumn, pointColumn, statusColumn, ringColumn, endColumn}
)

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// titles name the columns, the zone beside the time.
func titles(columns []column, zone *time.Location) []string {
	var list []string
	for _, c := range columns {
		if c.title == timeColumn.title {
			c.title += " (" + place(zone) + ")"
		}
		list = append(list, c.title)
	}
	return list
}

func (r *Room) cells(columns []column, c call.Record, zone *time.Location) []string {
	cells := make([]string, len(columns))
	for i, column := range columns {
		cells[i] = column.cell(r, c, zone)
	}
	return cells
}

// sentence answers the report: "In the last 7 days 142 calls came in; 131 were answered, in 9 seconds on average."
func (r *Room) sentence(out Report, q Query) string {
	about := r.about(q)
	if !out.Counted {
		return "Calls" + about + ", newest first. There are too many to look through all of them while you wait, so they are not counted."
	}
	return rangeWords(out.Since, out.Until, r.Now()) + " " + out.Kind.sentence(out.whole, about) + answers(out.Figures, q.Status)
}

// about tells the filters: " answered by Mary Chen", " with 0491 570 156".
func (r *Room) about(q Query) string {
	var b strings.Builder
	if q.AnsweringPoint != "" && q.Status == call.Answered {
		q.Status = "" // whom it names says so
	}
	b.WriteString(map[call.Status]string{call.Answered: " that got an answer", call.Unanswered: " that rang out", call.Cancelled: " that the caller gave up",
		call.Busy: " that found everybody busy", call.Unavailable: " that reached nobody"}[q.Status])
	if q.AnsweringPoint != "" {
		b.WriteString(" answered by " + q.AnsweringPoint)
	}
	if q.Number != "" {
		number := q.Number
		if e164, ok := r.Plan.Parse(number); ok {
			number = r.Plan.Shown(e164)
		}
		b.WriteString(" with " + number)
	}
	if text := strings.TrimSpace(q.Search); text != "" {
		b.WriteString(" matching “" + text + "”")
	}
	return b.String()
}

// answers end the sentence. A filter by status has told already who answered.
func answers(f Figures, status call.Status) string {
	switch {
	case f.Calls == 0 || status != "" && status != call.Answered:
		return "."
	case f.Answered == 0:
		return "; none was answered."
	case status == call.Answered:
		return ", in " + spoken(f.Ring) + " on average."
	case f.Calls == 1:
		return "; it was answered, in " + spoken(f.Ring) + "."
	case f.Answered == f.Calls:
		return "; all were answered, in " + spoken(f.Ring) + " on average."
	case f.Answered == 1:
		return "; 1 was answered, in " + spoken(f.Ring) + "."
	}
	return "; " + thousands(f.Answered) + " were answered, in " + spoken(f.Ring) + " on average."
}

func cameIn(t total, about string) string  { return calls(t.calls) + about + " came in" }
func wentOut(t total, about string) string { return calls(t.calls) + about + " went out" }

// wereMade tells all directions: "there were 230 calls (142 in, 88 out)".
func wereMade(t total, about string) string {
	text := "there were " + calls(t.calls) + about
	if t.calls == 1 {
		text = "there was 1 call" + about
	}
	var parts []string
	for _, part := range []struct {
		n     int64
		words string
	}{{t.in, " in"}, {t.out, " out"}, {t.inside, " between phone users"}} {
		if part.n > 0 {
			parts = append(parts, thousands(part.n)+part.words)
		}
	}
	if len(parts) < 2 {
		return text
	}
	return text + " (" + strings.Join(parts, ", ") + ")"
}

func calls(n int64) string {
	if n == 0 {
		return "no calls"
	}
	return count(n, "call")
}

func count(n int64, word string) string {
	if n != 1 {
		word += "s"
	}
	return thousands(n) + " " + word
}

// thousands writes a number with commas: 1,000,000.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

var underscores = strings.NewReplacer("_", " ")
