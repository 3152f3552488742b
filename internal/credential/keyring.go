package credential

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// keySize is the length of every key in the ring, in bytes.
const keySize = 32

// KeyRing holds the secrets that live outside the database: whoever has the
// database alone can open no sealed column, forge no link and test no number.
//
// There are four separate uses, so that each can be changed on its own:
// sealing (personal data at rest), tokens (links, codes, cookies), look-up
// (numbers and mailboxes to keyed hashes: changing it orphans every counter)
// and audit (the chain's MAC and the key that signs its heads).
// In each list the first key writes and all of them read.
type KeyRing struct {
	seal   []sealKey
	token  [][]byte
	lookup []byte
	audit  []byte
	signer ed25519.PrivateKey
}

type sealKey struct {
	id   uint32
	aead cipher.AEAD
}

// keyFile is the ring as it is stored: JSON, keys in hex.
type keyFile struct {
	Version int      `json:"version"`
	Seal    []string `json:"seal"`
	Token   []string `json:"token"`
	Lookup  string   `json:"lookup"`
	Audit   string   `json:"audit"`
	Signer  string   `json:"signer"`
}

// NewKeyFile makes the content of a fresh key-ring file.
func NewKeyFile() []byte {
	fresh := func() string {
		key := make([]byte, keySize)
		rand.Read(key)
		return hex.EncodeToString(key)
	}
	content, err := json.MarshalIndent(keyFile{
		Version: 1, Seal: []string{fresh()}, Token: []string{fresh()},
		Lookup: fresh(), Audit: fresh(), Signer: fresh(),
	}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("credential: a struct of strings does not marshal: %v", err))
	}
	return append(content, '\n')
}

// ParseKeyRing reads the content of a key-ring file. Its errors name the fault
// and never a key.
func ParseKeyRing(content []byte) (*KeyRing, error) {
	var file keyFile
	err := json.Unmarshal(content, &file)
	if err != nil {
		return nil, errors.New("key ring: not the JSON that `aldaba keys new` writes")
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("key ring: version %d; this program reads version 1", file.Version)
	}
	if len(file.Seal) == 0 || len(file.Token) == 0 {
		return nil, errors.New("key ring: no key to seal or to make tokens with")
	}
	ring := &KeyRing{}
	for i, text := range file.Seal {
		key, err := parseKey("seal", i, text)
		if err != nil {
			return nil, err
		}
		aead, err := newAEAD(key)
		if err != nil {
			return nil, fmt.Errorf("key ring: seal key %d: %w", i, err)
		}
		// The id is a fingerprint, so that a sealed value finds its key
		// whatever the order in the file.
		sum := sha256.Sum256(append([]byte("aldaba seal key id"), key...))
		ring.seal = append(ring.seal, sealKey{binary.BigEndian.Uint32(sum[:4]), aead})
	}
	for i, text := range file.Token {
		key, err := parseKey("token", i, text)
		if err != nil {
			return nil, err
		}
		ring.token = append(ring.token, key)
	}
	ring.lookup, err = parseKey("lookup", 0, file.Lookup)
	if err != nil {
		return nil, err
	}
	ring.audit, err = parseKey("audit", 0, file.Audit)
	if err != nil {
		return nil, err
	}
	seed, err := parseKey("signer", 0, file.Signer)
	if err != nil {
		return nil, err
	}
	ring.signer = ed25519.NewKeyFromSeed(seed)
	return ring, nil
}

func parseKey(use string, i int, text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("key ring: %s key %d is not %d bytes in hex", use, i, keySize)
	}
	return key, nil
}

// sealedVersion is the first byte of every sealed value.
const sealedVersion = 1

// Place is where a sealed value stands. It is bound into the seal, so that a
// value copied to another row, column or table does not open (S32).
type Place struct {
	Table, Column string
	Row           []byte // the row's key
}

func (p Place) bytes() []byte {
	var out []byte
	for _, part := range [][]byte{{sealedVersion}, []byte(p.Table), []byte(p.Column), p.Row} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return out
}

// Seal encrypts plain for its place (AES-256-GCM, random nonce). The result is
// version, key id, nonce, ciphertext.
func (k *KeyRing) Seal(plain []byte, at Place) []byte {
	key := k.seal[0]
	out := make([]byte, 5, 5+key.aead.NonceSize()+len(plain)+key.aead.Overhead())
	out[0] = sealedVersion
	binary.BigEndian.PutUint32(out[1:5], key.id)
	nonce := make([]byte, key.aead.NonceSize())
	rand.Read(nonce)
	out = append(out, nonce...)
	return key.aead.Seal(out, nonce, plain, at.bytes())
}

