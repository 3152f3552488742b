package credential

import "slices"

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
