package credential

// Actor is who does something, and by which way. It is an argument of every use
// case that writes, never a passenger of the context.
type Actor struct {
	Kind     ActorKind
	Network  string   // an IPv4 address or an IPv6 /56; only a keyed hash of it is stored
	Device   DeviceID // from the device cookie; zero without one
	Browser  string   // kind of device in a word key, such as "android" or "windows"
	Route    string   // the route pattern of the request
	Language Language // in which they are answered; empty where none is known

	inside bool // a live session of the person is theirs
}

// Language names a language by its code (BCP 47), such as "es". The domain writes
// nothing in any: it keeps which one a person chose, for the mails. Empty stands for
// the institution's first.
type Language string

// ActorKind is citizen, staff or system.
type ActorKind string

// The kinds of actor.
const (
	Citizen ActorKind = "citizen"
	Staff   ActorKind = "staff"
	System  ActorKind = "system"
)
