package etl

import "time"

// Time is a moment in 100 ns since 1601-01-01 00:00 UTC, the FILETIME of Windows. Zero is "unknown".
type Time int64

// unixEpoch is 1970-01-01 00:00 UTC.
const unixEpoch Time = 116444736000000000

// Second and Millisecond are spans in the unit of Time.
const (
	Millisecond Time = 10_000
	Second      Time = 1000 * Millisecond
)

// FromTime converts t; what is finer than 100 ns is cut.
func FromTime(t time.Time) Time {
	return Time(t.Unix())*Second + Time(t.Nanosecond()/100) + unixEpoch
}

// IsZero reports whether the time is unknown.
func (t Time) IsZero() bool { return t == 0 }

// Time returns t in UTC.
func (t Time) Time() time.Time {
	d := t - unixEpoch
	return time.Unix(int64(d/Second), int64(d%Second)*100).UTC()
}

// Sub returns t-u as a duration.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * 100 }

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d/100) }

// String returns t as RFC 3339 in UTC with 7 decimals: 2011-07-22T12:26:39.7040000Z.
func (t Time) String() string { return string(t.AppendText(nil)) }

// AppendText appends the form that String returns.
func (t Time) AppendText(b []byte) []byte {
	return t.Time().AppendFormat(b, "2006-01-02T15:04:05.0000000Z")
}
