package torture

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
	"github.com/tickring/tickring/test/internal/records"
)

// contestants is how many processes want one ring at once.
const contestants = 4

func contests(t *testing.T) int {
	t.Helper()
	switch {
	case wanted(t).long:
		return 500
	case testkit.Race:
		return 3
	}
	return 30
}

func (st *stage) startMany(count int) []*actor {
	st.t.Helper()
	many := make([]*actor, count)
	for i := range many {
		many[i] = st.start()
	}
	return many
}

func say(many []*actor, command string) {
	for _, a := range many {
		a.Say(command)
	}
}

// winner is the one of many that has become the writer, or nil.
func (sc *scene) winner(many []*actor) (w *actor, r reply) {
	sc.t.Helper()
	for _, a := range many {
		if got := a.reply(); !got.lost {
			require.Nil(sc.t, w, "%s: two have it", sc.what)
			w, r = a, got
		}
	}
	return w, r
}

// chance lets time pass: when somebody dies is left to chance.
func chance(random *rand.Rand, limit time.Duration) {
	<-time.After(time.Duration(random.Int64N(int64(limit))))
}

// Many wait for a writer to be gone: one of them takes over, each time.
func TestOneOfManyTakesOver(t *testing.T) {
	random := newRandom(t)
	sum := &tally{began: time.Now()}
	st := newStage(t, records.Trade)
	a := st.start()
	sc := st.newScene(a, config{records.Trade, options{slots: 64, bell: true}, 100})
	others := st.startMany(contestants)
	for round := range contests(t) {
		sc.at("round %d", round)
		epoch := sc.status().Epoch
		a.Say("flood")
		require.Equal(t, "flooding", a.Line())
		say(others, fmt.Sprintf("contend %s %d", sc.name, epoch))
		chance(random, 2*time.Millisecond)
		a.kill()
		winner, r := sc.winner(others)
		require.NotNil(t, winner, "%s: nobody has it", sc.what)
		require.LessOrEqual(t, st.takeReceipt(), r.first, sc.what)
		sc.took(r, sc.w.next(), epoch+1)
		sc.goOn(winner)
		a = winner
		others[slices.Index(others, winner)] = st.start()
		sum.add(func(s *tally) { s.chance++ })
	}
	sc.end(a, sum)
	t.Log(sum)
}

// Many start at once where there is no ring, and one of them is killed meanwhile; then where there is one, of a writer
// that is dead.
func TestOneOfManyStarts(t *testing.T) {
	random := newRandom(t)
	sum := &tally{began: time.Now()}
	all := append([]config{{records.Trade, options{slots: 64, bell: true}, 0}}, onHugePages(t)...)
	for round := range contests(t) {
		c := all[round%len(all)]
		st := newStage(t, c.kind)
		sc := &scene{t: t, st: st, name: testkit.Name(t), config: c}
		sc.at("round %d", round)
		starters := st.startMany(contestants)
		say(starters, sc.command("start"))
		chance(random, 3*time.Millisecond)
		starters[0].kill()
		starters = starters[1:]
		winner, _ := sc.winner(starters)
		if winner == nil { // it was the one that was killed
			say(starters, sc.command("start"))
			winner, _ = sc.winner(starters)
			require.NotNil(t, winner, "%s: nobody has it", sc.what)
		}
		sc.attach()
		sc.goOn(winner)

		winner.kill()
		sc.dead()
		next, epoch := sc.w.next(), sc.status().Epoch
		starters[slices.Index(starters, winner)] = st.start()
		say(starters, sc.command("start"))
		winner, r := sc.winner(starters)
		require.NotNil(t, winner, "%s: nobody has it", sc.what)
		sc.took(r, next, epoch+1)
		sc.goOn(winner)
		sc.end(winner, sum)
		for _, s := range starters {
			s.kill()
		}
		sum.add(func(s *tally) { s.chance += 2 })
	}
	t.Log(sum)
}
