package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"aldaba/internal/credential"
)

// rightsView is «Mis datos personales».
type rightsView struct {
	base
	MayDownload bool
	Requests    []requestView
	Received    *requestView // the request of the press just now; nil for none
	Kinds       []choice
	Text        string
}

// requestView is one request about one's data, in words.
type requestView struct{ Kind, Reference, When, LastDay, State string }

func (s *Server) requestOf(q credential.DataRequest) requestView {
	return requestView{
		Kind: s.Words.Text("rights.kind." + string(q.Kind)), Reference: q.Reference, When: s.Words.Date(q.CreatedAt),
		LastDay: s.Words.Date(q.DueAt), State: s.Words.Text("rights.state." + string(q.State)),
	}
}

func (s *Server) showRights(w http.ResponseWriter, r *http.Request) error {
	return s.rightsPage(w, r, http.StatusOK, nil)
}

func (s *Server) rightsPage(w http.ResponseWriter, r *http.Request, status int, p problems) error {
	token, err := s.loggedIn(r)
	if err != nil {
		return err
	}
	look, err := s.Service.LookRights(r.Context(), token)
	if err != nil {
		return err
	}
	view := rightsView{
		base: s.base(r, s.Words.Text("rights.title")).with(p), MayDownload: look.MayDownload, Text: clipTo(maxRequestShown, r.PostForm.Get("texto")),
	}
	for _, q := range look.Requests {
		view.Requests = append(view.Requests, s.requestOf(q))
	}
	if len(look.Requests) > 0 && r.URL.Query().Has(paramReceived) {
		latest := slices.MaxFunc(look.Requests, func(a, b credential.DataRequest) int { return a.CreatedAt.Compare(b.CreatedAt) })
		view.Received = new(s.requestOf(latest))
	}
	for _, kind := range credential.RequestKinds() {
		view.Kinds = append(view.Kinds, s.choice("rights.kind.", string(kind), r.PostForm.Get("pedido")))
	}
	s.render(w, r, status, "rights", view)
	return nil
}

// paramReceived says that a request was made just now.
const paramReceived = "recibido"

// maxRequestShown is how much of a refused request is shown again: more than is
// taken, so that whoever wrote too much can shorten it.
const maxRequestShown = 10_000

// makeRequest is «Enviar el pedido».
func (s *Server) makeRequest(w http.ResponseWriter, r *http.Request) error {
	token, err := s.insideForm(r)
	if err != nil {
		return err
	}
	err = s.Service.MakeRequest(r.Context(), s.actor(r), token, credential.RequestKind(r.PostForm.Get("pedido")), r.PostForm.Get("texto"))
	if err == nil {
		redirect(w, pathRights+"?"+paramReceived)
		return nil
	}
	return s.refused(w, r, err, s.rightsPage)
}

