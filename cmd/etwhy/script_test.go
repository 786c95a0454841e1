package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/etwhy/etwhy/cab/cabtest"
	"github.com/etwhy/etwhy/decode/freb/frebtest"
	"github.com/etwhy/etwhy/etl/etltest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"etwhy": main})
}

// TestScripts runs testdata/script: what people and other programs see of the command, as sessions.
//
// Each begins in a folder with net.etl, the log of testdata/script/trace/net.txt, whose head tells what
// happens in it. Besides the commands of package testscript there are scriptCommands.
func TestScripts(t *testing.T) {
	log := scriptLog(t)
	commands := map[string]func(*testscript.TestScript, bool, []string){}
	for _, c := range scriptCommands {
		name, _, _ := strings.Cut(c.usage, " ")
		commands[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if len(args) < c.args || neg && !c.negates {
				ts.Fatalf("usage: %s", c.usage)
			}
			err := c.run(ts, args)
			if neg && err == nil {
				ts.Fatalf("true, and should not be")
			}
			if !neg {
				ts.Check(err)
			}
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:             "testdata/script",
		Cmds:            commands,
		UpdateScripts:   *update,
		ContinueOnError: true,
		Setup: func(env *testscript.Env) error {
			return os.WriteFile(filepath.Join(env.WorkDir, "net.etl"), log, 0o666)
		},
	})
}

// scriptLog returns the log that all scripts begin with.
func scriptLog(t *testing.T) []byte {
	t.Helper()
	trace, err := os.ReadFile("testdata/script/trace/net.txt")
	if err != nil {
		t.Fatal(err)
	}
	log, err := etltest.Compile(string(trace))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// A scriptCommand is a command of scripts that package testscript does not have.
type scriptCommand struct {
	usage   string
	args    int  // at least
	negates bool // it may stand behind "!"
	run     func(*testscript.TestScript, []string) error
}

// scriptCommands is the table of them. FILE may be stdout or stderr: what the last program wrote.
var scriptCommands = []scriptCommand{
	// Run a program, which must end with this code.
	{"exits CODE PROGRAM ARG...", 2, false, scriptExits},
	// Run etwhy for CSV: it must write the requests with these ids, and end with 1 if one of them failed, else 0.
	{"selects IDS ARG...", 2, false, scriptSelects},
	// Run a program whose standard output nobody reads: it must end with 0 and say nothing.
	{"closed PROGRAM ARG...", 1, false, scriptClosed},
	// The JSON of FILE, or of its line N with @N at the head of PATH, must have VALUE at PATH: a.0.b; count counts.
	{"json FILE PATH VALUE", 3, true, scriptJSON},
	// The object at PATH must have these keys, in this order; others may stand between them.
	{"keys FILE PATH KEY...", 3, false, scriptKeys},
	// Write the log that a text in the form of package etltest describes.
	{"etl TEXT LOG", 2, false, scriptETL},
	// Pack a cabinet. NAME is what the member is called; LZX ones only look as if they were packed so.
	{"cab [-lzx] CAB FILE[=NAME]...", 2, false, scriptCab},
	// Write the beginning of a file.
	{"cut FILE BYTES NEW", 3, false, scriptCut},
	// Unpack a zip archive into a new folder.
	{"unpack ZIP DIR", 2, false, scriptUnpack},
	// Compress a file.
	{"gz FILE NEW", 2, false, scriptGzip},
	// Write a file of which every line ends with CR and LF, with LF alone.
	{"crlf FILE NEW", 2, false, scriptCRLF},
}

// exitCode runs a program and returns how it ended.
func exitCode(ts *testscript.TestScript, args []string) (int, error) {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return exitOK, err
}

func scriptExits(ts *testscript.TestScript, args []string) error {
	got, err := exitCode(ts, args[1:])
	if err == nil && strconv.Itoa(got) != args[0] {
		err = fmt.Errorf("exit code %d, want %s", got, args[0])
	}
	return err
}

func scriptSelects(ts *testscript.TestScript, args []string) error {
	code, err := exitCode(ts, slices.Concat([]string{"etwhy", "--format", "csv"}, args[1:]))
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile("stdout"))).ReadAll()
	if err != nil || len(rows) == 0 {
		return fmt.Errorf("no CSV: %v", err)
	}
	id, outcome := slices.Index(rows[0], "id"), slices.Index(rows[0], "outcome")
	var ids []string
	want := exitOK
	for _, row := range rows[1:] {
		ids = append(ids, row[id])
		if row[outcome] == "failed" {
			want = exitFailed
		}
	}
	if got := strings.Join(ids, " "); got != args[0] {
		return fmt.Errorf("selects %q, want %q", got, args[0])
	}
	if code != want {
		return fmt.Errorf("exit code %d, want %d", code, want)
	}
	return nil
}

