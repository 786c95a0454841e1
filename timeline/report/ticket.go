package report

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/etwhy/etwhy/timeline/redact"
)

// An Original is a file as it was read, for a ticket that is asked to hold it.
type Original struct {
	Name string // path in the ticket, below originals/
	Open func() (io.ReadCloser, error)
}

// ticketFiles are what a ticket holds, in this order.
var ticketFiles = []format[*Analysis]{
	{"report.html", analysisHTML},
	{"summary.md", analysisMarkdown},
	{"requests.csv", analysisCSV},
	{"timeline.csv", timelineCSV},
	{"analysis.json", analysisJSON},
	{"redaction.json", redactionJSON},
}

// sumsFile is the last file of a ticket: the SHA-256 of the others, as sha256sum -c reads it.
const sumsFile = "SHA256SUMS"

// noDay is the time of everything in a ticket, the first that a zip archive can hold: when it was packed would make the
// bytes of two packings differ.
var noDay = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// WriteTicket writes a zip archive with everything that a support ticket takes: the report, the answer as Markdown, the
// requests and their phases as CSV, everything as JSON, what was masked, and the hashes of these files. Secrets in a are
// masked in place first. The bytes depend on a, the key of the redaction and the originals alone.
func WriteTicket(w io.Writer, a *Analysis, originals []Original, opt Options) error {
	a.Redact(opt.Redact)
	opt.Width, opt.Color = 0, false
	z := zip.NewWriter(w)
	sums := map[string][]byte{}
	add := func(name string, write func(io.Writer) error) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: noDay})
		if err != nil {
			return err
		}
		h := sha256.New()
		if err := write(io.MultiWriter(f, h)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		sums[name] = h.Sum(nil)
		return nil
	}
	for _, f := range ticketFiles {
		if err := add(f.name, func(w io.Writer) error { return f.write(w, a, opt) }); err != nil {
			return err
		}
	}
	taken := map[string]int{}
	for _, o := range originals {
		name := inTicket(o.Name, taken)
		if err := add(name, func(w io.Writer) error {
			r, err := o.Open()
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(w, r)
			return err
		}); err != nil {
			return err
		}
	}
	var list bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&list, "%x  %s\n", sums[name], name)
	}
	err := add(sumsFile, func(w io.Writer) error { _, err := w.Write(list.Bytes()); return err })
	return errors.Join(err, z.Close())
}

// inTicket is the path of an original in a ticket: below originals, and there once, whatever it is called.
func inTicket(name string, taken map[string]int) string {
	name = strings.ReplaceAll(strings.ReplaceAll(name, `\`, "/"), ":", "")
	name = path.Join("originals", path.Clean("/"+clean(name)))
	taken[strings.ToLower(name)]++
	if n := taken[strings.ToLower(name)]; n > 1 {
		name = fmt.Sprintf("%s#%d", name, n)
	}
	return name
}

// redactionJSON writes what was masked, how often, and what was not looked for.
func redactionJSON(w io.Writer, a *Analysis, _ Options) error {
	j := newJSONWriter(w)
	j.value(struct {
		Schema string `json:"schema"`
		Tool   Tool   `json:"tool"`
		redaction
		NotRemoved []string `json:"not_removed"`
	}{"etwhy/redaction/1", a.Tool, a.redaction(), a.notRemoved()})
	return j.close()
}

// maskedWords say what the modes of redaction do; %s is how many secrets there were.
var maskedWords = map[redact.Mode]string{
	redact.None:       "Nothing is masked: it may hold cookies, tokens and passwords in clear.",
	redact.Default:    "Cookies, passwords and Authorization headers are masked (%s); tokens in URLs, names and addresses are not.",
	redact.Secrets:    "Secrets are masked (%s); names, addresses and URLs are not.",
	redact.Identities: "Secrets are masked (%s); users, machines and addresses have pseudonyms.",
	redact.Strict:     "Secrets are masked (%s), names have pseudonyms, and of other texts only what is known to be harmless is left.",
}

// Masked says in a sentence what was taken out of a before it was written.
func (a *Analysis) Masked() string {
	found := "none was found"
	if n := a.redactor.Masked(); n > 0 {
		found = plural(n, "place")
	}
	return strings.Replace(maskedWords[a.redactor.Mode()], "%s", found, 1)
}

// nameColumns are those of the list of pseudonyms.
var nameColumns = []column[redact.Name]{
	{"kind", func(n redact.Name) cell { return text(string(n.Kind)) }},
	{"pseudonym", func(n redact.Name) cell { return text(n.Pseudonym) }},
	{"original", func(n redact.Name) cell { return text(n.Original) }},
}

// WriteNames writes which pseudonym stands for what, as CSV. It is for those who have the originals, not for passing on.
func WriteNames(w io.Writer, names []redact.Name) error {
	return writeCSV(w, nameColumns, slices.Values(names))
}
