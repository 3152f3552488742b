package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Files that programs look for at addresses of their own.
const (
	pathChangePassword = "/.well-known/change-password"
	pathSecurity       = "/.well-known/security.txt"
	pathRobots         = "/robots.txt"
)

// securityLife is for how long what security.txt says may be taken as true: half a
// year from when it is asked for (RFC 9116, 2.5.5, wants less than one). Whoever stops
// running the program stops vouching for it.
const securityLife = 182 * 24 * time.Hour

// changePassword leads a password manager to where a clave is changed.
func (s *Server) changePassword(w http.ResponseWriter, _ *http.Request) error {
	redirect(w, pathChange)
	return nil
}

// security tells whom to tell of a fault of the site (RFC 9116).
func (s *Server) security(w http.ResponseWriter, r *http.Request) error {
	of := s.Institution.Security
	if of.Contact == "" {
		return s.noSuchPage(w, r)
	}
	var file strings.Builder
	fmt.Fprintf(&file, "Contact: %s\n", of.Contact)
	if of.Policy != "" {
		fmt.Fprintf(&file, "Policy: %s\n", of.Policy)
	}
	fmt.Fprintf(&file, "Preferred-Languages: %s\nCanonical: %s\nExpires: %s\n",
		strings.Join(s.Institution.Languages, ", "), rootOf(s.PublicURL)+pathSecurity, s.Now().UTC().Truncate(24*time.Hour).Add(securityLife).Format(time.RFC3339))
	return servePublic(w, r, "text/plain; charset=utf-8", []byte(file.String()))
}

// robots tells search engines what is for them: nothing of a demo or an example, and
// never what belongs to one person.
func (s *Server) robots(w http.ResponseWriter, r *http.Request) error {
	shut := []string{"/"}
	if s.Demo == nil && s.Institution.Official {
		shut = []string{"/clave/", pathAccount, PathObjection, pathComplaints + "/", pathSearch, pathLogOut}
	}
	file := "User-agent: *\n"
	for _, path := range shut {
		file += "Disallow: " + path + "\n"
	}
	return servePublic(w, r, "text/plain; charset=utf-8", []byte(file))
}
