package sqlstore

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aldaba/internal/credential"
)

// personRecord is a person as sealed: the types of the domain mask themselves,
// so their values are written out here and nowhere else.
type personRecord struct {
	Document   credential.Document   `json:"document,omitempty"`
	Number     string                `json:"number,omitempty"`
	GivenNames string                `json:"given_names,omitempty"`
	Surnames   string                `json:"surnames,omitempty"`
	Birth      credential.Date       `json:"birth,omitzero"`
	Death      credential.Date       `json:"death,omitzero"`
	Audiences  []credential.Audience `json:"audiences,omitempty"`
	Facts      credential.Facts      `json:"facts,omitempty"`
	Email      string                `json:"email,omitempty"`
	EmailFrom  credential.Provenance `json:"email_from,omitzero"`
}

func personPlace(s credential.Subject) credential.Place {
	return credential.Place{Table: "people", Column: "record", Row: s[:]}
}

func sealPerson(keys *credential.KeyRing, s credential.Subject, p credential.Person) ([]byte, error) {
	text, err := json.Marshal(personRecord{
		Document: p.Number.Document(), Number: p.Number.Reveal(),
		GivenNames: p.GivenNames.Reveal(), Surnames: p.Surnames.Reveal(),
		Birth: p.Birth, Death: p.Death, Audiences: p.Audiences, Facts: p.Facts,
		Email: p.Email.Reveal(), EmailFrom: p.EmailFrom,
	})
	if err != nil {
		return nil, err
	}
	return keys.Seal(text, personPlace(s)), nil
}

func openPerson(keys *credential.KeyRing, s credential.Subject, sealed []byte) (p credential.Person, err error) {
	text, err := keys.Open(sealed, personPlace(s))
	if err != nil {
		return p, err
	}
	var r personRecord
	err = json.Unmarshal(text, &r)
	if err != nil {
		return p, fmt.Errorf("people.record: %w", err)
	}
	p = credential.Person{
		GivenNames: credential.NewText(r.GivenNames), Surnames: credential.NewText(r.Surnames),
		Birth: r.Birth, Death: r.Death, Audiences: r.Audiences, Facts: r.Facts, EmailFrom: r.EmailFrom,
	}
	p.Number, err = storedNumber(r.Document, r.Number)
	if err == nil {
		p.Email, err = storedEmail(r.Email)
	}
	if err != nil {
		return p, fmt.Errorf("people.record: %w", err)
	}
	return p, nil
}

// storedNumber reads a number as stored: its document and its canonical form.
func storedNumber(document credential.Document, canonical string) (credential.Number, error) {
	if canonical == "" {
		return credential.Number{}, nil
	}
	return credential.ParseNumber(document, canonical)
}

// storedEmail reads an address as stored.
func storedEmail(text string) (credential.Email, error) {
	if text == "" {
		return credential.Email{}, nil
	}
	return credential.ParseEmail(text)
}

// sealNobody makes the record that is opened when a number is nobody's: of the
// size and shape that people's records have.
func sealNobody(keys *credential.KeyRing) ([]byte, error) {
	number, err := credential.ParseNumber(credential.Cedula, "2222222222")
	if err != nil {
		return nil, fmt.Errorf("the record of nobody: %w", err)
	}
	facts := credential.Facts{}
	for _, q := range credential.RecordQuestions(credential.Affiliate) {
		facts[q.ID] = q.Options[0]
	}
	return sealPerson(keys, credential.Subject{}, credential.Person{
		Number:     number,
		GivenNames: credential.NewText("Nadie Ninguno"),
		Surnames:   credential.NewText("Nunca Ninguna"),
		Birth:      credential.Date{Year: 1980, Month: time.January, Day: 15},
		Audiences:  []credential.Audience{credential.Affiliate},
		Facts:      facts,
	})
}

// generationRead is the generation of people that is read.
const generationRead = `(SELECT CAST(value AS BIGINT) FROM meta WHERE name = '` + credential.MetaPeopleGeneration + `')`

// PutPerson implements [credential.Tx].
func (t *tx) PutPerson(s credential.Subject, p credential.Person) error {
	sealed, err := sealPerson(t.store.keys, s, p)
	if err != nil {
		return wrap("sealing a person", err)
	}
	digest := t.store.keys.RegisterDigest(s, p)
	_, err = t.exec(`INSERT INTO people (generation, subject, record, digest) VALUES (`+generationRead+`, $1, $2, $3)
		ON CONFLICT (generation, subject) DO UPDATE SET record = excluded.record, digest = excluded.digest`, s[:], sealed, digest[:])
	return wrap("storing a person", err)
}

