package report

import "io"

func analysisMarkdown(w io.Writer, a *Analysis, opt Options) error { return nil }
