package site

import (
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"aldaba/internal/credential"
	"aldaba/internal/sqlstore/pgtest"
)

// cpu is how much processor time the process has used.
func cpu() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// metered counts the processor time that passes while the handler works: the
// server's share, without the client's, which runs in the same process.
type metered struct {
	http.Handler
	used time.Duration
}

func (m *metered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	before := cpu()
	m.Handler.ServeHTTP(w, r)
	m.used += cpu() - before
}

// BenchmarkJourney is the processor time of a whole generate and a whole recover
// over that of the two argon2id hashes each needs, with real parameters. Hashes
// and journeys alternate, so that a noisy machine is noisy for both.
func BenchmarkJourney(b *testing.B) {
	params := credential.HashParams{MemoryKiB: 19456, Passes: 2}
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, kind := range []credential.ProcedureKind{credential.Generate, credential.Recover} {
			b.Run(engine+"/"+string(kind), func(b *testing.B) {
				dsn := filepath.Join(b.TempDir(), "aldaba.db")
				if engine == "postgres" {
					dsn = pgtest.Start(b)
				}
				w := newWorld(b, dsn, people(2), with("hash_memory_kib", "19456", "hash_passes", "2",
					"attempts", "20", "proven_mails", "100", "people_per_mailbox", "10000"))
				meter := &metered{Handler: w.handler}
				w.handler = meter
				var hashes time.Duration
				for b.Loop() {
					before := cpu()
					params.Hash([]byte(goodClave))
					params.Hash([]byte(goodClave))
					hashes += cpu() - before
					if kind == credential.Recover {
						p := w.people["con-clave"]
						w.browser().finished(kind, p, p.Email, goodClave)
						w.clock.advance(25 * time.Hour)
						continue
					}
					// The account goes, so that the person is new again.
					p := w.people["nueva"]
					w.browser().finished(kind, p, "nueva@correo.example", goodClave)
					subject := w.subject(p)
					w.exec(`DELETE FROM accounts WHERE subject = $1`, subject[:])
					w.clock.advance(25 * time.Hour)
				}
				b.ReportMetric(float64(meter.used)/float64(hashes), "cpu/hashes")
				b.ReportMetric(float64(meter.used-hashes)/float64(b.N)/1e6, "ms-besides")
			})
		}
	}
}
