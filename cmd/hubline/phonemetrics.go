package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"hubline/media"
	"hubline/switchboard"
)

// telephony collects the numbers of the switchboard and its engines when they are asked for.
type telephony struct {
	board *switchboard.Board
	media *media.Server
}

var (
	callsNow         = prometheus.NewDesc("hubline_calls", "Calls going on.", nil, nil)
	bindingsNow      = prometheus.NewDesc("hubline_registrations", "Contacts that phones have registered.", nil, nil)
	sipConnections   = prometheus.NewDesc("hubline_sip_connections", "Open TCP, TLS and WebSocket connections of phones and carriers.", nil, nil)
	sipTransactions  = prometheus.NewDesc("hubline_sip_transactions", "SIP transactions under way.", nil, nil)
	sipMessages      = prometheus.NewDesc("hubline_sip_messages_total", "SIP messages by what became of them.", []string{"what"}, nil)
	mediaEndpoints   = prometheus.NewDesc("hubline_media_endpoints", "Ends of calls that have ports for sound.", nil, nil)
	callsEnded       = prometheus.NewDesc("hubline_calls_ended_total", "Calls that are over by outcome.", []string{"outcome"}, nil)
	mediaPackets     = prometheus.NewDesc("hubline_media_packets_total", "Packets of sound of calls that are over, by what became of them.", []string{"what"}, nil)
	telephonyMetrics = []*prometheus.Desc{callsNow, callsEnded, bindingsNow, sipConnections, sipTransactions, sipMessages, mediaEndpoints, mediaPackets}
)

// Describe implements prometheus.Collector.
func (p *telephony) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range telephonyMetrics {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (p *telephony) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	counter := func(d *prometheus.Desc, v float64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, label)
	}
	b := p.board.Stats()
	gauge(callsNow, int64(b.Calls))
	gauge(bindingsNow, int64(b.Bindings))
	for outcome, n := range b.Outcomes {
		counter(callsEnded, float64(n), string(outcome))
	}
	for what, n := range map[string]uint64{"received": b.Media.Received, "sent": b.Media.Sent, "lost": b.Media.Lost, "stranger": b.Media.Strangers, "invalid": b.Media.Invalid} {
		counter(mediaPackets, float64(n), what)
	}
	gauge(mediaEndpoints, int64(p.media.Open()))
	s := p.board.Engine().Stats()
	gauge(sipConnections, s.Connections)
	gauge(sipTransactions, s.Transactions)
	for what, n := range map[string]int64{
		"requests": s.Requests, "responses": s.Responses, "sent": s.Sent, "malformed": s.Malformed, "over budget": s.OverBudget,
		"retransmitted": s.Retransmitted, "timed out": s.Timeouts, "overload": s.Overload, "connection refused": s.Refused, "panicked": s.Panics,
	} {
		counter(sipMessages, float64(n), what)
	}
}
