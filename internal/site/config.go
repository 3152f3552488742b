package site

import (
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
	"aldaba/internal/mail"
	"aldaba/internal/settings"
	"aldaba/internal/web"
	"aldaba/internal/words"
)

// ExampleConfig is a complete configuration with an explanation of every key.
//
//go:embed example.toml
var ExampleConfig string

// Serving is what a configuration file asks for: what [New] is built from, and
// where to listen.
type Serving struct {
	Config
	Citizens  string // addresses to listen on, "host:port"
	Staff     string
	Operation string // "" for the staff's
	LogLevel  slog.Level
}

// ReadConfig reads a configuration file and the files it names, strictly: an
// unknown key, a wrong value and a file that cannot be read are faults, and the
// error is all of them, as [Faults]. Names of files are taken from the folder of
// the configuration. It reaches neither database nor relay.
func ReadConfig(file string) (Serving, error) {
	content, err := readBounded(file, settings.MaxFile)
	if err != nil {
		return Serving{}, fmt.Errorf("%s: %w", file, err)
	}
	r := configReader{settings.Parse(file, content), filepath.Dir(file)}
	var c Serving
	c.Real = true
	c.PublicURL = r.publicURL()
	r.listen(&c)
	c.Database = r.database()
	c.Keys = r.keys()
	c.SMTP = r.smtp()
	var folder error
	c.Institution, folder = r.institution(c.PublicURL)
	c.Policy = r.policy()
	c.Proxies = r.proxies(c.PublicURL)
	c.LogLevel = r.logLevel()
	c.HeadsFile = r.headsFile()
	faults, _ := errors.AsType[Faults](r.Done())
	if theirs, ok := errors.AsType[Faults](folder); ok {
		faults, folder = append(faults, theirs...), nil
	}
	if len(faults) > 0 {
		return c, faults
	}
	if c.Institution.Official {
		c.Institution.Remarks = append(institution.LeftOfExample(r.Document), c.Institution.Remarks...)
	}
	return c, folder
}

// Faults are all that is wrong with a configuration and the folder that it names.
type Faults = settings.Faults

// readBounded reads a file up to a size.
func readBounded(path string, most int64) ([]byte, error) {
	err := settings.Regular(os.Stat(path))
	if err != nil {
		return nil, reasonOf(err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, reasonOf(err)
	}
	defer func() { _ = file.Close() }() // read only
	content, err := settings.ReadBounded(file, most)
	if err != nil {
		return nil, reasonOf(err)
	}
	return content, nil
}

// reasonOf is why a file could not be used, without its name.
func reasonOf(err error) error {
	if fault, ok := errors.AsType[*fs.PathError](err); ok {
		return fault.Err
	}
	return err
}

// configReader takes the values that the program knows out of a document.
type configReader struct {
	*settings.Document
	dir string // file names are taken from here
}

// path is a file's name taken from the configuration's folder.
func (r configReader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.dir, name)
}

