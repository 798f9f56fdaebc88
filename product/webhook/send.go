package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"hubline/base/ident"
	"hubline/base/outward"
)

const (
	answerMost  = 64 << 10 // bytes of an answer that are read, so that its connection can serve again
	answerShown = 500      // bytes of it that are kept
	userAgent   = "Hubline-Webhooks/1"
)

// sign returns one signature of Standard Webhooks' scheme v1: HMAC-SHA256 over ID, time in seconds and body with dots between.
func sign(secret []byte, id, seconds, body string) string {
	h := hmac.New(sha256.New, secret)
	io.WriteString(h, id+"."+seconds+"."+body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signatures signs with the webhook's secret, and with the one before while that signs along.
func (r *Room) signatures(w Webhook, id, seconds, body string) (string, error) {
	var list []string
	for _, sealed := range []string{w.secret, w.old} {
		if sealed == "" {
			continue
		}
		secret, err := r.Keys.Open(w.sealContext(), sealed)
		if err != nil {
			return "", err
		}
		list = append(list, sign(secret, id, seconds, body))
	}
	return strings.Join(list, " "), nil
}

// try sends a delivery once. An error is ours, not the receiver's.
func (r *Room) try(ctx context.Context, w Webhook, d Delivery) (a Attempt, err error) {
	now := r.Now()
	a = Attempt{ID: ident.Ordered(now.UnixMilli()), At: now.UnixMilli()}
	seconds := strconv.FormatInt(now.Unix(), 10)
	signed, err := r.signatures(w, d.ID, seconds, d.Body)
	if err != nil {
		return a, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, strings.NewReader(d.Body))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Webhook-Id", d.ID)
	request.Header.Set("Webhook-Timestamp", seconds)
	request.Header.Set("Webhook-Signature", signed)
	start := time.Now()
	answer, err := r.client.Do(request)
	if err == nil {
		a.Status = answer.StatusCode
		a.Answer = readAnswer(answer.Body)
	}
	a.DurationMS = time.Since(start).Milliseconds()
	switch {
	case err != nil:
		a.Error = why(err)
	case a.Status >= 300 && a.Status < 400:
		a.Error = "Answered " + strconv.Itoa(a.Status) + ". Redirects are not followed: enter the address that it leads to"
	case a.Status < 200 || a.Status >= 400:
		a.Error = strings.TrimSpace("Answered " + strconv.Itoa(a.Status) + " " + http.StatusText(a.Status))
	}
	return a, nil
}

// readAnswer returns the first bytes of an answer as plain text. What follows is read and dropped, as far as the client reads it.
func readAnswer(body io.ReadCloser) string {
	defer body.Close()
	first, err := io.ReadAll(io.LimitReader(body, answerShown))
	if err == nil {
		_, _ = io.Copy(io.Discard, body)
	}
	for i := 0; i < utf8.UTFMax && len(first) > 0 && !utf8.Valid(first); i++ { // a character that was cut
		if r, size := utf8.DecodeLastRune(first); r != utf8.RuneError || size != 1 {
			break
		}
		first = first[:len(first)-1]
	}
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c != '\n' && c != '\t' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(string(first), " ")))
}

// why says for people why there was no answer. It names no address that a name resolved to.
func why(err error) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var header tls.RecordHeaderError
	switch {
	case errors.Is(err, outward.ErrInner):
		return "The address leads to a private network or to nowhere, so nothing was sent"
	case errors.Is(err, outward.ErrURL):
		return "The address is not https, so nothing was sent"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "There is no machine of that name"
	case errors.As(err, &dns):
		return "The name could not be looked up"
	case errors.As(err, &certificate) || errors.As(err, &authority):
		return "The certificate is not valid for that name, or nobody vouches for it"
	case errors.As(err, &header):
		return "It does not speak TLS on that port"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "The connection was refused"
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || isTimeout(err):
		return "No answer in time"
	}
	return "The connection broke"
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
