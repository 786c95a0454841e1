package report

import "io"

func analysisPerfetto(w io.Writer, a *Analysis, opt Options) error { return nil }
