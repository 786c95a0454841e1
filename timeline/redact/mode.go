package redact

// A Mode says what is taken out. Each one from Secrets on takes out what the one before does, and more.
type Mode uint8

const (
	// Default masks the credentials that are masked in every format, unless a user asks for them: the values of the
	// headers Authorization, Proxy-Authorization, Cookie and Set-Cookie, fields that hold a user's name and password,
	// and passwords in URLs.
	Default Mode = iota
	// None masks nothing.
	None
	// Secrets masks whatever gives access: all headers with credentials, tokens, passwords, bodies.
	Secrets
	// Identities gives users, machines, addresses and paths pseudonyms as well.
	Identities
	// Strict lets pass only what is known to be harmless.
	Strict
)

var modeNames = [...]string{Default: "none", None: "none", Secrets: "secrets", Identities: "identities", Strict: "strict"}

// String returns the mode as output names it. Default is "none": nobody asked for anything.
func (m Mode) String() string { return modeNames[m] }

// Modes returns the names that [ParseMode] knows, the weakest first.
func Modes() []string { return modeNames[None:] }

// ParseMode returns the mode with a name; ok is false if there is none.
func ParseMode(name string) (m Mode, ok bool) {
	for m := None; m <= Strict; m++ {
		if modeNames[m] == name {
			return m, true
		}
	}
	return Default, false
}

// NotRemoved says in plain words what a mode leaves in, for those who pass a report on.
func NotRemoved(m Mode) []string {
	identities := []string{
		"names of users, and their SIDs",
		"names of machines, servers and domains",
		"IP and hardware addresses",
		"paths of files, which may hold names of users and customers",
	}
	always := []string{
		"names of processes, application pools, sites and server farms",
		"paths of URLs, names of their parameters, and values of parameters that no rule knows",
		"values of headers of an application's own",
		"names within names: what a folder, a pool or a site is called after",
		"texts of an application in event logs and error pages",
	}
	switch m {
	case None:
		return []string{"anything: nothing was masked"}
	case Default:
		return append([]string{
			"all but passwords in URLs and the headers Authorization, Proxy-Authorization, Cookie and Set-Cookie: tokens, bodies, command lines",
		}, append(identities, always...)...)
	case Secrets:
		return append(append(identities, "what a token says, where only its signature was masked"), always...)
	case Identities:
		return append(always, "single-word names of machines and users in free text, unless a field that is shown here tells them as well",
			"words in paths of URLs that are names of machines too, if they have no digit and no dot",
			"the time zone of the machine, times, sizes, ports and numbers", "which requests were made by the same user or to the same machine: equal names have equal pseudonyms")
	}
	return []string{
		"times, durations, sizes, ports, error codes and other numbers",
		"names of processes and modules that every installation has",
		"which requests were made by the same user or to the same machine: equal names have equal pseudonyms",
		"words that etwhy itself uses, even where a name is one",
	}
}
