package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

func drain(answer *http.Response) {
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
}

// start measures from exec to the first good answer of /readyz, on a store that exists.
func start(ctx context.Context, r *rig) error {
	var times spread
	for range 10 {
		took, err := r.serve(ctx)
		if err != nil {
			return err
		}
		times = append(times, took)
		if err := r.stop(); err != nil {
			return err
		}
	}
	fmt.Printf("start to ready on an existing store, %d accounts, 10 starts: median %v, longest %v (goal <= 300 ms)\n", *others, times.at(.5).Round(time.Millisecond), times.at(1).Round(time.Millisecond))
	return nil
}

// memory measures the server at rest, after a few pages.
func memory(ctx context.Context, r *rig) error {
	if _, err := r.serve(ctx); err != nil {
		return err
	}
	defer r.stop()
	time.Sleep(10 * time.Second)
	fresh, _ := r.resident()
	cookies, err := r.admin(ctx)
	if err != nil {
		return err
	}
	for range 20 {
		if _, _, err := r.get(ctx, "/"+r.slug()+"/hub-users", cookies, ""); err != nil {
			return err
		}
	}
	time.Sleep(30 * time.Second)
	used, highest := r.resident()
	fmt.Printf("memory of serve at rest: %.1f MiB 10 s after the start; %.1f MiB 30 s after a sign-in and 20 pages, %.1f MiB at its highest (goal <= 64 MiB idle)\n", fresh, used, highest)
	return nil
}

func (r *rig) admin(ctx context.Context) ([]*http.Cookie, error) {
	u := r.demo.Accounts[0].HubUsers[0]
	return r.signIn(ctx, u.Email, u.Password, "192.0.2.1")
}

// signIns runs right passwords in a closed loop, each worker a known browser of one person.
func signIns(ctx context.Context, r *rig) error {
	if _, err := r.serve(ctx); err != nil {
		return err
	}
	defer r.stop()
	people := r.demo.Accounts[0].HubUsers
	devices := make([][]*http.Cookie, 16)
	for i := range devices {
		u := people[i%len(people)]
		cookies, err := r.signIn(ctx, u.Email, u.Password, fmt.Sprintf("192.0.2.%d", i+1))
		if err != nil {
			return err
		}
		devices[i] = cookies
	}
	before := r.processorTime()
	times, failed, took := load(ctx, len(devices), func(ctx context.Context, worker int) error {
		u := people[worker%len(people)]
		_, err := r.signIn(ctx, u.Email, u.Password, fmt.Sprintf("192.0.2.%d", worker+1), devices[worker]...)
		return err
	})
	used := r.processorTime() - before
	fmt.Printf("password sign-ins (argon2id 19 MiB, t=2, p=1), %d workers: %.1f/s, %.1f per second of server processor (goal >= 30), %v, %d failed\n",
		len(devices), float64(len(times))/took.Seconds(), float64(len(times))/used.Seconds(), times, failed)
	return nil
}

// load runs work in a closed loop with that many workers for the chosen time.
func load(ctx context.Context, workers int, work func(ctx context.Context, worker int) error) (times spread, failed int64, took time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(*seconds)*time.Second)
	defer cancel()
	var mu sync.Mutex
	var bad atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for worker := range workers {
		wg.Go(func() {
			var own spread
			for ctx.Err() == nil {
				at := time.Now()
				err := work(ctx, worker)
				if ctx.Err() != nil {
					break
				}
				if err != nil {
					bad.Add(1)
				}
				own = append(own, time.Since(at))
			}
			mu.Lock()
			times = append(times, own...)
			mu.Unlock()
		})
	}
	wg.Wait()
	return times, bad.Load(), time.Since(began)
}

func (r *rig) get(ctx context.Context, path string, cookies []*http.Cookie, key string) (status, size int, err error) {
	request, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.address+path, nil)
	if err != nil {
		return 0, 0, err
	}
	for _, c := range cookies {
		request.AddCookie(c)
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	request.Header.Set("X-Forwarded-For", "192.0.2.1")
	answer, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, answer.Status)
	}
	return answer.StatusCode, int(n), err
}

