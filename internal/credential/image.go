package credential

import (
	"context"
	"slices"
)

// SecurityImage is the code of the picture that a person chooses under a policy
// with [Policy.SecurityImage], as forms send it and accounts keep it. It helps a
// person to know our page again and proves nothing about anybody.
type SecurityImage string

// securityImages are all pictures, in the order of the page. A code stays for
// ever: accounts keep it.
var securityImages = []SecurityImage{
	"colibri", "volcan", "llama", "tortuga", "rosa", "canoa", "sombrero", "guitarra",
	"luna", "casa", "cacao", "platano", "barco", "cometa", "campana", "farol",
}

// SecurityImages lists all pictures, in the order in which every person sees
// them.
func SecurityImages() []SecurityImage { return slices.Clone(securityImages) }

// ParseSecurityImage takes the code of a picture as forms send it. None, or one
// that is not in the list, is refused as "choose".
func ParseSecurityImage(s string) (SecurityImage, error) {
	if image := SecurityImage(s); slices.Contains(securityImages, image) {
		return image, nil
	}
	return "", invalid("image", "choose")
}

// KnownImage gives the picture that the log-in shows to a browser, before anything
// is typed: of the one person that it is known by, under a policy with
// [Policy.SecurityImage]. It is empty for all other browsers, those that two people
// are known by among them, and takes no number, so that nobody learns by it whose
// number a browser knows (docs/decisions/0015).
func (s *Service) KnownImage(ctx context.Context, by Actor) (SecurityImage, error) {
	if !s.policy.SecurityImage || by.Device.IsZero() {
		return "", nil
	}
	now := s.now()
	var image SecurityImage
	err := s.store.View(ctx, func(tx Tx) error {
		image = ""
		owner, err := tx.DeviceOwner(s.deviceHash(by.Device), now)
		if err != nil {
			return ignoreNoRow(err)
		}
		account, err := tx.Account(owner)
		image = account.Image
		return ignoreNoRow(err)
	})
	return image, err
}
