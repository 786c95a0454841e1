package timeline

import (
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etwhy/etwhy/decode/eventlog"
	"github.com/etwhy/etwhy/etl"
)

// What a machine's index of events finds is what looking through all of them finds.
func TestDuring(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	b := NewBuilder(Options{})
	s := b.Input(Input{Kind: KindEvents, Path: "a.evtx"})
	kinds := []eventlog.FactKind{eventlog.Crash, eventlog.Recycle, eventlog.PoolDisabled}
	pools := []string{"", "Shop", "shop", "Orders"}
	for range 300 {
		s.happened = append(s.happened, &occurrence{Fact: eventlog.Fact{
			Kind: kinds[rnd.IntN(3)], Pool: pools[rnd.IntN(4)], Time: etl.Time(1 + rnd.IntN(50)),
		}})
	}
	m := &Machine{Inputs: []int{0}}
	m.gather(b)
	for range 500 {
		from, to := etl.Time(rnd.IntN(52)), etl.Time(rnd.IntN(52))
		pool, asked := pools[rnd.IntN(4)], kinds[:1+rnd.IntN(3)]
		var want []*occurrence
		for _, o := range m.happened {
			if o.Time >= from && o.Time <= to && slices.Contains(asked, o.Kind) && (pool == "" || o.Pool == "" || strings.EqualFold(o.Pool, pool)) {
				want = append(want, o)
			}
		}
		if got := m.during(from, to, pool, asked...); !slices.Equal(got, want) {
			t.Fatalf("%d to %d, pool %q, %v: %d occurrences, want %d", from, to, pool, asked, len(got), len(want))
		}
	}
	if got := len(m.ever(kinds...)); got != 300 {
		t.Errorf("%d ever", got)
	}
	var m2 Machine
	if m2.nearest(5, kinds...) != nil || m.nearest(1000, kinds...).Time != m.happened[299].Time || m.nearest(0, kinds...).Time != m.happened[0].Time {
		t.Error("nearest")
	}
}

// Counting outages and refused requests by time finds what looking at each finds.
func TestTurns(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var all []*outage
	var u turns
	for i := range 200 {
		o := &outage{pool: "P" + strconv.Itoa(i%7), first: etl.Time(rnd.IntN(1000))}
		for at := o.first; at < o.first+40; at += 10 {
			o.requests, o.last = append(o.requests, &Request{Start: at, End: at}), at
		}
		all = append(all, o)
		u.add(o)
	}
	u.sort()
	for range 300 {
		pool, from := "p"+strconv.Itoa(rnd.IntN(9)), etl.Time(rnd.IntN(1000))
		to := from + etl.Time(rnd.IntN(100))
		outages, requests, names := 0, 0, map[string]bool{}
		for _, o := range all {
			if strings.EqualFold(o.pool, pool) || o.first > to || o.last < from {
				continue
			}
			outages++
			for _, r := range o.requests {
				if r.End >= from && r.End <= to {
					requests++
					names[o.pool] = true
				}
			}
		}
		n, k := u.beside(pool, from, to)
		if n != outages || k != requests || !slices.Equal(u.pools(pool, from, to), sortedKeys(names)) {
			t.Fatalf("%s %d to %d: %d outages, %d requests, want %d, %d", pool, from, to, n, k, outages, requests)
		}
	}
}

// Who is the only candidate of one request and fits another one as well, however many others fit that, is joined
// with none.
func TestJoinUnique(t *testing.T) {
	hubs := make([]*Request, 9)
	for i := range hubs {
		hubs[i] = &Request{Status: i}
	}
	many, one, free := &Request{URL: "012345678"}, &Request{URL: "7"}, &Request{URL: "8"}
	for _, test := range []struct {
		many string // what it fits
		want string
	}{{"012345678", ""}, {"0123456", "7<7 8<8 "}, {"01234567", "8<8 "}} {
		many.URL = test.many
		joined := ""
		joinUnique([]*Request{many, one, free}, func(*Request) iter.Seq[*Request] { return slices.Values(hubs) },
			func(hub, r *Request) bool { return strings.Contains(r.URL, strconv.Itoa(hub.Status)) },
			func(hub, r *Request) { joined += strconv.Itoa(hub.Status) + "<" + r.URL + " " },
			func(r *Request, list []*Request) {
				if r == many && len(list) != maxRivals {
					t.Errorf("%s: %d rivals", test.many, len(list))
				}
			})
		if joined != test.want {
			t.Errorf("%s: joined %q, want %q", test.many, joined, test.want)
		}
	}
	if slices.ContainsFunc(hubs, func(q *Request) bool { return q.claims != 0 }) {
		t.Error("claims are left")
	}
}

// The minutes in which lines were not kept are remembered, and when there are too many, all of them.
func TestPassing(t *testing.T) {
	b := NewBuilder(Options{})
	s := b.Input(Input{Kind: KindIISLog})
	m := &Machine{counted: []*Session{s}}
	if m.passedOver(KindIISLog, 0, lastMoment) {
		t.Error("nothing was passed over")
	}
	s.pass(100)
	for _, test := range []struct {
		from, to etl.Time
		want     bool
	}{{98 * Minute, 100*Minute - 1, false}, {98 * Minute, 100 * Minute, true}, {101*Minute - 1, 105 * Minute, true}, {101 * Minute, 105 * Minute, false}, {0, lastMoment, true}} {
		if got := m.passedOver(KindIISLog, test.from, test.to); got != test.want {
			t.Errorf("%v to %v: %v", test.from, test.to, got)
		}
	}
	if m.passedOver(KindHTTPERR, 0, lastMoment) {
		t.Error("of another kind")
	}
	for i := range etl.Time(maxPassed + 1) {
		s.pass(1000 + 2*i)
	}
	if !m.passedOver(KindIISLog, 5*Minute, 6*Minute) || s.passed.minutes != nil {
		t.Error("too many minutes")
	}
}
