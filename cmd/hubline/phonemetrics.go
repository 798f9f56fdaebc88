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
	telephonyMetrics = []*prometheus.Desc{callsNow, bindingsNow, sipConnections, sipTransactions, sipMessages, mediaEndpoints}
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
	calls, bindings := p.board.Counts()
	gauge(callsNow, int64(calls))
	gauge(bindingsNow, int64(bindings))
	gauge(mediaEndpoints, int64(p.media.Open()))
	s := p.board.Engine().Stats()
	gauge(sipConnections, s.Connections)
	gauge(sipTransactions, s.Transactions)
	for what, n := range map[string]int64{
		"requests": s.Requests, "responses": s.Responses, "sent": s.Sent, "malformed": s.Malformed, "over budget": s.OverBudget,
		"retransmitted": s.Retransmitted, "timed out": s.Timeouts, "overload": s.Overload,
	} {
		ch <- prometheus.MustNewConstMetric(sipMessages, prometheus.CounterValue, float64(n), what)
	}
}
