package charset

import "unicode/utf8"

// Head returns the first n bytes of a text in UTF-8 at most, without half a character at their end. It aliases s.
func Head[T ~string | ~[]byte](s T, n int) T {
	if len(s) <= n {
		return s
	}
	end := n
	for end > 0 && end > n-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
