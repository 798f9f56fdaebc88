package account_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/merkle"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// export signs the whole log of the actor's account and returns it as a file.
func export(t *testing.T, r *account.Room, actor account.Actor) []byte {
	t.Helper()
	must(t, r.SignAudit(t.Context(), actor))
	var file bytes.Buffer
	must(t, r.ExportAudit(t.Context(), actor, func(line []byte) error { file.Write(line); return nil }))
	return file.Bytes()
}

// note records an entry by itself, as a verb would in its transaction.
func note(t *testing.T, r *account.Room, actor account.Actor, what string) error {
	return r.DB.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
		return r.Record(ctx, q, actor, account.Entry{Action: account.NumberRenamed, SubjectID: "+61255500142", SubjectName: what, Before: "a", After: "b"})
	})
}

// Threat S26: the log of everything that happened verifies, entry by entry, also for the provider's own.
func TestS26ExportVerifies(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := everything(t, r)
		r.Open("northside")
		r.Staff("sam@voice.example")
		for _, actor := range []account.Actor{admin.Actor(), account.Operate()} {
			file := export(t, r.Room, actor)
			report, err := account.CheckAudit(bytes.NewReader(file), account.AuditCheck{})
			must(t, err)
			entries, _, err := r.AuditLog(t.Context(), actor, account.AuditFilter{Limit: 500})
			must(t, err)
			if report.Entries != int64(len(entries)) || report.Entries == 0 || report.Covered != report.Entries || report.Checkpoints != 1 || report.Account != actor.Account.ID {
				t.Errorf("verified %+v of %d entries", report, len(entries))
			}
			for _, e := range entries {
				if !bytes.Contains(file, []byte(`"id":"`+e.ID+`"`)) {
					t.Errorf("the export lacks %s", e.Sentence())
				}
			}
			if again := export(t, r.Room, actor); !bytes.Equal(again, file) {
				t.Error("the same log is exported differently, or signed anew")
			}
			if actor.Kind == account.Member { // what no checkpoint covers yet is signed for the export alone
				must(t, note(t, r.Room, actor, "more"))
				must(t, r.PlaceAudit(t.Context()))
				var file bytes.Buffer
				must(t, r.ExportAudit(t.Context(), actor, func(line []byte) error { file.Write(line); return nil }))
				more, err := account.CheckAudit(&file, account.AuditCheck{})
				must(t, err)
				if more.Entries != report.Entries+1 || more.Checkpoints != 2 || scan[int](t, r, `SELECT COUNT(*) FROM audit_checkpoints WHERE account_id = $1`, actor.Account.ID) != 1 {
					t.Errorf("%+v", more)
				}
				must(t, r.SignAudit(t.Context(), actor))
				report.Entries++
			}
			p, err := r.AuditProof(t.Context(), actor)
			must(t, err)
			if p.Size != report.Entries || p.Waiting != 0 || p.Key != report.Key || p.Last == nil || p.Last.Size != p.Size {
				t.Errorf("the proof is %+v", p)
			}
		}
		r.Clock.Advance(minute)
		var logs []string
		must(t, r.CheckAuditLogs(t.Context(), account.Operate(), nil, func(f account.AuditFinding) error {
			logs = append(logs, f.Slug)
			if f.Broken != nil || f.Slug == "harbour" && f.Entries == 0 {
				t.Errorf("the store's log of %q: %+v", f.Slug, f)
			}
			return nil
		}))
		if !slices.Contains(logs, "") || !slices.Contains(logs, "harbour") {
			t.Errorf("the logs of %q are checked, the provider's own is not among them or the account's", logs)
		}
		if err := r.CheckAuditLogs(t.Context(), admin.Actor(), nil, nil); !fault.Is(err, fault.NotFound) {
			t.Errorf("an admin checks all logs: %v", err)
		}
		jo := r.Join(admin, "bil@harbour.example", account.Billing)
		if err := r.ExportAudit(t.Context(), jo.Actor(), nil); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a billing user exports: %v", err)
		}
	})
}

