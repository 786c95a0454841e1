package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/etwhy/etwhy/cab/cabtest"
	"github.com/etwhy/etwhy/etl/etltest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"etwhy": main})
}

// TestScripts runs testdata/script: what people and other programs see of the command, as sessions.
//
// Each begins in a folder with net.etl, the log of testdata/script/trace/net.txt, whose head tells what
// happens in it. Besides the commands of package testscript there are those of scriptCommands.
func TestScripts(t *testing.T) {
	trace, err := os.ReadFile("testdata/script/trace/net.txt")
	if err != nil {
		t.Fatal(err)
	}
	log, err := etltest.Compile(string(trace))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:             "testdata/script",
		Cmds:            scriptCommands,
		UpdateScripts:   *update,
		ContinueOnError: true,
		Setup: func(env *testscript.Env) error {
			return os.WriteFile(filepath.Join(env.WorkDir, "net.etl"), log, 0o666)
		},
	})
}

// scriptCommands are the commands of scripts that package testscript does not have. FILE may be stdout
// or stderr: what the last program wrote.
//
//	exits CODE PROGRAM ARG...    run a program, which must end with this code
//	selects IDS ARG...           run etwhy for CSV: it must write the requests with these ids, and end with 1
//	                             if one of them failed, else with 0
//	closed PROGRAM ARG...        run a program whose standard output nobody reads: it must end with 0 and
//	                             say nothing
//	json FILE PATH VALUE         the JSON of FILE, or of its line @N, must have VALUE at PATH (a.0.b; count counts)
//	keys FILE PATH KEY...        the object at PATH must have these keys, in this order
//	etl TEXT LOG                 write the log that a text in the form of package etltest describes
//	cab [-lzx] CAB FILE[=NAME]... pack a cabinet; NAME is what a member is called there
//	cut FILE BYTES NEW           write the beginning of a file
//	gz FILE NEW                  compress a file
//	crlf FILE NEW                write a file of which every line ends with CR and LF, with LF alone
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"exits":   scriptExits,
	"selects": scriptSelects,
	"closed":  scriptClosed,
	"json":    scriptJSON,
	"keys":    scriptKeys,
	"etl":     scriptETL,
	"cab":     scriptCab,
	"cut":     scriptCut,
	"gz":      scriptGzip,
	"crlf":    scriptCRLF,
}

// exitCode runs a program and returns how it ended.
func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return exitOK
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	if got := exitCode(ts, args[1:]); strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func scriptSelects(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: selects IDS ARG...")
	}
	code := exitCode(ts, slices.Concat([]string{"etwhy", "--format", "csv"}, args[1:]))
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile("stdout"))).ReadAll()
	ts.Check(err)
	if len(rows) == 0 {
		ts.Fatalf("no CSV")
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
		ts.Fatalf("selects %q, want %q", got, args[0])
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func scriptClosed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: closed PROGRAM ARG...")
	}
	r, w, err := os.Pipe()
	ts.Check(err)
	r.Close()
	defer w.Close()
	program, err := exec.LookPath(args[0])
	ts.Check(err)
	var stderr bytes.Buffer
	c := exec.Command(program, args[1:]...)
	c.Dir, c.Stdout, c.Stderr = ts.MkAbs("."), w, &stderr
	if err := c.Run(); err != nil || stderr.Len() > 0 {
		ts.Fatalf("%v, standard error: %s", err, &stderr)
	}
}

// jsonAt returns what stands at a path of the JSON in a file.
func jsonAt(ts *testscript.TestScript, file, path string) json.RawMessage {
	text := ts.ReadFile(file)
	names := strings.Split(path, ".")
	if line, ok := strings.CutPrefix(names[0], "@"); ok {
		n, err := strconv.Atoi(line)
		ts.Check(err)
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if n < 1 || n > len(lines) {
			ts.Fatalf("no line %d, there are %d", n, len(lines))
		}
		text, names = lines[n-1], names[1:]
	}
	at := json.RawMessage(text)
	for _, name := range names {
		if name == "" || name == "." {
			continue
		}
		var list []json.RawMessage
		var object map[string]json.RawMessage
		listErr, objectErr := json.Unmarshal(at, &list), json.Unmarshal(at, &object)
		n, err := strconv.Atoi(name)
		switch {
		case listErr != nil && objectErr != nil:
			ts.Fatalf("%s: %.80s is no array or object: %v", path, at, objectErr)
		case name == "count":
			at = json.RawMessage(strconv.Itoa(len(list) + len(object)))
		case listErr == nil && err == nil && n < len(list):
			at = list[n]
		case object[name] != nil:
			at = object[name]
		default:
			ts.Fatalf("%s: there is no %q", path, name)
		}
	}
	if !json.Valid(at) {
		ts.Fatalf("%s: not JSON: %.80s", path, at)
	}
	return at
}

