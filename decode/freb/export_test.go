package freb

// Canonical is the name by which a Request knows an event.
var Canonical = (*Event).canonical
