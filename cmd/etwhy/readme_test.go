package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/timeline"
	"github.com/etwhy/etwhy/timeline/incident"
	"github.com/etwhy/etwhy/timeline/incident/incidenttest"
)

// TestREADME: the README begins with a command and what it really prints.
func TestREADME(t *testing.T) {
	const path = "../../README.md"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const prompt = "```\n$ go run ./cmd/etwhy "
	before, after, ok := strings.Cut(string(readme), prompt)
	if !ok {
		t.Fatalf("no block that begins with %q", prompt)
	}
	args, rest, _ := strings.Cut(after, "\n")
	old, behind, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("the block does not end")
	}
	t.Chdir("../..")
	var stdout, stderr bytes.Buffer
	if code := run(strings.Fields(args), nil, &stdout, &stderr); code != exitFailed || stderr.Len() > 0 {
		t.Fatalf("exit %d, %s", code, &stderr)
	}
	switch {
	case stdout.String() == old:
	case *update:
		readme := before + prompt + args + "\n" + stdout.String() + "```\n" + behind
		if err := os.WriteFile("README.md", []byte(readme), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the README shows\n%s\nthe command prints\n%s\n(go test ./cmd/etwhy -update rewrites it)", old, &stdout)
	}
}

// TestREADMECases: the README's table says what etwhy makes of the cases.
func TestREADMECases(t *testing.T) {
	const path = "../../README.md"
	const head = "| case | what happened | verdict | how sure |\n|---|---|---|---|\n"
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(readme), head)
	old, behind, ok2 := strings.Cut(after, "\n## ")
	if !ok || !ok2 {
		t.Fatalf("no table that begins with %q", head)
	}
	folders, err := filepath.Glob("../../testdata/cases/*/case.txt")
	if err != nil || len(folders) == 0 {
		t.Fatal("no cases", err)
	}
	var rows strings.Builder
	for _, name := range folders {
		rows.WriteString(caseRow(t, filepath.Dir(name)))
	}
	made := rows.String()
	switch {
	case made == old:
	case *update:
		if err := os.WriteFile(path, []byte(before+head+made+"\n## "+behind), 0o666); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the README shows\n%s\nthe cases give\n%s\n(go test ./cmd/etwhy -update rewrites it)", old, made)
	}
}

// caseRow is the table's row for a case.
func caseRow(t *testing.T, folder string) string {
	t.Helper()
	dir := os.DirFS(folder)
	c, err := incidenttest.ReadCase(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := incidenttest.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	inc := incident.New(incident.Options{})
	defer inc.Close()
	inc.AddFS(files, ".", "case")
	inc.Scan(incident.Details{})
	v := incidenttest.Answer(inc.Analyze(timeline.Options{}))
	if v == nil {
		v = &timeline.Verdict{Title: "no request, and nothing else that tells, is in these files", ID: "NE"}
	}
	story, _, _ := strings.Cut(strings.Join(c.Story, " "), ". ")
	cell := func(s string) string { return strings.ReplaceAll(strings.TrimRight(s, "."), "|", "\\|") }
	return fmt.Sprintf("| %d | %s | %s: %s | %s |\n", c.Number, cell(story), v.ID, cell(v.Title), v.Confidence)
}
