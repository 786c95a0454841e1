package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etwhy/etwhy/timeline/redact"
	"github.com/etwhy/etwhy/timeline/report"
)

// redactor returns what masks the result: as --redact says, else what the format is for.
func (o *options) redactor(env *environment) (*redact.Redactor, error) {
	mode := redact.Default
	switch {
	case o.redactGiven:
		mode, _ = redact.ParseMode(o.redact) // check has seen it
	case report.TraitsOf(o.format).Shared:
		mode = redact.Secrets
	}
	if mode < redact.Identities {
		if o.namesFile != "" {
			return nil, exitError{exitUsage, errors.New("--redact-names: pseudonyms are given out with --redact identities or strict")}
		}
		return redact.New(mode, redact.Key{}), nil
	}
	key, err := o.key(env)
	if err != nil {
		return nil, exitError{exitUsage, fmt.Errorf("the key of pseudonyms: %w", err)}
	}
	return redact.New(mode, key), nil
}

// key reads the key of pseudonyms, or makes one and keeps it for the next time: only then a name has the same pseudonym
// in everything that is passed on.
func (o *options) key(env *environment) (redact.Key, error) {
	path := o.keyFile
	if path == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return redact.Key{}, fmt.Errorf("%w: name a file with --redact-key", err)
		}
		path = filepath.Join(dir, "etwhy", "redact.key")
	}
	text, err := os.ReadFile(path)
	if err == nil {
		key, err := redact.ParseKey(string(text))
		if err != nil {
			return redact.Key{}, fmt.Errorf("%s: %w", path, err)
		}
		return key, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return redact.Key{}, err
	}
	key, err := redact.NewKey()
	if err != nil {
		return redact.Key{}, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return redact.Key{}, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // another run may just have made one
	if err != nil {
		return redact.Key{}, err
	}
	_, err = f.WriteString(key.String() + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return redact.Key{}, err
	}
	if !o.quiet {
		env.warn("made a key for pseudonyms, %s: keep it, and to yourself; with it the same names get the same pseudonyms next time", path)
	}
	return key, nil
}

// saveNames writes the file that --redact-names asks for.
func (s *session) saveNames() error {
	if s.opts.namesFile == "" {
		return nil
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if s.opts.force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(s.opts.namesFile, mode, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(report.WriteNames(f, s.redactor.Names()), f.Close())
}
