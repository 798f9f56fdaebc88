package account_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/base/merkle"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

var (
	mutations  = flag.Int("mutations", 2000, "how many changed exports the test of goal Q4 makes")
	keepExport = flag.String("audit.export", "", "a file that gets the true export of the test of goal Q4, for a second opinion (tools/treecheck)")
)

// forger changes exports the way somebody would who knows the form and can count, so that only hashes and signatures stand in the way.
type forger struct {
	*rand.Rand
	lines []string // of the true export
	own   ed25519.PrivateKey
	true  ed25519.PrivateKey // an insider who holds the installation's key
}

// The kinds of mutations.
var forgeries = []struct {
	name string
	make func(f *forger, lines []string) string
}{
	{"edit a byte", func(f *forger, lines []string) string {
		text := []byte(strings.Join(lines, ""))
		text[f.IntN(len(text))] = byte(f.IntN(256))
		return string(text)
	}},
	{"insert a byte", func(f *forger, lines []string) string {
		text := strings.Join(lines, "")
		i := f.IntN(len(text) + 1)
		return text[:i] + string(rune(32+f.IntN(95))) + text[i:]
	}},
	{"delete a byte", func(f *forger, lines []string) string {
		text := strings.Join(lines, "")
		i := f.IntN(len(text))
		return text[:i] + text[i+1:]
	}},
	{"edit an entry and its hash", func(f *forger, lines []string) string {
		i := f.entry(lines)
		lines[i] = rehashed(strings.Replace(lines[i], `"before":"a"`, `"before":"z"`, 1))
		return strings.Join(lines, "")
	}},
	{"delete an entry", func(f *forger, lines []string) string {
		i := f.entry(lines)
		return f.renumbered(slices.Delete(lines, i, i+1))
	}},
	{"delete an entry, nothing else", func(f *forger, lines []string) string {
		i := f.entry(lines)
		return strings.Join(slices.Delete(lines, i, i+1), "")
	}},
	{"drop a text", func(f *forger, lines []string) string {
		i := f.entry(lines)
		lines[i] = lines[i][:strings.Index(lines[i], `,"entry"`)] + "}\n"
		return strings.Join(lines, "")
	}},
	{"double an entry", func(f *forger, lines []string) string {
		i := f.entry(lines)
		return f.renumbered(slices.Insert(lines, i, lines[i]))
	}},
	{"reorder", func(f *forger, lines []string) string {
		i, j := f.entry(lines), f.entry(lines)
		lines[i], lines[j] = lines[j], lines[i]
		if f.IntN(2) == 0 {
			return strings.Join(lines, "")
		}
		return f.renumbered(lines)
	}},
	{"cut", func(f *forger, lines []string) string {
		text := strings.Join(lines, "")
		return text[:f.IntN(len(text))]
	}},
	{"cut after a line", func(f *forger, lines []string) string {
		return f.renumbered(lines[:1+f.IntN(len(lines)-1)])
	}},
	{"leave out a checkpoint and what it covers", func(f *forger, lines []string) string {
		ends := f.checkpoints(lines)
		return f.renumbered(lines[:ends[f.IntN(len(ends)-1)]+1])
	}},
	{"fork with another key", func(f *forger, lines []string) string { return f.fork(lines, f.own) }},
	{"fork with the true key", func(f *forger, lines []string) string { return f.fork(lines, f.true) }},
}

// firstDifference shows where a forged export begins to differ.
func firstDifference(forged, whole string) string {
	at := 0
	for at < min(len(forged), len(whole)) && forged[at] == whole[at] {
		at++
	}
	show := func(text string) string { return text[min(max(at-60, 0), len(text)):min(at+60, len(text))] }
	return fmt.Sprintf("%q instead of\n%q", show(forged), show(whole))
}

func isEntry(line string) bool { return strings.HasPrefix(line, `{"n":`) }

func (f *forger) entry(lines []string) int {
	for {
		if i := 1 + f.IntN(len(lines)-1); isEntry(lines[i]) && strings.Contains(lines[i], `"before":"a"`) {
			return i
		}
	}
}

func (f *forger) checkpoints(lines []string) (at []int) {
	for i, line := range lines {
		if i > 0 && !isEntry(line) {
			at = append(at, i)
		}
	}
	return at
}

