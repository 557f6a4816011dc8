package interop

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/layout"
	"github.com/tickring/tickring/segment"
)

// fault is what is wrong with a driver: it does another thing than it was told, or tells another thing than
// it did.
type fault struct {
	command func(d *driver, command string) string         // before it does what it is told
	answer  func(d *driver, command, answer string) string // before it tells what it did
	ends    bool                                           // it does not answer
	caught  []string                                       // the checks that have to notice
}

// checks are those of the suite, with one driver in every role.
func checks(tape tape) map[string]func(t testing.TB, l launcher) {
	return map[string]func(t testing.TB, l launcher){
		"conformance": func(t testing.TB, l launcher) {
			files, err := filepath.Glob(filepath.Join(conformance(), "*.calls"))
			require.NoError(t, err)
			c := l.start(t)
			for _, calls := range files {
				conform(c, calls)
			}
			c.stop()
		},
		"writing":    func(t testing.TB, l launcher) { writing(t, l, "TradingData") },
		"names":      names,
		"events":     func(t testing.TB, l launcher) { events(t, l, l) },
		"trades":     func(t testing.TB, l launcher) { trades(t, l, l, tape, 1) },
		"full speed": func(t testing.TB, l launcher) { fullSpeed(t, l, []launcher{l}, tape, courses[0]) },
		"relay":      func(t testing.TB, l launcher) { relay(t, []launcher{l}, []launcher{l}, tape, 2, 1) },
	}
}

var faults = map[string]fault{
	"tears records": {
		answer: inAnswer(`^(ready \d+ [0-9a-f]*)[0-9a-f]$`, "${1}f"), caught: []string{"conformance", "events"},
	},
	"tells another digest": {answer: inAnswer(`sha256=.`, "sha256=x"), caught: []string{"trades"}},
	"loses a record":       {answer: inNumber("received=", -1), caught: []string{"trades", "full speed", "relay"}},
	"counts a loss short":  {answer: inNumber("missed=", -1), caught: []string{"trades", "full speed", "relay"}},
	"reads other records":  {answer: inNumber("wrong=", 1), caught: []string{"trades", "full speed", "relay"}},
	"tells a longer gap":   {answer: inNumber(`lapped \d+ `, 1), caught: []string{"conformance", "events"}},
	"tells of no lap":      {answer: inAnswer("^lapped .*", "empty"), caught: []string{"conformance", "events"}},
	"resumes at the oldest": {
		command: inCommand("^(reader .*) oldest-safe$", "$1 oldest"), caught: []string{"conformance"},
	},
	"resumes at the newest": {
		command: inCommand("^(reader .*) oldest$", "$1 newest"), caught: []string{"conformance", "events"},
	},
	"starts at the first record": {
		command: inCommand("^reader oldest", "reader at:0"), caught: []string{"conformance"},
	},
	"tells of no restart": {answer: inAnswer("^restarted .*", "empty"), caught: []string{"conformance", "events"}},
	"takes an end for a pause": {
		answer: inAnswer("^closed$", "empty"), caught: []string{"conformance", "events"},
	},
	"takes a pause for an end":   {answer: inAnswer("^empty$", "closed"), caught: []string{"conformance", "events"}},
	"takes the dead for alive":   {answer: inAnswer("^dead$", "timeout"), caught: []string{"conformance", "events"}},
	"sees no damage":             {answer: inAnswer("^corrupt$", "empty"), caught: []string{"conformance"}},
	"takes over what is damaged": {answer: inAnswer("^error corrupt$", "ok"), caught: []string{"conformance"}},
	"computes no checksum":       {answer: inAnswer("^error checksum$", "ok"), caught: []string{"conformance"}},
	"computes no geometry":       {answer: inAnswer("^error geometry$", "ok"), caught: []string{"conformance", "names"}},
	"mistakes one error":         {answer: inAnswer("^error truncated$", "error geometry"), caught: []string{"conformance"}},
	"takes any name":             {answer: inAnswer("^error name$", "error not-found"), caught: []string{"names"}},
	"follows links":              {command: followLinks, caught: []string{"names"}},
	"lets others in":             {answer: letOthersIn, caught: []string{"writing"}},
	"makes no doorbell":          {answer: removeBell, caught: []string{"writing", "events"}},
	"leaves the view":            {answer: zero(layout.ViewVersionOffset), caught: []string{"writing"}},
	"leaves the head":            {answer: zero(layout.HeadOffset), caught: []string{"writing", "relay"}},
	"leaves the epoch":           {answer: zero(layout.EpochOffset), caught: []string{"writing", "events", "relay"}},
	"uses a number again":        {command: forgetARecord, caught: []string{"writing", "events"}},
	"shares the lock":            {answer: inAnswer("^error writer-exists$", "ok"), caught: []string{"events"}},
	"omits a record":             {command: omitARecord, caught: []string{"trades", "full speed", "relay"}},
	"begins the file anew":       {command: beginAnew, caught: []string{"relay"}},
	"keeps the lock": {
		command: inCommand("^detach$", "alive"), answer: always("detach", "ok"),
		caught: []string{"conformance", "events"},
	},
	"publishes nothing": {
		command: inCommand(`^(replay \S+) \d+`, "$1 0"), answer: inAnswer("^published 0$", "published 6390"),
		caught: []string{"trades"},
	},
	"says too much": {answer: twice, caught: []string{"conformance", "writing"}},
	"hangs":         {command: hang, ends: true, caught: []string{"conformance", "names"}},
	"crashes":       {command: crash, ends: true, caught: []string{"conformance", "events", "trades"}},
}

