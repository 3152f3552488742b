package credential

import "time"

// MailKind says which mail it is.
type MailKind string

// The mails.
const (
	MailActivation     MailKind = "activation"      // «ACTIVACIÓN CLAVE»: link and code
	MailUnlock         MailKind = "unlock"          // a link, and no code, that ends a lock
	MailUnlocked       MailKind = "unlocked"        // that link was used
	MailClaveSet       MailKind = "clave_set"       // a first clave was generated
	MailClaveRecovered MailKind = "clave_recovered" // a clave was recovered
	MailClaveChanged   MailKind = "clave_changed"   // somebody who knew it changed the clave
	MailAddressChange  MailKind = "address_change"  // somebody asks for mail to another address
	MailRegisterChange MailKind = "register_change" // an import brought another address
	MailActivationCode MailKind = "activation_code" // staff handed over a code

	MailAddressCode    MailKind = "address_code"    // a code, and no link, to the address that proves a change
	MailAddressLink    MailKind = "address_link"    // a link, and no code, that confirms the new one
	MailAddressChanged MailKind = "address_changed" // that link was used
)

// hasLink reports whether a mail carries a link into a procedure.
func (k MailKind) hasLink() bool {
	return k == MailActivation || k == MailUnlock || k == MailAddressLink
}

// hasCode reports whether a mail carries a code of six digits.
func (k MailKind) hasCode() bool { return k == MailActivation || k == MailAddressCode }

// timed reports whether a procedure waits for a mail, whose clock starts when it
// leaves.
func (k MailKind) timed() bool { return k.hasLink() || k.hasCode() }

// Mail is one row of the outbox. It commits with the state it tells of and
// holds no secret that could be used: links and codes are made when the mail is
// rendered.
type Mail struct {
	ID         ID
	Kind       MailKind
	To         Email     // stored sealed, erased once the mail ended
	Procedure  ID        // what it is about
	Generation uint16    // of a mail with a link
	Notice     ID        // what its «No fui yo» link refers to; zero without one
	Facts      MailFacts // stored sealed
	QueuedAt   time.Time
	Due        time.Time
	Tries      int // attempts to send so far
}

// MailFacts is what a mail says besides its link and code.
type MailFacts struct {
	GivenName string    `json:"given_name,omitempty"`
	Reference string    `json:"reference,omitempty"`
	At        time.Time `json:"at,omitzero"`         // of the act
	Browser   string    `json:"browser,omitempty"`   // kind of device, a word key
	NewMask   string    `json:"new_mask,omitempty"`  // masked new address
	HoldUntil time.Time `json:"hold_until,omitzero"` // of a change of address
}

// MailEnd says how a mail ended.
type MailEnd string

// The ends of a mail.
const (
	MailSent    MailEnd = "sent"    // the relay took it
	MailGaveUp  MailEnd = "gave_up" // refused for good, or tried for too long
	MailDropped MailEnd = "dropped" // its procedure no longer needs it
)

// Notice is what a «No fui yo» link refers to: an act somebody may object to.
type Notice struct {
	ID        ID
	Subject   Subject
	Kind      MailKind
	Procedure ID
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero while unused
}
