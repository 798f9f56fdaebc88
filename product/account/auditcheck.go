package account

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"hubline/base/merkle"
)

// AuditCheck is what a check of an export may know from elsewhere. Without either it only finds out whether the file agrees with the key
// in its first line.
type AuditCheck struct {
	Key   string   // verifier key of the log
	Notes []string // checkpoints that were kept apart, of any log; those of other logs are passed over
	Open  bool     // the end need not be covered by a checkpoint yet: a look at the store between two of them
}

// AuditReport is what a check has seen, as far as it came.
type AuditReport struct {
	Account     string
	Key         string // with which every checkpoint agrees
	Entries     int64
	Dropped     int64 // entries whose text was dropped by the account's rule; their hashes were checked
	Checkpoints int64
	Kept        int64 // checkpoints from elsewhere that the log agrees with
	Covered     int64 // entries up to the last checkpoint
	Until       time.Time
	Root        merkle.Hash
}

// AuditBreak tells where a log first is not what it says.
type AuditBreak struct {
	Entry int64 // number of the first entry that may be wrong, counted from 1; 0: it is not about an entry
	Text  string
}

func (b *AuditBreak) Error() string { return b.Text }

func broken(entry int64, format string, args ...any) *AuditBreak {
	return &AuditBreak{entry, fmt.Sprintf(format, args...)}
}

const (
	usualLine   = 1 << 14 // bytes that nearly every line of an export fits in
	longestLine = 1 << 20
)

// readLine returns the next line with its end; it holds until the next call.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	whole := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) && len(whole) < longestLine {
		line, err = in.ReadSlice('\n')
		whole = append(whole, line...)
	}
	return whole, err
}

// auditCheck is one check under way.
type auditCheck struct {
	AuditCheck
	report    AuditReport
	tree      merkle.Tree
	head      exportHead
	key       merkle.Key
	member    []byte // how every entry of this account begins
	kept      []merkle.Checkpoint
	announced int64       // entries whose text may be gone
	suspect   *AuditBreak // an entry that does not have its hash
}

// CheckAudit reads an export and verifies every entry, the root at every checkpoint, every signature, and the checkpoints from elsewhere.
// That the tree of each checkpoint has the same first leaves as the one before is checked by building it on. The error is an *AuditBreak
// when the log is not what it says.
func CheckAudit(export io.Reader, with AuditCheck) (AuditReport, error) {
	c := &auditCheck{AuditCheck: with}
	in := bufio.NewReaderSize(export, usualLine)
	for number := 1; ; number++ {
		line, err := readLine(in)
		if err == io.EOF && len(line) == 0 {
			if number == 1 {
				return c.report, broken(0, "the file is empty")
			}
			break
		}
		if err == io.EOF {
			return c.report, broken(c.tree.Size()+1, "the file ends in the middle of a line, after entry %d", c.tree.Size())
		}
		if err != nil {
			return c.report, fmt.Errorf("line %d: %w", number, err)
		}
		if number == 1 {
			err = c.begin(line)
		} else {
			err = c.line(line[:len(line)-1])
		}
		if err != nil {
			return c.report, err
		}
	}
	return c.report, c.end()
}

// begin reads the first line and settles with which key the checkpoints have to agree.
func (c *auditCheck) begin(line []byte) (err error) {
	if json.Unmarshal(line, &c.head) != nil || c.head.Format != auditFormat {
		return broken(0, "this is no export of an audit log: its first line has to say %s", auditFormat)
	}
	if again, err := json.Marshal(c.head); err != nil || string(again)+"\n" != string(line) {
		return broken(0, "the first line is damaged")
	}
	own, err := merkle.ParseKey(c.head.Key)
	if err != nil || own.Origin != c.head.Origin || own.String() != c.head.Key {
		return broken(0, "the first line holds no key of the log %s", c.head.Origin)
	}
	if c.key = own; c.Key != "" {
		if c.key, err = merkle.ParseKey(c.Key); err != nil {
			return err
		}
		if c.key.String() != own.String() {
			return broken(0, "the export says that its key is %s, which is not the key given", own)
		}
	}
	c.report.Account, c.report.Key = c.head.Account, own.String()
	c.member = append(appendCanonical([]byte(`{"account":`), c.head.Account), ',')
	for _, note := range c.Notes {
		if merkle.OriginOf(note) != c.key.Origin {
			continue
		}
		kept, err := c.key.Open(note)
		if err != nil {
			return broken(0, "a checkpoint kept elsewhere is not signed with the key of this export: one of the two was made by somebody else")
		}
		c.kept = append(c.kept, kept)
	}
	if len(c.Notes) > 0 && len(c.kept) == 0 {
		return broken(0, "none of the checkpoints given is of the log %s", c.key.Origin)
	}
	slices.SortFunc(c.kept, func(a, b merkle.Checkpoint) int { return int(a.Size - b.Size) })
	return c.compare()
}

