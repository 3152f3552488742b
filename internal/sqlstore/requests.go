package sqlstore

import (
	"aldaba/internal/credential"
)

func requestPlace(s credential.Subject, id credential.ID) credential.Place {
	return credential.Place{Table: "requests", Column: "text", Row: rowKey(s, id)}
}

// PutRequest implements [credential.Tx].
func (t *tx) PutRequest(r credential.DataRequest) error {
	_, err := t.exec(`INSERT INTO requests (subject, id, kind, text, reference, created_at, due_at, state, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (subject, id) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at`,
		r.Subject[:], r.ID[:], string(r.Kind), t.store.keys.Seal([]byte(r.Text.Reveal()), requestPlace(r.Subject, r.ID)), r.Reference,
		millis(r.CreatedAt), millis(r.DueAt), string(r.State), millis(r.EndedAt))
	return wrap("storing a request", err)
}

// maxRequests bounds how many requests of a person are read at once.
const maxRequests = 100

// Requests implements [credential.Tx]. It gives the latest maxRequests.
func (t *tx) Requests(s credential.Subject) ([]credential.DataRequest, error) {
	all, err := list(t, `SELECT subject, id, kind, text, reference, created_at, due_at, state, ended_at
		FROM requests WHERE subject = $1 ORDER BY created_at DESC, id LIMIT $2`, []any{s[:], maxRequests}, t.scanRequest)
	if err != nil {
		return nil, wrap("reading requests", err)
	}
	return all, nil
}

func (t *tx) scanRequest(scan func(...any) error) (r credential.DataRequest, err error) {
	var sealed []byte
	err = scan(exactly(r.Subject[:]), exactly(r.ID[:]), &r.Kind, &sealed, &r.Reference,
		instant{&r.CreatedAt}, instant{&r.DueAt}, &r.State, instant{&r.EndedAt})
	if err != nil {
		return r, err
	}
	plain, err := t.store.keys.Open(sealed, requestPlace(r.Subject, r.ID))
	r.Text = credential.NewText(string(plain))
	return r, err
}
