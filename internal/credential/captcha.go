package credential

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// The numbers of the captcha. Their product is the toll: on average
// captchaTries/2 keys of captchaIterations rounds, about half a second in a
// desktop's browser and a second in a phone's. Few rounds and many tries rather
// than the other way round: to make a challenge costs us one key.
const (
	captchaAlgorithm  = "PBKDF2/SHA-256"
	captchaIterations = 1000
	captchaTries      = 3000
	captchaKeyBytes   = 32
	captchaPrefix     = 16 // bytes of the wanted key that the browser is shown

	// maxCaptchaCost keeps the counter far inside the 32 bits it has on the wire.
	maxCaptchaCost = 1000
	// maxCaptchaFactor is the most that a number or a network can be made to
	// pay over the normal toll.
	maxCaptchaFactor = 4
	// maxCaptchaSolution bounds what is decoded at all; a real solution has
	// about 600 characters.
	maxCaptchaSolution = 4096
	// minCaptchaKey is the shortest key that is taken for a secret.
	minCaptchaKey = 16
)

// Captcha is the proof of work behind «No soy un robot»: it makes challenges
// that a browser needs about a second to solve and checks the solutions. It
// keeps nothing: a challenge is signed, bound to one step, and says itself
// until when it holds. That a solution counts once is the caller's part, with
// the id that [Captcha.Verify] returns.
//
// It speaks version 2 of the ALTCHA widget's protocol: the server picks a
// counter, shows the first half of the key derived from it, and the browser
// counts until it meets that half.
type Captcha struct {
	key  []byte
	cost int
	life time.Duration
}

// NewCaptcha returns a captcha that signs with key, a secret of at least 16
// bytes that all replicas share; with a shorter one every solution is refused.
// cost multiplies the work: 1 is about a second on a phone; less than 1 counts
// as 1 and more than 1000 as 1000. life is how long a challenge may be solved
// and sent.
func NewCaptcha(key []byte, cost int, life time.Duration) *Captcha {
	return &Captcha{
		key:  bytes.Clone(key),
		cost: min(max(cost, 1), maxCaptchaCost),
		life: life,
	}
}

// CaptchaChallenge is what the page gives to the widget, as JSON. It holds no
// secret and nothing about a person.
type CaptchaChallenge struct {
	Parameters CaptchaParameters `json:"parameters"`
	Signature  string            `json:"signature"` // hexadecimal
}

// CaptchaParameters says what has to be computed. The names are the widget's;
// byte strings are hexadecimal.
type CaptchaParameters struct {
	Algorithm string      `json:"algorithm"`
	Cost      int         `json:"cost"` // iterations of PBKDF2 for one key
	Data      CaptchaData `json:"data"`
	KeyLength int         `json:"keyLength"` // bytes
	KeyPrefix string      `json:"keyPrefix"`
	Nonce     string      `json:"nonce"`
	Salt      string      `json:"salt"`
}

// CaptchaData is what the widget carries back without looking at it. The end
// stands here and not in the widget's own "expiresAt", because the widget
// would hold that against the clock of the browser, which may be wrong.
type CaptchaData struct {
	Expires int64  `json:"expires"` // Unix milliseconds
	Step    string `json:"step"`
}

// String is the challenge as the JSON that the widget's attribute "challenge"
// takes.
func (c CaptchaChallenge) String() string {
	// Strings and integers only: marshalling them cannot fail.
	text, _ := json.Marshal(c)
	return string(text)
}

// Challenge makes a new challenge for one step, for example "unlock". factor
// multiplies the work for a network that misbehaves; it is held between 1 and 4.
// Making one costs about as much as checking one: a single derivation.
func (c *Captcha) Challenge(now time.Time, step string, factor int) CaptchaChallenge {
	// crypto/rand never fails: it ends the program instead.
	var nonce, salt [16]byte
	var draw [8]byte
	_, _ = rand.Read(nonce[:])
	_, _ = rand.Read(salt[:])
	_, _ = rand.Read(draw[:])
	// Uniform from the first counter on: whoever starts to count in the middle
	// gains nothing over a browser that starts at the beginning. The bias of the
	// remainder is below 2^-40.
	counter := uint32(binary.BigEndian.Uint64(draw[:]) % uint64(c.tries(factor)))

	parameters := CaptchaParameters{
		Algorithm: captchaAlgorithm,
		Cost:      captchaIterations,
		Data:      CaptchaData{Expires: now.Add(c.life).UnixMilli(), Step: step},
		KeyLength: captchaKeyBytes,
		KeyPrefix: hex.EncodeToString(captchaKey(nonce[:], salt[:], counter, captchaIterations)[:captchaPrefix]),
		Nonce:     hex.EncodeToString(nonce[:]),
		Salt:      hex.EncodeToString(salt[:]),
	}
	return CaptchaChallenge{Parameters: parameters, Signature: hex.EncodeToString(c.sign(parameters))}
}

