// What `pulse conformance` judges: one JSON request per line on stdin, one answer per line on stdout.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

type request struct {
	ID   int    `json:"id"`
	Op   string `json:"op"`
	Path string `json:"path"`
	Text string `json:"text"`
}

func answer(asked request) map[string]any {
	switch asked.Op {
	case "start":
		return map[string]any{"ok": true, "protocol": 1, "name": "mine", "version": "1", "language": "go"}
	case "replace":
		err := save(asked.Path, asked.Text) // YOUR WRITER: import it and call it here; then remove save below
		if err != nil {
			return map[string]any{"ok": false, "error": "io", "message": err.Error()}
		}
		return map[string]any{"ok": true}
	case "stop":
		return map[string]any{"ok": true}
	}
	return map[string]any{"ok": false, "error": "unsupported"}
}

// A stand-in, so that everything runs from the start. It keeps no mode: each file becomes 0600.
func save(path, text string) error {
	folder := filepath.Dir(path)
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return err
	}
	temp := filepath.Join(folder, "."+hex.EncodeToString(random[:])+".tmp")
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = fill(file, text)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // must not hide the first error
		return err
	}
	return sync(folder)
}

func fill(file *os.File, text string) error {
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	return file.Sync()
}

func sync(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	file, err := os.Open(folder)
	if err != nil {
		return err
	}
	err = file.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // this file system cannot sync folders
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
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
		reply := answer(asked)
		reply["id"] = asked.ID
		if err := output.Encode(reply); err != nil {
			panic(err)
		}
		if asked.Op == "stop" {
			return
		}
	}
}