// The bytes that are hashed are documented, so other programs can make them too; they never change.
func TestLeavesHaveTheFormOfRFC8785(t *testing.T) {
	t.Parallel()
	e := account.AuditEntry{ID: "019a", At: 1763766000123, ActorKind: account.Member, ActorID: "p1", ActorName: "Zoë \"Z\" \\ <b>", Address: "2001:db8::1",
		Action: account.NumberRenamed, SubjectID: "+612", SubjectName: "a\tb\nc\x01\x7f\u2028€😀", Before: "x\xff", After: ""}
	want := `{"account":"acc","action":"number.renamed","actor_id":"p1","actor_kind":"hub-user","actor_name":"Zoë \"Z\" \\ <b>","address":"2001:db8::1",` +
		`"after":"","at":1763766000123,"before":"x` + "\uFFFD" + `","id":"019a","subject_id":"+612","subject_name":"a\tb\nc\u0001` + "\x7f\u2028€😀" + `"}`
	if got := string(account.Leaf(e, "acc")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Entries of many transactions at once, on two nodes that also give places at once, each get one place; an entry whose transaction commits
// long after later ones gets a later place; one whose transaction fails gets none.
func TestS26TwoNodesPlaceEachEntryOnce(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		nodes := []*account.Room{r.Room, r.Node()}
		const each = 40
		var work sync.WaitGroup
		failed := errors.New("the change failed")
		for n, node := range nodes {
			work.Go(func() {
				for i := range each {
					if err := note(t, node, admin.Actor(), fmt.Sprintf("line %d-%d", n, i)); err != nil {
						t.Error(err)
					}
					err := node.DB.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
						return errors.Join(node.Record(ctx, q, admin.Actor(), account.Entry{Action: account.NumberRenamed, SubjectID: "x", SubjectName: "never"}), failed)
					})
					if !errors.Is(err, failed) {
						t.Error(err)
					}
				}
			})
			work.Go(func() {
				for range each / 4 {
					if err := node.PlaceAudit(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		work.Wait()
		file := export(t, r.Room, admin.Actor())
		report, err := account.CheckAudit(bytes.NewReader(file), account.AuditCheck{})
		must(t, err)
		if want := int64(2*each + 3); report.Entries != want {
			t.Errorf("%d entries in the tree, want %d", report.Entries, want)
		}
		if strings.Contains(string(file), "never") || strings.Count(string(file), `"line `) != 2*each {
			t.Error("an entry of a failed change is in the tree, or one of another is not in it once")
		}
	})
}

// An entry that commits after younger ones were placed and signed comes behind them; nothing is missed.
func TestS26LateCommitIsPlacedLate(t *testing.T) {
	t.Parallel()
	r := accounttest.New(t, dbtest.Postgres(t))
	admin := r.Open("harbour")
	recorded, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
	var once sync.Once
	go func() {
		done <- r.DB.Tx(t.Context(), func(ctx context.Context, q db.Q) error {
			err := r.Record(ctx, q, admin.Actor(), account.Entry{Action: account.NumberRenamed, SubjectID: "x", SubjectName: "late"})
			once.Do(func() { close(recorded) })
			<-goOn
			return err
		})
	}()
	<-recorded
	r.Clock.Advance(time.Second)
	must(t, note(t, r.Room, admin.Actor(), "early"))
	first := string(export(t, r.Room, admin.Actor()))
	close(goOn)
	must(t, <-done)
	second := string(export(t, r.Room, admin.Actor()))
	if strings.Contains(first, `"late"`) || !strings.Contains(first, `"early"`) || strings.Index(second, `"late"`) < strings.Index(second, `"early"`) {
		t.Errorf("before the commit:\n%s\nafter it:\n%s", first, second)
	}
	notes, _, err := account.ReadCheckpoints(strings.NewReader(first[strings.LastIndex(first, `{"checkpoint"`):]))
	must(t, err)
	report, err := account.CheckAudit(strings.NewReader(second), account.AuditCheck{Notes: notes})
	must(t, err)
	if report.Kept != 1 || report.Checkpoints != 2 {
		t.Errorf("%+v", report)
	}
}

// A process that dies between any two statements leaves an entry either waiting or placed.
func TestS26PlacingIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		for i := range 8 {
			must(t, note(t, r.Room, admin.Actor(), "before"))
			// A context that ends in the middle cuts the transaction off wherever it is.
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*300*time.Microsecond)
			_ = r.PlaceAudit(ctx)
			cancel()
			state, err := r.AuditState(t.Context())
			must(t, err)
			placed := scan[int64](t, r, `SELECT COUNT(*) FROM audit_leaves`)
			if all := scan[int64](t, r, `SELECT COUNT(*) FROM audit_entries`); placed+state.Waiting != all {
				t.Fatalf("%d placed and %d waiting of %d entries", placed, state.Waiting, all)
			}
		}
		report, err := account.CheckAudit(bytes.NewReader(export(t, r.Room, admin.Actor())), account.AuditCheck{})
		must(t, err)
		if report.Entries != 3+8 {
			t.Errorf("%+v", report)
		}
	})
}