// requests measures what signed-in people and programs do all day; rights are read from the store for each.
func requests(ctx context.Context, r *rig) error {
	if _, err := r.serve(ctx); err != nil {
		return err
	}
	defer r.stop()
	cookies, err := r.admin(ctx)
	if err != nil {
		return err
	}
	account := r.demo.Accounts[0]
	api := "/api/v1/accounts/" + account.Slug
	for _, target := range []struct {
		name, path string
		program    bool // with API keys
		workers    int
	}{
		{"page, home", "/" + account.Slug + "/", false, 8},
		{"page, hub users (50 of the list)", "/" + account.Slug + "/hub-users", false, 8},
		{"page, what each role can do", "/" + account.Slug + "/roles", false, 8},
		{"API, the account", api, true, 8},
		{"API, 50 hub users", api + "/hub-users?limit=50", true, 8},
	} {
		var turn atomic.Int64
		before := r.processorTime()
		times, failed, took := load(ctx, target.workers, func(ctx context.Context, _ int) error {
			var err error
			if target.program {
				_, _, err = r.get(ctx, target.path, nil, r.keys[int(turn.Add(1))%len(r.keys)])
			} else {
				_, _, err = r.get(ctx, target.path, cookies, "")
			}
			return err
		})
		used := r.processorTime() - before
		fmt.Printf("%s, %d workers: %.0f/s, %.0f per second of server processor (goal >= 2000), %v (goal p99 <= 25 ms), %d failed\n",
			target.name, target.workers, float64(len(times))/took.Seconds(), float64(len(times))/used.Seconds(), times, failed)
	}
	return nil
}

// people reads the list of the large account, one request at a time.
func people(ctx context.Context, r *rig) error {
	if _, err := r.serve(ctx); err != nil {
		return err
	}
	defer r.stop()
	cookies, err := r.admin(ctx)
	if err != nil {
		return err
	}
	list := "/" + r.slug() + "/hub-users"
	for _, view := range []string{"", "?sort=seen&order=desc", "?q=person+09", "?status=active", "?status=attention"} {
		times, failed, _ := load(ctx, 1, func(ctx context.Context, _ int) error {
			_, _, err := r.get(ctx, list+view, cookies, "")
			return err
		})
		fmt.Printf("hub users page of %d people, %q: %v (goal: p99 <= 10 ms in the server), %d requests, %d failed\n", *members, view, times, len(times), failed)
	}
	return nil
}

// flood lets a thousand clients from a thousand networks guess passwords while twenty people work.
func flood(ctx context.Context, r *rig) error {
	if _, err := r.serve(ctx); err != nil {
		return err
	}
	defer r.stop()
	cookies, err := r.admin(ctx)
	if err != nil {
		return err
	}
	home := "/" + r.slug() + "/"
	quiet := paced(ctx, r, home, cookies)
	attack, stop := context.WithCancel(ctx)
	var guesses, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			from := fmt.Sprintf("198.51.%d.%d", 100+i/250, 1+i%250)
			for attack.Err() == nil {
				answer, err := r.post(attack, "/sign-in", url.Values{"email": {fmt.Sprintf("person%05d@bench.example", i)}, "password": {"wrong horse battery staple"}}, from)
				if err != nil {
					continue
				}
				guesses.Add(1)
				if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable {
					refused.Add(1)
				}
			}
		})
	}
	time.Sleep(2 * time.Second)
	busy := paced(ctx, r, home, cookies)
	_, highest := r.resident()
	stop()
	wg.Wait()
	fmt.Printf("open sessions, 20 people, 100 pages a second: quiet %v; under 1000 concurrent wrong sign-ins %v (goal p99 <= 50 ms); %d guesses, %d refused unhashed, %.0f MiB at its highest\n",
		quiet, busy, guesses.Load(), refused.Load(), highest)
	return nil
}

// paced opens a page a hundred times a second, whatever the answers take.
func paced(ctx context.Context, r *rig, path string, cookies []*http.Cookie) spread {
	var mu sync.Mutex
	var times spread
	var wg sync.WaitGroup
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Duration(*seconds) * time.Second); time.Now().Before(end) && ctx.Err() == nil; <-tick.C {
		wg.Go(func() {
			at := time.Now()
			if _, _, err := r.get(ctx, path, cookies, ""); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			took := time.Since(at)
			mu.Lock()
			times = append(times, took)
			mu.Unlock()
		})
	}
	wg.Wait()
	return times
}
