package test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account/accounttest"
)

// The figures of the issue are those of -races 20000.
var races = flag.Int("races", 200, "races of each kind on SQLite; PostgreSQL gets a quarter")

// act is one thing done in a race: what is asked, for the model, and how it is done. It answers "ok" or the code of its refusal.
type act struct {
	input any
	run   func() string
}

// A course is one kind of race on a store of its own.
type course struct {
	share int // one race for so many of -races; those that hash passwords are fewer
	model porcupine.Model
	// start prepares a race and returns what happens at the same time, and what is looked at afterwards, one after the other.
	start func(random *rand.Rand) (together, after []act)
}

// Whatever happens at the same time, the answers and what is left behind are those of some order, one after the other.
func TestA27Races(t *testing.T) {
	t.Parallel()
	for name, lay := range map[string]func(*testing.T, *accounttest.Rig) course{
		"accept × accept": acceptAccept, "accept × cancel": acceptCancel, "accept × expire": acceptExpire, "accept × resend": acceptResend,
		"accept × decline × cancel × resend × expire": acceptAll, "new person × new person": newNew,
		"admins demote each other": demotions, "reset × sign-in": resets, "code × code": codes, "check × check": checks,
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				c := lay(t, accounttest.New(t, d))
				n := *races / max(1, c.share)
				if testing.Short() {
					n = min(n, 60)
				}
				if d.Engine() == db.Postgres {
					n /= 4
				}
				run(t, d, name, c, max(n, 3))
			})
		})
	}
}

// run holds n races and checks each history.
func run(t *testing.T, d *db.DB, name string, c course, n int) {
	t.Helper()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	outcomes := map[string]int{}
	began, retries := time.Now(), d.Stats().Retries
	for i := range n {
		together, after := c.start(random)
		if t.Failed() {
			t.FailNow()
		}
		history := hold(random, together)
		history = append(history, inOrder(after)...)
		if !porcupine.CheckOperations(c.model, history) {
			t.Fatalf("race %d of seed %d is in no order right:\n%s", i, seed, describe(history))
		}
		outcomes[outcome(history[:len(together)])]++
	}
	t.Logf("%s: %s: %d races in %v, %d outcomes, 0 wrong, %d transactions repeated: %s", d.Engine(), name, n,
		time.Since(began).Round(time.Millisecond), len(outcomes), d.Stats().Retries-retries, most(outcomes))
}

var tick atomic.Int64 // orders the begins and ends of acts

// hold lets all acts begin at once, or within microseconds of each other.
func hold(random *rand.Rand, acts []act) []porcupine.Operation {
	history := make([]porcupine.Operation, len(acts))
	var ready, done sync.WaitGroup
	gun := make(chan struct{})
	ready.Add(len(acts))
	for i, a := range acts {
		late := random.IntN(4) * random.IntN(300)
		done.Go(func() {
			ready.Done()
			<-gun
			for range late {
				runtime.Gosched()
			}
			history[i] = once(i, a)
		})
	}
	ready.Wait()
	close(gun)
	done.Wait()
	return history
}

func inOrder(acts []act) (history []porcupine.Operation) {
	for _, a := range acts {
		history = append(history, once(0, a))
	}
	return history
}

func once(client int, a act) porcupine.Operation {
	call := tick.Add(1)
	output := a.run()
	return porcupine.Operation{ClientId: client, Input: a.input, Call: call, Output: output, Return: tick.Add(1)}
}

// answer is what a verb said: "ok", or the code of its fault, or the whole error, which no model knows.
func answer(err error) string {
	if err == nil {
		return "ok"
	}
	if f, ok := fault.Of(err); ok {
		return f.Code
	}
	return "broken: " + err.Error()
}

func describe(history []porcupine.Operation) string {
	var b strings.Builder
	for _, o := range history {
		fmt.Fprintf(&b, "  %d to %d: %+v: %v\n", o.Call, o.Return, o.Input, o.Output)
	}
	return b.String()
}

// outcome names who got what, in the order of the acts.
func outcome(history []porcupine.Operation) string {
	var parts []string
	for _, o := range history {
		parts = append(parts, fmt.Sprint(o.Output))
	}
	return strings.Join(parts, "/")
}

// most lists the most frequent outcomes.
func most(outcomes map[string]int) string {
	keys := sortedKeys(outcomes)
	slices.SortStableFunc(keys, func(a, b string) int { return outcomes[b] - outcomes[a] })
	var parts []string
	for _, k := range keys[:min(len(keys), 4)] {
		parts = append(parts, fmt.Sprintf("%d × %s", outcomes[k], strings.ReplaceAll(k, "invitation-", "")))
	}
	return strings.Join(parts, ", ")
}

// The checker itself finds what it is there for.
func TestRacesAreJudged(t *testing.T) {
	t.Parallel()
	at := func(call, ret int64, input any, output string) porcupine.Operation {
		return porcupine.Operation{Input: input, Call: call, Output: output, Return: ret}
	}
	for name, c := range map[string]struct {
		model   porcupine.Model
		history []porcupine.Operation
		want    bool
	}{
		"joined twice":               {offers, []porcupine.Operation{at(1, 4, accept{1}, "ok"), at(2, 3, accept{1}, "ok"), at(5, 6, look{}, "accepted, 2 members")}, false},
		"accepted twice":             {offers, []porcupine.Operation{at(1, 4, accept{1}, "ok"), at(2, 3, accept{1}, "ok"), at(5, 6, look{}, "accepted, 1 members")}, true},
		"two new people":             {offers, []porcupine.Operation{at(1, 4, acceptNew{}, "ok"), at(2, 3, acceptNew{}, "ok")}, false},
		"cancelled, then accepted":   {offers, []porcupine.Operation{at(1, 2, cancel{}, "ok"), at(3, 4, accept{1}, "ok")}, false},
		"both cancelled, accepted":   {offers, []porcupine.Operation{at(1, 4, cancel{}, "ok"), at(2, 3, accept{1}, "ok")}, false},
		"expired, then accepted":     {offers, []porcupine.Operation{at(1, 2, expire{}, "ok"), at(3, 4, accept{1}, "ok")}, false},
		"an old link":                {offers, []porcupine.Operation{at(1, 2, resend{}, "ok"), at(3, 4, accept{1}, "ok")}, false},
		"joined without accepting":   {offers, []porcupine.Operation{at(1, 2, cancel{}, "ok"), at(3, 4, look{}, "cancelled, 1 members")}, false},
		"no admin left":              {admins, []porcupine.Operation{at(1, 4, change{0, 1, "demote"}, "ok"), at(2, 3, change{1, 0, "demote"}, "ok")}, false},
		"a code used twice":          {onceCodes, []porcupine.Operation{at(1, 4, confirm{true}, "ok"), at(2, 3, confirm{true}, "ok")}, false},
		"a session survives a reset": {passwords, []porcupine.Operation{at(1, 2, signIn{0, old}, "ok"), at(3, 4, reset{}, "ok"), at(5, 6, alive{0}, "ok")}, false},
		"a link used twice":          {passwords, []porcupine.Operation{at(1, 4, reset{}, "ok"), at(2, 3, reset{}, "ok")}, false},
	} {
		if got := porcupine.CheckOperations(c.model, c.history); got != c.want {
			t.Errorf("%s: judged %t, want %t", name, got, c.want)
		}
	}
}
