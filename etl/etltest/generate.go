package etltest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// healthyText is one request of a worker process that is answered at once, on a new connection.
// The handles are those of request 0; the ten digits of the URL are its number.
const healthyText = `
+0.0000 cpu0 1432:2280 WebIO/17  act=0x70000000 Request=0x10000000 RequestHandle=0x20000000 Session=0x1e0 SessionHandle=0x1f0 Method=GET URI=http://192.168.0.217/shop/item/0000000000 VersionMajor=1 VersionMinor=1
+0.0001 WebIO/15   act=0x20000000/0x10000000 Request=0x10000000 RequestHandle=0x20000000 Option=ReceiveTimeout Value=u32:30000
+0.0002 WebIO/130  act=0x20000000/0x10000000 Request=0x10000000 RequestHandle=0x20000000 CompletionContext=0x80
+0.0003 WebIO/131  act=0x20000000/0x10000000 Request=0x10000000 RequestHandle=0x20000000 CompletionContext=0x80 Error=997
+0.0004 WebIO/203  act=0x20000000/0x10000000 Connection=0x30000000 SocketHandle=0x40000000
+0.0005 WebIO/200  act=0x20000000/0x10000000 Connection=0x30000000 SocketHandle=0x40000000 Address=192.168.0.217:80 Context=0x50000000
+0.0006 TCPIP/1002 act=0x60000000 Tcb=0x60000000 RemoteAddress=192.168.0.217:80 NewState=2
+0.0007 TCPIP/1031 act=0x60000000 Tcb=0x60000000 LocalAddress=192.168.0.10:49247 RemoteAddress=192.168.0.217:80 ProcessId=1432 Compartment=1
+0.0017 TCPIP/1033 act=0x60000000 Tcb=0x60000000 LocalAddress=192.168.0.10:49247 RemoteAddress=192.168.0.217:80 ProcessId=1432 Compartment=1
+0.0018 WebIO/201  act=0x20000000/0x10000000 Connection=0x30000000 SocketHandle=0x40000000 Context=0x50000000
+0.0019 WebIO/104  act=0x20000000/0x10000000 Request=0x10000000 ConnMgr=0x90 Connection=0x30000000
+0.0020 WebIO/100  act=0x20000000/0x10000000 Request=0x10000000 Headers="GET /shop/item/0000000000 HTTP/1.1\r\nConnection: Keep-Alive\r\nAccept: */*\r\nUser-Agent: Mozilla/5.0 (Windows NT)\r\nHost: shop.test\r\nX-Forwarded-For: 192.168.0.204:49247\r\nX-ARR-LOG-ID: dbf06c50-adb0-4141-8c04-20bc2f193a61\r\n\r\n"
+0.0021 WebIO/110  act=0x20000000/0x10000000 Request=0x10000000 Connection=0x30000000 DataChunks=0xa0 PendingSendCount=1 LastSend=true
+0.0022 WebIO/213  act=0x20000000/0x10000000 Connection=0x30000000 DataChunks=0xa0 SocketHandle=0x40000000 Context=0x50000000
+0.0023 WebIO/214  act=0x20000000/0x10000000 Connection=0x30000000 DataChunks=0xa0 SocketHandle=0x40000000 Context=0x50000000 Information=220
+0.0024 WebIO/112  act=0x20000000/0x10000000 Request=0x10000000 Connection=0x30000000 DataChunks=0xa0 LastSend=true
+0.0025 WebIO/113  act=0x20000000/0x10000000 Request=0x10000000 DataChunks=0xa0 CompletionContext=0x80
+0.0026 WebIO/114  act=0x20000000/0x10000000 Request=0x10000000 DataChunks=0xa0 CompletionContext=0x80
+0.0027 WebIO/132  act=0x20000000/0x10000000 Request=0x10000000 RequestHandle=0x20000000 CompletionContext=0x80
+0.0028 WebIO/133  act=0x20000000/0x10000000 Request=0x10000000 RequestHandle=0x20000000 CompletionContext=0x80 Error=997
+0.0029 WebIO/215  act=0x20000000/0x10000000 Connection=0x30000000 DataChunks=0xb0 SocketHandle=0x40000000 Context=0x50000000
+0.0070 TCPIP/1074 act=0x60000000 Tcb=0x60000000 NumBytes=1254 SeqNo=1
+0.0071 WebIO/216  act=0x20000000/0x10000000 Connection=0x30000000 DataChunks=0xb0 SocketHandle=0x40000000 Context=0x50000000 Information=1254
+0.0072 WebIO/101  act=0x20000000/0x10000000 Request=0x10000000 Headers="HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1024\r\nCache-Control: private\r\nVary: Accept-Encoding\r\nServer: Microsoft-IIS/10.0\r\nX-AspNet-Version: 4.0.30319\r\nX-Powered-By: ASP.NET\r\nDate: Mon, 02 Mar 2026 12:32:00 GMT\r\n\r\n"
+0.0073 WebIO/134  act=0x20000000/0x10000000 Request=0x10000000 CompletionContext=0x80
+0.0074 WebIO/135  act=0x20000000/0x10000000 Request=0x10000000 CompletionContext=0x80
+0.0075 WebIO/115  act=0x20000000/0x10000000 Request=0x10000000 RequestHandle=0x20000000 DataChunks=0xb0 DataChunkCount=1 CompletionContext=0x80
+0.0076 WebIO/116  act=0x20000000/0x10000000 Request=0x10000000 RequestHandle=0x20000000 DataChunks=0xb0 DataChunkCount=1 CompletionContext=0x80
+0.0077 WebIO/117  act=0x20000000/0x10000000 Request=0x10000000 DataChunks=0xb0 CompletionContext=0x80 CompletionInformation=1024
+0.0078 WebIO/118  act=0x20000000/0x10000000 Request=0x10000000 DataChunks=0xb0 CompletionContext=0x80 CompletionInformation=1024
+0.0080 WebIO/19   act=0x20000000/0x10000000 ApiObject=0x10000000 ApiHandle=0x20000000
+0.0081 WebIO/30   act=0x20000000/0x10000000 ApiObject=0x10000000 ApiHandle=0x20000000
+0.0082 WebIO/204  act=0x20000000/0x10000000 Endpoint=0x30000000 Socket=0x40000000 Reason=Local_Graceful
`

