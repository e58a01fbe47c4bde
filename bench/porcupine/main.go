// Porcupine as a contender: `porcupine-loop FILE` judges the history in FILE.
//
// FILE holds little-endian int64: the number of writes, the number of reads, then the arrays of the writes (start, end)
// and of the reads (value, start, end). Each line COUNT on standard input is answered with the seconds that COUNT
// checks took.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type request struct {
	isWrite bool
	value   int64
}

// A register: a read returns the value of the last write before it.
var register = porcupine.Model{
	Init: func() interface{} { return int64(-1) },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		asked := input.(request)
		if asked.isWrite {
			return true, asked.value
		}
		return output.(int64) == state.(int64), state
	},
}

func load(path string) ([]porcupine.Operation, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	numbers := make([]int64, len(data)/8)
	if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, numbers); err != nil {
		return nil, err
	}
	writes, reads := numbers[0], numbers[1]
	rest := numbers[2:]
	take := func(count int64) []int64 {
		taken := rest[:count]
		rest = rest[count:]
		return taken
	}
	begin, end := take(writes), take(writes)
	value, readBegin, readEnd := take(reads), take(reads), take(reads)
	history := make([]porcupine.Operation, 0, writes+reads)
	for i := range begin {
		written := request{true, int64(i)}
		history = append(history, porcupine.Operation{Input: written, Call: begin[i], Output: int64(0), Return: end[i]})
	}
	for i := range value {
		asked := request{false, 0}
		history = append(history, porcupine.Operation{Input: asked, Call: readBegin[i], Output: value[i], Return: readEnd[i]})
	}
	return history, nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: porcupine-loop FILE")
		os.Exit(2)
	}
	history, err := load(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var count int
		if _, err := fmt.Sscan(lines.Text(), &count); err != nil {
			fmt.Fprintln(os.Stderr, "a line must be a number of checks:", err)
			os.Exit(1)
		}
		start := time.Now()
		for i := 0; i < count; i++ {
			if !porcupine.CheckOperations(register, history) {
				fmt.Fprintln(os.Stderr, "Porcupine reported this history as illegal")
				os.Exit(1)
			}
		}
		fmt.Printf("%.9f\n", time.Since(start).Seconds())
	}
}