func (r configReader) publicURL() *url.URL {
	const key, example = "public_url", "https://tramites.institucion.example"
	text, ok := r.Text(key, true, example)
	if !ok {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Host == "", u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http":
		r.Wrong(key, "%q is not an address; write such as %q", settings.Printable(text), example)
	case u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", u.ForceQuery, u.Port() != "" && !isPort(u.Port(), 1):
		r.Wrong(key, "%q is more than scheme and host; write %q", settings.Printable(u.Redacted()), u.Scheme+"://"+u.Hostname())
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		r.Wrong(key, "%q is not encrypted; write %q (http is for this machine alone)", settings.Printable(text), "https://"+u.Host)
	default:
		return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func isPort(text string, lowest int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= lowest && n <= 65535
}

// IsListenAddress reports whether a text is "host:port" to listen on: the host
// may be left out, and port 0 takes a free one.
func IsListenAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port, 0) {
		return false
	}
	return host == "" || host == "localhost" || isIP(host) || hostName.MatchString(host)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func (r configReader) listen(c *Serving) {
	taken := map[string]string{}
	for _, l := range []struct {
		name   string
		to     *string
		needed bool
		port   string
	}{{"citizens", &c.Citizens, true, "8080"}, {"staff", &c.Staff, true, "8081"}, {"operation", &c.Operation, false, "8082"}} {
		key := "listen." + l.name
		text, ok := r.Text(key, l.needed, "127.0.0.1:"+l.port)
		if !ok {
			continue
		}
		if !IsListenAddress(text) {
			r.Wrong(key, "%q is not an address to listen on; write such as %q", settings.Printable(text), "127.0.0.1:"+l.port)
			continue
		}
		*l.to = text
		_, port, _ := net.SplitHostPort(text) // it was one just now
		if other := taken[port]; other != "" && port != "0" {
			r.Wrong(key, "port %s is already listen.%s's; write another, such as %s", port, other, l.port)
		}
		taken[port] = l.name
	}
}

// maxSecret bounds a file with one secret in it, and a key ring.
const maxSecret = 1 << 20

// secret gives what stands in the one line of a file that a key names.
func (r configReader) secret(key string, needed bool, example string) (string, bool) {
	name, ok := r.Text(key, needed, example)
	if !ok {
		return "", false
	}
	content, ok := r.secretFile(key, name)
	if !ok {
		return "", false
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" || strings.ContainsAny(text, "\r\n\x00") {
		r.Wrong(key, "%s does not hold one line; write the secret alone into it", r.path(name))
		return "", false
	}
	return text, true
}

// secretFile reads a file that nobody but its owner and group may read.
func (r configReader) secretFile(key, name string) ([]byte, bool) {
	path := r.path(name)
	info, err := os.Stat(path)
	err = settings.Regular(info, err)
	if err == nil && info.Mode().Perm()&0o007 != 0 {
		r.Wrong(key, "%s can be used by everybody on this machine (mode %04o); do chmod 640 or 600", path, info.Mode().Perm())
		return nil, false
	}
	var content []byte
	if err == nil {
		content, err = readBounded(path, maxSecret)
	}
	if err != nil {
		r.Wrong(key, "%s cannot be read (%v); write the name of a file that is there", path, reasonOf(err))
		return nil, false
	}
	return content, true
}

func (r configReader) database() string {
	const key, example = "database.dsn", "aldaba.db"
	inline, inFile := r.Has(key), r.Has("database.dsn_file")
	if inline && inFile {
		r.Wrong("database.dsn_file", "stands beside database.dsn; leave one of them")
	}
	dsn, ok := r.Text(key, !inFile, example)
	at := key
	if fromFile, found := r.secret("database.dsn_file", false, "database-dsn"); found {
		dsn, ok, at = fromFile, true, "database.dsn_file"
	}
	if !ok {
		return ""
	}
	scheme, _, isURL := strings.Cut(dsn, "://")
	switch {
	case strings.HasPrefix(dsn, "file:"):
		return dsn
	case !isURL:
		return r.path(dsn)
	case scheme != "postgres" && scheme != "postgresql":
		r.Wrong(at, "%q is no database that this program knows; write the name of a file for SQLite, or postgres://…", settings.Printable(scheme)+"://")
		return ""
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" && u.Query().Get("host") == "" {
		r.Wrong(at, "is not the address of a PostgreSQL; write such as postgres://aldaba@db.institucion.example/aldaba")
		return ""
	}
	if _, secret := u.User.Password(); at == key && (secret || u.Query().Has("password")) {
		r.Wrong(at, "holds a password; write the address into a file and dsn_file = \"…\" here")
		return ""
	}
	return dsn
}

func (r configReader) keys() *credential.KeyRing {
	const key = "keys.file"
	name, ok := r.Text(key, true, "keys.json")
	if !ok {
		return nil
	}
	if _, err := os.Stat(r.path(name)); errors.Is(err, fs.ErrNotExist) {
		r.Wrong(key, "%s is not there; `aldaba keys new %s` makes a ring for a new database", r.path(name), r.path(name))
		return nil
	}
	content, ok := r.secretFile(key, name)
	if !ok {
		return nil
	}
	ring, err := credential.ParseKeyRing(content)
	if err != nil {
		r.Wrong(key, "%s: %v", r.path(name), err)
		return nil
	}
	return ring
}

// address gives a mail address.
func (r configReader) address(key, example string) string {
	text, ok := r.Text(key, true, example)
	if !ok {
		return ""
	}
	email, err := credential.ParseEmail(text)
	if err != nil {
		r.Wrong(key, "%q is not a mail address; write such as %q", settings.Printable(text), example)
		return ""
	}
	return email.Reveal()
}

func (r configReader) smtp() mail.SMTPConfig {
	before := r.Count()
	c := mail.SMTPConfig{Security: "starttls"}
	c.Addr, _ = r.Text("smtp.addr", true, "smtp.institucion.example:587")
	host, port, err := net.SplitHostPort(c.Addr)
	if c.Addr != "" && (err != nil || host == "" || !isPort(port, 1)) {
		r.Wrong("smtp.addr", "%q is not host:port; write such as %q", settings.Printable(c.Addr), "smtp.institucion.example:587")
	}
	if text, ok := r.Text("smtp.security", false, "starttls"); ok {
		c.Security = text
		switch {
		case !slices.Contains([]string{"starttls", "tls", "none"}, text):
			r.Wrong("smtp.security", "%q is none of starttls, tls, none; write \"starttls\"", settings.Printable(text))
		case text == "none" && host != "" && !isLoopback(host):
			r.Wrong("smtp.security", "\"none\" is for a relay on this machine, which %s is not; write \"starttls\" or \"tls\"", settings.Printable(host))
		}
	}
	if name, ok := r.Text("smtp.ca_file", false, "relay-ca.pem"); ok {
		c.RootCAs = r.certificates("smtp.ca_file", name)
	}
	c.Username, _ = r.Text("smtp.username", false, "aldaba")
	if r.Has("smtp.password_file") && !r.Has("smtp.username") {
		r.Wrong("smtp.password_file", "needs smtp.username beside it; write username = \"…\", or leave it out")
	}
	c.Password, _ = r.secret("smtp.password_file", c.Username != "", "smtp-password")
	c.From = r.address("smtp.from", "no-responder@institucion.example")
	c.FromName, _ = r.Text("smtp.from_name", false, "Seguridad Social")
	if r.Count() > before || r.Broken() {
		return c
	}
	sender, err := mail.NewSMTP(c) // what the sender itself refuses
	if err != nil {
		r.Wrong("smtp.addr", "%v", err)
		return c
	}
	if err := sender.Close(); err != nil {
		r.Wrong("smtp.addr", "%v", err)
	}
	return c
}

// certificates reads the authorities that sign a relay's certificate.
func (r configReader) certificates(key, name string) *x509.CertPool {
	content, err := readBounded(r.path(name), settings.MaxFile)
	if err != nil {
		r.Wrong(key, "%s cannot be read (%v); write the name of a file that is there", r.path(name), err)
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		r.Wrong(key, "%s holds no certificate in PEM form", r.path(name))
		return nil
	}
	return pool
}

// spoken are the languages in which pages and mails are written: those of the
// institution, in its order.
func spoken(i institution.Institution) []*words.Language {
	var all []*words.Language
	for _, code := range i.Languages {
		for _, l := range words.Languages() {
			if l.Code() == credential.Language(code) {
				all = append(all, l)
			}
		}
	}
	return all
}

// programLanguages are those that there are words for, Spanish first.
func programLanguages() (codes []string) {
	for _, l := range words.Languages() {
		codes = append(codes, string(l.Code()))
	}
	return codes
}

// institution reads the folder that the file names. Left out, the program's own
// example is shown, which each page says.
func (r configReader) institution(public *url.URL) (institution.Institution, error) {
	const key = "institution"
	r.Retire(key, "what stood here moved to a folder; write, above the first table, institution = \"institution\", and run `aldaba config example --institution %s` for a folder to start from", r.path("institution"))
	name, ok := r.Text(key, false, "institution")
	if !ok {
		return institution.Example(), nil
	}
	i, err := readInstitution(r.path(name), public == nil || public.Scheme == "http")
	if _, inside := errors.AsType[Faults](err); err != nil && !inside {
		r.Wrong(key, "%v", err)
		return i, nil
	}
	return i, err
}

// readInstitution reads an institution's folder. The error is [Faults] where files in it
// are wrong, and another where there is no such folder. local is as in
// [institution.Read].
func readInstitution(folder string, local bool) (i institution.Institution, err error) {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return i, fmt.Errorf("%s is not there; `aldaba config example --institution %s` makes a folder to start from", folder, folder)
	case err != nil:
		return i, fmt.Errorf("%s cannot be read (%w)", folder, reasonOf(err))
	case !info.IsDir():
		return i, fmt.Errorf("%s is no folder; write the name of one", folder)
	}
	return institution.Read(folder, os.DirFS(folder), local, programLanguages())
}

