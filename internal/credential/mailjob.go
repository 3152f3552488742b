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
	MailLocked         MailKind = "locked"          // wrong claves locked the number
	MailNewDevice      MailKind = "new_device"      // a log-in from a browser and a network not seen before
	MailFrozen         MailKind = "frozen"          // «No fui yo» froze the account

	MailQuestionsRenewed MailKind = "questions_renewed" // the personal answers are others
	MailWebClosed        MailKind = "web_closed"        // the owner closed the web way
	MailDataRequest      MailKind = "data_request"      // the owner asked for a rectification or an erasure

	MailComplaint      MailKind = "complaint"       // number, code, and the link that confirms a complaint
	MailComplaintTaken MailKind = "complaint_taken" // number and code of one that is confirmed
)

// hasLink reports whether a mail carries a link into a procedure.
func (k MailKind) hasLink() bool {
	return k == MailActivation || k == MailUnlock || k == MailAddressLink
}

// hasCode reports whether a mail carries a code of six digits.
func (k MailKind) hasCode() bool { return k == MailActivation || k == MailAddressCode }

// ofComplaint reports whether a mail is about a complaint, whose id stands where
// others have their procedure.
func (k MailKind) ofComplaint() bool { return k == MailComplaint || k == MailComplaintTaken }

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
	Procedure  ID        // what it is about: a procedure, or a complaint
	Generation uint16    // of a mail with a link or a code of a procedure
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
	Network   Network   `json:"network,omitempty"`   // where it was, as far as that is known
	Case      string    `json:"case,omitempty"`      // number of the case that was opened
	NewMask   string    `json:"new_mask,omitempty"`  // masked new address
	HoldUntil time.Time `json:"hold_until,omitzero"` // of a change of address; of a complaint when its link ends
	LastDay   time.Time `json:"last_day,omitzero"`   // on which a request or a complaint is answered
	Language  Language  `json:"language,omitempty"`  // that it is written in
}

// MailEnd says how a mail ended.
type MailEnd string

// The ends of a mail.
const (
	MailSent    MailEnd = "sent"    // the relay took it
	MailGaveUp  MailEnd = "gave_up" // refused for good, or tried for too long
	MailDropped MailEnd = "dropped" // its procedure no longer needs it
)

// Notice is what a «No fui yo» link refers to: an act, as it was told to one
// address, that somebody may object to. Repeats of the act that come soon after
// it are told together in one more notice (notices.go).
type Notice struct {
	ID        ID
	Subject   Subject
	Kind      MailKind
	Procedure ID
	Address   [32]byte // keyed hash of the address it was told to
	MayFreeze bool     // the address is as well proven as the act
	CreatedAt time.Time
	Due       time.Time // its mail leaves then
	Repeats   int       // acts that it tells of besides the first
	LatestAt  time.Time // the last of them; zero for none
	ExpiresAt time.Time
	UsedAt    time.Time // zero while unused
	Case      string    // number of the case that its use opened; empty before
}
