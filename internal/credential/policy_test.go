package credential

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// documented are the keys and defaults as the outside surface promises them.
const documented = `link_life=3m link_cap=2h code_tries=5 procedure_life=30m resends=5 attempts=5 attempts_total=20
attempt_window=24h bank_answers=3 unproven_mails=5 proven_mails=10 mail_window=24h people_per_mailbox=5 numbers_per_network=200
captcha_cost=1 captcha_life=10m password_min=12 password_max=256 hash_memory_kib=19456 hash_passes=2 gate_running=0
gate_queue=200 gate_wait=10s lock_after=5 lock_life=24h device_life=8760h session_idle=15m session_life=8h address_hold=24h
freeze_link_life=240h first_clave=code unlock_link=either`

func TestPolicyDefaults(t *testing.T) {
	preset, err := Preset(Ficha2026)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, one := range strings.Fields(documented) {
		key, value, _ := strings.Cut(one, "=")
		keys[key] = true
		changed := preset
		err = changed.Set(key, value, false)
		if err != nil {
			t.Errorf("the default %s is refused: %v", one, err)
		}
		if diff := cmp.Diff(preset, changed); diff != "" {
			t.Errorf("%s is not the default:\n%s", one, diff)
		}
	}
	for _, key := range PolicyKeys() {
		if !keys[key] {
			t.Errorf("key %s is not documented", key)
		}
	}
	err = preset.Check()
	if err != nil {
		t.Error(err)
	}
	_, err = Preset("ficha-1999")
	if err == nil || !strings.Contains(err.Error(), Ficha2026) {
		t.Errorf("Preset of an unknown name = %v, want an error that lists the known ones", err)
	}
}

func TestPolicySet(t *testing.T) {
	for _, c := range []struct {
		key, value  string
		serve, demo bool
	}{
		{"link_life", "1m", true, true},
		{"link_life", "1s", false, true},
		{"link_life", "999ms", false, false},
		{"link_life", "24h", true, true},
		{"link_life", "24h0m1s", false, false},
		{"link_life", "3", false, false},
		{"link_life", "-3m", false, false},
		{"link_life", "", false, false},
		{"address_hold", "1h", true, true},
		{"address_hold", "59m", false, true},
		{"attempts", "1", true, true},
		{"attempts", "0", false, false},
		{"attempts", "20", true, true},
		{"attempts", "21", false, false},
		{"attempts", "5.0", false, false},
		{"attempts", " 5", false, false},
		{"attempts", "99999999999999999999", false, false},
		{"bank_answers", "2", false, false},
		{"numbers_per_network", "0", true, true},
		{"captcha_cost", "0", false, true},
		{"captcha_cost", "-1", false, false},
		{"hash_memory_kib", "19455", false, true},
		{"hash_memory_kib", "63", false, false},
		{"hash_memory_kib", "262145", false, false},
		{"hash_passes", "1", false, true},
		{"password_min", "7", false, false},
		{"first_clave", "temporary", true, true},
		{"first_clave", "Code", false, false},
		{"link_lives", "3m", false, false},
		{"", "3m", false, false},
	} {
		for _, mode := range []struct {
			name string
			demo bool
			want bool
		}{{"serve", false, c.serve}, {"demo", true, c.demo}} {
			p := presets[Ficha2026]
			err := p.Set(c.key, c.value, mode.demo)
			if (err == nil) != mode.want {
				t.Errorf("%s: Set(%q, %q) = %v", mode.name, c.key, c.value, err)
			}
			if err != nil && p != presets[Ficha2026] {
				t.Errorf("%s: a refused %s=%s changed the policy", mode.name, c.key, c.value)
			}
		}
	}
}

func TestPolicyCheck(t *testing.T) {
	p := presets[Ficha2026]
	p.PasswordMin, p.PasswordMax = 65, 64
	if err := p.Check(); err == nil {
		t.Error("a shortest clave above the longest is accepted")
	}
}

// FuzzPolicySet: whatever the values, a refusal is one line that leaves the
// policy alone, and what serve takes a demo takes too.
func FuzzPolicySet(f *testing.F) {
	for _, one := range strings.Fields(documented) {
		key, value, _ := strings.Cut(one, "=")
		f.Add(key, value)
	}
	for _, value := range []string{"1e3h", "9223372036854775807ns", "0x10", "１２", "3m\n", "NaN", "-0"} {
		f.Add("link_life", value)
		f.Add("attempts", value)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		strict, lax := presets[Ficha2026], presets[Ficha2026]
		err := strict.Set(key, value, false)
		laxErr := lax.Set(key, value, true)
		switch {
		case err == nil && laxErr != nil:
			t.Fatalf("serve takes %q=%q, a demo does not: %v", key, value, laxErr)
		case err == nil && strict != lax:
			t.Fatalf("%q=%q means two things", key, value)
		case err != nil && strict != presets[Ficha2026]:
			t.Fatalf("a refused %q=%q changed the policy", key, value)
		case err != nil && strings.ContainsAny(err.Error(), "\r\n"):
			t.Fatalf("the refusal has several lines: %q", err)
		}
		for _, life := range []time.Duration{lax.LinkLife, lax.LinkCap, lax.AttemptWindow, lax.AddressHold, lax.GateWait, lax.SessionLife} {
			if life < time.Second || life > 5*year {
				t.Fatalf("%q=%q made a life of %v", key, value, life)
			}
		}
		if lax.Attempts < 1 || lax.CodeTries < 1 || lax.BankAnswers < AskedAtRecovery || lax.PasswordMin < 8 || lax.HashMemoryKiB < 64 {
			t.Fatalf("%q=%q opened a limit: %+v", key, value, lax)
		}
	})
}
