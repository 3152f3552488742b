package mailbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// journalName is the file inside Config.Dir: one mail per line, oldest first.
const journalName = "mailbox.jsonl"

// maxLine bounds one line: JSON may write one byte of a mail as six.
const maxLine = 8 * maxMessage

// journal is the file that outlives the process. A mail is one write to the
// kernel, so kill -9 loses nothing that was answered for; only a machine that
// stops may tear the last lines, which opening again drops.
type journal struct {
	path  string
	file  *os.File
	size  int64 // of the whole lines; what is beyond is a torn one
	lines int
}

// openJournal opens or makes the file in dir and returns its last keep mails,
// oldest first. Lines that are no mail are skipped, a last one without an end
// is cut off.
func openJournal(dir string, keep int) (*journal, []Message, error) {
	path := filepath.Join(dir, journalName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	j := &journal{path: path, file: file}
	mails, err := j.read(keep)
	if err == nil {
		err = j.cut()
	}
	if err == nil && j.lines > 2*keep {
		err = j.compact(mails)
	}
	if err != nil {
		_ = j.file.Close() // the reading's error is the one to tell
		return nil, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return j, mails, nil
}

// read counts the whole lines and returns the mails of the last keep.
func (j *journal) read(keep int) ([]Message, error) {
	var mails []Message
	reader := bufio.NewReaderSize(j.file, 64<<10)
	for {
		line, length, err := readLine(reader)
		if err == io.EOF {
			return mails[max(0, len(mails)-keep):], nil
		}
		if err != nil {
			return nil, err
		}
		j.size += length
		j.lines++
		var m Message
		if json.Unmarshal(line, &m) != nil || m.ID == "" {
			continue
		}
		mails = append(mails, m)
		if len(mails) >= 2*keep {
			mails = append(make([]Message, 0, 2*keep), mails[len(mails)-keep:]...)
		}
	}
}

// readLine returns the next whole line and its length in the file; io.EOF when
// what is left has no end. A line longer than any of ours is read but not kept.
func readLine(r *bufio.Reader) (line []byte, length int64, err error) {
	for {
		chunk, err := r.ReadSlice('\n')
		length += int64(len(chunk))
		if len(line)+len(chunk) <= maxLine {
			line = append(line, chunk...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, length, err
		}
	}
}

// cut ends the file after its last whole line and writes from there.
func (j *journal) cut() error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	return err
}

// append writes the mails in one write. On an error the file holds none of them.
func (j *journal) append(mails []Message) error {
	text, err := encode(mails)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(text); err != nil {
		return errors.Join(err, j.cut())
	}
	j.size += int64(len(text))
	j.lines += len(mails)
	return nil
}

// compact replaces the file by one with only these mails. Killed at any point,
// either the old file or the new one is there, whole.
func (j *journal) compact(mails []Message) error {
	text, err := encode(mails)
	if err != nil {
		return err
	}
	fresh, err := os.OpenFile(j.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = fresh.Write(text); err == nil {
		// Without this a machine that stops could keep the new name and lose
		// the contents.
		err = fresh.Sync()
	}
	if err == nil {
		err = os.Rename(fresh.Name(), j.path)
	}
	if err != nil {
		return errors.Join(err, fresh.Close())
	}
	old := j.file
	j.file, j.size, j.lines = fresh, int64(len(text)), len(mails)
	return old.Close()
}

// close closes the file.
func (j *journal) close() error { return j.file.Close() }

// encode writes one mail per line.
func encode(mails []Message) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	for _, m := range mails {
		if err := encoder.Encode(m); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}