var checkpointStart, entryStart, entryMember, trimmedMember = []byte(`{"checkpoint":`), []byte(`{"n":`), []byte(`,"entry":`),
	[]byte(`,"action":"` + string(AuditTrimmed) + `",`)

func (c *auditCheck) line(line []byte) error {
	switch {
	case bytes.HasPrefix(line, entryStart):
		return c.entry(line)
	case bytes.HasPrefix(line, checkpointStart):
		return c.checkpoint(line)
	}
	return c.damaged()
}

func (c *auditCheck) damaged() error {
	n := c.tree.Size() + 1
	return broken(n, "the line of entry %d, or of the checkpoint before it, is damaged", n)
}

// entry takes a line {"n":…,"leaf":"…","entry":{…}}. Its parts are found by their places, as the form allows no other.
func (c *auditCheck) entry(line []byte) error {
	n := c.tree.Size() + 1
	number, rest, found := bytes.Cut(line[len(entryStart):], []byte(`,"leaf":"`))
	said, err := strconv.ParseInt(string(number), 10, 64)
	if !found || err != nil || strconv.FormatInt(said, 10) != string(number) || len(rest) < 46 || rest[44] != '"' || rest[len(rest)-1] != '}' {
		return c.damaged()
	}
	if said != n {
		return broken(n, "entry %d is missing: entry %d stands in its place", n, said)
	}
	leaf, err := merkle.ParseHash(string(rest[:44]))
	if err != nil {
		return c.damaged()
	}
	c.tree.Append(leaf)
	c.report.Entries = n
	text, has := bytes.CutPrefix(rest[45:len(rest)-1], entryMember)
	switch {
	case !has && len(rest) == 46:
		c.report.Dropped++
		if c.report.Dropped != n {
			return broken(n, "the text of entry %d is missing, and only the oldest entries may lose theirs", n)
		}
	case !has:
		return c.damaged()
	case merkle.Leaf(text) != leaf:
		if c.suspect == nil {
			c.suspect = broken(n, "entry %d was changed: %s", n, told(text))
		}
	case !bytes.HasPrefix(text, c.member):
		return broken(n, "entry %d is of another account: %s", n, told(text))
	case bytes.Contains(text, trimmedMember):
		return c.announce(n, text)
	}
	return c.compare()
}

// announce notes up to which entry the log itself says that texts were dropped.
func (c *auditCheck) announce(n int64, text []byte) error {
	var said struct {
		Subject string `json:"subject_id"`
	}
	err := json.Unmarshal(text, &said)
	upTo, numErr := strconv.ParseInt(said.Subject, 10, 64)
	if err != nil || numErr != nil || upTo >= n {
		return broken(n, "entry %d says that texts were dropped, but not which", n)
	}
	c.announced = max(c.announced, upTo)
	return c.compare()
}

// told is what a damaged entry says, for people.
func told(text []byte) string {
	var e struct {
		At        int64  `json:"at"`
		ActorName string `json:"actor_name"`
		Action    Action `json:"action"`
		Subject   string `json:"subject_name"`
		Before    string `json:"before"`
		After     string `json:"after"`
	}
	if json.Unmarshal(text, &e) != nil {
		return "what is left of it can't be read"
	}
	entry := AuditEntry{ActorName: e.ActorName, Action: e.Action, SubjectName: e.Subject, Before: e.Before, After: e.After}
	return fmt.Sprintf("now it says %q at %s", entry.Sentence(), time.UnixMilli(e.At).UTC().Format("2006-01-02 15:04:05 UTC"))
}

