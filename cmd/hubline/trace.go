package main

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// tracing sends a span for each request to an OpenTelemetry collector. Without an endpoint it is nil and does nothing.
type tracing struct {
	provider *sdktrace.TracerProvider
}

func newTracing(ctx context.Context, endpoint string) (*tracing, error) {
	if endpoint == "" {
		return nil, nil
	}
	if !strings.HasSuffix(endpoint, "/v1/traces") {
		endpoint = strings.TrimSuffix(endpoint, "/") + "/v1/traces" // the variable of the standard names the collector's root
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
	if err != nil {
		return nil, err
	}
	b := thisBuild()
	attributes, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "hubline"), attribute.String("service.version", b.Version)),
		resource.WithFromEnv(), // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win
		resource.WithHost())
	if err != nil {
		return nil, err
	}
	return &tracing{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(attributes))}, nil
}

// around starts a span for each request and names it after the route once a door has found one; see metrics.observe. The path
// stays out of it, because paths may carry one-time tokens. A caller's own trace is linked and not continued: anybody can
// send that header.
func (t *tracing) around(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	tracer := t.provider.Tracer("hubline")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if machinery(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		caller := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(r.Context(), method(r.Method), trace.WithSpanKind(trace.SpanKindServer),
			trace.WithLinks(trace.LinkFromContext(caller)),
			trace.WithAttributes(attribute.String("http.request.method", method(r.Method))))
		defer span.End()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// stop sends what is waiting.
func (t *tracing) stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}
