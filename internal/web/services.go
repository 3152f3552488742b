package web

import (
	"net/http"
	"slices"

	"aldaba/internal/credential"
	"aldaba/internal/institution"
)

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

// cityView is the offices of one city, for the help page.
type cityView struct {
	Name    string
	Offices []institution.Office
}

// cities gives the offices by city, in the order in which the institution names them.
func (s *Server) cities() []cityView {
	var list []cityView
	for _, o := range s.Institution.Offices {
		at := slices.IndexFunc(list, func(c cityView) bool { return c.Name == o.City })
		if at < 0 {
			at, list = len(list), append(list, cityView{Name: o.City})
		}
		list[at].Offices = append(list[at].Offices, o)
	}
	return list
}

// demoServiceView stands where the institution's own service would be.
type demoServiceView struct {
	base
	Text string // what the service is for
}

// PathDemoService is where the demo's services are; behind it the service's id.
const PathDemoService = "/demo/servicios/"

func (s *Server) demoService(w http.ResponseWriter, r *http.Request) error {
	for _, o := range s.Institution.Services {
		if o.ID == r.PathValue("id") {
			s.render(w, r, http.StatusOK, "demo_service", demoServiceView{s.base(r, o.Name), o.Text})
			return nil
		}
	}
	return s.noSuchPage(w, r)
}
