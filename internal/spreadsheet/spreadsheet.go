// Package spreadsheet keeps the files that people open in a spreadsheet from doing
// anything there.
package spreadsheet

import "regexp"

// formula is what a spreadsheet takes for one, at the beginning of a cell, also as wide
// characters; and cells begin where it sees a separator, which in Spanish is the
// semicolon.
var formula = regexp.MustCompile(`(^|[;,\r\n\t"])(\s*)([=+\-@＝＋－＠])`)

// Inert gives a text that no spreadsheet takes for a formula, wherever in a CSV file it
// stands and whatever separates the cells there. What was none stays as it is.
func Inert(text string) string { return formula.ReplaceAllString(text, "$1$2'$3") }
