package report

import "io"

func analysisHTML(w io.Writer, a *Analysis, opt Options) error { return nil }
