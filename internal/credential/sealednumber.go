package credential

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// SealedNumberLife is how long [Service.OpenNumber] reads what [Service.SealNumber]
// wrote: as long as a redirect on a slow telephone, and no longer.
const SealedNumberLife = 2 * time.Minute

// sealedNumberPlace is where a sealed number stands.
var sealedNumberPlace = Place{Table: "cookie", Column: "number"}

// SealNumber writes a number for a cookie, so that the page to which a browser is
// led next need not ask it again (WCAG 2.2, 3.3.7) and it stands in no URL. What is
// written proves nothing and opens nothing: a clave is still asked.
func (s *Service) SealNumber(n Number) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(s.now().Add(SealedNumberLife).UnixMilli()))
	plain = append(plain, string(n.Document())+" "+n.Reveal()...)
	return base64.RawURLEncoding.EncodeToString(s.keys.Seal(plain, sealedNumberPlace))
}

// OpenNumber reads a cookie. What was not written by [Service.SealNumber], or is
// past its life, is false.
func (s *Service) OpenNumber(token string) (Number, bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return Number{}, false
	}
	plain, err := s.keys.Open(sealed, sealedNumberPlace)
	if err != nil || len(plain) < 8 || !s.now().Before(time.UnixMilli(int64(binary.BigEndian.Uint64(plain)))) {
		return Number{}, false
	}
	document, text, _ := strings.Cut(string(plain[8:]), " ")
	number, err := ParseNumber(Document(document), text)
	return number, err == nil
}
