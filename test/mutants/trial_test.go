//go:build unix

package mutants

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

	"github.com/tickring/tickring/internal/testkit"
)

// observers are the packages whose tests a mutant is put before.
var observers = append([]string{"host"}, append(slices.Clone(packages), // host's tests are of system calls, too
	"test/users", "test/scarcity", "test/hostile", "test/torture")...)

// slow are tests of whole programs that take longer than is worth it.
var slow = regexp.MustCompile(`^test/(users.TestClients|scarcity.TestClients|` +
	`hostile.Test(TruncatedUnderTheExamples|ChangedWhileInUse|VerdictsAgree)|` +
	`torture.Test(Killed|Takeover|EveryStore|Creation|Removal|Stopped|Mutants))`)

// trial is a top-level test of one of the packages: what a mutant is put before.
type trial struct {
	pkg, name string
	took      time.Duration // without a mutant
	reached   []int         // mutants that change a value in it
}

func (t *trial) String() string { return t.pkg + "." + t.name }

// laboratory has packages' tests, each built once with all mutants.
type laboratory struct {
	dir     string
	root    string
	overlay string
	built   []string // packages
	mutex   sync.Mutex
	trials  []*trial // of all packages, once they are explored
	lacks   []string // what the host has not and a test asks for: such a test proves nothing here
}

func newLaboratory(t *testing.T, files map[string]string) *laboratory {
	l := &laboratory{dir: t.TempDir(), root: testkit.ModuleRoot(t)}
	// A test may turn to another user.
	require.NoError(t, errors.Join(os.Chmod(l.dir, 0o755), os.Chmod(filepath.Dir(l.dir), 0o755)))
	switches, err := os.ReadFile("testdata/mutant/mutant.go")
	require.NoError(t, err)
	files["internal/mutant/mutant.go"] = string(switches)
	l.overlay = testkit.Overlay(t, files)
	return l
}

// build builds the tests of packages, unless that is done.
func (l *laboratory) build(t *testing.T, packages ...string) {
	for _, pkg := range packages {
		if !slices.Contains(l.built, pkg) {
			l.built = append(l.built, pkg)
			cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay="+l.overlay, "-o", l.binary(pkg), "./"+pkg)
			cmd.Dir = l.root
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, "%s", out)
		}
	}
}

func (l *laboratory) binary(pkg string) string {
	return filepath.Join(l.dir, strings.ReplaceAll(pkg, "/", "-")+".test")
}

var need = regexp.MustCompile(`needs ([a-zA-Z0-9 ]+): `)

// named is the test of a name, as in the table; nil if there is none.
func (l *laboratory) named(name string) *trial {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, x := range l.trials {
		if x.String() == name {
			return x
		}
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 && slices.Contains(l.built, name[:i]) {
		return &trial{pkg: name[:i], name: name[i+1:]}
	}
	return nil
}

// explore builds all tests, runs each without a mutant, and notes which mutants it reaches.
func (l *laboratory) explore(t *testing.T) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.build(t, observers...)
	for _, pkg := range observers {
		cmd := exec.Command(l.binary(pkg), "-test.list=^(Test|Fuzz|Example)")
		cmd.Dir = filepath.Join(l.root, pkg)
		out, err := cmd.CombinedOutput()
		assert.NoError(t, err, "%s", out)
		for _, name := range strings.Fields(string(out)) {
			if x := (&trial{pkg: pkg, name: name}); !slow.MatchString(x.String()) {
				l.trials = append(l.trials, x)
			}
		}
	}
	var mutex sync.Mutex
	inParallel(l.trials, func(i int, x *trial) {
		log := filepath.Join(l.dir, "reached"+strconv.Itoa(i))
		if !assert.NoError(t, errors.Join(os.WriteFile(log, nil, 0o666), os.Chmod(log, 0o666))) { // whatever the umask says
			return
		}
		alone := func() (string, error) {
			defer func(start time.Time) { x.took = time.Since(start) }(time.Now())
			return l.run(x, time.Minute, "TICKRING_MUTANT_REACHED="+log)
		}
		out, err := alone()
		if err != nil { // a test of times may fail where there are as many as CPUs
			out, err = alone()
		}
		if !assert.NoError(t, err, "%s without a mutant: %s", x, out) {
			return
		}
		b, err := os.ReadFile(log)
		assert.NoError(t, err)
		for _, text := range strings.Fields(string(b)) {
			id, err := strconv.Atoi(text)
			assert.NoError(t, err)
			x.reached = append(x.reached, id)
		}
		mutex.Lock()
		defer mutex.Unlock()
		for _, m := range need.FindAllStringSubmatch(out, -1) {
			if !slices.Contains(l.lacks, m[1]) {
				l.lacks = append(l.lacks, m[1])
			}
		}
	})
}

// reaching are the tests that a mutant makes a difference to, in the order in which it is put before them: those of
// its own package, those of the others, those of whole programs; the quickest first.
func (l *laboratory) reaching(g generated) (those []*trial) {
	distance := func(x *trial) int {
		switch {
		case x.pkg == g.pkg:
			return 0
		case !strings.HasPrefix(x.pkg, "test/"):
			return 1
		}
		return 2
	}
	for _, x := range l.trials {
		if slices.Contains(x.reached, g.id) {
			those = append(those, x)
		}
	}
	slices.SortFunc(those, func(a, b *trial) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a.took, b.took))
	})
	return those
}

// catches tells whether a test fails with a mutant. To hang is to fail: a test has some seconds more than it takes by
// itself.
func (l *laboratory) catches(x *trial, g generated) bool {
	took := x.took
	if took == 0 {
		took = 2 * time.Second // not known: more than most take
	}
	_, err := l.run(x, 4*took+5*time.Second, "TICKRING_MUTANT="+strconv.Itoa(g.id))
	return err != nil
}

// run runs one test in a process group of its own, of which nothing is left.
func (l *laboratory) run(x *trial, limit time.Duration, env string) (out string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.binary(x.pkg), "-test.run=^"+x.name+"$", "-test.v", "-test.failfast")
	cmd.Dir = filepath.Join(l.root, x.pkg)
	cmd.Env = append(os.Environ(), "TICKRING_MUTANTS=", env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for who left the group
	b, err := cmd.CombinedOutput()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/tickring*-%d-*", cmd.Process.Pid))
		for _, object := range left {
			_ = os.RemoveAll(object)
		}
	}
	return string(b), err
}

// inParallel calls f for each element, on as many threads as there are CPUs.
func inParallel[T any](all []T, f func(i int, x T)) {
	var group sync.WaitGroup
	next := make(chan int)
	for range runtime.NumCPU() {
		group.Go(func() {
			for i := range next {
				f(i, all[i])
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	group.Wait()
}
