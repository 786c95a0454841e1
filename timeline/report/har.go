package report

import "io"

func analysisHAR(w io.Writer, a *Analysis, opt Options) error { return nil }
