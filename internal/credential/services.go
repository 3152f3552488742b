package credential

import "slices"

// OnlineService is something of the institution that the clave opens (M4). What
// each asks of an account is the institution's to say, and it must say it.
type OnlineService struct {
	ID        string // small letters, digits and hyphens
	Name      string
	Text      string // what it is for
	Group     string // the heading it stands under
	Audiences []Audience
	Level     Level // the least that opens it: Declared or InPerson
	URL       string
}

// ServicesFor parts the services of somebody's audiences into those that their
// level opens and those that a higher one would, each in the order given. An
// account of no level opens none.
func ServicesFor(all []OnlineService, audiences []Audience, level Level) (open, above []OnlineService) {
	for _, o := range all {
		theirs := slices.ContainsFunc(o.Audiences, func(a Audience) bool { return slices.Contains(audiences, a) })
		switch {
		case !theirs:
		case level >= o.Level && level > NoLevel:
			open = append(open, o)
		default:
			above = append(above, o)
		}
	}
	return open, above
}