// download is «Descargar mis datos»: a file, and no page.
func (s *Server) download(w http.ResponseWriter, r *http.Request) error {
	token, err := s.insideForm(r)
	if err != nil {
		return err
	}
	export, err := s.Service.ExportData(r.Context(), s.actor(r), token, r.PostForm.Get("actual"))
	if err != nil {
		return s.refused(w, r, err, s.rightsPage)
	}
	body, err := json.MarshalIndent(s.dataOf(export), "", "  ")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="mis-datos.json"`)
	_, err = w.Write(append(body, '\n'))
	return err
}

// The shape of the file is in docs/mis-datos.md; what is not known is left out.

type dataFile struct {
	Format     string          `json:"formato"`
	Made       string          `json:"generado"`
	Record     dataRecord      `json:"registro"`
	Account    dataAccount     `json:"cuenta"`
	Addresses  []dataAddress   `json:"correos"`
	Former     []dataAddress   `json:"correos_anteriores"`
	Change     *dataChange     `json:"cambio_de_correo,omitempty"`
	Sessions   []dataSession   `json:"sesiones"`
	Devices    int             `json:"equipos_conocidos"`
	Agreement  *dataAgreed     `json:"acuerdo,omitempty"`
	Acts       []dataAct       `json:"historia"`
	AllActs    bool            `json:"historia_completa"`
	Requests   []dataRequest   `json:"solicitudes"`
	Complaints []dataComplaint `json:"quejas"`
	Cases      []dataCase      `json:"casos"`
}

type dataCase struct {
	Number string `json:"numero"`
	About  string `json:"sobre"`
	Opened string `json:"abierto"`
	Froze  bool   `json:"congelo"`
}

type dataRecord struct {
	Document   string     `json:"documento"`
	Number     string     `json:"numero"`
	GivenNames string     `json:"nombres"`
	Surnames   string     `json:"apellidos"`
	Birth      string     `json:"nacimiento"`
	Audiences  []string   `json:"audiencias"`
	Facts      []dataFact `json:"datos"`
}

type dataFact struct {
	Question string `json:"pregunta"`
	Answer   string `json:"respuesta"`
}

type dataAccount struct {
	Level     int      `json:"nivel"`
	LevelName string   `json:"nombre_del_nivel"`
	Made      string   `json:"creada"`
	Proven    string   `json:"comprobada"`
	Phone     string   `json:"telefono,omitempty"`
	Image     string   `json:"imagen_de_seguridad,omitempty"`
	Language  string   `json:"idioma,omitempty"`
	Questions []string `json:"preguntas_personales"`
}

type dataAddress struct {
	Address  string `json:"direccion"`
	Origin   string `json:"procedencia"`
	At       string `json:"desde,omitempty"`
	Source   string `json:"archivo,omitempty"`
	Run      string `json:"importacion,omitempty"`
	Office   string `json:"oficina,omitempty"`
	Replaced string `json:"hasta,omitempty"`
}

type dataChange struct {
	To        string `json:"nuevo"`
	Reference string `json:"referencia"`
	Until     string `json:"espera_hasta"`
}

type dataSession struct {
	Device string `json:"equipo"`
	Since  string `json:"ingreso"`
	Seen   string `json:"ultimo_uso"`
	Ends   string `json:"termina"`
}

type dataAgreed struct {
	Version  string `json:"version"`
	Language string `json:"idioma,omitempty"`
	Digest   string `json:"huella,omitempty"`
	At       string `json:"aceptado"`
}

type dataAct struct {
	At        string `json:"cuando"`
	What      string `json:"que"`
	Who       string `json:"quien"`
	Office    string `json:"oficina,omitempty"`
	Reason    string `json:"motivo,omitempty"`
	To        string `json:"para,omitempty"`
	Reference string `json:"referencia,omitempty"`
}

type dataRequest struct {
	Kind      string `json:"tipo"`
	Text      string `json:"texto"`
	Reference string `json:"referencia"`
	At        string `json:"pedido"`
	LastDay   string `json:"ultimo_dia"`
	State     string `json:"estado"`
}

type dataComplaint struct {
	Number    string `json:"numero"`
	Kind      string `json:"tipo"`
	Topic     string `json:"tramite"`
	Text      string `json:"texto"`
	Email     string `json:"correo,omitempty"`
	Reference string `json:"referencia,omitempty"`
	At        string `json:"recibida"`
	LastDay   string `json:"ultimo_dia"`
	Answered  string `json:"contestada,omitempty"`
}

// dataFormat names the shape; whoever changes it changes the number.
const dataFormat = "aldaba/mis-datos/1"

// dataOf writes an export for its person.
func (s *Server) dataOf(e credential.Export) dataFile {
	p, a := e.Person, e.Account
	file := dataFile{
		Format: dataFormat, Made: moment(e.At), Devices: e.Devices, AllActs: e.AllActs,
		Record: dataRecord{
			Document: string(p.Number.Document()), Number: p.Number.Reveal(), GivenNames: p.GivenNames.Reveal(), Surnames: p.Surnames.Reveal(),
			Birth: p.Birth.ISO(), Audiences: []string{}, Facts: []dataFact{},
		},
		Account: dataAccount{
			Level: int(a.Level), LevelName: a.Level.String(), Made: moment(a.CreatedAt), Proven: moment(a.ProvenAt), Phone: a.Phone.Reveal(), Language: string(a.Language), Questions: []string{},
		},
		Addresses: []dataAddress{}, Former: []dataAddress{}, Sessions: []dataSession{}, Acts: []dataAct{}, Requests: []dataRequest{}, Complaints: []dataComplaint{}, Cases: []dataCase{},
	}
	for _, audience := range p.Audiences {
		file.Record.Audiences = append(file.Record.Audiences, string(audience))
		for _, q := range credential.RecordQuestions(audience) {
			if code, ok := p.Facts[q.ID]; ok {
				file.Record.Facts = append(file.Record.Facts, dataFact{s.Words.RecordQuestion(q.ID), s.Words.RecordOption(q.ID, code)})
			}
		}
	}
	if a.Image != "" {
		file.Account.Image = s.Words.Text("image." + string(a.Image))
	}
	for _, id := range a.Questions {
		file.Account.Questions = append(file.Account.Questions, s.Words.PersonalQuestion(id))
	}
	for _, one := range e.Addresses {
		file.Addresses = append(file.Addresses, s.dataAddressOf(one, one.Email.Reveal()))
	}
	for _, one := range e.Former { // it may have been somebody else's
		file.Former = append(file.Former, s.dataAddressOf(one, one.Email.Mask()))
	}
	if c := e.Change; !c.ID.IsZero() {
		file.Change = &dataChange{c.New, c.Reference, moment(c.HoldUntil)}
	}
	for _, x := range e.Sessions {
		file.Sessions = append(file.Sessions, dataSession{s.Words.Text("browser." + x.Browser), moment(x.CreatedAt), moment(x.SeenAt), moment(x.ExpiresAt)})
	}
	if !e.AgreedAt.IsZero() {
		file.Agreement = &dataAgreed{e.Agreement.Version, e.Agreement.Language, e.Agreement.Digest, moment(e.AgreedAt)}
	}
	for _, act := range e.Acts {
		file.Acts = append(file.Acts, dataAct{
			moment(act.At), s.Words.Text("act." + string(act.Act)), s.Words.Text("actor." + string(act.Actor)), act.Office, act.Reason, act.To, act.Reference,
		})
	}
	for _, q := range e.Requests {
		one := s.requestOf(q)
		file.Requests = append(file.Requests, dataRequest{one.Kind, q.Text.Reveal(), q.Reference, moment(q.CreatedAt), one.LastDay, one.State})
	}
	for _, c := range e.Complaints {
		file.Complaints = append(file.Complaints, dataComplaint{
			c.Number, s.Words.Text("complaints.kind." + string(c.Kind)), s.Words.Text("complaints.topic." + string(c.Topic)), c.Text.Reveal(),
			c.Email.Reveal(), c.Reference, moment(c.ReceivedAt), s.Words.Date(c.DueAt), moment(c.AnsweredAt),
		})
	}
	for _, c := range e.Cases {
		file.Cases = append(file.Cases, dataCase{c.Number, s.Words.Text("objection.kind." + string(c.Kind)), moment(c.OpenedAt), c.Froze})
	}
	return file
}

func (s *Server) dataAddressOf(a credential.Address, shown string) dataAddress {
	p := a.Provenance
	return dataAddress{shown, s.Words.Text("account.origin." + string(p.Origin)), moment(p.At), p.Source, p.Run, p.Office, moment(a.ReplacedAt)}
}

// moment writes an instant for a machine; none is empty.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
