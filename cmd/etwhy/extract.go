package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/etwhy/etwhy/cab"
)

// runExtract lists or unpacks a cabinet. Every name was cleaned by package cab; os.Root makes sure
// that not even a link below the folder leads out of it.
func runExtract(env *environment, opts *options, args []string) (err error) {
	f, err := os.Open(args[0])
	if err != nil {
		return exitError{exitInput, err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return exitError{exitInput, err}
	}
	z, err := cab.NewReader(f, info.Size())
	if err != nil {
		return exitError{exitInput, fmt.Errorf("%s: %w", args[0], err)}
	}
	for _, d := range z.Damage {
		env.warn("%s: %v", args[0], d)
	}
	wanted := z.File
	if names := args[1:]; len(names) > 0 {
		wanted = nil
		for _, name := range names {
			i := slices.IndexFunc(z.File, func(m *cab.File) bool { return strings.EqualFold(m.Name, filepath.ToSlash(name)) })
			if i < 0 {
				return exitError{exitInput, fmt.Errorf("%s has no member %s (etwhy extract -l lists them)", args[0], name)}
			}
		}
		for _, m := range z.File { // in the cabinet's order, so that a folder is unpacked once
			if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(m.Name, filepath.ToSlash(name)) }) {
				wanted = append(wanted, m)
			}
		}
	}
	if opts.list {
		out := bufio.NewWriter(env.stdout)
		for _, m := range wanted {
			modified := "-" // the cabinet has no date
			if !m.Modified.IsZero() {
				modified = m.Modified.Format("2006-01-02 15:04:05") // in whatever zone the machine had
			}
			fmt.Fprintf(out, "%12d  %-19s  %s\n", m.Size, modified, m.Name)
		}
		return out.Flush()
	}
	if err := os.MkdirAll(opts.dir, 0o777); err != nil {
		return exitError{exitInput, err}
	}
	root, err := os.OpenRoot(opts.dir)
	if err != nil {
		return exitError{exitInput, err}
	}
	defer root.Close()
	failed := 0
	for _, m := range wanted {
		if err := extractMember(root, m, opts.force); err != nil {
			env.warn("%s: %s: %v", args[0], m.Name, cause(err))
			failed++
			continue
		}
		fmt.Fprintln(env.stdout, filepath.Join(opts.dir, filepath.FromSlash(m.Name)))
	}
	if failed > 0 {
		return exitError{exitInput, fmt.Errorf("%d of %d members could not be unpacked whole", failed, len(wanted))}
	}
	return nil
}

// extractMember writes m below root. What came before damage in the cabinet is kept.
func extractMember(root *os.Root, m *cab.File, force bool) error {
	r, err := m.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	name := filepath.FromSlash(m.Name)
	if err := root.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := root.OpenFile(name, mode, 0o666)
	if os.IsExist(err) {
		return errors.New("exists (--force replaces it)")
	}
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return fmt.Errorf("cut short: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	if m.Modified.IsZero() {
		return nil
	}
	return root.Chtimes(name, m.Modified, m.Modified)
}
