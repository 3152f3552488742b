package institution

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"aldaba/internal/credential"
	"aldaba/internal/settings"
)

// readServices reads the services behind the clave. Each states its level: one that
// does not would open to whom nobody meant it for.
func readServices(s source, i *Institution) {
	groups := s.groups()
	i.groups = groups
	for _, name := range s.names("service", maxServices, "historia-laboral") {
		i.Services = append(i.Services, s.service(name, groups))
	}
	slices.SortStableFunc(i.Services, func(a, b credential.OnlineService) int {
		return slices.Index(groups, a.Group) - slices.Index(groups, b.Group)
	})
}

// groups gives the headings under which services stand, in the order of the page.
func (s source) groups() []string {
	const key, example = "groups", "Salud"
	groups := s.Texts(key, example)
	switch {
	case !s.Has(key):
		s.MissingList(key, example, "services stand in groups")
	case len(groups) > maxGroups:
		s.Wrong(key, "holds %d groups; write at most %d", len(groups), maxGroups)
	}
	for at, group := range groups {
		switch {
		case strings.TrimSpace(group) != group, group == "", utf8.RuneCountInString(group) > maxName:
			s.Wrong(key, "%q is no heading; write a short text such as %q", settings.Printable(group), example)
		case slices.Contains(groups[:at], group):
			s.Wrong(key, "%q stands twice; leave one of them", settings.Printable(group))
		}
	}
	return groups
}

func (s source) service(name string, groups []string) credential.OnlineService {
	key := "service." + name + "."
	o := credential.OnlineService{ID: name}
	o.Name, _ = s.text(key+"name", true, "Historia laboral", maxName)
	o.Text, _ = s.text(key+"text", true, "Los empleadores y aportes que constan a su nombre.", maxText)
	group, ok := s.text(key+"group", true, "Salud", maxName)
	if ok && len(groups) > 0 && !slices.Contains(groups, group) {
		s.Wrong(key+"group", "%q is none of the groups above; write one of %s", settings.Printable(group), quoted(groups))
	}
	o.Group = group
	o.Audiences = s.audiences(key + "audiences")
	level, _ := s.Whole(key+"level", int(credential.Declared), int(credential.InPerson), "1 for appointments and complaints, 2 for money, work history and personal data")
	o.Level = credential.Level(level)
	o.URL = s.address(key+"url", "https://servicios.institucion.example/"+name)
	return o
}

// audiences gives for whom a service is. Nobody is no audience: a service that
// nobody sees is a mistake.
func (s source) audiences(key string) []credential.Audience {
	texts := s.Texts(key, string(credential.Affiliate))
	switch {
	case !s.Has(key):
		s.MissingList(key, string(credential.Affiliate), "it says who sees the service")
	case texts != nil && len(texts) == 0:
		s.Wrong(key, "is empty; write one or more of %s", quoted(credential.Audiences()))
	}
	var list []credential.Audience
	for _, text := range texts {
		audience, err := credential.ParseAudience(text)
		switch {
		case err != nil:
			s.Wrong(key, "%q is no audience; write one or more of %s", settings.Printable(text), quoted(credential.Audiences()))
		case slices.Contains(list, audience):
			s.Wrong(key, "%q stands twice; leave one of them", text)
		}
		list = append(list, audience)
	}
	return list
}

// quoted lists what can be written.
func quoted[T ~string](texts []T) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = `"` + settings.Printable(string(text)) + `"`
	}
	return strings.Join(all, ", ")
}

// address gives the https address to which a link leads. http is for a service on
// this machine, and only where the whole site is for this machine.
func (s source) address(key, example string) string {
	text, ok := s.text(key, true, example, maxURL)
	if !ok {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "https" && u.Scheme != "http", u.Opaque != "":
		s.Wrong(key, "%q is not an address; write such as %q", settings.Printable(text), example)
	case u.User != nil:
		s.Wrong(key, "names a user, which every visitor would see; write such as %q", example)
	case u.Scheme == "http" && !(s.local && isLoopback(u.Hostname())):
		s.Wrong(key, "%q is not encrypted; write \"https://…\" (http is for an address of this machine, where public_url is one too)", settings.Printable(text))
	default:
		return u.String()
	}
	return ""
}

// optionalAddress is address where the key may be left out.
func (s source) optionalAddress(key, example string) string {
	if !s.Has(key) {
		_, _ = s.text(key, false, example, maxURL) // known now
		return ""
	}
	return s.address(key, example)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
