package main

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// bareServer is the argument with which this binary becomes the raw limit of an
// HTTP exchange: net/http alone, in a process of its own, as the program is.
const bareServer = "-bare-server"

// serveBare answers GET with a body of as many bytes as the path says, and POST
// 303 after it has read the form, until it is ended.
func serveBare() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	page := strings.Repeat("x", 64<<10)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if r.ParseForm() != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			w.Header().Set("Location", "/1")
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil || n < 0 || n > len(page) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(n))
		_, _ = w.Write([]byte(page[:n])) // a client that has gone needs nothing
	})
	_, err = fmt.Printf("bare http://%s\n", listener.Addr())
	if err != nil {
		return err
	}
	return http.Serve(listener, handler)
}
