package credential

import (
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// AuditShards is the fixed number of chains: more than one so that writers do
// not all wait for one head, few enough to sign every hour.
const AuditShards = 16

// AuditShard is the chain in which a person's rows stand.
func AuditShard(s Subject) uint8 { return s[0] % AuditShards }

// Act names what was done.
type Act string

// The acts that these procedures leave in the audit.
const (
	ActStarted        Act = "procedure_started"
	ActTyped          Act = "proof_typed"
	ActProofFailed    Act = "proof_failed"
	ActProofPassed    Act = "proof_passed"
	ActQuestionsSet   Act = "questions_set"
	ActContactTyped   Act = "contact_typed"
	ActMailAsked      Act = "mail_asked"
	ActLinkOpened     Act = "link_continued"
	ActCodeFailed     Act = "code_failed"
	ActCodeHeld       Act = "code_held"
	ActClaveGenerated Act = "clave_generated"
	ActClaveRecovered Act = "clave_recovered"
	ActObjected       Act = "objected"
	ActExtended       Act = "time_extended"
	ActAbandoned      Act = "abandoned"
	ActSeeded         Act = "seeded"

	ActActivationCodeIssued Act = "activation_code_issued" // by staff, with a reason

	ActUnlockAsked  Act = "unlock_asked"
	ActUnlocked     Act = "unlocked"
	ActLoggedIn     Act = "logged_in"
	ActLogInFailed  Act = "log_in_failed"
	ActLoggedOut    Act = "logged_out"
	ActClaveChanged Act = "clave_changed"

	ActAddressAsked     Act = "address_asked"
	ActAddressCancelled Act = "address_cancelled"
	ActAddressChanged   Act = "address_changed"
	ActAddressInPerson  Act = "address_in_person" // by staff, with a reason

	ActCaseOpened       Act = "case_opened" // «No fui yo» that froze nothing
	ActFrozen           Act = "frozen"      // «No fui yo» that froze the account
	ActThawed           Act = "thawed"      // the owner was proven by what stood before the disputed act
	ActQuestionsRenewed Act = "questions_renewed"
	ActWebClosed        Act = "web_closed"
	ActWebReopened      Act = "web_reopened" // by a clave set with a code of staff's
	ActDataDownloaded   Act = "data_downloaded"
	ActDataRequested    Act = "data_requested"

	ActComplaintMade      Act = "complaint_made"
	ActComplaintConfirmed Act = "complaint_confirmed" // by the link in the mail
	ActComplaintsRead     Act = "complaints_read"     // by staff, in a list

	ActRegisterAddress Act = "register_address" // an import changed an address
	ActRegisterDeath   Act = "register_death"   // an import says that the person died

	// ActFiguresRecorded is the act of adding to the public figures what never changes
	// again: a closed month, earlier ones, a correction. It is about nobody: its row
	// stands under the zero [Subject].
	ActFiguresRecorded Act = "figures_recorded"
)

// AuditEntry is what a use case asks to remember.
type AuditEntry struct {
	Subject Subject
	Actor   ActorKind
	Act     Act
	Office  string
	At      time.Time
	Route   string
	Details map[string]string // no secrets; sealed under the person's own key
}

// entryOf is an entry about somebody, without details.
func entryOf(by Actor, subject Subject, act Act, now time.Time) AuditEntry {
	return AuditEntry{Subject: subject, Actor: by.Kind, Act: act, At: now, Route: by.Route}
}

// noted writes an act about somebody, with details.
func noted(tx Tx, by Actor, subject Subject, act Act, now time.Time, details map[string]string) error {
	e := entryOf(by, subject, act, now)
	e.Details = details
	return tx.Audit(e)
}

// AuditRow is an entry as it stands in its chain. Person is a random number:
// the table that joins it to a person is erased with the person, and with it
// the key that opens Details.
type AuditRow struct {
	Shard   uint8
	Seq     int64 // 1, 2, 3 … without a gap
	Person  [16]byte
	Actor   ActorKind
	Act     Act
	Office  string
	At      time.Time
	Route   string
	Details []byte // sealed
	MAC     []byte
}

// ChainMAC is the MAC of a row over the one before it and everything it says.
func (k *KeyRing) ChainMAC(previous []byte, r AuditRow) []byte {
	return mac(k.audit, "chain", previous, []byte{r.Shard}, int64Bytes(r.Seq), r.Person[:],
		[]byte(r.Actor), []byte(r.Act), []byte(r.Office), int64Bytes(r.At.UnixMilli()), []byte(r.Route), r.Details)
}

// HeadMAC authenticates a shard's head, so that a chain cut short together with
// its head is noticed.
func (k *KeyRing) HeadMAC(shard uint8, seq int64, last []byte) []byte {
	return mac(k.audit, "head", []byte{shard}, int64Bytes(seq), last)
}

func int64Bytes(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// AuditHeads is a signed picture of all chains at one instant, to be kept
// outside the database: what is missing behind it was deleted.
type AuditHeads struct {
	At        time.Time           `json:"at"`
	Seq       [AuditShards]int64  `json:"seq"`
	MAC       [AuditShards][]byte `json:"mac"`
	Signature []byte              `json:"signature,omitempty"` // Ed25519 over the JSON without it
}

func (h AuditHeads) message() []byte {
	h.Signature = nil
	text, err := json.Marshal(h)
	if err != nil {
		panic(fmt.Sprintf("credential: audit heads do not marshal: %v", err))
	}
	return append([]byte("aldaba audit heads\n"), text...)
}

// sign signs the heads with the ring's Ed25519 key.
func (k *KeyRing) sign(h AuditHeads) AuditHeads {
	h.Signature = ed25519.Sign(k.signer, h.message())
	return h
}

// headsHold reports whether the heads were signed by this ring.
func (k *KeyRing) headsHold(h AuditHeads) bool {
	return ed25519.Verify(k.PublicKey(), h.message(), h.Signature)
}

// HeadsHold reports whether the heads, as JSON, were signed by this ring.
func (k *KeyRing) HeadsHold(text []byte) bool {
	var heads AuditHeads
	return json.Unmarshal(text, &heads) == nil && k.headsHold(heads)
}

// auditEnds is the part of [Tx] that knows where the audit chains end.
type auditEnds interface {
	AuditLast(shard uint8) (seq int64, mac []byte, err error)
}

// SignHeads reads the heads of all audit chains in one picture and signs them.
func (k *KeyRing) SignHeads(tx auditEnds, now time.Time) (AuditHeads, error) {
	heads := AuditHeads{At: now}
	for shard := range uint8(AuditShards) {
		seq, last, err := tx.AuditLast(shard)
		if err != nil {
			return AuditHeads{}, err
		}
		heads.Seq[shard], heads.MAC[shard] = seq, last
	}
	return k.sign(heads), nil
}

// AuditFault is the first thing wrong in a chain.
type AuditFault struct {
	Shard uint8
	Seq   int64
	What  string // "edited", "missing", "tail deleted", "head edited"
}

func (f *AuditFault) Error() string {
	return fmt.Sprintf("audit: chain %d, row %d: %s", f.Shard, f.Seq, f.What)
}

// VerifyAudit walks every chain of one consistent picture and returns the first
// [AuditFault]: a row edited, deleted or missing, the tail included. kept are
// signed heads from outside the database (they may be none); each must lie on
// its chain. rows is how many rows hold.
func (k *KeyRing) VerifyAudit(tx Tx, kept []AuditHeads) (rows int64, err error) {
	for _, h := range kept {
		if !k.headsHold(h) {
			return 0, fmt.Errorf("audit: the signature of the heads kept at %s does not hold", h.At.Format(time.RFC3339))
		}
	}
	for shard := range uint8(AuditShards) {
		n, err := k.verifyChain(tx, shard, kept)
		rows += n
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func (k *KeyRing) verifyChain(tx Tx, shard uint8, kept []AuditHeads) (int64, error) {
	const page = 500
	expect := map[int64][]byte{} // Seq → MAC that a kept head names
	for _, h := range kept {
		if h.Seq[shard] > 0 {
			expect[h.Seq[shard]] = h.MAC[shard]
		}
	}
	seq, last := int64(0), []byte(nil)
	for {
		rows, err := tx.AuditRows(shard, seq, page)
		if err != nil {
			return seq, fmt.Errorf("reading audit chain %d: %w", shard, err)
		}
		for _, r := range rows {
			if r.Seq != seq+1 {
				return seq, &AuditFault{shard, seq + 1, "missing"}
			}
			if !hmac.Equal(r.MAC, k.ChainMAC(last, r)) {
				return seq, &AuditFault{shard, r.Seq, "edited"}
			}
			if want, ok := expect[r.Seq]; ok && !hmac.Equal(want, r.MAC) {
				return seq, &AuditFault{shard, r.Seq, "edited"}
			}
			seq, last = r.Seq, r.MAC
		}
		if len(rows) < page {
			break
		}
	}
	headSeq, headMAC, err := tx.AuditHead(shard)
	if err != nil {
		return seq, fmt.Errorf("reading the head of audit chain %d: %w", shard, err)
	}
	if headSeq > seq {
		return seq, &AuditFault{shard, seq + 1, "tail deleted"}
	}
	if (headSeq > 0 || seq > 0) && (headSeq != seq || !hmac.Equal(headMAC, k.HeadMAC(shard, seq, last))) {
		return seq, &AuditFault{shard, seq, "head edited"}
	}
	for want := range expect {
		if want > seq {
			return seq, &AuditFault{shard, seq + 1, "tail deleted"}
		}
	}
	return seq, nil
}
