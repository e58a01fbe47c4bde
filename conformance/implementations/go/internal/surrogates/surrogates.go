// Package surrogates finds what encoding/json replaces without a word.
package surrogates

import (
	"strconv"
	"unicode/utf16"
)

// Paired reports whether each surrogate that an escape of the valid JSON text spells has its other half beside it.
func Paired(text []byte) bool {
	unit := func(at int) rune {
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return 0
		}
		value, _ := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		return rune(value)
	}
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' {
			continue
		}
		if first := unit(at); utf16.IsSurrogate(first) {
			if utf16.DecodeRune(first, unit(at+6)) == '\uFFFD' {
				return false
			}
			at += 10
		}
		at++ // what the backslash escapes
	}
	return true
}
