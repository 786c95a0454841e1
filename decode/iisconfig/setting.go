package iisconfig

import (
	"strconv"
	"strings"
	"time"
)

// A Setting is a value of the configuration. T is string, bool, uint or time.Duration.
type Setting[T any] struct {
	Value    T
	Set      bool   // a file says so; false: the product's default
	File     string // name of the file as given to Parse
	Line     int    // of the attribute, from 1
	Location string // path of the location element around it, below the file's folder; "" = all of that
}

// Source returns the file's name without folders, and the line: applicationHost.config:212; or "default".
func (s Setting[T]) Source() string {
	if !s.Set {
		return "default"
	}
	return Origin{File: s.File, Line: s.Line}.Source()
}

// setting is a *Setting[T], whatever T is.
type setting interface {
	parse(text string, unit time.Duration) bool
	assign(text string, unit time.Duration, at Origin) bool
	inherit(from setting)
	at() (Origin, bool)
	text() string
}

// parse reads a value as it is written in a file. unit is that of a duration that is a plain number; 0: a time span.
func (s *Setting[T]) parse(text string, unit time.Duration) bool {
	var ok bool
	switch v := any(&s.Value).(type) {
	case *string:
		*v, ok = text, true
	case *bool:
		*v = strings.EqualFold(text, "true")
		ok = *v || strings.EqualFold(text, "false")
	case *uint:
		var n uint64
		n, ok = parseUint(text)
		*v = uint(n)
	case *time.Duration:
		if unit == 0 {
			*v, ok = parseTimeSpan(text)
			break
		}
		var n uint64
		n, ok = parseUint(text)
		*v = time.Duration(n) * unit
	}
	return ok
}

// assign is parse, for a value that a file has. What cannot be read leaves s as it is.
func (s *Setting[T]) assign(text string, unit time.Duration, at Origin) bool {
	next := Setting[T]{Set: true, File: at.File, Line: at.Line, Location: at.Location}
	ok := next.parse(text, unit)
	if ok {
		*s = next
	}
	return ok
}

// inherit takes over what from, of the same type, says, if it says anything.
func (s *Setting[T]) inherit(from setting) {
	if f, ok := from.(*Setting[T]); ok && f.Set {
		*s = *f
	}
}

func (s *Setting[T]) at() (Origin, bool) {
	return Origin{File: s.File, Line: s.Line, Location: s.Location}, s.Set
}

// text returns the value for people: 30s, 1m30s, true, 1000.
func (s *Setting[T]) text() string {
	switch v := any(s.Value).(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case uint:
		return strconv.FormatUint(uint64(v), 10)
	case time.Duration:
		t := v.String()
		for _, zero := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(t, zero) {
				t = t[:len(t)-2]
			}
		}
		return t
	}
	return ""
}

// parseUint reads a number of 32 bits, the size of IIS' unsigned type: 1000, 0x3e8.
func parseUint(s string) (uint64, bool) {
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		s, base = hex, 16
	}
	n, err := strconv.ParseUint(s, base, 32)
	return n, err == nil
}

// parseTimeSpan reads [days.]hours:minutes[:seconds[.fraction]]. There may be more than 23 hours: 29:00:00.
func parseTimeSpan(s string) (time.Duration, bool) {
	const day = 24 * time.Hour
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return 0, false
	}
	var sum time.Duration
	add := func(digits string, unit time.Duration, limit uint64) bool {
		n, err := strconv.ParseUint(digits, 10, 32)
		sum += time.Duration(min(n, limit)) * unit
		return err == nil && n <= limit
	}
	hours := parts[0]
	if days, rest, ok := strings.Cut(hours, "."); ok {
		if hours = rest; !add(days, day, 36500) {
			return 0, false
		}
	}
	if !add(hours, time.Hour, 876000) || !add(parts[1], time.Minute, 59) {
		return 0, false
	}
	if len(parts) == 3 {
		seconds, fraction, ok := strings.Cut(parts[2], ".")
		if !add(seconds, time.Second, 59) {
			return 0, false
		}
		if ok {
			if len(fraction) == 0 || len(fraction) > 7 || !add((fraction + "000000")[:7], 100, 9_999_999) {
				return 0, false
			}
		}
	}
	return sum, true
}
