package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"github.com/etwhy/etwhy/timeline"
)

// timelineScreen lists the requests, each with its phases below. It may be long, so it is written as
// it comes, in columns of fixed width.
//
//	r7  12:26:18.704  GET http://192.168.0.216/time/  w3wp.exe (1432)  failed
//	    12:26:18.704      21.0 s  connect  192.168.0.216:80  10060 WSAETIMEDOUT
func timelineScreen(w io.Writer, a *Analysis, opt Options) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if len(a.Requests) == 0 {
		s := newScreen(a, opt)
		s.nothing()
		return s.writeTo(w, 0)
	}
	line := func(s string) {
		s = strings.TrimRight(clean(s), " ")
		if opt.Width > 0 && displaywidth.String(s) > opt.Width {
			s = shorten(s, opt.Width)
		}
		out.WriteString(s)
		out.WriteByte('\n')
	}
	day := ""
	for _, r := range a.Requests {
		if !r.Start.IsZero() {
			if d := r.Start.Time().Format("2006-01-02"); d != day {
				day = d
				line("-- " + day + " (UTC)")
			}
		}
		line(requestLine(r))
		for i := range r.Phases {
			line(phaseLine(r, &r.Phases[i]))
		}
	}
	return out.Flush()
}

func requestLine(r *timeline.Request) string {
	parts := []string{fmt.Sprintf("%-5s", r.ID)}
	if !r.Start.IsZero() {
		parts = append(parts, clockMS(r.Start))
	}
	end := r.Outcome.String()
	if r.Status != 0 {
		end += " " + status(r)
	}
	// What the caller got, else the raw code: the phase has that.
	if e := cmp.Or(r.WinHTTP.Code, r.Error); e != 0 {
		end += " " + code(e)
	}
	parts = append(parts, end)
	if what := strings.TrimSpace(r.Method + " " + r.URL); what != "" {
		parts = append(parts, what)
	}
	switch {
	case r.Process != "" && r.PID != 0:
		parts = append(parts, fmt.Sprintf("%s (%d)", r.Process, r.PID))
	case r.PID != 0:
		parts = append(parts, fmt.Sprintf("PID %d", r.PID))
	}
	return strings.Join(parts, "  ")
}

func phaseLine(r *timeline.Request, p *timeline.Phase) string {
	start, length := "", ""
	if !p.Start.IsZero() {
		start = clockMS(p.Start)
		if !p.End.IsZero() {
			length = took(p.Duration())
		}
	}
	t := fmt.Sprintf("       %-12s %12s  %-8s", start, length, p.Name)
	if p.Detail != "" {
		t += " " + p.Detail
	}
	if p.Outcome != timeline.OK {
		t += "  " + p.Outcome.String()
	}
	if p.Error != 0 {
		t += " " + code(p.Error)
	}
	return t
}
