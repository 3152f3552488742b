package credential

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy is every number and choice by which the procedures run. It is read,
// never changed, after the program has started. Presets are data: see [Preset].
type Policy struct {
	Name string // the preset it came from

	// What the preset asks, which no override changes.
	BirthYear       bool // the proof asks the whole birth date, not day and month alone
	RecordQuestions bool // a generate asks questions about the institution's record
	ActivationCode  bool // a generate asks the one-use code that staff hand over
	OwnQuestions    int  // personal questions kept of a person; 0 for none
	AskedBehindLink bool // a recover asks them behind the mailed link, and not before the verdict
	SecurityImage   bool // a generate chooses a picture that known browsers show

	LinkLife      time.Duration // a mailed link's life from its acceptance by the relay
	LinkCap       time.Duration // and from the first attempt to send, whatever the relay does
	CodeTries     int           // typed codes per procedure, over all its mails
	ProcedureLife time.Duration // from the start, or the last extension, until «sent»
	Resends       int           // mails sent again within one procedure

	Attempts      int           // failed proofs per number and window
	AttemptsTotal int           // failed proofs in all between two finished procedures
	AttemptWindow time.Duration // the window of Attempts

	BankAnswers int // personal questions to answer at generate, of ten

	UnprovenMails int           // mails per number and window asked without proof
	ProvenMails   int           // and with proof
	MailWindow    time.Duration // the window of both

	PeoplePerMailbox  int // people whose mail goes to one mailbox, per month
	NumbersPerNetwork int // distinct failed numbers per network and attempt window; 0 for no limit

	CaptchaCost int           // 0 leaves the captcha out (demo only)
	CaptchaLife time.Duration // of one challenge

	PasswordMin, PasswordMax int // code points of a clave

	HashMemoryKiB int // argon2id
	HashPasses    int

	GateRunning int // hashes at once; 0 for as many as cores
	GateQueue   int
	GateWait    time.Duration

	LockAfter   int
	LockLife    time.Duration
	DeviceLife  time.Duration
	SessionIdle time.Duration
	SessionLife time.Duration

	AddressHold    time.Duration // before the link of a changed address leaves
	FreezeLinkLife time.Duration // of «No fui yo»
	FirstClave     string        // "code" or "temporary": what the counter hands over
	UnlockLink     string        // "either" or "unlock": whether the link of an unlock also leads to a new clave
}

// Fixed numbers that no policy changes; each with its reason.
const (
	// maxExtensions is how often one press renews a procedure's time: WCAG 2.2.1
	// asks for at least ten.
	maxExtensions = 10
	// codesPerDay bounds guesses of the six digits over all procedures of a
	// number: 20 a day is one in 50,000.
	codesPerDay = 20
	// codesInAll bounds them between two finished procedures (SP 800-63B-4, 3.2.2).
	codesInAll = 100
	// peoplePerDevice is how many people one browser is remembered for.
	peoplePerDevice = 5
	// strangersMemory is how many attempt windows a number remembers failures
	// for, so that a total also shows for numbers that nobody has.
	strangersMemory = 30
	// AskedAtRecovery is how many personal questions of the bank a recover asks.
	AskedAtRecovery = 3
	// activationCodeLife is how long a code that staff hand over can be used.
	activationCodeLife = day
	// mailUnsentLife bounds a procedure whose mail the relay never took.
	mailUnsentLife = 7 * day
)

// The presets.
const (
	// Ficha2026 is the official sheet of 2026, the default.
	Ficha2026 = "ficha-2026"
	// Guia is the older first time of the citizens' guide (M14): whole birth
	// date, a security image and one own question. It is weaker than Ficha2026;
	// docs/policies.md says why.
	Guia = "guia"
	// Reforzada follows NIST SP 800-63B-4 and OWASP ASVS 5.0: nobody is asked a
	// secret question.
	Reforzada = "reforzada"
)

// presets are the numbers of the official sheet, and what the others change of it.
var presets = map[string]Policy{
	Ficha2026: ficha2026(),
	Guia: changed(ficha2026(), func(p *Policy) {
		p.LinkLife = 15 * time.Minute
		p.BirthYear, p.RecordQuestions = true, false
		p.OwnQuestions, p.AskedBehindLink, p.SecurityImage = 1, true, true
	}),
	Reforzada: changed(ficha2026(), func(p *Policy) {
		p.LinkLife = 15 * time.Minute
		p.RecordQuestions, p.ActivationCode, p.OwnQuestions = false, true, 0
		p.PasswordMin = 15 // SP 800-63B-4: a password that is the only factor
	}),
}

func changed(p Policy, change func(*Policy)) Policy {
	change(&p)
	return p
}

