// Package incidenttest makes case folders of texts: what a support engineer was handed, and what may be said of it.
//
//	NN-slug/
//	  case.txt               the story, the verdicts that may be given, and the strongest confidence
//	  ARR01/                 a folder per machine
//	    net.etl.txt          a log as package etltest reads it     -> net.etl
//	    fr000001.freb.txt    a file as package frebtest reads it   -> fr000001.xml
//	    System.events.txt    an export as eventlogtest reads it    -> System.xml
//	    System.evtx.txt      the same text as the log itself       -> System.evtx
//	    SRUDB.srum.txt       a database as srumtest reads it       -> SRUDB.dat
//	    u_ex260305.log       everything else is taken as it stands
//	  answer.txt             left out
//
// case.txt tells the story in lines that begin with "#", and has three further lines:
//
//	# The page needs 45 s, and the farm's limit is 30 s.
//	case 1
//	allowed T1
//	strongest certain
package incidenttest

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/etwhy/etwhy/decode/eventlog/eventlogtest"
	"github.com/etwhy/etwhy/decode/freb/frebtest"
	"github.com/etwhy/etwhy/decode/srum/srumtest"
	"github.com/etwhy/etwhy/etl/etltest"
)

const (
	caseFile   = "case.txt"
	answerFile = "answer.txt"
)

// A compiler makes the file of its text. It is chosen by the end of the text's name, which it replaces.
type compiler struct {
	suffix, made string
	compile      func(text string) ([]byte, error)
}

var compilers = []compiler{
	{".etl.txt", ".etl", etltest.Compile},
	{".freb.txt", ".xml", frebtest.XML},
	{".events.txt", ".xml", eventlogtest.XML},
	{".evtx.txt", ".evtx", eventlogtest.EVTX},
	{".srum.txt", ".dat", srumtest.Database},
}

// Folder returns the files that the texts of a case folder stand for, in memory and without modification
// times; [os.CopyFS] writes them to a disk. An error tells the text and the line in it.
func Folder(dir fs.FS) (fs.FS, error) {
	made := fstest.MapFS{}
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == caseFile || name == answerFile {
			return err
		}
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		for _, c := range compilers {
			stem, ok := strings.CutSuffix(name, c.suffix)
			if !ok || path.Base(name) == c.suffix {
				continue
			}
			if data, err = c.compile(string(data)); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			name = stem + c.made
			break
		}
		if made[name] != nil {
			return fmt.Errorf("%s: two texts make this file", name)
		}
		made[name] = &fstest.MapFile{Data: data, Mode: 0o444}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// A Case is what case.txt tells.
type Case struct {
	Number    int
	Story     []string // its lines, without the mark
	Allowed   []string // verdict ids that may be given; "NE" stands for "not enough evidence"
	Strongest string   // the strongest confidence: certain, likely or possible
}

var confidences = []string{"possible", "likely", "certain"}

// ReadCase reads the case.txt of a case folder.
func ReadCase(dir fs.FS) (Case, error) {
	var c Case
	data, err := fs.ReadFile(dir, caseFile)
	if err != nil {
		return c, err
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		key, value, _ := strings.Cut(line, " ")
		switch {
		case line == "":
		case key == "#":
			c.Story = append(c.Story, value)
		case key == "case":
			c.Number, err = strconv.Atoi(value)
		case key == "allowed":
			c.Allowed = strings.Fields(value)
		case key == "strongest" && slices.Contains(confidences, value):
			c.Strongest = value
		default:
			err = fmt.Errorf("%q says nothing about a case", line)
		}
		if err != nil {
			return c, fmt.Errorf("%s: line %d: %w", caseFile, n, err)
		}
	}
	if c.Number == 0 || len(c.Story) == 0 || len(c.Allowed) == 0 || c.Strongest == "" {
		return c, fmt.Errorf("%s: story, case, allowed and strongest are needed", caseFile)
	}
	return c, nil
}
