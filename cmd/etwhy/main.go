// Command etwhy reads captured Windows traces offline and says why an HTTP request failed, in which
// phase, and what to do next.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func main() {
	// Without this a closed pipe on standard output would end the process with a signal, not with 0.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes. The higher of exitUsage, exitInput, exitFailed wins as 2 beats 3 beats 1.
const (
	exitOK     = 0
	exitFailed = 1 // a failed request was selected; explain: unknown code
	exitUsage  = 2
	exitInput  = 3 // a named path could not be opened, read at all or recognised
)

// An exitError ends the run with a code. A nil error has been reported already, or is a result.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return fmt.Sprint(e.err) }

// run is main without the process: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := &environment{stdin: stdin, stdout: stdout, stderr: stderr}
	root := newRoot(env)
	root.SetArgs(shieldNumbers(root, args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteC()
	if err == nil || isClosedPipe(err) {
		return exitOK
	}
	var exit exitError
	if !errors.As(err, &exit) {
		exit = exitError{exitUsage, err} // cobra's and pflag's own
	}
	if exit.err != nil {
		env.warn("%v", exit.err)
		if exit.code == exitUsage {
			fmt.Fprintf(stderr, "etwhy: see %s --help\n", command.CommandPath())
		}
	}
	return exit.code
}

// isClosedPipe reports whether writing failed because nobody reads standard output any more.
func isClosedPipe(err error) bool {
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // of Windows, where EPIPE is made up
	windows := runtime.GOOS == "windows" && (errors.Is(err, brokenPipe) || errors.Is(err, noData))
	return windows || errors.Is(err, syscall.EPIPE)
}

// shieldNumbers lets words like -2147012894 be arguments and not flags: if there are any, it puts the flags
// first, then "--", then the arguments in their order. The value of a flag (--tz -02:00) stays with it.
func shieldNumbers(root *cobra.Command, args []string) []string {
	var flags, words []string
	shield := false
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			words = append(words, args[i+1:]...)
			i = len(args)
		case len(a) > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9':
			shield = true
			words = append(words, a)
		case len(a) > 1 && a[0] == '-':
			flags = append(flags, a)
			if i+1 < len(args) && wantsValue(root, a) {
				i++
				flags = append(flags, args[i])
			}
		default:
			words = append(words, a)
		}
	}
	if !shield {
		return args
	}
	// The command's name has to come before the "--".
	var command []string
	if c, _, err := root.Find(words[:1]); err == nil && c != root {
		command, words = words[:1], words[1:]
	}
	return slices.Concat(command, flags, []string{"--"}, words)
}

// wantsValue reports whether word is a flag of any command whose value is the next word.
func wantsValue(root *cobra.Command, word string) bool {
	name, long := strings.CutPrefix(word, "--")
	if long {
		return takesValue(root, func(set *pflag.FlagSet) *pflag.Flag { return set.Lookup(name) })
	}
	for i := 1; i < len(word); i++ { // several letters may stand together, and the value behind them: -qfjson
		if takesValue(root, func(set *pflag.FlagSet) *pflag.Flag { return set.ShorthandLookup(word[i : i+1]) }) {
			return i == len(word)-1
		}
	}
	return false
}

// takesValue reports whether any command has the flag and it needs a value.
func takesValue(root *cobra.Command, lookup func(*pflag.FlagSet) *pflag.Flag) bool {
	return slices.ContainsFunc(append(root.Commands(), root), func(c *cobra.Command) bool {
		f := lookup(c.Flags())
		return f != nil && f.NoOptDefVal == ""
	})
}
