// Pulse-follow prints each change of a status file, until the run has ended: pulse-follow FILE [SECONDS].
// Exit code 0 after done, 1 after error, 2 for wrong arguments.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"pulse.example/status"
)

const stalledAfter = time.Minute

// duration takes plain seconds, and what Go usually takes, such as 2s or 500ms.
func duration(word string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(word, 64); err == nil {
		word += "s"
	}
	return time.ParseDuration(word)
}

func main() {
	interval := status.Interval
	var err error
	if len(os.Args) == 3 {
		interval, err = duration(os.Args[2])
	}
	if len(os.Args) < 2 || len(os.Args) > 3 || err != nil || interval <= 0 {
		fmt.Fprintln(os.Stderr, "usage: pulse-follow FILE [SECONDS]")
		os.Exit(2)
	}
	reader, err := status.NewReader(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var shown status.Status
	stalled, code := false, 0
	reader.Follow(context.Background(), interval, func(polled status.Polled) bool {
		now := polled.Status
		if now == nil {
			return true
		}
		if *now != shown {
			shown, stalled = *now, false
			// %q: control characters of a message must not reach the terminal.
			_, err = fmt.Printf("%s  %.1f %%  epoch %v/%v  loss %v  %q\n",
				now.Status, now.Progress(), now.Epoch, now.TotalEpochs, now.Loss, now.Message)
		} else if now.Status == "running" && !stalled && polled.Unchanged > stalledAfter {
			stalled = true
			_, err = fmt.Printf("stalled: no change for %.0f s\n", polled.Unchanged.Seconds())
		}
		if err != nil || now.Status == "error" { // err: the reader of a pipe has gone
			code = 1
			return false
		}
		return now.Status != "done"
	})
	os.Exit(code)
}
