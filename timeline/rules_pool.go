package timeline

// poolRules are for requests that came in, by what HTTPERR, the logs and the event logs of a server tell of its
// application pools. They come before what a trace or a log tells alone.
var poolRules = []rule{}
