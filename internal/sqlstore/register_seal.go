package sqlstore

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"aldaba/internal/credential"
)

// registerSealer makes people of a register ready to be stored, to what
// [sealPerson] makes of one. It writes the record itself: what encoding/json
// looks up and allocates for a million people costs more than sealing them.
type registerSealer struct {
	keys *credential.ManyKeys
	text []byte
	from [2]string // the provenance of an address as JSON: imported, and in person
}

// RegisterSealer implements [credential.RegisterStore].
func (s *Store) RegisterSealer(run credential.RegisterRun) (credential.RegisterSealer, error) {
	sealer := &registerSealer{keys: s.keys.Many("people", "record")}
	for i, origin := range []credential.Origin{credential.OriginImported, credential.OriginImportedInPerson} {
		from, err := json.Marshal(credential.Provenance{Origin: origin, At: run.At, Source: run.Source, Run: run.File[:min(len(run.File), 16)]})
		if err != nil {
			return nil, wrap("sealing people", err)
		}
		sealer.from[i] = string(from)
	}
	return sealer, nil
}

// Seal implements [credential.RegisterSealer].
func (r *registerSealer) Seal(to []byte, p *credential.PlainPerson) ([]byte, credential.StagedPerson) {
	r.text = r.appendRecord(r.text[:0], p)
	subject := r.keys.Subject(p)
	begin := len(to)
	to = r.keys.Seal(to, r.text, subject)
	return to, credential.StagedPerson{Subject: subject, Record: to[begin:len(to):len(to)], Digest: r.keys.Digest(subject, p)}
}

// appendRecord writes a [personRecord].
func (r *registerSealer) appendRecord(to []byte, p *credential.PlainPerson) []byte {
	to = appendMember(append(to, '{'), "document", string(p.Document))
	to = appendMember(append(to, ','), "number", p.Number)
	to = appendMember(append(to, ','), "given_names", p.GivenNames)
	to = appendMember(append(to, ','), "surnames", p.Surnames)
	to = appendDate(append(to, `,"birth":`...), p.Birth)
	if !p.Death.IsZero() {
		to = appendDate(append(to, `,"death":`...), p.Death)
	}
	to = append(to, `,"audiences":[`...)
	for i, a := range p.Audiences {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendString(to, string(a))
	}
	to = append(to, `],"facts":{`...)
	for i, f := range p.Facts {
		if i > 0 {
			to = append(to, ',')
		}
		to = appendMember(to, string(f.ID), f.Code)
	}
	to = append(to, '}')
	if p.Email != "" {
		to = appendMember(append(to, ','), "email", p.Email)
		from := r.from[0]
		if p.InPerson {
			from = r.from[1]
		}
		to = append(append(to, `,"email_from":`...), from...)
	}
	return append(to, '}')
}

func appendMember(to []byte, name, value string) []byte {
	return appendString(append(appendString(to, name), ':'), value)
}

func appendDate(to []byte, d credential.Date) []byte {
	to = strconv.AppendInt(append(to, `{"y":`...), int64(d.Year), 10)
	to = strconv.AppendInt(append(to, `,"m":`...), int64(d.Month), 10)
	to = strconv.AppendInt(append(to, `,"d":`...), int64(d.Day), 10)
	return append(to, '}')
}

// appendString writes a string as JSON. What needs escaping is rare.
func appendString(to []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = string([]rune(s)) // as encoding/json does
	}
	to = append(to, '"')
	plain := 0 // what is not written yet begins here
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		const hex = "0123456789abcdef"
		to = append(to, s[plain:i]...)
		to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		plain = i + 1
	}
	return append(append(to, s[plain:]...), '"')
}
