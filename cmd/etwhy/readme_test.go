package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
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
