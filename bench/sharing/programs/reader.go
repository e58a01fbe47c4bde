// A reader in Go; see README.md. os.ReadFile is the way that is measured.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: reader WAY TARGET PAUSE_MS SECONDS")
		os.Exit(2)
	}
	target := os.Args[2]
	pause, _ := strconv.Atoi(os.Args[3])
	seconds, _ := strconv.ParseFloat(os.Args[4], 64)
	var ok, missing, torn, changes int
	refused := map[string]int{}
	var before []byte

	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		os.Exit(1)
	}
	end := time.Now().Add(time.Duration(seconds * float64(time.Second)))
	for time.Now().Before(end) {
		now, err := os.ReadFile(target)
		var code syscall.Errno
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing++
		case errors.As(err, &code):
			refused[strconv.Itoa(int(code))]++
		case len(now) < 2 || now[0] != '{' || now[len(now)-1] != '}':
			torn++
		default:
			ok++
		}
		if err == nil && !bytes.Equal(now, before) {
			changes++
			before = now
		}
		if pause > 0 {
			time.Sleep(time.Duration(pause) * time.Millisecond)
		}
	}
	counts := map[string]any{"ok": ok, "missing": missing, "torn": torn, "changes": changes, "refused": refused}
	json.NewEncoder(os.Stdout).Encode(counts)
}
