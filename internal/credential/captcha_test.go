package credential

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

// solveCaptcha does what the widget does in a browser: it counts until the
// derived key begins with the wanted bytes, and packs the solution.
func solveCaptcha(ctx context.Context, challenge CaptchaChallenge) (string, error) {
	p := challenge.Parameters
	nonce, err := hex.DecodeString(p.Nonce)
	if err != nil {
		return "", err
	}
	salt, err := hex.DecodeString(p.Salt)
	if err != nil {
		return "", err
	}
	prefix, err := hex.DecodeString(p.KeyPrefix)
	if err != nil {
		return "", err
	}
	for counter := uint32(0); ctx.Err() == nil; counter++ {
		key := captchaKey(nonce, salt, counter, p.Cost)
		if bytes.HasPrefix(key, prefix) {
			return packCaptcha(challenge, counter, hex.EncodeToString(key)), nil
		}
	}
	return "", ctx.Err()
}

// packCaptcha writes a solution as the widget does.
func packCaptcha(challenge CaptchaChallenge, counter uint32, key string) string {
	text, err := json.Marshal(map[string]any{
		"challenge": challenge,
		"solution":  map[string]any{"counter": counter, "derivedKey": key, "time": 512.3},
	})
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(text)
}

var (
	captchaTestKey = bytes.Repeat([]byte{7}, 32)
	captchaTestNow = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
)

// easyCaptcha makes a challenge whose answer is counter 3, so that a test need
// not work for it; nothing else differs from a real one.
func easyCaptcha(c *Captcha, step string) CaptchaChallenge {
	challenge := c.Challenge(captchaTestNow, step, 1)
	nonce, _ := hex.DecodeString(challenge.Parameters.Nonce)
	salt, _ := hex.DecodeString(challenge.Parameters.Salt)
	key := captchaKey(nonce, salt, 3, challenge.Parameters.Cost)
	challenge.Parameters.KeyPrefix = hex.EncodeToString(key[:captchaPrefix])
	challenge.Signature = hex.EncodeToString(c.sign(challenge.Parameters))
	return challenge
}

func TestCaptchaRoundTrip(t *testing.T) {
	c := NewCaptcha(captchaTestKey, 1, 10*time.Minute)
	// A real challenge as the page carries it, through JSON and back.
	var challenge CaptchaChallenge
	if err := json.Unmarshal([]byte(c.Challenge(captchaTestNow, "unlock", 1).String()), &challenge); err != nil {
		t.Fatal(err)
	}
	solution, err := solveCaptcha(t.Context(), challenge)
	if err != nil {
		t.Fatal(err)
	}
	id, expires, err := c.Verify(captchaTestNow.Add(time.Minute), "unlock", solution)
	if err != nil {
		t.Fatalf("Verify of a true solution: %v", err)
	}
	if want := captchaTestNow.Add(10 * time.Minute); !expires.Equal(want) {
		t.Errorf("expires = %v, want %v", expires, want)
	}
	if id == [32]byte{} {
		t.Error("a solution without an id cannot be kept single use")
	}
}