// The hourly checkpoint is signed for logs that grew, and for the provider's own in any case; those who keep copies get each once.
func TestCheckpointsByTheHour(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		r.RunJobs()
		count := func(accountID string) int {
			return scan[int](t, r, `SELECT COUNT(*) FROM audit_checkpoints WHERE account_id = $1`, accountID)
		}
		if count(admin.Account.ID) != 1 || count("") != 1 {
			t.Fatalf("at first %d checkpoints of the account and %d of the provider", count(admin.Account.ID), count(""))
		}
		if list, err := r.CheckpointsAfter(t.Context(), "", 10); err != nil || len(list) != 0 {
			t.Errorf("checkpoints are copied before a slower node's would be there: %+v, %v", list, err)
		}
		r.Clock.Advance(time.Hour)
		r.RunJobs()
		if count(admin.Account.ID) != 1 || count("") != 2 {
			t.Errorf("after a quiet hour %d checkpoints of the account and %d of the provider", count(admin.Account.ID), count(""))
		}
		must(t, note(t, r.Room, account.Operate().Inside(admin.Account), "x"))
		r.Clock.Advance(time.Hour)
		r.RunJobs()
		if count(admin.Account.ID) != 2 || count("") != 3 {
			t.Errorf("after a change %d checkpoints of the account and %d of the provider", count(admin.Account.ID), count(""))
		}
		r.Clock.Advance(time.Hour)
		var copied []account.Checkpoint
		for after := ""; ; {
			list, err := r.CheckpointsAfter(t.Context(), after, 2)
			must(t, err)
			if copied = append(copied, list...); len(list) == 0 {
				break
			}
			after = last(list).ID
		}
		if len(copied) != 5 {
			t.Errorf("%d checkpoints are copied, want 5", len(copied))
		}
		state, err := r.AuditState(t.Context())
		must(t, err)
		if state.Waiting != 0 || r.Clock.Now().UnixMilli()-state.Signed != time.Hour.Milliseconds() {
			t.Errorf("%+v", state)
		}
	})
}

