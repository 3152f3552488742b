package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aldaba/internal/settings"
)

// good is a configuration in which nothing is wrong, once [files] are beside it.
const good = `public_url = "https://tramites.ejemplo.ec"
institution = "institution"
[listen]
citizens = "127.0.0.1:8080"
staff = "127.0.0.1:8081"
[database]
dsn = "aldaba.db"
[keys]
file = "keys.json"
[smtp]
addr = "smtp.ejemplo.ec:587"
username = "aldaba"
password_file = "smtp-password"
from = "no-responder@ejemplo.ec"
[policy]
link_life = "5m"
code_tries = 4
[proxies]
trusted = ["10.0.0.0/8"]
`

// configFiles makes a folder with the files that [good] names, and gives the name
// of the configuration.
func configFiles(t testing.TB, content string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "aldaba.toml")
	err := errors.Join(
		NewKeys(filepath.Join(dir, "keys.json")),
		NewInstitution(filepath.Join(dir, "institution")),
		os.WriteFile(filepath.Join(dir, "smtp-password"), []byte("secreto\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "open-password"), []byte("secreto\n"), 0o604),
		os.Chmod(filepath.Join(dir, "open-password"), 0o604), // whatever the umask
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
		os.WriteFile(filepath.Join(dir, "two-lines"), []byte("a\nb\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "pg"), []byte("postgres://u:secreto@db.ejemplo.ec/aldaba"), 0o600),
		os.WriteFile(file, []byte(content), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestGoodConfig(t *testing.T) {
	file := configFiles(t, good)
	c, err := ReadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.PublicURL.String(), c.Citizens, c.Staff, c.Operation, filepath.Base(c.Database), filepath.IsAbs(c.Database), c.Keys != nil,
		c.SMTP.Addr, c.SMTP.Security, c.SMTP.Username, c.SMTP.Password, c.SMTP.From, c.Institution.PhoneText,
		c.Policy.LinkLife.String(), c.Policy.CodeTries, c.Policy.CaptchaCost, fmt.Sprint(c.Proxies), c.LogLevel.String(), c.HeadsFile,
	}
	want := []any{
		"https://tramites.ejemplo.ec", "127.0.0.1:8080", "127.0.0.1:8081", "", "aldaba.db", true, true,
		"smtp.ejemplo.ec:587", "starttls", "aldaba", "secreto", "no-responder@ejemplo.ec", "(02) 394 5666",
		"5m0s", 4, 1, "[10.0.0.0/8]", "INFO", "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWrongConfig names every fault of a file at once, each with its line and key.
func TestWrongConfig(t *testing.T) {
	swap := func(pairs ...string) string {
		text := good
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(text, pairs[i]) {
				t.Fatalf("no %q in the good file", pairs[i])
			}
			text = strings.Replace(text, pairs[i], pairs[i+1], 1)
		}
		return text
	}
	for _, c := range []struct {
		name string
		text string
		want []string // "line: key: some of the sentence", in order
	}{
		{"nothing at all", "", []string{
			"1: database.dsn: is missing", "1: keys.file: is missing", "1: listen.citizens: is missing",
			"1: listen.staff: is missing", "1: public_url: is missing", "1: smtp.addr: is missing", "1: smtp.from: is missing",
		}},
		{"public_url without encryption", swap("https://", "http://"), []string{"1: public_url: \"http://tramites.ejemplo.ec\" is not encrypted; write \"https://tramites.ejemplo.ec\""}},
		{"public_url with a path", swap("ejemplo.ec\"", "ejemplo.ec/x?y\""), []string{"1: public_url: \"https://tramites.ejemplo.ec/x?y\" is more than scheme and host"}},
		{"public_url is none", swap("https://tramites.ejemplo.ec", "tramites"), []string{"1: public_url: \"tramites\" is not an address"}},
		{"public_url is a number", swap("\"https://tramites.ejemplo.ec\"", "7"), []string{"1: public_url: holds a number where a text is needed"}},
		{"https without proxies", swap("[proxies]\ntrusted = [\"10.0.0.0/8\"]\n", ""), []string{"1: proxies.trusted: is missing"}},
		{"listeners", swap("127.0.0.1:8080", "here", "127.0.0.1:8081\"", "127.0.0.1:99999\"\noperation = \":\""), []string{
			"4: listen.citizens: \"here\" is not an address to listen on", "5: listen.staff", "6: listen.operation"}},
		{"one port twice", swap(":8081", ":8080"), []string{"5: listen.staff: port 8080 is already listen.citizens's"}},
		{"unknown database", swap("aldaba.db", "mysql://x"), []string{"7: database.dsn: \"mysql://\" is no database that this program knows"}},
		{"password in the address", swap("aldaba.db", "postgres://u:secreto@h/d"), []string{"7: database.dsn: holds a password"}},
		{"two addresses", swap("dsn = \"aldaba.db\"", "dsn = \"aldaba.db\"\ndsn_file = \"pg\""), []string{"8: database.dsn_file: stands beside database.dsn"}},
		{"no such ring", swap("keys.json", "none.json"), []string{"9: keys.file: "}},
		{"a ring that is none", swap("keys.json", "smtp-password"), []string{"9: keys.file: "}},
		{"relay", swap("smtp.ejemplo.ec:587", "smtp", "smtp-password", "none", "no-responder@ejemplo.ec", "x"), []string{
			"11: smtp.addr: \"smtp\" is not host:port", "13: smtp.password_file: ", "14: smtp.from: \"x\" is not a mail address"}},
		{"relay in the clear", swap("username", "security = \"none\"\nusername"), []string{"12: smtp.security: \"none\" is for a relay on this machine"}},
		{"relay's security", swap("username", "security = \"ssl\"\nca_file = \"two-lines\"\nusername"), []string{
			"12: smtp.security: \"ssl\" is none of", "13: smtp.ca_file: "}},
		{"secret for everybody", swap("smtp-password", "open-password"), []string{"13: smtp.password_file: "}},
		{"secret of two lines", swap("smtp-password", "two-lines"), []string{"13: smtp.password_file: "}},
		{"secret is a folder", swap("smtp-password", "."), []string{"13: smtp.password_file: "}},
		{"secret is a pipe", swap("smtp-password", "pipe"), []string{"13: smtp.password_file: "}},
		{"certificates are a pipe", swap("username", "ca_file = \"pipe\"\nusername"), []string{"12: smtp.ca_file: "}},
		{"user without password", swap("password_file = \"smtp-password\"\n", ""), []string{"10: smtp.password_file: is missing"}},
		{"password without user", swap("username = \"aldaba\"\n", ""), []string{"12: smtp.password_file: needs smtp.username"}},
		{"what nobody sees", swap("username = \"aldaba\"", "username = \"alda\u200dba\"", "5m", "5\\u009bm", "10.0.0.0/8", "10.0.0.0/8\u200e"), []string{
			"12: smtp.username: holds the character U+200D, which nobody can see; take it out", "16: policy.link_life: holds the character U+009B",
			"19: proxies.trusted: number 1 holds the character U+200E"}},
		{"institution is not there", swap("= \"institution\"", "= \"none\""), []string{"2: institution: "}},
		{"institution is a file", swap("= \"institution\"", "= \"keys.json\""), []string{"2: institution: "}},
		{"institution as it was", swap("institution = \"institution\"", "") + "[institution]\nname = \"x\"\nphone = 1\n", []string{
			"20: institution: what stood here moved to a folder; write, above the first table, institution = \"institution\""}},
		{"policy", swap("5m", "soon", "= 4", "= 4000\ncaptcha_cost = 0\nattempts = true\nnope = 1", "[policy]", "[policy]\npreset = \"x\""), []string{
			"16: policy.preset: policy \"x\" is not known", "17: policy.link_life: \"soon\" is not a duration", "18: policy.code_tries: \"4000\" is not a whole number from 1 to 10",
			"19: policy.captcha_cost: \"0\" is not a whole number from 1 to 100", "20: policy.attempts: holds true or false", "21: policy.nope: there is no such key; the keys here are address_hold"}},
		{"proxies", swap("10.0.0.0/8", "ten"), []string{"19: proxies.trusted: \"ten\" is neither an address nor a network"}},
		{"proxies are no list", swap("[\"10.0.0.0/8\"]", "\"10.0.0.0/8\""), []string{"19: proxies.trusted: holds a text where a list of texts is needed"}},
		{"log level", good + "[log]\nlevel = \"loud\"\n", []string{"21: log.level: \"loud\" is none of"}},
		{"heads in no folder", good + "[audit]\nheads_file = \"none/heads\"\n", []string{"21: audit.heads_file: "}},
		{"unknown keys and tables", swap("[listen]", "publicurl = 1\n[listen]\nhttps = true") + "[smpt]\naddr = \"x\"\n", []string{
			"3: publicurl: there is no such key; the keys here are institution, public_url", "5: listen.https: there is no such key; the keys here are citizens, operation, staff",
			"22: there is no table [smpt]; the tables are audit, database", "23: smpt.addr: there is no such key"}},
		{"twice", good + "[listen]\ncitizens = \"127.0.0.1:1\"\n", []string{
			"20: the table [listen] was already begun on line 3", "21: listen.citizens: is already set on line 4"}},
		{"dotted and inline are the same keys", swap("[listen]\ncitizens = \"127.0.0.1:8080\"\nstaff = \"127.0.0.1:8081\"\n", "listen = {citizens = \"x\", staff = \"y\"}\nlog.level = \"z\"\n"), []string{
			"3: listen.citizens: \"x\"", "3: listen.staff: \"y\"", "4: log.level: \"z\""}},
		{"lines that are no TOML", swap("citizens = ", "citizens ", "dsn = \"aldaba.db\"", "dsn = aldaba.db") + "[log]\nlevel = \"loud\"\n", []string{
			"4: not TOML", "7: not TOML", "21: log.level"}},
		{"a header that is no TOML", swap("[database]", "[database"), []string{"6: not TOML"}},
		{"a list without an end", swap("\"10.0.0.0/8\"]", "\"10.0.0.0/8\"") + "[log]\nlevel = \"loud\"\n", []string{"20: not TOML"}},
		{"a line break in a name", good + "\"a\\nb\" = 1\n", []string{"20: proxies.a\\nb: there is no such key"}},
		{"lists of tables", good + "[[log]]\nlevel = \"info\"\n", []string{"20: [[log]] is a list of tables; write [log]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := configFiles(t, c.text)
			_, err := ReadConfig(file)
			faults, ok := errors.AsType[Faults](err)
			if !ok {
				t.Fatalf("ReadConfig = %v, want faults", err)
			}
			lines := strings.Split(faults.Error(), "\n")
			for i := range max(len(lines), len(c.want)) {
				switch {
				case i >= len(lines):
					t.Errorf("not named: %s", c.want[i])
				case i >= len(c.want):
					t.Errorf("named besides: %s", lines[i])
				case !strings.HasPrefix(lines[i], file+":"+c.want[i]):
					t.Errorf("line %d is %s\nwant %s", i+1, strings.TrimPrefix(lines[i], file+":"), c.want[i])
				}
			}
			if strings.Contains(err.Error(), "secreto") {
				t.Errorf("a secret is told: %v", err)
			}
		})
	}
}

// TestExampleNamesEveryKey holds the example to what the program knows.
func TestExampleNamesEveryKey(t *testing.T) {
	file := configFiles(t, ExampleConfig)
	if _, err := ReadConfig(file); err != nil {
		t.Errorf("the example is refused: %v", err)
	}
	r := configReader{settings.Parse(file, []byte(ExampleConfig)), filepath.Dir(file)}
	r.publicURL()
	r.listen(&Serving{})
	r.database()
	r.keys()
	r.smtp()
	if i, err := r.institution(nil); i.Official || i.Name == "" || err != nil {
		t.Errorf("without a folder %q is shown, %v; want the example", i.Name, err)
	}
	r.policy()
	r.proxies(nil)
	r.logLevel()
	r.headsFile()
	for _, key := range r.Asked() {
		if name := key[strings.LastIndexByte(key, '.')+1:]; !strings.Contains(ExampleConfig, "\n"+name+" = ") && !strings.Contains(ExampleConfig, "\n# "+name+" = ") {
			t.Errorf("the example does not name %s", key)
		}
	}
	// Every override that the example only shows holds when it is taken, and is
	// the preset's own value.
	taken := ExampleConfig
	for _, key := range r.Asked() {
		if name, ok := strings.CutPrefix(key, "policy."); ok {
			taken = strings.Replace(taken, "\n# "+name+" = ", "\n"+name+" = ", 1)
		}
	}
	plain, err := ReadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := ReadConfig(configFiles(t, taken))
	if diff := cmp.Diff(plain.Policy, all.Policy); err != nil || diff != "" {
		t.Errorf("the example's own values: %v\n%s", err, diff)
	}
}

// FuzzConfig: whatever a file holds, each fault is one line that names a line of
// the file.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{good, ExampleConfig, "", "a = [\n1", "a = 1\na.b = 2\n[a]\n[[a]]", "= 1\n\"\\u0000\" = 2", "x = \"\"\"\n", "[\"\n"} {
		f.Add(seed)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(dir, "aldaba.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadConfig(file)
		faults, ok := errors.AsType[Faults](err)
		if !ok {
			t.Fatalf("ReadConfig = %v; an empty folder cannot hold what a configuration names", err)
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > 1+strings.Count(text, "\n") {
				t.Errorf("%v is on no line of the file", fault)
			}
			if strings.ContainsAny(fault.String(), "\n\r") {
				t.Errorf("%q is more than a line", fault.String())
			}
		}
	})
}