func scriptClosed(ts *testscript.TestScript, args []string) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	r.Close()
	defer w.Close()
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	c := exec.Command(program, args[1:]...)
	c.Dir, c.Stdout, c.Stderr = ts.MkAbs("."), w, &stderr
	if err := c.Run(); err != nil || stderr.Len() > 0 {
		return fmt.Errorf("%v, standard error: %s", err, &stderr)
	}
	return nil
}

// jsonAt returns what stands at a path of the JSON in a file.
func jsonAt(ts *testscript.TestScript, file, path string) (json.RawMessage, error) {
	text := ts.ReadFile(file)
	names := strings.Split(path, ".")
	if line, ok := strings.CutPrefix(names[0], "@"); ok {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		n, err := strconv.Atoi(line)
		if err != nil || n < 1 || n > len(lines) {
			return nil, fmt.Errorf("no line %s, there are %d", line, len(lines))
		}
		text, names = lines[n-1], names[1:]
	}
	at := json.RawMessage(text)
	for _, name := range names {
		if name == "" { // the path "."
			continue
		}
		var list []json.RawMessage
		var object map[string]json.RawMessage
		listErr, objectErr := json.Unmarshal(at, &list), json.Unmarshal(at, &object)
		n, err := strconv.Atoi(name)
		switch {
		case listErr != nil && objectErr != nil:
			return nil, fmt.Errorf("%s: %.80s is no array or object: %w", path, at, objectErr)
		case name == "count":
			at = json.RawMessage(strconv.Itoa(len(list) + len(object)))
		case listErr == nil && err == nil && n < len(list):
			at = list[n]
		case object[name] != nil:
			at = object[name]
		default:
			return nil, fmt.Errorf("%s: there is no %q", path, name)
		}
	}
	return at, nil
}

func scriptJSON(ts *testscript.TestScript, args []string) error {
	at, err := jsonAt(ts, args[0], args[1])
	if err != nil {
		ts.Fatalf("%v", err) // behind "!", too
	}
	var got bytes.Buffer
	if err := json.Compact(&got, at); err != nil {
		ts.Fatalf("%v", err)
	}
	// A text may be written without its quotes.
	if got.String() != args[2] && got.String() != strconv.Quote(args[2]) {
		return fmt.Errorf("%s is %s", args[1], &got)
	}
	return nil
}

func scriptKeys(ts *testscript.TestScript, args []string) error {
	at, err := jsonAt(ts, args[0], args[1])
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(at))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%s is no object: %.80s", args[1], at)
	}
	var keys []string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		keys = append(keys, key.(string))
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	rest := keys
	for _, want := range args[2:] {
		i := slices.Index(rest, want)
		if i < 0 {
			return fmt.Errorf("%s: no key %q, or not in this place; the keys are %v", args[1], want, keys)
		}
		rest = rest[i+1:]
	}
	return nil
}

func scriptETL(ts *testscript.TestScript, args []string) error {
	log, err := etltest.Compile(ts.ReadFile(args[0]))
	if err != nil {
		return err
	}
	return os.WriteFile(ts.MkAbs(args[1]), log, 0o666)
}

func scriptCab(ts *testscript.TestScript, args []string) error {
	const lzx = 3 | 21<<8 // with the size of its window
	folder := cabtest.Folder{Method: cabtest.MSZIP}
	if args[0] == "-lzx" {
		folder.Method, args = lzx, args[1:]
	}
	for _, f := range args[1:] {
		path, name, renamed := strings.Cut(f, "=")
		if !renamed {
			name = path
		}
		folder.Files = append(folder.Files, cabtest.File{Name: name, Data: []byte(ts.ReadFile(path))})
	}
	var b bytes.Buffer
	if err := cabtest.Write(&b, cabtest.Cabinet{Folders: []cabtest.Folder{folder}}); err != nil {
		return err
	}
	return os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o666)
}