func ficha2026() Policy {
	return Policy{
		RecordQuestions:   true,
		OwnQuestions:      AskedAtRecovery,
		LinkLife:          3 * time.Minute,
		LinkCap:           2 * time.Hour,
		CodeTries:         5,
		ProcedureLife:     30 * time.Minute,
		Resends:           5,
		Attempts:          5,
		AttemptsTotal:     20,
		AttemptWindow:     day,
		BankAnswers:       3,
		UnprovenMails:     5,
		ProvenMails:       10,
		MailWindow:        day,
		PeoplePerMailbox:  5,
		NumbersPerNetwork: 200,
		CaptchaCost:       1,
		CaptchaLife:       10 * time.Minute,
		PasswordMin:       12,
		PasswordMax:       256,
		HashMemoryKiB:     19456,
		HashPasses:        2,
		GateRunning:       0,
		GateQueue:         200,
		GateWait:          10 * time.Second,
		LockAfter:         5,
		LockLife:          day,
		DeviceLife:        year,
		SessionIdle:       15 * time.Minute,
		SessionLife:       8 * time.Hour,
		AddressHold:       day,
		FreezeLinkLife:    10 * day,
		FirstClave:        "code",
		UnlockLink:        "either",
	}
}

// Preset gives the named policy. An unknown name is an error that lists the
// known ones.
func Preset(name string) (Policy, error) {
	p, ok := presets[name]
	if !ok {
		return Policy{}, fmt.Errorf("policy %q is not known; choose %s", name, strings.Join(Presets(), ", "))
	}
	p.Name = name
	return p, nil
}

