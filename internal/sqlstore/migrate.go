package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"time"
)

//go:embed migrations
var migrationFiles embed.FS

// migration is one forward step of the schema. Its text is never edited once
// released: what is wrong is put right by the next one.
type migration struct {
	Version  int64
	Name     string // NNNN_what
	Text     string
	Checksum string // SHA-256 of the text, in hex
}

var migrationName = regexp.MustCompile(`^([0-9]{4})_([a-z0-9_]+)\.sql$`)

// migrations lists those of one engine, in order. The numbers are 1, 2, 3 …
func migrations(files fs.FS, engine string) ([]migration, error) {
	entries, err := fs.ReadDir(files, path.Join("migrations", engine))
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", engine, err)
	}
	var all []migration
	for _, entry := range entries { // ReadDir sorts by name
		parts := migrationName.FindStringSubmatch(entry.Name())
		if parts == nil {
			return nil, fmt.Errorf("migrations of %s: %s is not called NNNN_what.sql", engine, entry.Name())
		}
		version, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || version != int64(len(all)+1) {
			return nil, fmt.Errorf("migrations of %s: %s stands where number %04d is due", engine, entry.Name(), len(all)+1)
		}
		text, err := fs.ReadFile(files, path.Join("migrations", engine, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("migrations of %s: %w", engine, err)
		}
		sum := sha256.Sum256(text)
		all = append(all, migration{
			Version: version, Name: parts[1] + "_" + parts[2],
			Text: string(text), Checksum: hex.EncodeToString(sum[:]),
		})
	}
	return all, nil
}

// migrate brings the schema up to date, one transaction for each step. Any
// number of processes may do it at once: each step looks again at what is
// applied while it holds the lock.
func migrate(ctx context.Context, db *sql.DB, d *dialect, all []migration) error {
	for {
		done, err := migrateOne(ctx, db, d, all)
		if err != nil || done {
			return err
		}
	}
}

// migrateOne applies the next migration that is due, if any.
func migrateOne(ctx context.Context, db *sql.DB, d *dialect, all []migration) (done bool, err error) {
	tx, err := begin(ctx, db, nil)
	if err != nil {
		return false, fmt.Errorf("migrating: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it has nothing to do
	if d.lockShard != "" {
		// No shard is below zero, so this is a lock of its own.
		_, err = tx.ExecContext(ctx, d.lockShard, -1)
		if err != nil {
			return false, fmt.Errorf("migrating: %w", err)
		}
	}
	_, err = tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_migrations (
		version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`)
	if err != nil {
		return false, fmt.Errorf("migrating: %w", err)
	}
	applied, err := appliedMigrations(ctx, tx)
	if err != nil {
		return false, err
	}
	err = known(applied, all)
	if err != nil {
		return false, err
	}
	if len(applied) == len(all) {
		return true, tx.Commit()
	}
	next := all[len(applied)]
	_, err = tx.ExecContext(ctx, next.Text)
	if err != nil {
		return false, fmt.Errorf("migration %s: %w", next.Name, err)
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
		next.Version, next.Name, next.Checksum, time.Now().UnixMilli())
	if err != nil {
		return false, fmt.Errorf("migration %s: %w", next.Name, err)
	}
	err = tx.Commit()
	if err != nil {
		return false, fmt.Errorf("migration %s: %w", next.Name, err)
	}
	return false, nil
}

// known refuses a schema that this program did not make: a newer one, one with a
// gap, one made by other texts.
func known(applied, all []migration) error {
	for i, was := range applied {
		switch {
		case was.Version > int64(len(all)):
			return fmt.Errorf("database: its schema is version %d, made by a newer program; this one knows version %d: install the newer one",
				applied[len(applied)-1].Version, len(all))
		case was.Version != int64(i+1):
			return fmt.Errorf("database: migration %04d is not recorded although %s is", i+1, was.Name)
		case was.Checksum != all[i].Checksum:
			return fmt.Errorf("database: migration %s was edited after it was applied here; this program and this database do not belong together", was.Name)
		}
	}
	return nil
}

// current refuses a schema that is not this program's, and changes nothing.
func current(ctx context.Context, db *sql.DB, d *dialect, all []migration) error {
	tx, err := db.BeginTx(ctx, &d.view)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	var tables int
	err = tx.QueryRowContext(ctx, d.hasSchema).Scan(&tables)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if tables == 0 {
		return errors.New("database: it is empty; `aldaba migrate` makes its tables")
	}
	applied, err := appliedMigrations(ctx, tx)
	if err == nil {
		err = known(applied, all)
	}
	if err == nil && len(applied) < len(all) {
		err = fmt.Errorf("database: its schema is version %d, this program needs version %d; `aldaba migrate` brings it there", len(applied), len(all))
	}
	return err
}

func appliedMigrations(ctx context.Context, tx *sql.Tx) (applied []migration, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT version, name, checksum FROM schema_migrations ORDER BY version")
	if err != nil {
		return nil, fmt.Errorf("reading the schema's version: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var m migration
		err = rows.Scan(&m.Version, &m.Name, &m.Checksum)
		if err != nil {
			return nil, fmt.Errorf("reading the schema's version: %w", err)
		}
		applied = append(applied, m)
	}
	return applied, rows.Err()
}
