package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ParseProxy reads a trusted proxy: an address ("127.0.0.1") or a network
// ("10.0.0.0/8").
func ParseProxy(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return prefix.Masked(), nil
}

// applicant is the address from which a request comes: the connection's, or,
// where that is a trusted proxy's, the rightmost address of X-Forwarded-For that
// is none. What stands to the left of it anybody may have written. The zero
// value is an address that does not read.
func (s *Server) applicant(r *http.Request) netip.Addr {
	at := hop(r.RemoteAddr)
	if !s.trusts(at) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(hops) {
		before := hop(strings.TrimSpace(text))
		if !before.IsValid() {
			return at // the last that a trusted one vouched for
		}
		at = before
		if !s.trusts(at) {
			return at
		}
	}
	return at
}

func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// hop reads an address with or without a port.
func hop(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