// NewInstitution writes the example of an institution's folder, whole or not at all.
// A folder that is there already must be empty.
func NewInstitution(folder string) error {
	folder = filepath.Clean(folder)
	entries, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("%s: %w", folder, reasonOf(err))
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty and is left as it is; name another folder", folder)
	}
	draft, err := os.MkdirTemp(filepath.Dir(folder), ".aldaba-institution-")
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Dir(folder), reasonOf(err))
	}
	err = errors.Join(os.CopyFS(draft, institution.ExampleFiles()), os.Chmod(draft, 0o755))
	if err == nil {
		err = os.Rename(draft, folder)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", folder, reasonOf(err)), os.RemoveAll(draft))
	}
	return nil
}

func (r configReader) policy() credential.Policy {
	name := credential.Ficha2026
	if text, ok := r.Text("policy.preset", false, name); ok {
		name = text
	}
	policy, err := credential.Preset(name)
	if err != nil {
		r.Wrong("policy.preset", "%v", err)
		policy, _ = credential.Preset(credential.Ficha2026) // so that the other values are still held against their ranges
	}
	before := r.Count()
	for _, key := range credential.PolicyKeys() {
		path := "policy." + key
		text, found := r.Scalar(path)
		if !found {
			continue
		}
		err = policy.Set(key, text, false)
		if err != nil {
			r.Wrong(path, "%s", strings.TrimPrefix(err.Error(), "policy key "+key+": "))
		}
	}
	if r.Count() > before {
		return policy
	}
	if err = policy.Check(); err != nil {
		r.WrongTable("policy", "%s", strings.TrimPrefix(err.Error(), "policy: "))
	}
	return policy
}