// healthyNumber is the number of request 0 as its URL has it.
const healthyNumber = "0000000000"

var healthy = sync.OnceValues(func() (*Trace, error) { return Parse(healthyText) })

// healthyHandle returns the handle or address of request n that is v for request 0. It fits into
// 32 bits. After 16 million requests handles come again.
func healthyHandle(v uint32, n int) uint32 { return v + uint32(n)<<4&0x0FFFFFFF }

// healthyHandles are the handles of request 0 that belong to it alone: 0x10000000 to 0x70000000.
func healthyHandles(n int) map[uint64]uint64 {
	m := map[uint64]uint64{}
	for v := uint32(1); v <= 7; v++ {
		m[uint64(v)<<28] = uint64(healthyHandle(v<<28, n))
	}
	return m
}

// Healthy returns the events of a request that goes well: WebIO and TCPIP events of PID 1432 from
// Log.Start on, 8.2 ms long. Requests of other numbers have other handles and URLs. To have it at
// another time, on another CPU or in another process, change the events.
func Healthy(n int) ([]Event, error) {
	t, err := healthy()
	if err != nil {
		return nil, err
	}
	c := Trace{Events: make([]Event, len(t.Events))}
	for i, ev := range t.Events {
		ev.Line = 0
		ev.Fields = append([]Field(nil), ev.Fields...)
		for j := range ev.Fields {
			f := &ev.Fields[j]
			f.Value = strings.Replace(f.Value, healthyNumber, fmt.Sprintf("%010d", n), 1)
		}
		c.Events[i] = ev
	}
	c.Rename(healthyHandles(n))
	return c.Events, nil
}

// healthyPeriod is the time from one request of a CPU to the next.
const healthyPeriod = 10 * time.Millisecond

