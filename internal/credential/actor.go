package credential

// Actor is who does something, and by which way. It is an argument of every use
// case that writes, never a passenger of the context.
type Actor struct {
	Kind    ActorKind
	Network string   // an IPv4 address or an IPv6 /56; only a keyed hash of it is stored
	Device  DeviceID // from the device cookie; zero without one
	Browser string   // kind of device in a word key, such as "android" or "windows"
	Route   string   // the route pattern of the request

	inside bool // a live session of the person is theirs
}

// ActorKind is citizen, staff or system.
type ActorKind string

// The kinds of actor.
const (
	Citizen ActorKind = "citizen"
	Staff   ActorKind = "staff"
	System  ActorKind = "system"
)