// Old entries lose their text by the account's rule, the log says so, and everything still verifies.
func TestAuditTrimming(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		must(t, note(t, r.Room, admin.Actor(), "old"))
		old := export(t, r.Room, admin.Actor())
		kept, _, err := account.ReadCheckpoints(bytes.NewReader(old[bytes.LastIndex(old, []byte(`{"checkpoint"`)):]))
		must(t, err)
		wantFault(t, r.KeepAudit(t.Context(), admin.Actor(), 51), "audit-years", "1 to 50 years")
		r.Clock.Advance(31 * minute)
		wantFault(t, r.KeepAudit(t.Context(), admin.Actor(), 1), "check-needed")
		admin.Check()
		must(t, r.KeepAudit(t.Context(), admin.Actor(), 1))
		r.Clock.Advance(200 * day)
		must(t, note(t, r.Room, account.Operate().Inside(admin.Account), "young"))
		r.RunJobs()
		if n := scan[int](t, r, `SELECT COUNT(*) FROM audit_leaves WHERE entry_id = ''`); n != 0 {
			t.Errorf("%d entries lost their text too early", n)
		}
		r.Clock.Advance(200 * day)
		r.RunJobs() // signs and announces
		r.Clock.Advance(25 * time.Hour)
		r.RunJobs()
		file := export(t, r.Room, account.Operate().Inside(admin.Account))
		report, err := account.CheckAudit(bytes.NewReader(file), account.AuditCheck{Notes: kept})
		must(t, err)
		text := string(file)
		if report.Dropped != 5 || report.Kept != 1 || strings.Contains(text, `"old"`) || !strings.Contains(text, `"young"`) || !strings.Contains(text, `"entries 1 to 5"`) {
			t.Errorf("%+v\n%s", report, text)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM audit_entries WHERE subject_name = 'old'`); n != 0 {
			t.Error("the text is still in the store")
		}
		must(t, r.CheckAuditLogs(t.Context(), account.Operate(), kept, func(f account.AuditFinding) error { return f.Broken }))
	})
}

// Whoever can write to the store is found out: by what was signed, by what waits, and by what was kept elsewhere.
func TestS26StoreTampering(t *testing.T) {
	for name, c := range map[string]struct {
		do   []string
		want string
	}{
		"an entry edited":           {[]string{`UPDATE audit_entries SET subject_name = 'evil' WHERE subject_name = 'line 5'`}, "entry 9 was changed"},
		"an entry deleted":          {[]string{`DELETE FROM audit_entries WHERE subject_name = 'line 5'`}, "the text of entry 9 is missing"},
		"the oldest entry deleted":  {[]string{`DELETE FROM audit_entries WHERE id IN (SELECT MIN(id) FROM audit_entries WHERE account_id <> '')`}, "nothing in the log says"},
		"an entry put in":           {[]string{`INSERT INTO audit_entries SELECT account_id, 'x', at, actor_kind, actor_id, actor_name, address, action, subject_id, subject_name, before, after, search FROM audit_entries WHERE subject_name = 'line 5'`}, "never written by Hubline"},
		"deleted before its place":  {[]string{`DELETE FROM audit_entries WHERE subject_name = 'waits'`}, "deleted before they got their place"},
		"a leaf deleted":            {[]string{`DELETE FROM audit_leaves WHERE leaf = 4`}, "entry 5 is missing"},
		"the last leaves taken off": {[]string{`DELETE FROM audit_leaves WHERE leaf > 8`, `UPDATE audit_trees SET size = 8 WHERE account_id <> ''`}, ""},
		"leaf and entry changed":    {[]string{`UPDATE audit_leaves SET hash = (SELECT hash FROM audit_leaves WHERE leaf = 2) WHERE leaf = 4`}, "entry 5 was changed"},
		"a checkpoint changed":      {[]string{`UPDATE audit_checkpoints SET note = note || 'x' WHERE account_id <> ''`}, "is not signed with the key"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, r *accounttest.Rig) {
				admin := r.Open("harbour")
				for i := range 8 {
					must(t, note(t, r.Room, admin.Actor(), fmt.Sprintf("line %d", i)))
				}
				r.RunJobs()
				if name == "the last leaves taken off" { // as somebody would who can count
					var tree merkle.Tree
					for i := range 8 {
						h, err := merkle.ParseHash(scan[string](t, r, `SELECT hash FROM audit_leaves WHERE account_id = $1 AND leaf = $2`, admin.Account.ID, i))
						must(t, err)
						tree.Append(h)
					}
					must(t, second(r.DB.ExecContext(t.Context(), `UPDATE audit_trees SET peaks = $1 WHERE account_id <> ''`, tree.Peaks())))
				}
				must(t, note(t, r.Room, admin.Actor(), "waits"))
				for _, statement := range c.do {
					must(t, second(r.DB.ExecContext(t.Context(), statement)))
				}
				found := ""
				must(t, r.CheckAuditLogs(t.Context(), account.Operate(), nil, func(f account.AuditFinding) error {
					if f.Broken != nil {
						found = f.Broken.Error()
					}
					return nil
				}))
				if found == "" || !strings.Contains(found, c.want) {
					t.Errorf("found %q, want %q", found, c.want)
				}
			})
		})
	}
}