// Generate writes a log of about size bytes (before compression) that holds healthy requests, one
// after the other on each CPU, and returns the number of records. Records have 136 bytes on
// average. It holds one buffer per CPU in memory. Of l, Start, Clock, CPUs (default 8), BufferSize, Build,
// Compress and what the header says are used; End is set.
func Generate(w io.Writer, l Log, size int64) (records int64, err error) {
	l = l.withDefaults(8, 0)
	enc, err := newEncoder(&Trace{}, &l)
	if err != nil {
		return 0, err
	}
	req, err := newPattern(enc)
	if err != nil {
		return 0, err
	}
	room := l.BufferSize - bufferHeaderSize
	perCPU := max(1, int(size/int64(l.BufferSize)/int64(l.CPUs)))
	at := req.simulate(perCPU, room)
	l.End = l.Start.Add(time.Duration(at.request)*healthyPeriod + healthyPeriod)
	head, err := l.headerBuffer(1 + 1 + perCPU*l.CPUs)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(head); err != nil {
		return 0, err
	}
	records = 1
	lw := newLogWriter(w, &l)
	rundown, err := Parse("process 4 System\nprocess 800 svchost.exe parent=4\nprocess 1432 w3wp.exe parent=800 cmdline='c:\\windows\\system32\\inetsrv\\w3wp.exe -ap \"ARRPool\"'\n")
	if err != nil {
		return 0, err
	}
	for i := range rundown.Events {
		records++
		err := enc.encode(&rundown.Events[i], func(rec []byte, ticks int64) error { return lw.add(0, rec, ticks) })
		if err != nil {
			return 0, err
		}
	}
	if err := lw.close(); err != nil {
		return 0, err
	}
	lw.cpus = make([][]byte, l.CPUs)
	at = place{}
	for n := range perCPU {
		flags := uint16(0)
		if n == perCPU-1 {
			flags = flagFlush
		}
		next := at
		for cpu := range l.CPUs {
			next = at
			lw.cpus[cpu] = req.fill(lw.cpus[cpu][:0], room, &next, cpu, &l, enc.base)
			lw.last = enc.base.timestamp(req.time(next, cpu))
			if err := lw.flush(cpu, flags); err != nil {
				return 0, err
			}
		}
		records += int64(l.CPUs) * int64((next.request-at.request)*len(req.records)+next.record-at.record)
		at = next
	}
	return records, nil
}

// A pattern is a request as bytes, with the places that differ from request to request.
type pattern struct {
	records []patternRecord
}

type patternRecord struct {
	at      time.Duration
	data    []byte
	handles []handlePlace
	numbers []numberPlace
}

type handlePlace struct {
	offset int
	first  uint32 // the value in request 0
}

type numberPlace struct {
	offset, width int // width is the bytes of a character
}

// A place is the next record of a CPU.
type place struct{ request, record int }

// newPattern finds the places by their values in a request whose number makes these unmistakable.
func newPattern(enc *encoder) (*pattern, error) {
	const sample = 0x5A3C5A
	events, err := Healthy(sample)
	if err != nil {
		return nil, err
	}
	narrow := fmt.Appendf(nil, "%010d", sample)
	wide := utf16z(nil, string(narrow))
	wide = wide[:len(wide)-2]
	var p pattern
	for i := range events {
		r := patternRecord{at: events[i].At}
		err := enc.encode(&events[i], func(rec []byte, _ int64) error { r.data = rec; return nil })
		if err != nil {
			return nil, err
		}
		for o := 0x40; o+4 <= len(r.data); o++ { // activity and payload
			if v := le.Uint32(r.data[o:]); v == healthyHandle(v&^0x0FFFFFFF, sample) {
				r.handles = append(r.handles, handlePlace{o, v &^ 0x0FFFFFFF})
				o += 3
			}
		}
		if o := bytes.Index(r.data, wide); o >= 0 {
			r.numbers = append(r.numbers, numberPlace{o, 2})
		} else if o := bytes.Index(r.data, narrow); o >= 0 {
			r.numbers = append(r.numbers, numberPlace{o, 1})
		}
		p.records = append(p.records, r)
	}
	return &p, nil
}

// next moves to the record after at.
func (p *pattern) next(at *place) {
	if at.record++; at.record == len(p.records) {
		*at = place{at.request + 1, 0}
	}
}

func (p *pattern) time(at place, cpu int) time.Duration {
	return time.Duration(at.request)*healthyPeriod + p.records[at.record].at + time.Duration(cpu)*100
}

// simulate returns where a CPU stands after n buffers.
func (p *pattern) simulate(n, room int) (at place) {
	for range n {
		for used := len(p.records[at.record].data); used <= room; used += len(p.records[at.record].data) {
			p.next(&at)
		}
	}
	return at
}

// fill appends the records that fit into a buffer of a CPU.
func (p *pattern) fill(b []byte, room int, at *place, cpu int, l *Log, base timebase) []byte {
	for {
		r := &p.records[at.record]
		start := len(b)
		if start+len(r.data) > room {
			return b
		}
		b = append(b, r.data...)
		rec := b[start:]
		n := at.request*l.CPUs + cpu
		le.PutUint32(rec[0x08:], uint32(2280+4*cpu)) // thread
		le.PutUint64(rec[0x10:], uint64(base.timestamp(p.time(*at, cpu))))
		for _, h := range r.handles {
			le.PutUint32(rec[h.offset:], healthyHandle(h.first, n))
		}
		for _, d := range r.numbers {
			for i, v := 9, n; i >= 0; i, v = i-1, v/10 {
				rec[d.offset+i*d.width] = '0' + byte(v%10)
			}
		}
		p.next(at)
	}
}
