package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"runtime"
	"strconv"
	"strings"
)

// compressors are as many as can be at work at once. Each holds most of a megabyte, so
// there are never more, however many people ask: who finds none free waits for another
// page's compression, a fraction of a millisecond.
var compressors = make(chan *gzip.Writer, runtime.GOMAXPROCS(0))

func init() {
	for range cap(compressors) {
		compressors <- nil // made when it is first needed
	}
}

// compressed is content as gzip; nil where that saves nothing.
func compressed(content []byte) []byte {
	var out bytes.Buffer
	w := <-compressors
	defer func() { compressors <- w }()
	if w == nil {
		w = gzip.NewWriter(&out)
	} else {
		w.Reset(&out)
	}
	_, err := w.Write(content)
	if err == nil {
		err = w.Close()
	}
	if err != nil || out.Len() >= len(content) {
		return nil
	}
	return out.Bytes()
}

// takesGzip reports whether a client takes gzip (RFC 9110, 12.5.3).
func takesGzip(r *http.Request) bool {
	takes := false
	for _, line := range r.Header.Values("Accept-Encoding") {
		for one := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(one, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			if name != "gzip" && name != "*" {
				continue
			}
			number, weighed := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
			q, err := strconv.ParseFloat(number, 64)
			wanted := !weighed || err == nil && q > 0
			if name == "gzip" {
				return wanted // whatever the star says of all others
			}
			takes = wanted
		}
	}
	return takes
}