func parts(line string) (leaf merkle.Hash, entry string) {
	_, rest, _ := strings.Cut(line, `"leaf":"`)
	leaf, _ = merkle.ParseHash(rest[:44])
	_, entry, _ = strings.Cut(strings.TrimSuffix(line, "}\n"), `,"entry":`)
	return leaf, entry
}

// rehashed gives an entry the hash it should have.
func rehashed(line string) string {
	old, entry := parts(line)
	return strings.Replace(line, old.String(), merkle.Leaf([]byte(entry)).String(), 1)
}

// renumbered counts the entries anew, in the first line too.
func (f *forger) renumbered(lines []string) string {
	n := 0
	for i, line := range lines {
		if isEntry(line) {
			n++
			lines[i] = fmt.Sprintf(`{"n":%d%s`, n, line[strings.Index(line, `,"leaf"`):])
		}
	}
	head, _, _ := strings.Cut(lines[0], `"entries":`)
	return fmt.Sprintf(`%s"entries":%d}`, head, n) + "\n" + strings.Join(lines[1:], "")
}

// fork writes another history from some entry on and signs it.
func (f *forger) fork(lines []string, private ed25519.PrivateKey) string {
	var head struct{ Origin, Key string }
	if json.Unmarshal([]byte(lines[0]), &head) != nil {
		panic("no head")
	}
	key := merkle.Key{Origin: head.Origin, Public: private.Public().(ed25519.PublicKey)}
	lines[0] = strings.Replace(lines[0], head.Key, key.String(), 1)
	i := f.entry(lines)
	lines[i] = rehashed(strings.Replace(lines[i], `"before":"a"`, `"before":"z"`, 1))
	var tree merkle.Tree
	for i, line := range lines[1:] {
		if isEntry(line) {
			leaf, _ := parts(line)
			tree.Append(leaf)
			continue
		}
		point := merkle.Checkpoint{Origin: head.Origin, Size: tree.Size(), Root: tree.Root(), At: time.UnixMilli(1795000000000)}
		lines[i+1] = string(account.CheckpointLine(point.Sign(private)))
	}
	return strings.Join(lines, "")
}

// longLog returns the export of a log with several checkpoints.
func longLog(t *testing.T) (*accounttest.Rig, *accounttest.User, []byte) {
	t.Helper()
	r := accounttest.New(t, dbtest.SQLite(t))
	admin := r.Open("harbour")
	var file []byte
	for i := range 8 {
		for j := range 5 {
			must(t, note(t, r.Room, admin.Actor(), fmt.Sprintf("line %d", 5*i+j)))
		}
		r.Clock.Advance(time.Minute)
		file = export(t, r.Room, admin.Actor())
	}
	return r, admin, file
}

