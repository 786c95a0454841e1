package timeline

// poolRules are for requests that came in, by what HTTPERR, the logs and the event logs of a server tell of its
// application pools. They come before what a trace or a log tells alone.
var poolRules = []rule{}

// aloneRules are for machines: what their files tell although no request of theirs shows it.
var aloneRules = []rule{}
