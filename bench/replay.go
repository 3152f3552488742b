package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"aldaba/internal/site"
	"aldaba/internal/sqlstore"
)

// statement is one that the program sent, with its values.
type statement struct {
	query string
	args  []any
}

// recording is what the program sent to its database while some people took the
// same step, person by person, and the database as it was before the first.
type recording struct {
	steps  [][]statement
	before string // address of the PostgreSQL database
	keys   string // file of the key ring
}

// record has people take a step with the real program on PostgreSQL, whose log
// tells the statements and their values: the program itself tells nobody.
func record(ctx context.Context, env *Env, s step, n int) (_ recording, err error) {
	p, citizens, err := s.ready(ctx, env, Postgres, n)
	if err != nil {
		return recording{}, err
	}
	r := recording{keys: filepath.Join(p.folder, "keys.json")}
	admin, err := sql.Open("pgx", p.dsn)
	if err == nil {
		_, err = admin.ExecContext(ctx, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET log_statement = ''all''', current_database()); END $$")
		err = errors.Join(err, admin.Close())
	}
	err = errors.Join(err, p.Stop())
	if err == nil {
		r.before, err = env.postgres.Database(ctx, p.dsn)
	}
	if err != nil {
		return recording{}, err
	}
	p, err = p.Again(ctx, env, Cheap...)
	if err != nil {
		return recording{}, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	db, err := sql.Open("pgx", r.before)
	if err != nil {
		return recording{}, err
	}
	types := &parameterTypes{db, map[string][]uint32{}}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, c := range citizens {
		c.citizen.base = p.URL
		from, err := os.Stat(env.postgres.Log())
		if err == nil {
			_, err = s.take(ctx, c)
		}
		var content []byte
		if err == nil {
			content, err = os.ReadFile(env.postgres.Log())
		}
		if err != nil {
			return recording{}, err
		}
		sent, err := types.parse(ctx, string(content[from.Size():]))
		if err != nil {
			return recording{}, err
		}
		r.steps = append(r.steps, sent)
	}
	r.steps = likeMost(r.steps)
	return r, nil
}

// likeMost leaves out the steps beside which the program did something else too,
// such as a look at the outbox: their statements are not those of most.
func likeMost(steps [][]statement) [][]statement {
	count := map[string]int{}
	shape := func(step []statement) string {
		var text strings.Builder
		for _, s := range step {
			text.WriteString(s.query + "\n")
		}
		return text.String()
	}
	most := ""
	for _, step := range steps {
		text := shape(step)
		if count[text]++; count[text] > count[most] {
			most = text
		}
	}
	var kept [][]statement
	for _, step := range steps {
		if shape(step) == most {
			kept = append(kept, step)
		}
	}
	return kept
}

var (
	logLine   = regexp.MustCompile(`^\d{4}-\d\d-\d\d \S+ \S+ \[(\d+)\] ([A-Z]+):  (.*)$`)
	executed  = regexp.MustCompile(`^execute [^:]+: `)
	parameter = regexp.MustCompile(`\$\d+ = (NULL|'((?:[^']|'')*)')`)
)

// parameterTypes knows of which types a statement's values are, which the log
// writes as text.
type parameterTypes struct {
	db    *sql.DB
	known map[string][]uint32
}

// parse reads the statements in a piece of PostgreSQL's log, those that begin
// and end transactions left out.
func (t *parameterTypes) parse(ctx context.Context, text string) ([]statement, error) {
	var found []statement
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		parts := logLine.FindStringSubmatch(line)
		switch {
		case parts == nil && strings.HasPrefix(line, "\t") && len(found) > 0:
			found[len(found)-1].query += "\n" + line[1:] // a statement of several lines
		case parts == nil:
		case parts[2] == "LOG" && executed.MatchString(parts[3]):
			found = append(found, statement{query: executed.ReplaceAllString(parts[3], "")})
		case parts[2] == "DETAIL" && len(found) > 0:
			last := &found[len(found)-1]
			oids, err := t.of(ctx, last.query)
			if err != nil {
				return nil, err
			}
			values := parameter.FindAllStringSubmatch(parts[3], -1)
			if len(values) != len(oids) {
				return nil, fmt.Errorf("%s: %d values in the log, want %d", last.query, len(values), len(oids))
			}
			for i, value := range values {
				arg, err := valueOf(oids[i], value)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", last.query, err)
				}
				last.args = append(last.args, arg)
			}
		}
	}
	return found, nil
}

func (t *parameterTypes) of(ctx context.Context, query string) ([]uint32, error) {
	if oids, ok := t.known[query]; ok {
		return oids, nil
	}
	conn, err := t.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	err = conn.Raw(func(driver any) error {
		prepared, err := driver.(*stdlib.Conn).Conn().Prepare(ctx, "", query)
		if err == nil {
			t.known[query] = prepared.ParamOIDs
		}
		return err
	})
	return t.known[query], errors.Join(err, conn.Close())
}

// valueOf makes a value of what the log wrote.
func valueOf(oid uint32, written []string) (any, error) {
	if written[1] == "NULL" {
		return nil, nil
	}
	text := strings.ReplaceAll(written[2], "''", "'")
	switch oid {
	case pgtype.ByteaOID:
		return hex.DecodeString(strings.TrimPrefix(text, `\x`))
	case pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID:
		return strconv.ParseInt(text, 10, 64)
	case pgtype.BoolOID:
		return text == "t", nil
	case pgtype.TextOID, pgtype.VarcharOID:
		return text, nil
	}
	return nil, fmt.Errorf("a value of type %d", oid)
}

// onSQLite gives the same database as a file, and the same statements as the
// program sends them there.
func (r recording) onSQLite(ctx context.Context, env *Env) (_ recording, err error) {
	folder, err := env.Folder()
	if err != nil {
		return r, err
	}
	keys, err := site.LoadKeys(r.keys, false)
	if err != nil {
		return r, err
	}
	path := filepath.Join(folder, "aldaba.db")
	store, err := sqlstore.Open(ctx, sqlstore.Config{DSN: path, Keys: keys}) // makes the tables
	if err != nil {
		return r, err
	}
	err = errors.Join(store.Close(), copyRows(ctx, r.before, path))
	if err != nil {
		return r, err
	}
	same := recording{before: path, keys: r.keys}
	for _, step := range r.steps {
		var kept []statement
		for _, s := range step {
			if strings.Contains(s.query, "pg_advisory") {
				continue // one connection orders all writes
			}
			s.query = strings.TrimSuffix(s.query, " FOR UPDATE")
			kept = append(kept, s)
		}
		same.steps = append(same.steps, kept)
	}
	return same, nil
}

// copyRows copies every table of a PostgreSQL database into an SQLite one of the
// same schema.
func copyRows(ctx context.Context, from, to string) (err error) {
	source, err := sql.Open("pgx", from)
	if err != nil {
		return err
	}
	target, err := openBare(SQLite, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close(), target.Close()) }()
	_, err = target.ExecContext(ctx, "PRAGMA foreign_keys = 0")
	if err != nil {
		return err
	}
	tables, err := source.QueryContext(ctx, "SELECT table_name FROM information_schema.tables "+
		"WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'schema_migrations'")
	if err != nil {
		return err
	}
	var names []string
	for tables.Next() {
		var name string
		err = tables.Scan(&name)
		if err != nil {
			break
		}
		names = append(names, name)
	}
	err = errors.Join(err, tables.Err(), tables.Close())
	for _, name := range names {
		if err == nil {
			err = copyTable(ctx, source, target, name)
		}
	}
	return err
}

func copyTable(ctx context.Context, source, target *sql.DB, name string) (err error) {
	rows, err := source.QueryContext(ctx, "SELECT * FROM "+name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	tx, err := target.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it has nothing to do
	_, err = tx.ExecContext(ctx, "DELETE FROM "+name)
	if err != nil {
		return err
	}
	places := make([]string, len(columns))
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	insert := "INSERT INTO " + name + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")"
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		err = rows.Scan(into...)
		if err == nil {
			_, err = tx.ExecContext(ctx, insert, values...)
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", name, err)
		}
	}
	return errors.Join(rows.Err(), tx.Commit())
}

// replayer runs recorded steps on a database through database/sql alone.
type replayer struct {
	db       *sql.DB
	prepared map[string]*sql.Stmt
}

// newReplayer opens a database and prepares what will run, as the program has
// when it has run for a while.
func newReplayer(ctx context.Context, engine string, r recording) (*replayer, error) {
	db, err := openBare(engine, r.before)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	p := &replayer{db, map[string]*sql.Stmt{}}
	for _, s := range r.steps[0] {
		if p.prepared[s.query] == nil {
			p.prepared[s.query], err = db.PrepareContext(ctx, s.query)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w", s.query, err), db.Close())
			}
		}
	}
	return p, nil
}

// run runs one step's statements in one transaction, and reads every row.
func (p *replayer) run(ctx context.Context, step []statement) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it has nothing to do
	changed := int64(0)
	for _, s := range step {
		n, err := p.one(ctx, tx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.query, err)
		}
		changed += n
	}
	if changed == 0 {
		return errors.New("the statements changed nothing: this is not the database that they were recorded on")
	}
	return tx.Commit()
}

func (p *replayer) one(ctx context.Context, tx *sql.Tx, s statement) (changed int64, err error) {
	stmt := tx.StmtContext(ctx, p.prepared[s.query])
	if !strings.HasPrefix(s.query, "SELECT") && !strings.Contains(s.query, "RETURNING") {
		result, err := stmt.ExecContext(ctx, s.args...)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
	rows, err := stmt.QueryContext(ctx, s.args...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	for rows.Next() {
		err = rows.Scan(values...)
		if err != nil {
			return 0, err
		}
	}
	return 0, rows.Err()
}
