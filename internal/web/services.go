package web

import "aldaba/internal/credential"

// servicesView is what the clave opens to somebody, for the partial "services".
type servicesView struct {
	Groups []serviceGroup
	Above  []string // names of those that a higher level opens
}

type serviceGroup struct {
	Name     string
	Services []credential.OnlineService
}

// services is the part of a person's own page about the services of theirs.
func (s *Server) services(home credential.Home) servicesView {
	open, above := credential.ServicesFor(s.Institution.Services, home.Audiences, home.Level)
	var v servicesView
	for _, o := range open { // those of a group stand together
		if n := len(v.Groups); n == 0 || v.Groups[n-1].Name != o.Group {
			v.Groups = append(v.Groups, serviceGroup{Name: o.Group})
		}
		last := &v.Groups[len(v.Groups)-1]
		last.Services = append(last.Services, o)
	}
	for _, o := range above {
		v.Above = append(v.Above, o.Name)
	}
	return v
}