func (c *auditCheck) checkpoint(line []byte) error {
	var said exportCheckpoint
	n := c.tree.Size()
	if json.Unmarshal(line, &said) != nil || string(CheckpointLine(said.Checkpoint)) != string(line)+"\n" {
		return c.damaged()
	}
	point, err := c.key.Open(said.Checkpoint)
	if err != nil {
		return c.first(broken(n, "the checkpoint after entry %d is not signed with the key %s", n, c.key))
	}
	if point.Size != n {
		return c.first(broken(n+1, "the checkpoint of %d entries stands after entry %d", point.Size, n))
	}
	if err := c.agree(point, "the checkpoint of "+moment8601(point.At)); err != nil {
		return err
	}
	c.report.Checkpoints++
	c.report.Covered, c.report.Root = n, point.Root
	if point.At.After(c.report.Until) {
		c.report.Until = point.At
	}
	return nil
}

func moment8601(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// agree compares the tree so far with a checkpoint of its size. When the leaves are right, an entry that does not have its hash is the one
// that was changed; otherwise the change is somewhere since the last checkpoint that agreed.
func (c *auditCheck) agree(point merkle.Checkpoint, name string) error {
	if point.Root == c.tree.Root() {
		if c.suspect != nil {
			return c.suspect
		}
		return nil
	}
	from := c.report.Covered + 1
	return c.first(broken(from, "entries %d to %d are not those that were signed: %s has another root", from, point.Size, name))
}

// first prefers an entry that is known to be wrong to what follows from it.
func (c *auditCheck) first(b *AuditBreak) error {
	if c.suspect != nil && c.suspect.Entry >= c.report.Covered+1 {
		return c.suspect
	}
	return b
}

// compare holds the tree of this size against the checkpoints that were kept elsewhere.
func (c *auditCheck) compare() error {
	for len(c.kept) > 0 && c.kept[0].Size == c.tree.Size() {
		if err := c.agree(c.kept[0], "the checkpoint kept elsewhere, of "+moment8601(c.kept[0].At)+","); err != nil {
			return err
		}
		c.kept = c.kept[1:]
		c.report.Kept++
	}
	return nil
}

func (c *auditCheck) end() error {
	n := c.tree.Size()
	switch {
	case c.suspect != nil:
		return c.suspect
	case n != c.head.Entries:
		return broken(n+1, "the log was cut: its first line says %d entries, and %d are there", c.head.Entries, n)
	case c.report.Covered != n && !c.Open:
		return broken(c.report.Covered+1, "entries %d to %d are covered by no checkpoint", c.report.Covered+1, n)
	case len(c.kept) > 0:
		return broken(n+1, "the log was cut: a checkpoint kept elsewhere, of %s, has %d entries, and %d are there", moment8601(c.kept[0].At), c.kept[0].Size, n)
	case c.report.Dropped > c.announced:
		return broken(c.announced+1, "the text of entries %d to %d is missing, and nothing in the log says that it was dropped", c.announced+1, c.report.Dropped)
	}
	return nil
}

// ReadCheckpoints reads notes from a file that keeps them apart, and the ID of the last one: lines as Checkpoint.Line makes them, or a
// single note as it is. A line whose writer was cut off is passed over; it comes again whole.
func ReadCheckpoints(file io.Reader) (notes []string, lastID string, err error) {
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, "", err
	}
	if len(text) > 0 && !bytes.HasPrefix(text, checkpointStart) {
		if !strings.Contains(string(text), "\n\n") {
			return nil, "", errors.New("the file holds no checkpoints")
		}
		return []string{string(text)}, "", nil
	}
	for line := range bytes.Lines(text) {
		var said exportCheckpoint
		if json.Unmarshal(line, &said) == nil && said.Checkpoint != "" {
			notes, lastID = append(notes, said.Checkpoint), said.ID
		}
	}
	return notes, lastID, nil
}
