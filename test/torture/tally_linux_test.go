package torture

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// tally counts what was done, in all configurations.
type tally struct {
	mutex   sync.Mutex
	began   time.Time
	rings   int
	kills   [3]int // by the kind of point
	chance  int    // kills at a moment of chance
	twice   int    // kills of a takeover behind a killed takeover
	records uint64
}

func (t *tally) add(do func(t *tally)) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	do(t)
}

func (t *tally) String() string {
	text := fmt.Sprintf("%d rings, killed %d times before and %d times behind a store, %d times behind a system call",
		t.rings, t.kills[beginning], t.kills[store], t.kills[exit])
	if t.chance > 0 {
		text = fmt.Sprintf("%d rings, killed %d times at a moment of chance", t.rings, t.chance)
	}
	if t.twice > 0 {
		text += fmt.Sprintf("; then %d times the second takeover", t.twice)
	}
	return text + fmt.Sprintf("; %d records checked; %.1f s", t.records, time.Since(t.began).Seconds())
}

// tallied runs subtests side by side, and logs what they did.
func tallied(t *testing.T, run func(t *testing.T, sum *tally)) {
	t.Helper()
	sum := &tally{began: time.Now()}
	t.Run("kills", func(t *testing.T) { run(t, sum) })
	t.Log(sum)
}
