package status

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"
)

// Interval is how often a status file is usually polled.
const Interval = 2 * time.Second

// Read reads the status at path, strictly. It never blocks, whatever is there, and keeps no handle.
func Read(path string) (Status, error) {
	status, _, err := read(path)
	return status, err
}

// read also returns when the file was last modified.
func read(path string) (Status, time.Time, error) {
	document, modified, err := readBytes(path)
	if err != nil {
		return Status{}, modified, err
	}
	status, err := Parse(document)
	return status, modified, err
}

func readBytes(path string) ([]byte, time.Time, error) {
	file, err := openForReading(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	found, err := file.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	if !found.Mode().IsRegular() {
		return nil, time.Time{}, fmt.Errorf("%s: not a regular file", path)
	}
	document, err := io.ReadAll(io.LimitReader(file, SizeLimit+1)) // it may grow while it is read
	if err == nil && len(document) > SizeLimit {
		err = fmt.Errorf("%s: more than %d bytes", path, SizeLimit)
	}
	return document, found.ModTime(), err
}

// Polled is what a Reader knows after one more read.
type Polled struct {
	Status    *Status       // the last valid status; nil when there never was one
	Fresh     bool          // whether Status is what the file holds now
	Problem   error         // why this read gave no status; nil when it did
	Unchanged time.Duration // for how long the status has not changed; zero when there never was one
}

// Reader polls one file and keeps its last valid status (RDR-09, RDR-10). It is for one goroutine at a time.
//
// Unchanged is measured by the process's monotonic clock. Until the status was seen to change, its age at first sight is
// added: that of its timestamp or of the file, whichever is nearer to the wall clock.
type Reader struct {
	path string
	last *Status
	seen time.Time
	age  time.Duration // when it was seen
}

// NewReader returns a reader of path. The file need not exist; a relative path is taken from the present working folder.
func NewReader(path string) (*Reader, error) {
	if !filepath.IsAbs(path) {
		folder, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		path = folder + string(filepath.Separator) + path
	}
	return &Reader{path: path}, nil
}

// Poll reads once. When the file cannot be used, it returns the last valid status, which is then not fresh.
func (r *Reader) Poll() Polled {
	now, modified, err := read(r.path)
	if err == nil && (r.last == nil || *r.last != now) {
		r.seen, r.age = time.Now(), 0
		if r.last == nil {
			r.age = ageAtFirstSight(r.seen, now, modified)
		}
		r.last = &now
	}
	polled := Polled{Fresh: err == nil, Problem: err}
	if r.last != nil {
		polled.Unchanged = r.age + time.Since(r.seen)
		last := *r.last // so that a caller that changes its result does not change what is remembered
		polled.Status = &last
	}
	return polled
}

// The nearer of its two times counts: a dead run, where both are old, is stalled at once, and a live one whose clock is
// wrong is not. A time ahead of the wall clock counts as just as far behind it.
func ageAtFirstSight(now time.Time, status Status, modified time.Time) time.Duration {
	return min(distance(now, time.Unix(status.Timestamp, 0)), distance(now, modified))
}

func distance(a, b time.Time) time.Duration {
	if a.Before(b) {
		a, b = b, a
	}
	return min(a.Sub(b), math.MaxInt64/2) // so that nothing that is added makes it overflow
}

// Follow polls at once and then every interval, and hands the result to act, until act returns false or ctx is done.
// A file that cannot be read is logged once for each reason, as a warning, and once when it can be read again.
func (r *Reader) Follow(ctx context.Context, interval time.Duration, act func(Polled) bool) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	logged := ""
	for {
		polled := r.Poll()
		problem := ""
		if polled.Problem != nil {
			problem = polled.Problem.Error()
		}
		if problem != logged && problem != "" {
			known := "keeping the last valid status"
			if polled.Status == nil {
				known = "no valid status yet"
			}
			slog.Warn("status file not readable; "+known, "path", r.path, "problem", problem)
		} else if problem != logged {
			slog.Info("status file readable again", "path", r.path)
		}
		logged = problem
		if !act(polled) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
