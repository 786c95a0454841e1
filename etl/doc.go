// Package etl reads event trace logs: the .etl files that netsh, logman, WPR and Windows itself write.
// It turns bytes into records in time order, and knows nothing of what the events mean.
//
//	l, err := etl.NewReader(file, size)
//	for rec, err := range l.Records() { ... }
//
// # Format
//
// A log is a sequence of buffers, without magic number, index or trailer:
//
//	buffer = header (72 bytes) + records + padding
//	       | header (72 bytes) + compressed records
//
//	 0 u32 distance to the next buffer      30 u32 valid bytes, header included, after decompression
//	18 i64 sequence number                  34 u16 flags: 0x02 events lost, 0x04 buffer lost,
//	28 u16 processor                               0x20 processor has 16 bits, 0x40 compressed
//	2C u32 state; in the first buffer:      36 u16 type: 4 = header
//	       the compression format
//
// Every record starts at a multiple of 8. Byte 2 of its header tells which of a dozen layouts follows,
// see [HeaderType]. The first record of the first buffer describes the log ([Header]).
// Each processor has its own buffers, so a reader merges them by time.
//
// Sources: Windows SDK (evntrace.h, evntcons.h, evntprov.h), Microsoft's documentation of
// TRACE_LOGFILE_HEADER, EVENT_HEADER and EVENT_TRACE_HEADER, [MS-XCA] for the compression.
//
// # Damage
//
// Nothing in a file is trusted. A damaged record costs the rest of its buffer, a damaged buffer costs
// itself, and both are kept as an [Anomaly]; reading goes on. What Windows itself lost is in [Loss].
package etl
