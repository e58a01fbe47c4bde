// Serve lets the conformance kit drive the package: one JSON request per line on stdin, one answer per line on stdout
// (SPEC.md, "Mode serve"). A value that the package's types cannot hold is refused here; all others are passed on.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"

	"pulse.example/status"
	"pulse.example/status/internal/surrogates"
)

type request struct {
	ID     int             `json:"id"`
	Op     string          `json:"op"`
	Path   string          `json:"path"`
	Status json.RawMessage `json:"status"`
}

var notFinite = map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)}

func float(token []byte, value *float64) error {
	var special struct {
		Name string `json:"$float"`
	}
	if json.Unmarshal(token, &special) == nil && special.Name != "" {
		*value = notFinite[special.Name]
		return nil
	}
	return json.Unmarshal(token, value)
}

func set(asked *status.Status, name string, token []byte) error {
	if string(token) == "null" { // encoding/json leaves a value as it is
		return errors.New("null")
	}
	switch name {
	case "status":
		return json.Unmarshal(token, &asked.Status)
	case "epoch":
		return float(token, &asked.Epoch)
	case "total_epochs":
		return float(token, &asked.TotalEpochs)
	case "loss":
		return float(token, &asked.Loss)
	case "message":
		return json.Unmarshal(token, &asked.Message)
	case "timestamp":
		return json.Unmarshal(token, &asked.Timestamp)
	}
	return fmt.Errorf("no member %q", name)
}

func statusOf(raw json.RawMessage) (status.Status, error) {
	asked := status.New("")
	var given map[string]json.RawMessage
	err := json.Unmarshal(raw, &given)
	for name, token := range given {
		if err == nil {
			err = set(&asked, name, token)
		}
	}
	if err == nil && !surrogates.Paired(raw) {
		err = errors.New("a lone surrogate")
	}
	if err != nil {
		return asked, fmt.Errorf("%w: %w", status.ErrInvalid, err)
	}
	return asked, nil
}

// A status as the protocol has it, or nil.
func shown(given *status.Status) any {
	if given == nil {
		return nil
	}
	return map[string]any{
		"status": given.Status, "epoch": given.Epoch, "total_epochs": given.TotalEpochs,
		"loss": given.Loss, "message": given.Message, "timestamp": given.Timestamp,
	}
}

var readers = map[string]*status.Reader{}

func answer(asked request) (map[string]any, error) {
	switch asked.Op {
	case "start":
		return map[string]any{"protocol": 1, "name": "go", "version": "1", "language": "go"}, nil
	case "write":
		given, err := statusOf(asked.Status)
		if err != nil {
			return nil, err
		}
		return map[string]any{}, status.Write(asked.Path, given)
	case "read":
		if found, err := status.Read(asked.Path); err == nil {
			return map[string]any{"status": shown(&found)}, nil
		}
		return map[string]any{"status": nil}, nil
	case "poll":
		if readers[asked.Path] == nil {
			reader, err := status.NewReader(asked.Path)
			if err != nil {
				return nil, err
			}
			readers[asked.Path] = reader
		}
		polled := readers[asked.Path].Poll()
		return map[string]any{"status": shown(polled.Status), "fresh": polled.Fresh}, nil
	case "progress":
		given, err := statusOf(asked.Status)
		return map[string]any{"progress": given.Progress()}, err
	case "stop":
		return map[string]any{}, nil
	}
	return map[string]any{"ok": false, "error": "unsupported"}, nil
}

func main() {
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadBytes('\n') // of any length
		if err != nil {
			return
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		reply, err := answer(asked)
		if err != nil {
			kind := "io"
			if errors.Is(err, status.ErrInvalid) {
				kind = "invalid"
			}
			reply = map[string]any{"ok": false, "error": kind, "message": err.Error()}
		} else if _, told := reply["ok"]; !told {
			reply["ok"] = true
		}
		reply["id"] = asked.ID
		if err := output.Encode(reply); err != nil {
			panic(err)
		}
		if asked.Op == "stop" {
			return
		}
	}
}
