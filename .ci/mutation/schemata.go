package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// piece is where a mutant's own text begins in an instrumented file.
type piece struct{ at, number int }

// instrument returns text with all mutants in it, each behind its number, and
// where they are.
func instrument(text string, mutants []mutant) (string, []piece) {
	type insertion struct {
		at, other int // other is the end of what it opens, or the start of what it closes
		closes    bool
		order     int
		text      string
		skip      int // how much of the text it replaces
		number    int
	}
	var all []insertion
	for _, m := range mutants {
		for _, e := range m.edits {
			number := fmt.Sprint(m.number)
			before := strings.ReplaceAll(e.before, "#", number)
			if e.replaced {
				all = append(all, insertion{e.from, e.to, false, len(all), before, e.to - e.from, m.number})
				continue
			}
			all = append(all,
				insertion{e.from, e.to, false, len(all), before, 0, m.number},
				insertion{e.to, e.from, true, -len(all), e.after, 0, m.number})
		}
	}
	// What closes comes before what opens at the same place; of what opens there,
	// the longest first; of what closes there, the shortest.
	slices.SortStableFunc(all, func(a, b insertion) int {
		if c := cmp.Compare(a.at, b.at); c != 0 {
			return c
		}
		if a.closes != b.closes {
			if a.closes {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.other, a.other), cmp.Compare(a.order, b.order))
	})
	var out strings.Builder
	var pieces []piece
	done := 0
	for _, i := range all {
		out.WriteString(text[done:i.at])
		done = i.at + i.skip
		pieces = append(pieces, piece{out.Len(), i.number})
		out.WriteString(i.text)
	}
	out.WriteString(text[done:])
	return out.String(), pieces
}

// switches is the file that is added to an instrumented package.
const switches = `package %s

import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutationActive, _ = strconv.Atoi(os.Getenv("MUTATION_ACTIVE"))
	mutationReached   = os.Getenv("MUTATION_REACHED")
	mutationSeen      [%d]atomic.Bool
)

func mutationOn(number int) bool {
	if mutationReached != "" && !mutationSeen[number].Swap(true) {
		if file, err := os.OpenFile(mutationReached, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			file.WriteString(strconv.Itoa(number) + "\n")
			file.Close()
		}
	}
	return number == mutationActive
}

func mutationPick[T any](number int, mutated, original T) T {
	if mutationOn(number) {
		return mutated
	}
	return original
}

func mutationZero[T any](number int, value T) T {
	if mutationOn(number) {
		return *new(T)
	}
	return value
}

type mutationNumeric interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr | ~float32 | ~float64
}

type mutationInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

func mutationAdd[T mutationNumeric](number int, a, b T) T {
	if mutationOn(number) {
		return a - b
	}
	return a + b
}

func mutationSub[T mutationNumeric](number int, a, b T) T {
	if mutationOn(number) {
		return a + b
	}
	return a - b
}

func mutationMul[T mutationNumeric](number int, a, b T) T {
	if mutationOn(number) {
		return a / b
	}
	return a * b
}

func mutationQuo[T mutationNumeric](number int, a, b T) T {
	if mutationOn(number) {
		return a * b
	}
	return a / b
}

func mutationRem[T mutationInteger](number int, a, b T) T {
	if mutationOn(number) {
		return a * b
	}
	return a %% b
}
`
