// Serves a Go module to the conformance kit: one JSON request per line on stdin, one answer per line on stdout
// (SPEC.md, "Mode serve"). The argument names the module. It adds nothing to it: no option, no retry, no check.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/natefinch/atomic"
)

type request struct {
	ID   int    `json:"id"`
	Op   string `json:"op"`
	Path string `json:"path"`
	Text string `json:"text"`
}

var versions = map[string]string{"renameio": "2.0.2", "renameio-beside": "2.0.2", "natefinch-atomic": "1.0.1"}

var writers = map[string]func(path, text string) error{
	"renameio": func(path, text string) error {
		return renameio.WriteFile(path, []byte(text), 0o666)
	},
	"renameio-beside": func(path, text string) error {
		return renameio.WriteFile(path, []byte(text), 0o666, renameio.WithTempDir(filepath.Dir(path)))
	},
	"natefinch-atomic": func(path, text string) error {
		return atomic.WriteFile(path, strings.NewReader(text))
	},
}

func answer(name string, asked request) map[string]any {
	switch asked.Op {
	case "start":
		return map[string]any{"ok": true, "protocol": 1, "name": name, "version": versions[name], "language": "go"}
	case "stop":
		return map[string]any{"ok": true}
	case "replace":
		if err := writers[name](asked.Path, asked.Text); err != nil {
			return map[string]any{"ok": false, "error": "io", "message": err.Error()}
		}
		return map[string]any{"ok": true}
	}
	return map[string]any{"ok": false, "error": "unsupported"}
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
		reply := answer(os.Args[1], asked)
		reply["id"] = asked.ID
		if err := output.Encode(reply); err != nil {
			panic(err)
		}
		if asked.Op == "stop" {
			return
		}
	}
}
