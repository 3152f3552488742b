// Command build writes internal/wordlists/common.bin, the filter of common and
// breached passwords. It is run from the top of the project:
//
//	go run ./internal/wordlists/build SOURCE...
//
// A source ending in .json is an array of strings; any other is one entry a
// line. Entries that are too short or too long to matter are left out. The
// order of the sources does not matter: the same entries give the same bytes.
//
// To start from nothing create an empty common.bin first, because the package
// embeds it.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"aldaba/internal/wordlists"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", filepath.Join("internal", "wordlists", "common.bin"), "file to write")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		fmt.Fprintln(stderr, "build: name at least one source")
		return 2
	}
	count, size, err := build(*out, flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "build:", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s: %d entries, %d bytes\n", *out, count, size)
	return 0
}

func build(out string, sources []string) (count, size int, err error) {
	var entries []string
	for _, source := range sources {
		more, err := read(source)
		if err != nil {
			return 0, 0, err
		}
		entries = append(entries, more...)
	}
	var file bytes.Buffer
	if count, err = wordlists.Compile(&file, entries); err != nil {
		return 0, 0, err
	}
	// Written beside and renamed, so that a cut leaves the old one whole.
	if err := os.WriteFile(out+".new", file.Bytes(), 0o644); err != nil {
		return 0, 0, err
	}
	return count, file.Len(), os.Rename(out+".new", out)
}

// read returns the entries of one source.
func read(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(path) != ".json" {
		return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' || r == '\r' }), nil
	}
	var entries []string
	if err := json.Unmarshal(data, &entries); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}