// profile is what of an account no rule depends on, as sealed.
type profile struct {
	Image credential.SecurityImage `json:"image,omitempty"`
	Phone string                   `json:"phone,omitempty"`

	Language credential.Language `json:"language,omitempty"`
}

func accountPlace(column string, s credential.Subject) credential.Place {
	return credential.Place{Table: "accounts", Column: column, Row: s[:]}
}

// Account implements [credential.Tx].
func (t *tx) Account(s credential.Subject) (credential.Account, error) {
	a, err := t.account(s)
	if err != nil {
		return credential.Account{}, wrap("reading an account", err)
	}
	return a, nil
}

func (t *tx) account(s credential.Subject) (a credential.Account, err error) {
	var clave, answers, kept, mac []byte
	err = t.one(`SELECT subject, clave, answers, profile, level, proven_at, must_change, frozen_from, closed_at, created_at, version, mac
		FROM accounts WHERE subject = $1`, []any{s[:]},
		exactly(a.Subject[:]), &clave, &answers, &kept, &a.Level, instant{&a.ProvenAt}, &a.MustChange, instant{&a.FrozenFrom}, instant{&a.ClosedAt}, instant{&a.CreatedAt}, &a.Version, &mac)
	if errors.Is(err, credential.ErrNoRow) {
		t.store.openNoAccount()
	}
	if err != nil {
		return a, err
	}
	if !hmac.Equal(mac, t.store.keys.AccountMAC(a)) {
		return a, fmt.Errorf("accounts.mac: %w", credential.ErrSealed)
	}
	plain, err := t.store.keys.Open(clave, accountPlace("clave", s))
	if err != nil {
		return a, err
	}
	a.Clave = string(plain)
	plain, err = t.store.keys.Open(answers, accountPlace("answers", s))
	if err != nil {
		return a, err
	}
	err = json.Unmarshal(plain, &a.Answers)
	if err != nil || kept == nil {
		return a, err
	}
	plain, err = t.store.keys.Open(kept, accountPlace("profile", s))
	if err != nil {
		return a, err
	}
	var p profile
	err = json.Unmarshal(plain, &p)
	a.Image, a.Phone, a.Language = p.Image, credential.NewText(p.Phone), p.Language
	return a, err
}

// sealNoAccount makes the columns that are opened when there is no account: of the
// size that people's are.
func sealNoAccount(keys *credential.KeyRing) (columns [3][]byte, err error) {
	answers, err := json.Marshal(credential.AnswerSet{
		Questions: credential.PersonalQuestions()[:credential.AskedAtRecovery], Hash: strings.Repeat("x", hashSize), Normaliser: credential.NormaliserVersion,
	})
	if err != nil {
		return columns, err
	}
	plain, err := json.Marshal(profile{})
	if err != nil {
		return columns, err
	}
	var nobody credential.Subject
	return [3][]byte{
		keys.Seal([]byte(strings.Repeat("x", hashSize)), accountPlace("clave", nobody)),
		keys.Seal(answers, accountPlace("answers", nobody)),
		keys.Seal(plain, accountPlace("profile", nobody)),
	}, nil
}

// hashSize is the length of an argon2id hash as it is written.
const hashSize = 97

// openNoAccount does what reading an account does besides its statement, so that
// whether there is one does not show in the time (S9). What it finds is of nobody.
func (s *Store) openNoAccount() {
	var nobody credential.Account
	_ = s.keys.AccountMAC(nobody)
	for i, column := range []string{"clave", "answers", "profile"} {
		plain, err := s.keys.Open(s.empty[i], accountPlace(column, nobody.Subject))
		if err == nil && i > 0 {
			_ = json.Unmarshal(plain, &nobody.Answers)
		}
	}
}

// SaveAccount implements [credential.Tx].
func (t *tx) SaveAccount(a credential.Account) error {
	answers, err := json.Marshal(a.Answers)
	if err != nil {
		return wrap("saving an account", err)
	}
	kept, err := json.Marshal(profile{Image: a.Image, Phone: a.Phone.Reveal(), Language: a.Language})
	if err != nil {
		return wrap("saving an account", err)
	}
	before := a.Version
	a.Version++
	args := []any{
		a.Subject[:],
		t.store.keys.Seal([]byte(a.Clave), accountPlace("clave", a.Subject)),
		t.store.keys.Seal(answers, accountPlace("answers", a.Subject)),
		int64(a.Level), millis(a.ProvenAt), a.MustChange, millis(a.CreatedAt), a.Version,
		t.store.keys.AccountMAC(storedAccount(a)),
		t.store.keys.Seal(kept, accountPlace("profile", a.Subject)), millis(a.FrozenFrom), millis(a.ClosedAt),
	}
	if before == 0 {
		return wrap("saving an account", t.must(`INSERT INTO accounts
			(subject, clave, answers, level, proven_at, must_change, created_at, version, mac, profile, frozen_from, closed_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (subject) DO NOTHING`, args...))
	}
	return wrap("saving an account", t.must(`UPDATE accounts SET
		clave = $2, answers = $3, level = $4, proven_at = $5, must_change = $6, created_at = $7, version = $8, mac = $9,
		profile = $10, frozen_from = $11, closed_at = $12 WHERE subject = $1 AND version = $13`, append(args, before)...))
}