// One challenge has one id, or its solution could be sent again in another
// spelling; two challenges have two.
func TestCaptchaIDIsOfTheChallenge(t *testing.T) {
	c := NewCaptcha(captchaTestKey, 1, 10*time.Minute)
	first, second := easyCaptcha(c, "unlock"), easyCaptcha(c, "unlock")
	shouting := first
	shouting.Signature = strings.ToUpper(first.Signature)

	ids := map[[32]byte]string{}
	for _, solution := range []string{
		packCaptcha(first, 3, "one"), packCaptcha(first, 3, "other"), packCaptcha(shouting, 3, ""),
	} {
		id, _, err := c.Verify(captchaTestNow, "unlock", solution)
		if err != nil {
			t.Fatalf("Verify: %v", err)
		}
		ids[id] = solution
	}
	if len(ids) != 1 {
		t.Errorf("three spellings of one solution have %d ids, want 1", len(ids))
	}
	id, _, err := c.Verify(captchaTestNow, "unlock", packCaptcha(second, 3, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, taken := ids[id]; taken {
		t.Error("two challenges share an id")
	}
}

func TestCaptchaRefuses(t *testing.T) {
	c := NewCaptcha(captchaTestKey, 1, 10*time.Minute)
	good := easyCaptcha(c, "unlock")
	changed := func(change func(*CaptchaChallenge)) string {
		challenge := good
		change(&challenge)
		return packCaptcha(challenge, 3, "")
	}
	later := captchaTestNow.Add(10 * time.Minute)
	tests := []struct {
		name     string
		now      time.Time
		step     string
		solution string
		rule     string // empty: accepted
	}{
		{"as it should be", captchaTestNow, "unlock", packCaptcha(good, 3, ""), ""},
		{"the last instant", later.Add(-time.Millisecond), "unlock", packCaptcha(good, 3, ""), ""},
		{"nothing", captchaTestNow, "unlock", "", "missing"},
		{"too late", later, "unlock", packCaptcha(good, 3, ""), "expired"},
		{"another step", captchaTestNow, "complaint", packCaptcha(good, 3, ""), "invalid"},
		{"not the counter", captchaTestNow, "unlock", packCaptcha(good, 4, ""), "invalid"},
		{"a later end", captchaTestNow, "unlock", changed(func(c *CaptchaChallenge) { c.Parameters.Data.Expires++ }), "invalid"},
		{"a step of one's own", captchaTestNow, "complaint", changed(func(c *CaptchaChallenge) { c.Parameters.Data.Step = "complaint" }), "invalid"},
		{"cheaper keys", captchaTestNow, "unlock", changed(func(c *CaptchaChallenge) { c.Parameters.Cost = 1 }), "invalid"},
		{"another algorithm", captchaTestNow, "unlock", changed(func(c *CaptchaChallenge) { c.Parameters.Algorithm = "SHA-256" }), "invalid"},
		{"a wish that matches anything", captchaTestNow, "unlock", changed(func(c *CaptchaChallenge) { c.Parameters.KeyPrefix = "" }), "invalid"},
		{"no signature", captchaTestNow, "unlock", changed(func(c *CaptchaChallenge) { c.Signature = "" }), "invalid"},
		{"cut short", captchaTestNow, "unlock", packCaptcha(good, 3, "")[:40], "invalid"},
		{"not base64", captchaTestNow, "unlock", "no soy un robot", "invalid"},
		{"not JSON", captchaTestNow, "unlock", base64.StdEncoding.EncodeToString([]byte("sí")), "invalid"},
		{"no counter", captchaTestNow, "unlock", base64.StdEncoding.EncodeToString([]byte(`{"challenge":` + good.String() + `,"solution":{}}`)), "invalid"},
		{"too long", captchaTestNow, "unlock", packCaptcha(good, 3, strings.Repeat("0", maxCaptchaSolution)), "invalid"},
	}
	for _, test := range tests {
		id, expires, err := c.Verify(test.now, test.step, test.solution)
		if test.rule == "" {
			if err != nil {
				t.Errorf("%s: Verify = %v, want it accepted", test.name, err)
			}
			continue
		}
		refusal, ok := errors.AsType[*Error](err)
		if !ok || refusal.Kind != Invalid || refusal.Field != "captcha" || refusal.Rule != test.rule {
			t.Errorf("%s: Verify = %v, want invalid captcha/%s", test.name, err, test.rule)
		}
		if id != [32]byte{} || !expires.IsZero() {
			t.Errorf("%s: a refusal came with an id or an end", test.name)
		}
	}
}

func TestCaptchaOfAnotherKey(t *testing.T) {
	ours := NewCaptcha(captchaTestKey, 1, time.Minute)
	theirs := NewCaptcha(bytes.Repeat([]byte{8}, 32), 1, time.Minute)
	if _, _, err := ours.Verify(captchaTestNow, "unlock", packCaptcha(easyCaptcha(theirs, "unlock"), 3, "")); !IsKind(err, Invalid) {
		t.Errorf("Verify of a challenge that we did not sign = %v, want invalid", err)
	}
	// A key that anybody can guess opens nothing, not even to itself.
	weak := NewCaptcha(nil, 1, time.Minute)
	if _, _, err := weak.Verify(captchaTestNow, "unlock", packCaptcha(easyCaptcha(weak, "unlock"), 3, "")); !IsKind(err, Invalid) {
		t.Errorf("Verify without a key = %v, want invalid", err)
	}
}

// The work is uniform below base × cost × factor, with both held in bounds.
func TestCaptchaDifficulty(t *testing.T) {
	tests := []struct{ cost, factor, want int }{
		{1, 1, captchaTries}, {0, 0, captchaTries}, {-5, -5, captchaTries}, {1, 4, 4 * captchaTries},
		{1, 99, 4 * captchaTries}, {2, 2, 4 * captchaTries}, {1 << 40, 4, 4 * captchaTries * maxCaptchaCost},
	}
	for _, test := range tests {
		c := NewCaptcha(captchaTestKey, test.cost, time.Minute)
		if got := c.tries(test.factor); got != test.want {
			t.Errorf("cost %d, factor %d: up to %d tries, want %d", test.cost, test.factor, got, test.want)
		}
		if got := c.Challenge(captchaTestNow, "unlock", test.factor); got.Parameters.Cost != captchaIterations {
			t.Errorf("cost %d: %d iterations, want %d", test.cost, got.Parameters.Cost, captchaIterations)
		}
	}
}

// FuzzParseCaptchaSolution: whatever is sent, it is refused without harm unless
// we signed it.
func FuzzParseCaptchaSolution(f *testing.F) {
	c := NewCaptcha(captchaTestKey, 1, 10*time.Minute)
	good := easyCaptcha(NewCaptcha(bytes.Repeat([]byte{9}, 32), 1, 10*time.Minute), "unlock")
	f.Add([]byte(`{"challenge":` + good.String() + `,"solution":{"counter":3,"derivedKey":"00","time":1}}`))
	f.Add([]byte(`{"challenge":{"parameters":{"cost":-1}},"solution":{"counter":4294967296}}`))
	f.Add([]byte(`[]`))
	f.Add([]byte{0xff, 0xfe})
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, text := range []string{string(raw), base64.StdEncoding.EncodeToString(raw)} {
			if _, _, err := c.Verify(captchaTestNow, "unlock", text); !IsKind(err, Invalid) {
				t.Errorf("Verify(%q) = %v, want a refusal", text, err)
			}
			s, err := parseCaptchaSolution(text)
			if err == nil && (len(s.signature) != 32 || len(s.nonce) != 16 || len(s.salt) != 16 || len(s.prefix) != captchaPrefix) {
				t.Errorf("parseCaptchaSolution(%q) took fields of a wrong size", text)
			}
		}
	})
}

func BenchmarkCaptchaChallenge(b *testing.B) {
	c := NewCaptcha(captchaTestKey, 1, time.Minute)
	for b.Loop() {
		c.Challenge(captchaTestNow, "unlock", 1)
	}
}
