// Package status reads and writes the status file of a training run: whole or not at all. It needs nothing but the
// standard library. Clause ids, such as RDR-04, are those of SPEC.md.
package status

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"pulse.example/status/internal/surrogates"
)

// SizeLimit is the size of the largest document that is written or read, in bytes.
const SizeLimit = 1 << 20

const lastTimestamp = 1<<53 - 1 // the largest integer that every JSON reader keeps exact

var (
	members  = []string{"status", "epoch", "total_epochs", "loss", "message", "timestamp"}
	statuses = []string{"idle", "running", "done", "error"}
)

// ErrInvalid is wrapped by all errors about values and documents that the contract does not allow.
var ErrInvalid = errors.New("invalid status")

func invalid(format string, values ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, values...))
}

// Status is one status of a training run: the six members of a document.
type Status struct {
	Status      string  // idle, running, done or error
	Epoch       float64 // epochs completed, ≥ 0; a fraction is a part of an epoch
	TotalEpochs float64 // epochs planned, ≥ 0; 0 when unknown
	Loss        float64 // any finite number
	Message     string  // any text in UTF-8
	Timestamp   int64   // when this was written: whole seconds since 1970 (UTC), from 0 to 2^53 - 1
}

// New returns a status of now whose other members are 0 and empty.
func New(status string) Status {
	return Status{Status: status, Timestamp: time.Now().Unix()}
}

// Progress is the progress in percent, from 0 to 100; 0 when TotalEpochs is 0 (RDR-13).
func (s Status) Progress() float64 {
	if s.TotalEpochs <= 0 {
		return 0
	}
	return min(max(s.Epoch/s.TotalEpochs*100, 0), 100)
}

// Document returns the document of the status. The error wraps ErrInvalid.
func (s Status) Document() ([]byte, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	document := fmt.Appendf(nil,
		"{\n  \"status\": %s,\n  \"epoch\": %s,\n  \"total_epochs\": %s,\n  \"loss\": %s,\n  \"message\": %s,\n  \"timestamp\": %d\n}",
		text(s.Status), float(s.Epoch), float(s.TotalEpochs), float(s.Loss), text(s.Message), s.Timestamp)
	if len(document) > SizeLimit {
		return nil, invalid("%d bytes are more than %d: shorten the message", len(document), SizeLimit)
	}
	return document, nil
}

func text(value string) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // a string in a buffer cannot fail
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}

// A document needs a fraction or an exponent (DOC-04).
func float(value float64) string {
	token := strconv.FormatFloat(value, 'f', -1, 64)
	if len(token) > 25 {
		token = strconv.FormatFloat(value, 'e', -1, 64)
	}
	if strings.ContainsAny(token, ".e") {
		return token
	}
	return token + ".0"
}

func (s Status) validate() error {
	if !slices.Contains(statuses, s.Status) {
		return invalid("status must be one of %s, not %q", strings.Join(statuses, ", "), s.Status)
	}
	for _, value := range []float64{s.Epoch, s.TotalEpochs, s.Loss} {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return invalid("epoch, total_epochs and loss must be finite, not %v (say it in the message)", value)
		}
	}
	if s.Epoch < 0 || s.TotalEpochs < 0 {
		return invalid("epoch and total_epochs must not be negative, but they are %v and %v", s.Epoch, s.TotalEpochs)
	}
	if !utf8.ValidString(s.Message) {
		return invalid("message must be valid UTF-8")
	}
	if s.Timestamp < 0 || s.Timestamp > lastTimestamp {
		return invalid("timestamp must be from 0 to 2^53 - 1, not %d", s.Timestamp)
	}
	return nil
}

// Parse returns the status in a document: exactly the six members, each once, in UTF-8 without a byte-order mark,
// nothing after them, no NaN, no lone surrogate. The error wraps ErrInvalid.
//
// encoding/json alone is not strict: it takes members twice and in any case of letters, and replaces invalid text.
func Parse(document []byte) (Status, error) {
	var s Status
	if len(document) > SizeLimit {
		return s, invalid("more than %d bytes", SizeLimit)
	}
	if !json.Valid(document) || !utf8.Valid(document) || !surrogates.Paired(document) {
		return s, invalid("not a JSON document")
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return s, invalid("not a JSON object")
	}
	seen := map[string]bool{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return s, invalid("%v", err)
		}
		key, _ := name.(string)
		if !slices.Contains(members, key) || seen[key] {
			return s, invalid("an unknown or repeated member: %.60q", key)
		}
		seen[key] = true
		value, err := decoder.Token()
		if err != nil {
			return s, invalid("%v", err)
		}
		if err := s.set(key, value); err != nil {
			return s, err
		}
	}
	if len(seen) != len(members) {
		return s, invalid("%d of the %d members are missing", len(members)-len(seen), len(members))
	}
	return s, s.validate()
}

func (s *Status) set(name string, value json.Token) error {
	switch value := value.(type) {
	case string:
		switch name {
		case "status":
			s.Status = value
			return nil
		case "message":
			s.Message = value
			return nil
		}
	case json.Number:
		var err error
		switch name {
		case "epoch":
			s.Epoch, err = value.Float64()
		case "total_epochs":
			s.TotalEpochs, err = value.Float64()
		case "loss":
			s.Loss, err = value.Float64()
		case "timestamp":
			s.Timestamp, err = value.Int64() // refuses fractions and exponents
		default:
			return invalid("%s must not be a number", name)
		}
		if err != nil {
			return invalid("%s: %.80v", name, err)
		}
		return nil
	}
	return invalid("%s has a value of the wrong type", name)
}