// storedAccount is the account as it will be read, so that its MAC holds then.
func storedAccount(a credential.Account) credential.Account {
	a.ProvenAt = fromMillis(millis(a.ProvenAt))
	a.CreatedAt = fromMillis(millis(a.CreatedAt))
	a.FrozenFrom = fromMillis(millis(a.FrozenFrom))
	a.ClosedAt = fromMillis(millis(a.ClosedAt))
	return a
}

func addressPlace(s credential.Subject, id credential.ID) credential.Place {
	return credential.Place{Table: "addresses", Column: "email", Row: rowKey(s, id)}
}

// rowKey is the key of a row of a table whose primary key is subject and id.
func rowKey(s credential.Subject, id credential.ID) []byte {
	return append(append(make([]byte, 0, len(s)+len(id)), s[:]...), id[:]...)
}

// Addresses implements [credential.Tx].
func (t *tx) Addresses(s credential.Subject) ([]credential.Address, error) {
	return t.addresses(`replaced_at = 0 ORDER BY proven_at, id`, s)
}

// maxFormer bounds how many former addresses are read at once.
const maxFormer = 200

// FormerAddresses implements [credential.Tx]. It gives the latest maxFormer.
func (t *tx) FormerAddresses(s credential.Subject) ([]credential.Address, error) {
	return t.addresses(`replaced_at > 0 ORDER BY replaced_at DESC, id LIMIT `+strconv.Itoa(maxFormer), s)
}

func (t *tx) addresses(which string, s credential.Subject) ([]credential.Address, error) {
	all, err := list(t, `SELECT subject, id, email, origin, proven_at, source, run, officer, office, replaced_at, mac
		FROM addresses WHERE subject = $1 AND `+which, []any{s[:]}, t.scanAddress)
	if err != nil {
		return nil, wrap("reading addresses", err)
	}
	return all, nil
}

func (t *tx) scanAddress(scan func(...any) error) (a credential.Address, err error) {
	var sealed, mac []byte
	p := &a.Provenance
	err = scan(exactly(a.Subject[:]), exactly(a.ID[:]), &sealed, &p.Origin, instant{&p.At},
		&p.Source, &p.Run, &p.Officer, &p.Office, instant{&a.ReplacedAt}, &mac)
	if err != nil {
		return a, err
	}
	plain, err := t.store.keys.Open(sealed, addressPlace(a.Subject, a.ID))
	if err != nil {
		return a, err
	}
	a.Email, err = storedEmail(string(plain))
	if err != nil {
		return a, fmt.Errorf("addresses.email: %w", err)
	}
	if !hmac.Equal(mac, t.store.keys.AddressMAC(a)) {
		return a, fmt.Errorf("addresses.mac: %w", credential.ErrSealed)
	}
	return a, nil
}

// PutAddress implements [credential.Tx].
func (t *tx) PutAddress(a credential.Address) error {
	a.Provenance.At = fromMillis(millis(a.Provenance.At))
	a.ReplacedAt = fromMillis(millis(a.ReplacedAt))
	p := a.Provenance
	_, err := t.exec(`INSERT INTO addresses
		(subject, id, email, origin, proven_at, source, run, officer, office, replaced_at, mac)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (subject, id) DO UPDATE SET email = excluded.email, origin = excluded.origin,
			proven_at = excluded.proven_at, source = excluded.source, run = excluded.run, officer = excluded.officer,
			office = excluded.office, replaced_at = excluded.replaced_at, mac = excluded.mac`,
		a.Subject[:], a.ID[:], t.store.keys.Seal([]byte(a.Email.Reveal()), addressPlace(a.Subject, a.ID)),
		string(p.Origin), millis(p.At), p.Source, p.Run, p.Officer, p.Office, millis(a.ReplacedAt), t.store.keys.AddressMAC(a))
	return wrap("storing an address", err)
}
