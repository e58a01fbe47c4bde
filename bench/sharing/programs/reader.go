// A reader in Go, with os.ReadFile: reader TARGET PAUSE_MS; see ../reader.py.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
)

func outcome(target string) string {
	data, err := os.ReadFile(target)
	var code syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case errors.As(err, &code):
		return strconv.Itoa(int(code))
	case len(data) > 1 && data[0] == '{' && data[len(data)-1] == '}':
		return "ok"
	}
	return "torn"
}

func main() {
	pause, _ := time.ParseDuration(os.Args[2] + "ms")
	for {
		fmt.Println(outcome(os.Args[1]))
		time.Sleep(pause)
	}
}
