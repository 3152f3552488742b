package web

import (
	"net/http"
	"net/netip"
	"testing"
)

// TestApplicant: only what a trusted proxy wrote counts, and of that the
// rightmost address that is no proxy.
func TestApplicant(t *testing.T) {
	var trusted []netip.Prefix
	for _, text := range []string{"127.0.0.1", "10.0.0.0/8", "fd00::/8"} {
		p, err := ParseProxy(text)
		if err != nil {
			t.Fatal(err)
		}
		trusted = append(trusted, p)
	}
	for _, c := range []struct {
		name    string
		trusted []netip.Prefix
		remote  string
		headers []string
		want    string // as a network
	}{
		{"no proxy is trusted", nil, "127.0.0.1:1", []string{"203.0.113.7"}, "127.0.0.1"},
		{"a stranger's header", trusted, "198.51.100.1:1", []string{"203.0.113.7"}, "198.51.100.1"},
		{"no header", trusted, "127.0.0.1:1", nil, "127.0.0.1"},
		{"an empty header", trusted, "127.0.0.1:1", []string{""}, "127.0.0.1"},
		{"one hop", trusted, "127.0.0.1:1", []string{"203.0.113.7"}, "203.0.113.7"},
		{"what the applicant wrote stands to the left", trusted, "127.0.0.1:1", []string{"192.0.2.1, 203.0.113.7"}, "203.0.113.7"},
		{"two proxies", trusted, "127.0.0.1:1", []string{"192.0.2.1, 203.0.113.7, 10.1.2.3"}, "203.0.113.7"},
		{"two headers are one list", trusted, "127.0.0.1:1", []string{"192.0.2.1", "203.0.113.7,10.1.2.3"}, "203.0.113.7"},
		{"proxies alone", trusted, "127.0.0.1:1", []string{"10.9.9.9, 10.1.2.3"}, "10.9.9.9"},
		{"a word ends the list", trusted, "127.0.0.1:1", []string{"203.0.113.7, unknown, 10.1.2.3"}, "10.1.2.3"},
		{"with a port", trusted, "127.0.0.1:1", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		{"IPv6 by its home", trusted, "[fd00::1]:1", []string{"[2001:db8:1:234::5]:4711"}, "2001:db8:1:200::/56"},
		{"mapped IPv4", trusted, "[::ffff:127.0.0.1]:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"an address that does not read", trusted, "@", []string{"203.0.113.7"}, "unknown"},
	} {
		s := &Server{Config: Config{Proxies: c.trusted}}
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{}}
		for _, h := range c.headers {
			r.Header.Add("X-Forwarded-For", h)
		}
		if got := network(s.applicant(r)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func FuzzApplicant(f *testing.F) {
	f.Add("127.0.0.1:1", "203.0.113.7, [::1]:5,,x")
	s := &Server{Config: Config{Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}}
	f.Fuzz(func(t *testing.T, remote, header string) {
		got := network(s.applicant(&http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {header}}}))
		if _, err := ParseProxy(got); got != "unknown" && err != nil {
			t.Errorf("network %q", got)
		}
	})
}