// The suite notices what is wrong with a driver.
func TestFaultsAreCaught(t *testing.T) {
	checks := checks(stockTape(t))
	for name, f := range faults {
		l := launcher{name: name, build: func() (program, error) { return program{args: []string{name}}, nil }}
		if name == "hangs" {
			l.limit = 100 * time.Millisecond
		}
		for _, check := range f.caught {
			t.Run(name+", "+check, func(t *testing.T) {
				said := failure(t, func(t testing.TB) { checks[check](t, l) })
				require.NotEmpty(t, said, "nothing was noticed")
				assert.Equal(t, f.ends, strings.Contains(said, "process ended early"), said)
			})
		}
	}
	for name, check := range checks { // and it is content with one that has no fault
		assert.Empty(t, failure(t, func(t testing.TB) { check(t, golang) }), name)
	}
}

// verdict records how a check ends.
type verdict struct {
	testing.TB
	said []string
}

func (*verdict) Helper()                        {}
func (*verdict) Logf(string, ...any)            {}
func (v *verdict) Errorf(f string, args ...any) { v.said = append(v.said, fmt.Sprintf(f, args...)) }
func (v *verdict) FailNow()                     { runtime.Goexit() }
func (v *verdict) Fatal(args ...any)            { v.Fatalf("%s", fmt.Sprint(args...)) }
func (v *verdict) Fatalf(f string, args ...any) { v.Errorf(f, args...); v.FailNow() }

// failure runs a check and returns what it found wrong.
func failure(t testing.TB, check func(t testing.TB)) string {
	v := &verdict{TB: t}
	var done sync.WaitGroup
	done.Go(func() { check(v) })
	done.Wait()
	return strings.Join(v.said, "\n")
}

// inAnswer changes an answer that fits a pattern.
func inAnswer(pattern, replacement string) func(d *driver, command, answer string) string {
	expression := regexp.MustCompile(pattern)
	return func(_ *driver, _, answer string) string { return expression.ReplaceAllString(answer, replacement) }
}

// inNumber adds to the number behind a pattern.
func inNumber(pattern string, n int) func(d *driver, command, answer string) string {
	expression := regexp.MustCompile(pattern + `(\d+)`)
	return func(_ *driver, _, answer string) string {
		at := expression.FindStringSubmatchIndex(answer)
		if at == nil {
			return answer
		}
		return answer[:at[2]] + fmt.Sprint(must(strconv.Atoi(answer[at[2]:at[3]]))+n) + answer[at[3]:]
	}
}

func inCommand(pattern, replacement string) func(d *driver, command string) string {
	expression := regexp.MustCompile(pattern)
	return func(_ *driver, command string) string { return expression.ReplaceAllString(command, replacement) }
}

// always answers a command so.
func always(to, with string) func(d *driver, command, answer string) string {
	return func(_ *driver, command, answer string) string {
		if command == to {
			return with
		}
		return answer
	}
}

func twice(_ *driver, _, answer string) string { return answer + "\n" + answer }

func hang(*driver, string) string {
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR1) // else the runtime sees that nothing can go on
	<-never
	return ""
}

func crash(*driver, string) string {
	os.Exit(1)
	return ""
}

// zero has a driver's segment lose a word that its writer stores.
func zero(offset int) func(d *driver, command, answer string) string {
	return func(d *driver, _, answer string) string {
		if d.owned != nil {
			clear(d.owned.Header()[offset : offset+8])
		}
		return answer
	}
}

func followLinks(_ *driver, command string) string {
	words := strings.Fields(command)
	if len(words) == 3 {
		if target, err := os.Readlink(segment.Dir + words[1]); err == nil {
			words[1] = "/" + filepath.Base(target)
		}
	}
	return strings.Join(words, " ")
}

func letOthersIn(d *driver, command, answer string) string {
	if strings.HasPrefix(command, "create") && d.owned != nil {
		check(os.Chmod(segment.Dir+d.owned.Name(), 0o644))
	}
	return answer
}

func removeBell(d *driver, command, answer string) string {
	if strings.HasPrefix(command, "create") && d.owned != nil {
		check(os.Remove(bellPath(d.owned.Name(), d.owned.Geometry().Created)))
	}
	return answer
}

// forgetARecord makes the newest record of a ring unfinished before it is taken over.
func forgetARecord(_ *driver, command string) string {
	words := strings.Fields(command)
	if words[0] != "takeover" {
		return command
	}
	s, err := segment.OpenWriter(words[1])
	if err != nil {
		return command
	}
	defer s.Close()
	le, g := binary.LittleEndian, s.Geometry()
	if head := le.Uint64(s.Header()[layout.HeadOffset:]); head > 0 {
		last := head - 1
		le.PutUint64(s.Slots()[int(last%g.Slots)*g.SlotStride:], 2*last+1)
		le.PutUint64(s.Header()[layout.HeadOffset:], last)
	}
	return command
}

// omitARecord replays a file from its second record on, and the first one last.
func omitARecord(_ *driver, command string) string {
	return replayChanged(command, func(records []byte) []byte { return slices.Concat(records[24:], records[:24]) })
}

// beginAnew replays a file from its first record on, wherever the ring is.
func beginAnew(d *driver, command string) string {
	return replayChanged(command, func(records []byte) []byte {
		at := len(records) - 24*int(must(d.owned.Status()).Head%uint64(len(records)/24))
		return slices.Concat(records[at:], records[:at])
	})
}

func replayChanged(command string, change func(records []byte) []byte) string {
	words := strings.Fields(command)
	if words[0] != "replay" {
		return command
	}
	records := must(os.ReadFile(words[1]))
	words[1] += ".changed"
	check(os.WriteFile(words[1], change(records), 0o600))
	return strings.Join(words, " ")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