// ErrSealed says that a sealed value did not open: it was edited, copied from
// another place, or its key is not in the ring.
var ErrSealed = errors.New("sealed value does not open here")

// Open decrypts what [KeyRing.Seal] made for the same place.
func (k *KeyRing) Open(sealed []byte, at Place) ([]byte, error) {
	if len(sealed) < 5 || sealed[0] != sealedVersion {
		return nil, fmt.Errorf("%s.%s: %w", at.Table, at.Column, ErrSealed)
	}
	id := binary.BigEndian.Uint32(sealed[1:5])
	for _, key := range k.seal {
		n := 5 + key.aead.NonceSize()
		if key.id != id || len(sealed) < n {
			continue
		}
		plain, err := key.aead.Open(nil, sealed[5:n], sealed[n:], at.bytes())
		if err == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("%s.%s: %w", at.Table, at.Column, ErrSealed)
}

// NewPersonKey makes a key of one person's own, under which the details of their
// audit rows are sealed: erasing it erases them.
func NewPersonKey() []byte {
	key := make([]byte, keySize)
	rand.Read(key)
	return key
}

// SealUnder encrypts plain for its place under a person's own key.
func SealUnder(personKey, plain []byte, at Place) ([]byte, error) {
	aead, err := newAEAD(personKey)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, at.bytes()), nil
}

// OpenUnder decrypts what [SealUnder] made for the same key and place.
func OpenUnder(personKey, sealed []byte, at Place) ([]byte, error) {
	aead, err := newAEAD(personKey)
	if err != nil {
		return nil, err
	}
	n := aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("%s.%s: %w", at.Table, at.Column, ErrSealed)
	}
	plain, err := aead.Open(nil, sealed[:n], sealed[n:], at.bytes())
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", at.Table, at.Column, ErrSealed)
	}
	return plain, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// mac is HMAC-SHA256 over a purpose and length-prefixed parts, so that no two
// purposes and no two splits of the same bytes ever collide.
func mac(key []byte, purpose string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	var size [4]byte
	write := func(part []byte) {
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		h.Write(size[:])
		h.Write(part)
	}
	write([]byte(purpose))
	for _, part := range parts {
		write(part)
	}
	return h.Sum(nil)
}

// Lookup is the keyed hash by which a value is searched for: purpose keeps
// numbers, mailboxes and networks apart.
func (k *KeyRing) Lookup(purpose string, value []byte) [32]byte {
	return [32]byte(mac(k.lookup, purpose, value))
}

// tokenMAC authenticates a token with the writing key.
func (k *KeyRing) tokenMAC(purpose string, parts ...[]byte) []byte {
	return mac(k.token[0], purpose, parts...)
}

// tokenHolds reports, in constant time for each key, whether want is the MAC
// (or a prefix of at least 16 bytes of it) under any token key.
func (k *KeyRing) tokenHolds(want []byte, purpose string, parts ...[]byte) bool {
	if len(want) < 16 {
		return false
	}
	holds := false
	for _, key := range k.token {
		got := mac(key, purpose, parts...)
		if len(want) <= len(got) && hmac.Equal(want, got[:len(want)]) {
			holds = true
		}
	}
	return holds
}

// tokenHash is what the database keeps of a random secret (a browser's or a
// device's): useless without the ring. It is made with a key derived from the
// look-up key, because it is searched by.
func (k *KeyRing) tokenHash(purpose string, secret []byte) [32]byte {
	return [32]byte(mac(k.lookup, "secret:"+purpose, secret))
}

// CaptchaKey is the key that signs captcha challenges.
func (k *KeyRing) CaptchaKey() []byte { return mac(k.token[0], "captcha key") }

// rowMAC binds a value that decides what an account may do (level, provenance)
// to its person, so that a row edited in the database is noticed when read.
func (k *KeyRing) rowMAC(purpose string, parts ...[]byte) []byte {
	return mac(k.audit, "row:"+purpose, parts...)
}

// PublicKey is the key by which anybody checks what the ring signed.
func (k *KeyRing) PublicKey() ed25519.PublicKey { return k.signer.Public().(ed25519.PublicKey) }