func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH VALUE")
	}
	var got bytes.Buffer
	ts.Check(json.Compact(&got, jsonAt(ts, args[0], args[1])))
	// A text may be written without its quotes.
	if same := got.String() == args[2] || got.String() == strconv.Quote(args[2]); same == neg {
		ts.Fatalf("%s is %s", args[1], &got)
	}
}

func scriptKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: keys FILE PATH KEY...")
	}
	at := jsonAt(ts, args[0], args[1])
	dec := json.NewDecoder(bytes.NewReader(at))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		ts.Fatalf("%s is no object: %.80s", args[1], at)
	}
	var keys []string
	for dec.More() {
		key, err := dec.Token()
		ts.Check(err)
		keys = append(keys, key.(string))
		var value json.RawMessage
		ts.Check(dec.Decode(&value))
	}
	// There may be more, between them, too.
	rest := keys
	for _, want := range args[2:] {
		i := slices.Index(rest, want)
		if i < 0 {
			ts.Fatalf("%s: no key %q, or not in this place; the keys are %v", args[1], want, keys)
		}
		rest = rest[i+1:]
	}
}

func scriptETL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: etl TEXT LOG")
	}
	log, err := etltest.Compile(ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), log, 0o666))
}

func scriptCab(ts *testscript.TestScript, neg bool, args []string) {
	const lzx = 3 | 21<<8 // with its window, as makecab writes it
	folder := cabtest.Folder{Method: cabtest.MSZIP}
	if len(args) > 0 && args[0] == "-lzx" {
		folder.Method, args = lzx, args[1:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: cab [-lzx] CAB FILE[=NAME]...")
	}
	for _, f := range args[1:] {
		path, name, renamed := strings.Cut(f, "=")
		if !renamed {
			name = path
		}
		folder.Files = append(folder.Files, cabtest.File{Name: name, Data: []byte(ts.ReadFile(path))})
	}
	var b bytes.Buffer
	ts.Check(cabtest.Write(&b, cabtest.Cabinet{Folders: []cabtest.Folder{folder}}))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o666))
}

func scriptCut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut FILE BYTES NEW")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(data[:min(n, len(data))]), 0o666))
}

func scriptGzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gz FILE NEW")
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(errors.Join(err, w.Close()))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o666))
}

func scriptCRLF(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: crlf FILE NEW")
	}
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, "\r\n"); n == 0 || n != strings.Count(text, "\n") {
		ts.Fatalf("%d of %d lines end with CR and LF", n, strings.Count(text, "\n"))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.ReplaceAll(text, "\r\n", "\n")), 0o666))
}

// The examples of the help work as they stand there: each runs in a folder with the files that it names.
func TestHelpExamples(t *testing.T) {
	trace, err := os.ReadFile("testdata/script/trace/net.txt")
	if err != nil {
		t.Fatal(err)
	}
	log, err := etltest.Compile(string(trace))
	if err != nil {
		t.Fatal(err)
	}
	var box bytes.Buffer
	if err := cabtest.Write(&box, cabtest.Cabinet{Folders: []cabtest.Folder{
		{Method: cabtest.MSZIP, Files: []cabtest.File{{Name: "report.etl", Data: log}}},
	}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		if c.example == "" {
			t.Errorf("%s has no examples", c.use)
		}
		for example := range strings.Lines(c.example) {
			words := strings.Fields(example)
			t.Run(strings.Join(words, " "), func(t *testing.T) {
				t.Chdir(t.TempDir())
				for name, data := range map[string][]byte{"net.etl": log, "net.cab": box.Bytes(), "case/web1.etl": log} {
					if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(name, data, 0o666); err != nil {
						t.Fatal(err)
					}
				}
				var stdout, stderr bytes.Buffer
				code := run(words[1:], strings.NewReader(""), &stdout, &stderr)
				if words[0] != "etwhy" || code > exitFailed || stderr.Len() > 0 {
					t.Errorf("exit %d, %s", code, &stderr)
				}
				if at := slices.Index(words, "-o"); at >= 0 {
					if info, err := os.Stat(words[at+1]); err != nil || info.Size() == 0 {
						t.Errorf("no answer in %s: %v", words[at+1], err)
					}
				} else if stdout.Len() == 0 {
					t.Error("no answer")
				}
			})
		}
	}
}
