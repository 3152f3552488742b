package site

import (
	"net/http"
	"net/netip"
	"testing"

	"aldaba/internal/credential"
)

// TestLimitsBehindAProxy: the limit per network counts the applicant's address
// as the trusted proxy tells it, and nobody else's word for it.
func TestLimitsBehindAProxy(t *testing.T) {
	presetsOnce(t, limitsBehindAProxy)
}

func limitsBehindAProxy(t *testing.T, dsn string, preset option) {
	w := newWorld(t, dsn, preset, idle(), with("numbers_per_network", "1"),
		configured(func(c *Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.10/32")} }))
	from := func(remote, forwarded string) *browser {
		b := w.browser()
		b.addr = remote + ":40000"
		b.header.Set("X-Forwarded-For", forwarded)
		return b
	}
	wrong, other := w.people["con-clave"], w.people["nueva"]
	from("192.0.2.10", "203.0.113.7").verdict(credential.Generate, wrong, other).want(422)
	from("192.0.2.10", "198.51.100.1, 203.0.113.7").begin(credential.Generate, other).want(429)
	from("192.0.2.10", "203.0.113.8").begin(credential.Generate, other).want(303)
	// The proxy itself has failed nothing; a stranger's word counts for nothing.
	from("192.0.2.10", "").begin(credential.Generate, other).want(303)
	from("203.0.113.7", "203.0.113.8").begin(credential.Generate, other).want(429)
}

// TestOriginBehindAProxy: an old browser, which sends Origin and no
// Sec-Fetch-Site, is taken although the proxy changed the Host header.
func TestOriginBehindAProxy(t *testing.T) {
	w := newWorld(t, dsnOf(t, "sqlite"), idle())
	for origin, status := range map[string]int{"http://aldaba.example": 303, "http://otro.example": 403, "null": 403} {
		b := w.browser()
		b.change = func(r *http.Request) {
			r.Host = "internal:8080"
			r.Header.Set("Origin", origin)
		}
		b.begin(credential.Generate, w.people["nueva"]).want(status)
	}
}
