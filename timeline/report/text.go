package report

import "io"

func analysisText(w io.Writer, a *Analysis, opt Options) error { return nil }