// proxies gives the networks whose X-Forwarded-For counts. With https one is
// needed: whoever ends the encryption is the only network that this program
// sees, and the limits per network would be everybody's together.
func (r configReader) proxies(public *url.URL) []netip.Prefix {
	const key = "proxies.trusted"
	var list []netip.Prefix
	for _, text := range r.Texts(key, "127.0.0.1") {
		prefix, err := web.ParseProxy(text)
		if err != nil {
			r.Wrong(key, "%q is neither an address nor a network; write such as \"127.0.0.1\" or \"10.0.0.0/8\"", settings.Printable(text))
			continue
		}
		list = append(list, prefix)
	}
	if !r.Has(key) && public != nil && public.Scheme == "https" {
		r.MissingList(key, "127.0.0.1", "public_url is https, which something before this program ends")
	}
	return list
}

func (r configReader) logLevel() slog.Level {
	var level slog.Level
	text, ok := r.Text("log.level", false, "info")
	if ok && (!slices.Contains([]string{"debug", "info", "warn", "error"}, text) || level.UnmarshalText([]byte(text)) != nil) {
		r.Wrong("log.level", "%q is none of debug, info, warn, error; write \"info\"", settings.Printable(text))
	}
	return level
}

func (r configReader) headsFile() string {
	const key = "audit.heads_file"
	name, ok := r.Text(key, false, "audit-heads.jsonl")
	if !ok {
		return ""
	}
	path := r.path(name)
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		r.Wrong(key, "the folder of %s is not there; make it", path)
	}
	return path
}
