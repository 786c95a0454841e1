package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/freb/frebtest"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// A code span begins and ends on one line, and takes in what its quotation marks and brackets belong to.
func TestMarkdownSpans(t *testing.T) {
	ticks := regexp.MustCompile("`+")
	eachCase(t, nil, func(t *testing.T, _ fs.FS, dir string) {
		fence := ""
		for i, line := range strings.Split(string(written(t, "-q", "-f", "markdown", dir)), "\n") {
			if strings.HasPrefix(line, "```") {
				if fence == "" {
					fence = line
				} else if fence == line {
					fence = ""
				}
				continue
			}
			if fence != "" {
				continue
			}
			for rest := line; ; {
				begin := ticks.FindStringIndex(rest)
				if begin == nil {
					break
				}
				mark := rest[begin[0]:begin[1]]
				rest = rest[begin[1]:]
				end := -1
				for _, m := range ticks.FindAllStringIndex(rest, -1) {
					if m[1]-m[0] == len(mark) {
						end = m[0]
						break
					}
				}
				if end < 0 {
					t.Errorf("line %d: a code span does not end: %s", i+1, line)
					break
				}
				span := rest[:end]
				rest = rest[end+len(mark):]
				if strings.Count(span, `"`)%2 != 0 || strings.Count(span, "'")%2 != 0 || strings.Count(span, "(") != strings.Count(span, ")") {
					t.Errorf("line %d: a code span holds half of something: %s", i+1, line)
				}
			}
		}
		if fence != "" {
			t.Error("a block of code does not end")
		}
	})
}

// Where the log of a server counts more time than the worker process had a request, the line says so.
func TestTimeOutsideWorker(t *testing.T) {
	made, err := incidenttest.Folder(os.DirFS("../../testdata/cases/40-proxy-pool-went-idle"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, made); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"table", "text", "markdown", "html", "json"} {
		const want = "502.4, 1,203 ms (0 ms in the worker process; before that it waited for one)"
		text := strings.Join(strings.Fields(string(written(t, "-q", "-f", format, dir))), " ")
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q", format, want)
		}
	}
}

// A Failed Request Tracing file of a request that went well is told of without a page.
func TestTracingDigest(t *testing.T) {
	dir := t.TempDir()
	paths := make([]string, 4)
	for i := range paths {
		file, err := frebtest.XML(fmt.Sprintf(`url http://shop.example/%[1]d
siteId 2
appPoolId Shop
processId 5012
verb GET
failureReason STATUS_CODE
statusCode 200
triggerStatusCode 200
timeTaken 1200
computer WEB02
date 2026-03-05
09:14:07.%[1]d00 GENERAL_REQUEST_START SiteId=2 AppPoolId=Shop ConnId=1 RequestURL=http://shop.example/%[1]d RequestVerb=GET
09:14:07.%[1]d00 > ManagedPipelineHandler 128
09:14:08.%[1]d00 < ManagedPipelineHandler 128
09:14:08.%[1]d00 GENERAL_REQUEST_END BytesSent=420 BytesReceived=452 HttpStatus=200 HttpSubStatus=0
`, i))
		if err != nil {
			t.Fatal(err)
		}
		paths[i] = filepath.Join(dir, fmt.Sprintf("fr%06d.xml", i+1))
		if err := os.WriteFile(paths[i], file, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	const pause = "Longest pause: 1.0 s in ManagedPipelineHandler EXECUTE_REQUEST_HANDLER"
	for _, tt := range []struct {
		format string
		files  int
		want   string
		times  int
	}{
		{"table", 1, pause, 1}, {"table", 3, pause, 3}, {"table", 4, pause, 0},
		{"text", 2, pause, 2}, {"markdown", 2, "1.0 s in ManagedPipelineHandler `EXECUTE_REQUEST_HANDLER`", 2}, {"markdown", 4, "**Longest pauses**", 0},
	} {
		args := append([]string{"-q", "-f", tt.format}, paths[:tt.files]...)
		if got := string(written(t, args...)); strings.Count(got, tt.want) != tt.times || !strings.Contains(got, "No failed requests") {
			t.Errorf("%s of %d files does not have %q %d times:\n%s", tt.format, tt.files, tt.want, tt.times, got)
		}
	}
}
