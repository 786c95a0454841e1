package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etwhy/etwhy/decode/freb"
	"github.com/etwhy/etwhy/timeline"
)

// Details are of the requests that failed, then of those that did not end well, then of the slowest, and no more of them
// than a report has room for.
func TestDetailsChoice(t *testing.T) {
	var list []*timeline.Request
	for i := range maxDetailed + 500 {
		r := answered(at("12:26:00").Add(time.Duration(i)*time.Second), "10.0.0.1:80", "http://a/", time.Duration(i)*time.Millisecond)
		switch i {
		case 10:
			r.Outcome = timeline.Cancelled
		case 20:
			r.Outcome = timeline.Failed
		case 30:
			r.Outcome, r.End = timeline.Unfinished, 0
		}
		list = append(list, r)
	}
	a := analysis(list...)
	d := NewDetails(a)
	if d.Len() != maxDetailed || len(d.IDs()) != maxDetailed {
		t.Fatalf("%d requests, %d ids", d.Len(), len(d.IDs()))
	}
	if got := fmt.Sprint(d.IDs()[:5]); got != "[r21 r11 r31 r2500 r2499]" {
		t.Errorf("first %s", got)
	}
	if d.Of("r1") != nil || d.Of("r2500") == nil {
		t.Error("the fastest is among them, or the slowest is not")
	}
	var none *Details
	if none.Of("r1") != nil || none.Len() != 0 {
		t.Error("nil Details know a request")
	}
}

// Failed Request Tracing files are taken while there is room, the first in any case, and those left out are counted.
func TestDetailsDiaries(t *testing.T) {
	a := analysis(answered(at("12:26:00"), "10.0.0.1:80", "http://a/", time.Second), answered(at("12:27:00"), "10.0.0.1:80", "http://a/", time.Minute))
	d := NewDetails(a)
	file := func(size int) *Diary {
		return &Diary{Request: &freb.Request{}, Events: []freb.Event{{Fields: []freb.Field{{Name: "Buffer", Value: strings.Repeat("x", size)}}}}}
	}
	if !d.WantsDiary("r1") || d.WantsDiary("r3") {
		t.Fatal("r1 is told of, r3 is none")
	}
	for _, step := range []struct {
		size int
		want bool
	}{{maxDiaries - 1000, true}, {100, true}, {10_000, false}, {100, true}} {
		if got := d.Diary("r1", file(step.size)); got != step.want {
			t.Errorf("%d bytes: %v", step.size, got)
		}
	}
	if n := d.Of("r1").Unread; n != 1 || len(d.Of("r1").Diaries) != 3 {
		t.Errorf("%d left out, %d there", n, len(d.Of("r1").Diaries))
	}
	if d.Diary("r2", nil) || d.Of("r2").Unread != 1 {
		t.Error("a file that cannot be read again is not counted")
	}
	if d = NewDetails(a); !d.Diary("r2", file(2*maxDiaries)) || d.WantsDiary("r1") || d.Of("r1").Unread != 1 {
		t.Error("the first is whole, and no room is left")
	}
}