// Goal Q4: whatever is edited, deleted, reordered, cut or forked in an export is found.
func TestQ4EveryMutationIsFound(t *testing.T) {
	t.Parallel()
	r, _, file := longLog(t)
	if *keepExport != "" {
		must(t, os.WriteFile(*keepExport, file, 0o600))
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(file), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	_, own, err := ed25519.GenerateKey(nil)
	must(t, err)
	f := &forger{rand.New(rand.NewPCG(7, uint64(*mutations))), lines, own, r.Keys.Signer(account.AuditPurpose)}
	whole, err := account.CheckAudit(bytes.NewReader(file), account.AuditCheck{})
	must(t, err)
	notes, _, err := account.ReadCheckpoints(strings.NewReader(last(lines)))
	must(t, err)
	with := account.AuditCheck{Key: whole.Key, Notes: notes}
	if report, err := account.CheckAudit(bytes.NewReader(file), with); err != nil || report.Kept != 1 || report.Checkpoints != 8 {
		t.Fatalf("the true export: %+v, %v", report, err)
	}
	made, alone := map[string]int{}, map[string]int{}
	began := time.Now()
	for n := 0; n < *mutations; {
		kind := forgeries[n%len(forgeries)]
		forged := kind.make(f, slices.Clone(lines))
		if forged == string(file) {
			continue
		}
		n++
		made[kind.name]++
		if _, err := account.CheckAudit(strings.NewReader(forged), account.AuditCheck{}); err != nil {
			alone[kind.name]++
		}
		_, err := account.CheckAudit(strings.NewReader(forged), with)
		if wrong, ok := errors.AsType[*account.AuditBreak](err); !ok || wrong.Text == "" {
			t.Fatalf("%s: not found: %v\n%s", kind.name, err, firstDifference(forged, string(file)))
		}
	}
	t.Logf("%d mutations in %v, all found", *mutations, time.Since(began).Round(time.Millisecond))
	for _, kind := range forgeries {
		t.Logf("%-45s %6d, found without any knowledge from outside: %6d", kind.name, made[kind.name], alone[kind.name])
	}
}

// The first broken entry is named.
func TestTheFirstBrokenEntryIsNamed(t *testing.T) {
	t.Parallel()
	_, _, file := longLog(t)
	lines := strings.SplitAfter(string(file), "\n")
	find := func(n int) int {
		return slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, fmt.Sprintf(`{"n":%d,`, n)) })
	}
	for name, c := range map[string]struct {
		change func(lines []string)
		entry  int64
		words  string
	}{
		"two edited": {func(l []string) {
			l[find(30)] = strings.Replace(l[find(30)], "line", "lime", 1)
			l[find(12)] = strings.Replace(l[find(12)], "line", "lime", 1)
		}, 12, `entry 12 was changed: now it says "Admin renamed lime 8 from a to b" at 2026-11-21 22:01:00 UTC`},
		"space before key":  {func(l []string) { l[0] = strings.Replace(l[0], `"key":"`, `"key":" `, 1) }, 0, "holds no key of the log"},
		"zero before id":    {func(l []string) { l[0] = strings.Replace(l[0], "+", "+0", 1) }, 0, "holds no key of the log"},
		"deleted":           {func(l []string) { l[find(12)] = "" }, 12, "entry 12 is missing: entry 13 stands in its place"},
		"edited and hashed": {func(l []string) { l[find(12)] = rehashed(strings.Replace(l[find(12)], "line", "lime", 1)) }, 9, "entries 9 to 13 are not those that were signed"},
		"cut":               {func(l []string) { clear(l[find(12):]) }, 12, "the log was cut: its first line says 43 entries, and 11 are there"},
		"text dropped":      {func(l []string) { l[find(12)] = l[find(12)][:strings.Index(l[find(12)], `,"entry"`)] + "}\n" }, 12, "only the oldest entries"},
	} {
		mine := slices.Clone(lines)
		c.change(mine)
		_, err := account.CheckAudit(strings.NewReader(strings.Join(mine, "")), account.AuditCheck{})
		wrong, ok := errors.AsType[*account.AuditBreak](err)
		if !ok || wrong.Entry != c.entry || !strings.Contains(wrong.Text, c.words) {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// BenchmarkCheckAudit verifies a million entries with hourly checkpoints and tells the rate.
func BenchmarkCheckAudit(b *testing.B) {
	const entries = 1_000_000
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	origin := "hub.example/audit/a"
	key := merkle.Key{Origin: origin, Public: private.Public().(ed25519.PublicKey)}
	var file bytes.Buffer
	fmt.Fprintf(&file, `{"format":"hubline-audit-log/1","origin":%q,"account":"a","key":%q,"entries":%d}`+"\n", origin, key, entries)
	var tree merkle.Tree
	for n := 1; n <= entries; n++ {
		entry := account.Leaf(account.AuditEntry{ID: fmt.Sprintf("019ab9f0d2c0%016d", n), At: 1795000000000 + int64(n), ActorKind: account.Member, ActorID: "p5zr2yb7m4xw6ct2ahsn5dek3v",
			ActorName: "Mary Chen", Address: "203.0.113.7", Action: account.HubUserAccessChanged, SubjectID: "k3vq5zr2yb7m4xw6ct2ahsn5de", SubjectName: "Jo Baptiste",
			Before: "Standard", After: "Admin"}, "a")
		leaf := merkle.Leaf(entry)
		tree.Append(leaf)
		fmt.Fprintf(&file, `{"n":%d,"leaf":"%s","entry":%s}`+"\n", n, leaf, entry)
		if n%100 == 0 {
			file.Write(account.CheckpointLine(merkle.Checkpoint{Origin: origin, Size: int64(n), Root: tree.Root(), At: time.UnixMilli(1795000000000)}.Sign(private)))
		}
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		if report, err := account.CheckAudit(bytes.NewReader(file.Bytes()), account.AuditCheck{Key: key.String()}); err != nil || report.Entries != entries {
			b.Fatal(report, err)
		}
	}
	b.ReportMetric(float64(entries)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