// tries is how many counters there are to draw from. On average a browser has to
// try half of them.
func (c *Captcha) tries(factor int) int {
	return captchaTries * c.cost * min(max(factor, 1), maxCaptchaFactor)
}

// Verify checks the solution that came with a form of step. It returns the id
// of the challenge, which the caller stores until expires and takes once only:
// the same challenge gives the same id however its solution is written.
//
// A refusal is an [*Error] of kind [Invalid] about the field "captcha", by the
// rule "missing", "invalid" or "expired".
func (c *Captcha) Verify(now time.Time, step, solution string) (id [sha256.Size]byte, expires time.Time, err error) {
	if solution == "" {
		return id, expires, invalid("captcha", "missing")
	}
	s, err := parseCaptchaSolution(solution)
	if err != nil {
		refusal := invalid("captcha", "invalid")
		refusal.Err = err
		return id, expires, refusal
	}

	// The signature first: without it a stranger could choose how much work the
	// last check is.
	mac := c.sign(s.parameters)
	if len(c.key) < minCaptchaKey || !hmac.Equal(mac, s.signature) || s.parameters.Data.Step != step {
		return id, expires, invalid("captcha", "invalid")
	}
	expires = time.UnixMilli(s.parameters.Data.Expires).UTC()
	if !now.Before(expires) {
		return id, time.Time{}, invalid("captcha", "expired")
	}
	key := captchaKey(s.nonce, s.salt, s.counter, s.parameters.Cost)
	if !bytes.HasPrefix(key, s.prefix) {
		return id, time.Time{}, invalid("captcha", "invalid")
	}
	return sha256.Sum256(mac), expires, nil
}

// sign is the MAC over everything that a challenge says.
func (c *Captcha) sign(p CaptchaParameters) []byte {
	mac := hmac.New(sha256.New, c.key)
	// %q keeps the fields apart whatever they hold.
	fmt.Fprintf(mac, "captcha 2 %q %d %d %q %d %q %q %q",
		p.Algorithm, p.Cost, p.Data.Expires, p.Data.Step, p.KeyLength, p.KeyPrefix, p.Nonce, p.Salt)
	return mac.Sum(nil)
}

// captchaSolution is a solution that has the right shape. Nothing in it is
// proven yet.
type captchaSolution struct {
	parameters                     CaptchaParameters
	signature, nonce, salt, prefix []byte
	counter                        uint32
}

// parseCaptchaSolution reads what the widget puts into its hidden field: JSON
// in base64. It takes at most 4 KiB and no shape that [Captcha.Challenge] could
// not have led to.
func parseCaptchaSolution(text string) (captchaSolution, error) {
	var s captchaSolution
	if len(text) > maxCaptchaSolution {
		return s, fmt.Errorf("solution of %d characters", len(text))
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return s, fmt.Errorf("solution is not base64: %w", err)
	}
	var wire struct {
		Challenge CaptchaChallenge `json:"challenge"`
		Solution  struct {
			// A pointer, because a solution without a counter is none.
			Counter *uint32 `json:"counter"`
		} `json:"solution"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return s, fmt.Errorf("solution is not the widget's JSON: %w", err)
	}
	p := wire.Challenge.Parameters
	if p.Algorithm != captchaAlgorithm || p.Cost < 1 || p.KeyLength != captchaKeyBytes || wire.Solution.Counter == nil {
		return s, fmt.Errorf("solution of another kind of challenge")
	}
	s.parameters, s.counter = p, *wire.Solution.Counter
	for _, field := range []struct {
		to    *[]byte
		from  string
		bytes int
	}{
		{&s.signature, wire.Challenge.Signature, sha256.Size},
		{&s.nonce, p.Nonce, 16},
		{&s.salt, p.Salt, 16},
		{&s.prefix, p.KeyPrefix, captchaPrefix},
	} {
		if *field.to, err = hex.DecodeString(field.from); err != nil || len(*field.to) != field.bytes {
			return s, fmt.Errorf("solution with a field that is not %d hexadecimal bytes", field.bytes)
		}
	}
	return s, nil
}

// captchaKey derives the key of one counter, as the widget does: the password
// is the nonce followed by the counter, big endian.
func captchaKey(nonce, salt []byte, counter uint32, iterations int) []byte {
	password := binary.BigEndian.AppendUint32(bytes.Clone(nonce), counter)
	// It fails only on lengths that the FIPS mode refuses, and theirs are fixed.
	key, _ := pbkdf2.Key(sha256.New, string(password), salt, iterations, captchaKeyBytes)
	return key
}
