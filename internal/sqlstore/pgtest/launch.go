//go:build unix

package pgtest

import (
	"context"
	"errors"
	"strconv"
)

// Server is a PostgreSQL of somebody who is no test: the benchmarks.
type Server struct {
	server *server
	made   int
}

// Launch starts a PostgreSQL in a temporary folder. Whoever launches it stops it;
// on Linux it ends with the process at the latest.
func Launch(opts ...Option) (*Server, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s, err := launch(o)
	if err != nil {
		return nil, err
	}
	return &Server{server: s}, nil
}

// Database makes a database and returns its address: an empty one, or a copy of
// the one at the given address, to which nobody may be connected. One at a time.
func (s *Server) Database(ctx context.Context, like string) (dsn string, err error) {
	template := "template0"
	if like != "" {
		for i := range s.made {
			if s.server.dsn(bench(i)) == like {
				template = bench(i)
			}
		}
		if template == "template0" {
			return "", errors.New("pgtest: no database of this server")
		}
	}
	name := bench(s.made)
	s.made++
	_, err = s.server.admin.ExecContext(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template)
	return s.server.dsn(name), err
}

func bench(i int) string { return "bench_" + strconv.Itoa(i) }

// Stop ends the server and removes its folder.
func (s *Server) Stop() error { return s.server.stop() }

// Log is the file into which the server writes.
func (s *Server) Log() string { return s.server.logFile() }