// Presets lists the names of the presets, in order.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// A setting is one key of the policy with its sane range. Exactly one of
// number, duration and choice is set.
type setting struct {
	number   func(*Policy) *int
	duration func(*Policy) *time.Duration
	choice   func(*Policy) *string

	min, max          int           // for number
	shortest, longest time.Duration // for duration
	choices           []string      // for choice
	demoMin           int           // for number: what a demo also takes; 0 where min holds
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

func number(field func(*Policy) *int, low, high int) setting {
	return setting{number: field, min: low, max: high, demoMin: low}
}

func duration(field func(*Policy) *time.Duration, shortest, longest time.Duration) setting {
	return setting{duration: field, shortest: shortest, longest: longest}
}

var settings = map[string]setting{
	"link_life":           duration(func(p *Policy) *time.Duration { return &p.LinkLife }, time.Minute, day),
	"link_cap":            duration(func(p *Policy) *time.Duration { return &p.LinkCap }, 5*time.Minute, day),
	"code_tries":          number(func(p *Policy) *int { return &p.CodeTries }, 1, 10),
	"procedure_life":      duration(func(p *Policy) *time.Duration { return &p.ProcedureLife }, 5*time.Minute, day),
	"resends":             number(func(p *Policy) *int { return &p.Resends }, 0, 20),
	"attempts":            number(func(p *Policy) *int { return &p.Attempts }, 1, 20),
	"attempts_total":      number(func(p *Policy) *int { return &p.AttemptsTotal }, 1, 100),
	"attempt_window":      duration(func(p *Policy) *time.Duration { return &p.AttemptWindow }, time.Hour, 30*day),
	"bank_answers":        number(func(p *Policy) *int { return &p.BankAnswers }, AskedAtRecovery, 10),
	"unproven_mails":      number(func(p *Policy) *int { return &p.UnprovenMails }, 1, 100),
	"proven_mails":        number(func(p *Policy) *int { return &p.ProvenMails }, 1, 100),
	"mail_window":         duration(func(p *Policy) *time.Duration { return &p.MailWindow }, time.Hour, 30*day),
	"people_per_mailbox":  number(func(p *Policy) *int { return &p.PeoplePerMailbox }, 1, 10_000),
	"numbers_per_network": number(func(p *Policy) *int { return &p.NumbersPerNetwork }, 0, 1_000_000),
	"captcha_cost":        {number: func(p *Policy) *int { return &p.CaptchaCost }, min: 1, max: 100, demoMin: 0},
	"captcha_life":        duration(func(p *Policy) *time.Duration { return &p.CaptchaLife }, time.Minute, day),
	"password_min":        number(func(p *Policy) *int { return &p.PasswordMin }, 8, 64),
	"password_max":        number(func(p *Policy) *int { return &p.PasswordMax }, 64, 1024),
	"hash_memory_kib":     {number: func(p *Policy) *int { return &p.HashMemoryKiB }, min: 19456, max: 262144, demoMin: 64},
	"hash_passes":         {number: func(p *Policy) *int { return &p.HashPasses }, min: 2, max: 10, demoMin: 1},
	"gate_running":        number(func(p *Policy) *int { return &p.GateRunning }, 0, 1024),
	"gate_queue":          number(func(p *Policy) *int { return &p.GateQueue }, 0, 100_000),
	"gate_wait":           duration(func(p *Policy) *time.Duration { return &p.GateWait }, time.Second, time.Minute),
	"lock_after":          number(func(p *Policy) *int { return &p.LockAfter }, 1, 100),
	"lock_life":           duration(func(p *Policy) *time.Duration { return &p.LockLife }, time.Minute, 7*day),
	"device_life":         duration(func(p *Policy) *time.Duration { return &p.DeviceLife }, time.Hour, 5*year),
	"session_idle":        duration(func(p *Policy) *time.Duration { return &p.SessionIdle }, time.Minute, day),
	"session_life":        duration(func(p *Policy) *time.Duration { return &p.SessionLife }, time.Minute, 7*day),
	"address_hold":        duration(func(p *Policy) *time.Duration { return &p.AddressHold }, time.Hour, 30*day),
	"freeze_link_life":    duration(func(p *Policy) *time.Duration { return &p.FreezeLinkLife }, day, 90*day),
	"first_clave":         {choice: func(p *Policy) *string { return &p.FirstClave }, choices: []string{"code", "temporary"}},
	"unlock_link":         {choice: func(p *Policy) *string { return &p.UnlockLink }, choices: []string{"either", "unlock"}},
}

// PolicyKeys lists the keys that [Policy.Set] takes, in order.
func PolicyKeys() []string { return slices.Sorted(maps.Keys(settings)) }

// Set overrides one value by its key, durations as Go writes them ("3m"). An
// unknown key, a value that does not read, and a value outside its sane range
// are errors that say what would be taken. In a demo durations may start at one
// second, the captcha may be left out and hashes may be cheap.
func (p *Policy) Set(key, value string, demo bool) error {
	s, ok := settings[key]
	if !ok {
		return fmt.Errorf("policy key %q is not known; the keys are %s", key, strings.Join(PolicyKeys(), ", "))
	}
	switch {
	case s.number != nil:
		n, err := strconv.Atoi(value)
		low := s.min
		if demo {
			low = s.demoMin
		}
		if err != nil || n < low || n > s.max {
			return fmt.Errorf("policy key %s: %q is not a whole number from %d to %d", key, value, low, s.max)
		}
		*s.number(p) = n
	case s.duration != nil:
		d, err := time.ParseDuration(value)
		low := s.shortest
		if demo {
			low = time.Second
		}
		if err != nil || d < low || d > s.longest {
			return fmt.Errorf("policy key %s: %q is not a duration from %v to %v, such as %v", key, value, low, s.longest, *s.duration(p))
		}
		*s.duration(p) = d
	default:
		if !slices.Contains(s.choices, value) {
			return fmt.Errorf("policy key %s: %q is not one of %s", key, value, strings.Join(s.choices, ", "))
		}
		*s.choice(p) = value
	}
	return nil
}

// Check holds the values against each other, once all of them are set. A cap
// below a life, or a total below a window's count, is merely strict; only what
// could never be satisfied is refused.
func (p Policy) Check() error {
	if p.PasswordMin > p.PasswordMax {
		return fmt.Errorf("policy: password_min %d is more than password_max %d", p.PasswordMin, p.PasswordMax)
	}
	return nil
}

// HashParams are the policy's argon2id parameters.
func (p Policy) HashParams() HashParams {
	return HashParams{MemoryKiB: uint32(p.HashMemoryKiB), Passes: uint32(p.HashPasses)}
}

// newClaveBehindUnlock reports whether the link of an unlock also leads to a new
// clave, by the proof of a recover. The sheet sends whoever wants one to a recover of
// its own, with another mail.
func (p Policy) newClaveBehindUnlock() bool { return p.UnlockLink == "either" }

// asksBefore reports whether a procedure asks personal questions before the verdict.
func (p Policy) asksBefore(kind ProcedureKind) bool {
	return kind == Recover && p.OwnQuestions > 0 && !p.AskedBehindLink
}

// asksBehindLink reports whether a procedure asks them behind the mailed link.
func (p Policy) asksBehindLink(kind ProcedureKind) bool {
	return kind == Recover && p.OwnQuestions > 0 && p.AskedBehindLink
}

// AsksRecord reports whether a procedure asks questions about the record, unless
// the applicant has a code.
func (p Policy) AsksRecord(kind ProcedureKind) bool { return kind == Generate && p.RecordQuestions }

func (p Policy) asksRecord(kind ProcedureKind, byCode bool) bool {
	return p.AsksRecord(kind) && !byCode
}

// asksCode reports whether a procedure asks the activation code: by the policy,
// or because the applicant has one.
func (p Policy) asksCode(kind ProcedureKind, byCode bool) bool {
	return kind == Generate && (p.ActivationCode || byCode)
}

// dateAlone reports whether the verdict falls on the birth date alone.
func (p Policy) dateAlone(kind ProcedureKind, byCode bool) bool {
	return !p.asksRecord(kind, byCode) && !p.asksCode(kind, byCode) && !p.asksBefore(kind)
}

// contactWithQuestions reports whether a generate asks question, image and
// address on one page.
func (p Policy) contactWithQuestions() bool { return p.SecurityImage }

// neverTells reports whether no page tells the verdict of a kind, whatever was
// typed, unless the mailbox is proven already.
func (p Policy) neverTells(kind ProcedureKind) bool { return p.ActivationCode && kind == Recover }

// tells reports whether a page tells the verdict on what was typed. With
// neither code nor question it would tell who knows a birth date, and who has
// an account: then only the mail tells, to an address that was proven before.
func (p Policy) tells(kind ProcedureKind, typed Typed) bool {
	return !p.ActivationCode || typed.MailProven || kind == Generate && typed.Code != ""
}
