package report

import (
	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/etl"
)

// Details are what the files tell of single requests event by event, for the formats that show it.
type Details struct {
	requests map[string]*Detail // by request id
	left     int                // bytes that diaries may still take
}

// A Detail is what the files tell of one request.
type Detail struct {
	Moments []Moment // events of traces that belong to it, by time
	Omitted int      // events between those in front and those at the end, left out for want of room
	Diaries []*Diary // Failed Request Tracing files of it, at either server

	late []Moment // the last ones, in a ring
	next int      // place in it
	room int      // bytes that may still come
}

// A Moment is an event of a trace. Its texts hold no secrets.
type Moment struct {
	Input  int
	Time   etl.Time // by the clock of its machine, as in the file
	Source string   // short name of the provider: WebIO, TCPIP, HttpService
	ID     uint16
	Event  string // name; "" = none
	Level  uint8
	Text   string // the provider's message; "" = none
	Fields []Field
}

// A Field is a named value of an event.
type Field struct{ Name, Value string }

// A Diary is a Failed Request Tracing file with all its events. Its texts hold no secrets.
type Diary struct {
	Input   int
	Request *freb.Request // what the events come to, module calls included
	Events  []freb.Event
	Damage  []Damage
	Cut     int // events that there is no room for
}
