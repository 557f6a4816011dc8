//go:build unix

package mutants

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// share is how many mutants the short form tries.
const share = 100

// amount of mutants that TICKRING_MUTANTS asks for.
type amount int

const (
	none  amount = iota
	some         // a share of the generated ones, and those made by hand
	fresh        // those for which the table has no test
	every        // all
)

func wanted() amount {
	switch os.Getenv("TICKRING_MUTANTS") {
	case "":
		return none
	case "new":
		return fresh
	case "all":
		return every
	}
	return some
}

// TestGeneratedMutants puts each mutant before the tests to which it makes a difference, until one fails. One that
// none fails for has to be in testdata/allowed.tsv, with its reason, and no other.
func TestGeneratedMutants(t *testing.T) {
	if wanted() == none {
		t.Skip("takes minutes: make mutants")
	}
	all, files := generate(t)
	known, allowed := readTable(t), readAllowed(t, all)
	l := newLaboratory(t, files)
	explored := sync.OnceFunc(func() { l.explore(t) })
	chosen, table := all, map[string]string{}
	switch wanted() {
	case every:
		explored()
	case fresh:
		chosen = slices.DeleteFunc(slices.Clone(all), func(g generated) bool { return known[g.name()] != "" })
		table = known
	case some:
		chosen = draw(t, all, known)
		for _, g := range chosen {
			pkg, _, _ := strings.Cut(known[g.name()], ".")
			l.build(t, pkg)
		}
	}
	var mutex sync.Mutex
	start := time.Now()
	inParallel(chosen, func(_ int, g generated) {
		by := ""
		mutex.Lock()
		x := l.named(known[g.name()])
		mutex.Unlock()
		if x != nil && l.catches(x, g) {
			mutex.Lock()
			defer mutex.Unlock()
			table[g.name()] = x.String()
			return
		}
		explored()
		reaching := l.reaching(g)
		for _, x := range reaching {
			if !l.catches(x, g) {
				continue
			}
			if again := l.catches(x, g); again { // once may be by chance
				by = x.String()
				break
			}
		}
		reason, isAllowed := allowed[g.name()]
		needs := l.lacking(reason)
		mutex.Lock()
		defer mutex.Unlock()
		switch {
		case by == "" && !isAllowed:
			t.Errorf("%s: in %s no test catches the %s\n\t%s\nof those that it makes a difference to: %v", g.place, g.function, g.kind, g.change, reaching)
		case by == "" && strings.HasPrefix(reason, needing) && !needs:
			t.Errorf("%s: no test catches %s, though this machine has what it needs", g.place, g.change)
		case by != "" && isAllowed && !strings.HasPrefix(reason, needing):
			t.Errorf("%s: %s is caught by %s: take it out of %s", g.place, g.change, by, allowedFile)
		case by == "" && needs:
			by = known[g.name()] // of a machine that has it
		}
		table[g.name()] = by
	})
	t.Logf("%d of %d mutants in %v; this machine lacks: %v", len(chosen), len(all), time.Since(start).Round(time.Second), l.lacks)
	if *update {
		require.GreaterOrEqual(t, wanted(), fresh, "-update needs TICKRING_MUTANTS=all, or new")
		writeTable(t, all, table, allowed)
	}
}

// seed is that of the lots of the short form: any, unless TICKRING_MUTANTS_SEED has it.
func seed(t *testing.T) uint64 {
	n := anySeed
	if text := os.Getenv("TICKRING_MUTANTS_SEED"); text != "" {
		var err error
		n, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("TICKRING_MUTANTS_SEED=%d", n)
	return n
}

var anySeed = rand.Uint64()

// draw chooses a share of those that are caught.
func draw(t *testing.T, all []generated, known map[string]string) (chosen []generated) {
	for _, i := range rand.New(rand.NewPCG(seed(t), 0)).Perm(len(all)) {
		if by := known[all[i].name()]; by != "" && len(chosen) < share {
			chosen = append(chosen, all[i])
		}
	}
	return chosen
}

// TestTheTableIsOfThisSource notices a check without a mutant that was tried, and a mutant without a check.
func TestTheTableIsOfThisSource(t *testing.T) {
	all, _ := generate(t)
	known := readTable(t)
	readAllowed(t, all)
	for _, g := range all {
		_, ok := known[g.name()]
		assert.True(t, ok, "%s: %s: %s was never tried: make mutants-all", g.place, g.function, g.change)
		delete(known, g.name())
	}
	for name := range known {
		assert.Fail(t, "gone from the source: make mutants-all", "%s", name)
	}
	summary, err := os.ReadFile(summaryFile)
	require.NoError(t, err)
	assert.Contains(t, string(summary), fmt.Sprintf("%d generated", len(all)))
}
