package site

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore"
	"aldaba/internal/wordlists"
	"aldaba/internal/words"
)

// Issued is an activation code as staff hand it over.
type Issued struct {
	Code  string // XXXXX-XXXXX; it stands nowhere else
	Until time.Time
}

// IssueActivationCode makes an activation code for somebody on record, beside a
// program that may be serving. Of the configuration it needs database, keys,
// policy and clock. Refusals are those of [credential.Service.IssueActivationCode].
func IssueActivationCode(ctx context.Context, c Config, n credential.Number, office, reason string) (Issued, error) {
	var issued Issued
	err := besides(ctx, c, func(service *credential.Service) error {
		by := credential.Actor{Kind: credential.Staff, Route: "staff activation-code"}
		code, expires, err := service.IssueActivationCode(ctx, by, n, office, reason)
		issued = Issued{code, expires}
		return err
	})
	return issued, err
}

// SetAddressInPerson takes down an address that staff verified in person, likewise.
// Refusals are those of [credential.Service.SetAddressInPerson].
func SetAddressInPerson(ctx context.Context, c Config, n credential.Number, email, office, reason string) error {
	return besides(ctx, c, func(service *credential.Service) error {
		by := credential.Actor{Kind: credential.Staff, Route: "staff address"}
		return service.SetAddressInPerson(ctx, by, n, email, office, reason)
	})
}

// besides does what staff do on a database that a program may be serving.
func besides(ctx context.Context, c Config, act func(*credential.Service) error) error {
	return onDatabase(ctx, c, func(store *sqlstore.Store) error {
		service, err := serviceOn(store, c)
		if err != nil {
			return err
		}
		return told(act(service))
	})
}

// onDatabase opens the database of a configuration, made before by the same key
// ring, for a command beside a program that may be serving.
func onDatabase(ctx context.Context, c Config, f func(*sqlstore.Store) error) error {
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: c.Database, Keys: c.Keys, Existing: true})
	if err != nil {
		return err
	}
	err = checkRing(ctx, store, c)
	if err == nil {
		err = f(store)
	}
	return errors.Join(err, store.Close())
}

// StaffNumber reads a number as the document that it is; "auto" takes ten digits
// for a cédula and thirteen for a RUC.
func StaffNumber(document, typed string) (credential.Number, error) {
	kind := credential.Document(document)
	if document == "auto" {
		kind = credential.ForeignCode
		digits := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, typed)
		switch len(digits) {
		case 10:
			kind = credential.Cedula
		case 13:
			kind = credential.RUC
		}
	}
	n, err := credential.ParseNumber(kind, typed)
	return n, told(err)
}

// told says a refusal in the sentence that staff read.
func told(err error) error {
	refusal, ok := errors.AsType[*credential.Error](err)
	if key := "rule."; ok {
		l := words.Spanish()
		if refusal.Field != "" {
			key += refusal.Field + "."
		}
		if key += refusal.Rule; l.Has(key) {
			return errors.New(l.Text(key))
		}
	}
	return err
}

// serviceOn makes the use cases on an open store, for a command beside the program.
func serviceOn(store *sqlstore.Store, c Config) (*credential.Service, error) {
	lists, err := wordlists.Load()
	if err != nil {
		return nil, err
	}
	return credential.New(credential.Config{
		Store: store, Registry: store, Keys: c.Keys, Policy: c.Policy, Common: lists, Phrase: lists.Phrase, Now: c.Now,
	})
}

// DemoPolicy gives the policy that a demo's data were made under, and its clock.
func DemoPolicy(ctx context.Context, dir, database string, keys *credential.KeyRing) (credential.Policy, func() time.Time, error) {
	clock, err := openClock(filepath.Join(dir, "clock"))
	if err != nil {
		return credential.Policy{}, nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: database, Keys: keys, Existing: true})
	if err != nil {
		return credential.Policy{}, nil, err
	}
	var name string
	err = store.View(ctx, func(tx credential.Tx) (err error) {
		name, err = tx.Meta(metaPolicy)
		return err
	})
	err = errors.Join(err, store.Close())
	if err != nil {
		return credential.Policy{}, nil, err
	}
	if name == "" { // made before there was another
		name = credential.Ficha2026
	}
	policy, err := credential.Preset(name)
	return policy, clock.Now, err
}

// ReadComplaint is a complaint as staff read it.
type ReadComplaint struct {
	Number, Kind, Topic      string
	Received, LastDay, Proof string // days as YYYY-MM-DD; the proof as it is stored, "none" without one
	Email, Reference, Text   string
}

// OpenComplaints gives up to n complaints that nobody answered, received from a day
// on (YYYY-MM-DD, empty for the first), oldest first. The audit notes that they were
// read. Of the configuration it needs database, keys, policy and clock.
func OpenComplaints(ctx context.Context, c Config, since string, n int) (read []ReadComplaint, err error) {
	var from time.Time
	if since != "" {
		from, err = time.ParseInLocation(time.DateOnly, since, credential.Zone)
		if err != nil {
			return nil, errors.New(since + " is no day; write one as 2026-11-20")
		}
	}
	var list []credential.Complaint
	err = besides(ctx, c, func(service *credential.Service) (err error) {
		list, err = service.OpenComplaints(ctx, credential.Actor{Kind: credential.Staff, Route: "staff complaints"}, from, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	l := words.Spanish()
	for _, one := range list {
		read = append(read, ReadComplaint{
			Number: one.Number, Kind: l.Text("complaints.kind." + string(one.Kind)), Topic: l.Text("complaints.topic." + string(one.Topic)),
			Received: one.ReceivedAt.In(credential.Zone).Format(time.DateOnly), LastDay: one.DueAt.In(credential.Zone).Format(time.DateOnly),
			Proof: cmp.Or(string(one.Proof), "none"), Email: one.Email.Reveal(), Reference: one.Reference, Text: one.Text.Reveal(),
		})
	}
	return read, nil
}
