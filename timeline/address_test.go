package timeline

import (
	"fmt"
	"testing"
)

func TestSplitHost(t *testing.T) {
	for s, want := range map[string][2]string{
		"": {}, ":": {}, ":80": {"", "80"}, "shop": {"shop", ""}, "shop:": {"shop", ""}, "shop:80": {"shop", "80"}, "*:80": {"*", "80"},
		"10.0.0.5": {"10.0.0.5", ""}, "10.0.0.5:80": {"10.0.0.5", "80"}, "fe80::1": {"fe80::1", ""}, "::": {"::", ""},
		"[fe80::1]": {"fe80::1", ""}, "[fe80::1%4]:443": {"fe80::1%4", "443"}, "::ffff:10.0.0.5": {"::ffff:10.0.0.5", ""},
	} {
		if host, port := SplitHost(s); host != want[0] || port != want[1] {
			t.Errorf("%s: %q, %q, want %q", s, host, port, want)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.0.1:80": "10.0.0.1 80 true", "[fe80::1%eth0]:443": "fe80::1 443 true", "::ffff:10.0.0.1": "10.0.0.1 0 true", "[::1]": "::1 0 true",
		"shop:80": "invalid IP 0 false", "": "invalid IP 0 false", "10.0.0.1:99999": "invalid IP 0 false",
	} {
		if got := fmt.Sprintln(ParseEndpoint(s)); got != want+"\n" {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
}

func TestPlainAddress(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.0.5:80": "10.0.0.5 true", "fe80::1": "fe80::1 false", "[2001:db8::1]:80": "2001:db8::1 true", "127.0.0.1:80": "127.0.0.1 false",
		"0.0.0.0": "0.0.0.0 false", "shop": " false",
	} {
		if got := fmt.Sprintln(plainAddress(s)); got != want+"\n" {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
	for s, want := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "::ffff:127.0.0.1": true, "LOCALHOST:5000": true, "10.0.0.5:80": false, "": false} {
		if isLoopback(s) != want {
			t.Errorf("%s: %t", s, !want)
		}
	}
}

func TestAuthority(t *testing.T) {
	for s, want := range map[string]string{
		"http://shop/a": "shop", "http://shop:80?x=a@b": "shop:80", "https://me:word@[::1]:443/": "[::1]:443", "/a": "", "": "",
	} {
		if got := Authority(s); got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}