func scriptCut(ts *testscript.TestScript, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	data := ts.ReadFile(args[0])
	if n < 0 || n >= len(data) {
		return fmt.Errorf("%s has %d bytes", args[0], len(data))
	}
	return os.WriteFile(ts.MkAbs(args[2]), []byte(data[:n]), 0o666)
}

func scriptUnpack(ts *testscript.TestScript, args []string) error {
	z, err := zip.OpenReader(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	defer z.Close()
	return os.CopyFS(ts.MkAbs(args[1]), z)
}

func scriptGzip(ts *testscript.TestScript, args []string) error {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(ts.ReadFile(args[0])))
	if err := errors.Join(err, w.Close()); err != nil {
		return err
	}
	return os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o666)
}

func scriptCRLF(ts *testscript.TestScript, args []string) error {
	text := ts.ReadFile(args[0])
	if n, all := strings.Count(text, "\r\n"), strings.Count(text, "\n"); n == 0 || n != all {
		return fmt.Errorf("%d of %d lines end with CR and LF", n, all)
	}
	return os.WriteFile(ts.MkAbs(args[1]), []byte(strings.ReplaceAll(text, "\r\n", "\n")), 0o666)
}

// The examples of the help work as they stand there: each runs in a folder with the files that it names.
func TestHelpExamples(t *testing.T) {
	log := scriptLog(t)
	var box bytes.Buffer
	if err := cabtest.Write(&box, cabtest.Cabinet{Folders: []cabtest.Folder{
		{Method: cabtest.MSZIP, Files: []cabtest.File{{Name: "report.etl", Data: log}}},
	}}); err != nil {
		t.Fatal(err)
	}
	freb, err := frebtest.XML("url http://shop.example/\nstatusCode 500\ndate 2026-03-05\n08:14:30.000 GENERAL_REQUEST_START RequestVerb=GET\n08:14:31.000 GENERAL_REQUEST_END HttpStatus=500\n")
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("nothing of interest\n")
	files := map[string][]byte{
		"net.etl": log, "net.cab": box.Bytes(), "case/web1.etl": log, "fr000001.xml": freb,
		"ticket.zip": text, "report.html": text, "u_ex260305.log": text,
	}
	config := t.TempDir()
	for _, c := range commands {
		if c.example == "" {
			t.Errorf("%s has no examples", c.use)
		}
		for example := range strings.Lines(c.example) {
			words := strings.Fields(example)
			t.Run(strings.Join(words, " "), func(t *testing.T) {
				t.Setenv("XDG_CONFIG_HOME", config)
				t.Chdir(t.TempDir())
				for name, data := range files {
					if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
						t.Fatal(err)
					}
					if slices.Contains(words[1:], "-o") && name == words[slices.Index(words, "-o")+1] {
						continue // it is the answer
					}
					if err := os.WriteFile(name, data, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				var stdout, stderr bytes.Buffer
				code := run(words[1:], strings.NewReader(""), &stdout, &stderr)
				if words[0] != "etwhy" || code > exitFailed {
					t.Errorf("exit %d, %s", code, &stderr)
				}
				answer := ""
				for l := range strings.Lines(stderr.String()) {
					if name, ok := strings.CutPrefix(l, "etwhy: wrote "); ok {
						answer, _, _ = strings.Cut(name, " ")
					} else if !strings.HasPrefix(l, "etwhy: made a key") {
						t.Errorf("on standard error: %s", l)
					}
				}
				if at := slices.Index(words, "-o"); at >= 0 {
					answer = words[at+1]
				}
				if answer == "" && stdout.Len() == 0 {
					t.Error("no answer")
				}
				if info, err := os.Stat(answer); answer != "" && (err != nil || info.Size() == 0) {
					t.Errorf("no answer in %s: %v", answer, err)
				}
			})
		}
	}
}
