package main

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// readyLimit bounds the question whether the store answers.
const readyLimit = 2 * time.Second

// machinery tells paths for machines that watch from the doors for people and programs.
func machinery(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/metrics"
}

// mount puts the doors and what machines watch under one address. more are the demo's own pages.
func (s *system) mount(more map[string]http.Handler) error {
	portal, api, err := s.doors()
	if err != nil {
		return err
	}
	proxies, err := s.cfg.proxies()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", s.readyz)
	if s.cfg.MetricsAddr == "" {
		mux.Handle("GET /metrics", s.metrics.handler())
	}
	mux.Handle("/api/", api)
	mux.Handle("/scim/", api)
	mux.Handle("GET /sip", s.board.Engine().WebSocket())
	for pattern, h := range more {
		mux.Handle(pattern, h)
	}
	mux.Handle("/", portal)
	s.handler, s.onStop = realAddress(proxies, s.tracing.around(mux)), portal.Close
	return nil
}

// readyz says whether this node should get requests: not while it stops, and not while the store does not answer.
func (s *system) readyz(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() {
		plain(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		s.log.Error("not ready", "error", err)
		plain(w, http.StatusServiceUnavailable, "the store does not answer")
		return
	}
	plain(w, http.StatusOK, "ready")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// realAddress sets RemoteAddr to the client that trusted proxies name. X-Forwarded-For grows to the right, and only what a
// trusted proxy wrote counts: the client is the right-most address that is not itself a trusted proxy.
func realAddress(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	ours := func(a netip.Addr) bool {
		for _, p := range trusted {
			if p.Contains(a.Unmap()) {
				return true
			}
		}
		return false
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && ours(peer.Addr()) {
			client := peer.Addr()
			hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
			for i := len(hops) - 1; i >= 0; i-- {
				hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
				if err != nil {
					break // whoever wrote this is not to be believed further left either
				}
				client = hop.Unmap()
				if !ours(client) {
					break
				}
			}
			r.RemoteAddr = net.JoinHostPort(client.String(), "0")
		}
		next.ServeHTTP(w, r)
	})
}
