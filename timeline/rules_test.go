package timeline

import (
	"slices"
	"testing"
	"time"

	"github.com/etwhy/etwhy/etl"
)

// stopped returns a request that stopped in a phase with a code.
func stopped(phase PhaseName, detail string, code Code) *Request {
	start := etl.FromTime(time.Date(2026, 3, 2, 12, 31, 52, 0, time.UTC))
	r := &Request{
		Outcome: Failed, Phase: phase, Error: code, URL: "http://backend/time/", Host: "backend", Server: "10.0.0.11:80",
		Start: start, End: start.Add(30 * time.Second),
	}
	if phase != "" {
		r.Phases = []Phase{{Name: phase, Detail: detail, Start: r.Start, End: r.End, Outcome: Failed, Error: code}}
	}
	return r
}

func gaveUp(phase PhaseName) *Request {
	r := stopped(phase, "", 0)
	r.Outcome = Cancelled
	if phase != "" {
		r.Phases[0].Outcome = Cancelled
	}
	return r
}

func answered(status int) *Request {
	r := stopped("", "", 0)
	r.Status = status
	return r
}

// TestRules has, for every row of the table, a request that it is about and one that is like it and is
// something else.
func TestRules(t *testing.T) {
	const up = factTried | factConnected
	const sent = up | factSending | factSent
	tests := []struct {
		name string
		want string // id and confidence
		miss string // the id that must not come out although it is near
		r    *Request
		f    facts
	}{
		{"an answer of 503", "HTTP-5xx likely", "", answered(503), facts{seen: sent | factHeaders}},
		{"a 503 whose body broke off", "X1 likely", "HTTP-5xx", stopped(PhaseReceive, "body", 10054), facts{seen: sent | factBytes | factHeaders | factPeerReset}},

		{"text: 1460", "T1 likely", "T4", stopped(PhaseReceive, "", 1460), facts{seen: factText}},
		{"text: 10060", "T4 likely", "T1", stopped(PhaseConnect, "", 10060), facts{seen: factText}},
		{"text: 10054", "R1 likely", "T6", stopped(PhaseReceive, "", 10054), facts{seen: factText}},
		{"10060 with nothing below", "NE possible", "T4", stopped("", "", 10060), facts{}},
		{"no route, with nothing below: no phase is known", "NE possible", "C2", stopped("", "", 10065), facts{}},

		{"no DNS server answers", "T3 likely", "", stopped(PhaseResolve, "", 1460), facts{seen: factResolve | factResolveTimeout}},
		{"lookup open at the set limit", "T3 likely", "", stopped(PhaseResolve, "", 1460), facts{seen: factResolve | factTimerKnown | factTimerNear}},
		{"lookup cut off long before any limit", "T3 possible", "", stopped(PhaseResolve, "", 1460), facts{seen: factResolve | factTimerKnown}},
		{"lookup open, nothing known of timers", "NE possible", "T3", stopped(PhaseResolve, "", 1460), facts{seen: factResolve}},
		{"unknown name", "N1 likely", "N2", stopped(PhaseResolve, "", 11001), facts{seen: factResolve | factResolveFailed}},
		{"unknown name, nothing below", "N1 likely", "", stopped("", "", 11001), facts{}},
		{"DNS server failure", "N2 likely", "N1", stopped(PhaseResolve, "", 11002), facts{seen: factResolve | factResolveFailed}},
		{"the name was found after all", "N2 possible", "", stopped(PhaseResolve, "", 11002), facts{seen: factResolve | factResolved}},

		{"proxy script does not load", "P2 likely", "P1", stopped(PhaseProxy, "", 12167), facts{seen: factProxySearch | factProxyFailed}},
		{"proxy code without its events", "P2 possible", "", stopped(PhaseProxy, "", 12167), facts{}},
		{"proxy search took most of the time", "P1 likely", "P2", stopped(PhaseProxy, "", 12002), facts{seen: factProxySearch | factProxyGap, proxy: 25 * time.Second}},
		{"proxy search failed, the request went on directly", "T1 likely", "P1", stopped(PhaseReceive, "headers", 1460), facts{seen: sent | factProxySearch | factProxyFailed}},
		{"proxy search was short", "NE possible", "P1", stopped(PhaseProxy, "", 12002), facts{seen: factProxySearch}},

		{"refused", "C1 likely", "T4", stopped(PhaseConnect, "", 10061), facts{seen: factTried | factTryFailed}},
		{"10061 after something was sent", "NE possible", "C1", stopped(PhaseReceive, "headers", 10061), facts{seen: sent}},
		{"no route", "C2 likely", "C1", stopped(PhaseConnect, "", 10051), facts{seen: factTried | factTryFailed}},
		{"10065 on an open connection", "NE possible", "C2", stopped(PhaseSend, "", 10065), facts{seen: factReused | factSending}},
		{"no port", "C3 likely", "C1", stopped(PhaseConnect, "", 10048), facts{seen: factTried | factTryFailed}},
		{"10055 while sending", "NE possible", "C3", stopped(PhaseSend, "", 10055), facts{seen: up | factSending}},
		{"own firewall", "C4 likely", "C1", stopped(PhaseConnect, "", 10013), facts{seen: factTried | factTryFailed}},
		{"10013 while sending", "NE possible", "C4", stopped(PhaseSend, "", 10013), facts{seen: up | factSending}},
		{"no reply", "T4 likely", "C1", stopped(PhaseConnect, "", 10060), facts{seen: factTried | factTryFailed}},
		{"no reply, and loss", "T4 possible", "", stopped(PhaseConnect, "", 10060), facts{seen: factTried | factTryFailed | factLoss}},
		{"no reply until the set timer", "T4 likely", "", stopped(PhaseConnect, "", 1460), facts{seen: factTried | factTimerKnown | factTimerNear}},
		{"10060 on a connection from before the trace", "T6 possible", "T4", stopped(PhaseReceive, "headers", 10060), facts{seen: factReused | factSending | factSent | factPartial}},
		{"1460 while waiting for a pooled connection", "NE possible", "T4", stopped(PhaseConnect, "pool", 1460), facts{}},

		{"revocation", "S4 likely", "S1", stopped(PhaseTLS, "", 12175), facts{seen: up | factTLS | factTLSFailed | factCertificate, cert: certRevocation}},
		{"expired", "S2 likely", "S1", stopped(PhaseTLS, "", 0x800B0101), facts{seen: up | factTLS | factTLSFailed}},
		{"other name", "S3 likely", "S1", stopped(PhaseTLS, "", 12175), facts{seen: up | factTLS | factCertificate, cert: certName}},
		{"unknown issuer", "S1 likely", "S2", stopped(PhaseTLS, "", 0x800B0109), facts{seen: up | factTLS | factCertificate, cert: certCA}},
		{"revoked", "NE possible", "S4", stopped(PhaseTLS, "", 0x80092010), facts{seen: up | factTLS | factCertificate, cert: 4}},
		{"a date flag that was ignored before the send failed", "R1 likely", "S2", stopped(PhaseSend, "", 10054), facts{seen: up | factTLS | factTLSDone | factSending | factPeerReset, cert: certDate}},
		{"12175 alone", "NE possible", "S3", stopped(PhaseTLS, "", 12175), facts{seen: up | factTLS}},
		{"client certificate", "S6 likely", "S7", stopped(PhaseTLS, "", 12044), facts{seen: up | factTLS | factClientCert}},
		{"client certificate asked for, and all is well", "T1 likely", "S6", stopped(PhaseReceive, "headers", 1460), facts{seen: sent | factTLS | factTLSDone | factClientCert}},
		{"no key", "S7 likely", "S6", stopped(PhaseTLS, "", 0x8009030E), facts{seen: up | factTLS | factCredentials}},
		{"no key, while receiving", "NE possible", "S7", stopped(PhaseReceive, "headers", 0x8009030E), facts{seen: sent}},
		{"alert 40", "S5 likely", "S1", stopped(PhaseTLS, "", 12029), facts{seen: up | factTLS, alert: 40}},
		{"alert 48, unknown issuer at the other end", "NE possible", "S5", stopped(PhaseTLS, "", 12175), facts{seen: up | factTLS, alert: 48}},
		{"hung up in the handshake", "S5 possible", "R1", stopped(PhaseTLS, "", 10054), facts{seen: up | factTLS | factPeerReset}},

		{"send timer", "T5 likely", "T1", stopped(PhaseSend, "", 1460), facts{seen: up | factSending | factSendError}},
		{"send open, as one of two witnesses says", "T5 possible", "T1", stopped(PhaseSend, "", 1460), facts{seen: up | factSending | factSendOpen | factSendUnclear}},
		{"all sent", "T1 likely", "T5", stopped(PhaseReceive, "headers", 1460), facts{seen: sent}},
		{"dead connection", "T6 likely", "R1", stopped(PhaseReceive, "headers", 10060), facts{seen: sent}},
		{"10053 on a used connection", "T6 likely", "R1", stopped(PhaseSend, "", 10053), facts{seen: factReused | factSending}},
		{"10053 after a reset", "R1 likely", "T6", stopped(PhaseSend, "", 10053), facts{seen: factReused | factSending | factPeerReset}},
		{"10060 on a connection that was just made", "T6 likely", "R1", stopped(PhaseReceive, "headers", 10060), facts{seen: sent | factInUse}},
		{"1460 on a connection that was just made", "T1 likely", "T6", stopped(PhaseReceive, "headers", 1460), facts{seen: sent | factInUse}},
		{"no code, but TCP gave up", "T6 possible", "", stopped(PhaseReceive, "headers", 0), facts{seen: sent | factGaveUp}},

		{"not HTTP", "X2 likely", "X3", stopped(PhaseReceive, "headers", 12152), facts{seen: sent | factBytes | factNotHTTP}},
		{"slow header", "T10 likely", "T1", stopped(PhaseReceive, "headers", 1460), facts{seen: sent | factBytes | factHeaderLimit | factTimerNear, wait: headerLimit}},
		{"header stalled", "T1 likely", "T10", stopped(PhaseReceive, "headers", 1460), facts{seen: sent | factBytes | factTimerNear}},
		{"body stalled", "T1 likely", "X1", stopped(PhaseReceive, "body", 1460), facts{seen: sent | factBytes | factHeaders | factTimerNear}},
		{"a witness of the send is missing", "T1 possible", "T5", stopped(PhaseReceive, "headers", 1460), facts{seen: sent | factSendUnclear}},
		{"closed first, then the timer", "NE possible", "T1", stopped(PhaseReceive, "headers", 1460), facts{seen: sent | factPeerClosed}},
		{"cancelled exactly at the timer", "T1 likely", "R8", stopped(PhaseReceive, "headers", 0), facts{seen: sent | factCancelled | factClosedEarly | factTimerCancel | factTimerKnown | factTimerNear}},
		{"closed exactly at the timer", "T1 possible", "R8", stopped(PhaseReceive, "headers", 0), facts{seen: sent | factClosedEarly | factTimerCancel | factTimerKnown | factTimerNear}},
		{"cut in the body", "X1 likely", "R1", stopped(PhaseReceive, "body", 12152), facts{seen: sent | factBytes | factHeaders | factPeerClosed}},
		{"cut in the header", "X1 likely", "X3", stopped(PhaseReceive, "headers", 12152), facts{seen: sent | factBytes | factPeerClosed}},
		{"malformed", "X3 likely", "X1", stopped(PhaseReceive, "headers", 12152), facts{seen: sent | factBytes | factStatus | factParser}},
		{"malformed from the first line on", "X3 possible", "X2", stopped(PhaseReceive, "headers", 12152), facts{seen: sent | factBytes | factParser}},
		{"reset after some bytes", "R6 possible", "R1", stopped(PhaseReceive, "headers", 10054), facts{seen: sent | factBytes | factPeerReset}},
		{"closed without an answer", "R1 likely", "R6", stopped(PhaseReceive, "headers", 12030), facts{seen: sent | factPeerClosed}},
		{"closed, then cancelled", "R1 possible", "R8", stopped(PhaseReceive, "headers", 0), facts{seen: sent | factPeerClosed | factClosedEarly}},
		{"broken, nobody saw by whom", "R1 possible", "T6", stopped(PhaseReceive, "headers", 64), facts{seen: sent}},
		{"stream ended after GOAWAY", "R1 likely", "T1", stopped(PhaseReceive, "headers", 12030), facts{seen: sent | factHTTP2 | factStreamReset | factGoAway}},
		{"stream ended", "R1 possible", "T1", stopped(PhaseReceive, "headers", 12030), facts{seen: sent | factHTTP2 | factStreamReset}},

		{"cancelled", "R8 likely", "T1", gaveUp(PhaseReceive), facts{seen: sent | factCancelled | factClosedEarly}},
		{"cancelled after the length of a default timer", "R8 possible", "T1", gaveUp(PhaseReceive), facts{seen: sent | factCancelled | factClosedEarly | factTimerNear}},
		{"closed", "R8 possible", "", gaveUp(PhaseConnect), facts{seen: factTried | factClosedEarly}},
		{"the codes do not fit together", "T1 possible", "", &Request{
			Outcome: Failed, Phase: PhaseReceive, Error: 1460, WinHTTP: WinHTTPCode{12030, FromTrace},
			Phases: []Phase{{Name: PhaseReceive, Detail: "headers", Outcome: Failed}},
		}, facts{seen: sent}},
		{"nothing at all", "NE possible", "R1", stopped("", "", 0), facts{}},
	}
	used := make([]bool, len(rules))
	missed := map[string]bool{"NE": true}
	for _, tt := range tests {
		f := tt.f
		tt.r.facts = &f
		b := NewBuilder(Options{})
		b.Input(Input{}).Close()
		b.requests = []*Request{tt.r}
		b.findMachines()
		if i := slices.IndexFunc(rules, func(u rule) bool { return u.fits(b.scene(tt.r)) }); i >= 0 {
			used[i] = true
		}
		b.judge()
		got := tt.r.Verdict.ID + " " + tt.r.Verdict.Confidence.String()
		if got != tt.want || tt.r.Verdict.ID == tt.miss {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		missed[tt.miss] = true
	}
	for i, u := range rules {
		if !used[i] {
			t.Errorf("no test for row %d, %s %q", i, u.id, u.title)
		}
		if !missed[u.id] {
			t.Errorf("no near-miss for %s", u.id)
		}
		for _, n := range u.near {
			if n.id == u.id {
				t.Errorf("%s rejects itself", u.id)
			}
		}
	}
}
