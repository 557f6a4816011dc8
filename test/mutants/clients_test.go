//go:build unix

package mutants

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tickring/tickring/internal/testkit"
)

// client is a mutant of a client in another language, which one of that client's own tests catches.
type client struct {
	name, file string
	changes    []string // see testkit.Edit
	test       string   // of clients/cpp/test, or of clients/python/tests
}

var cppClient = []client{
	{"header: checksum", "header.hpp", []string{"sum.sum() != said", "sum.sum() != said && false"}, "header"},
	{"header: byte order", "header.hpp", []string{"mark != layout::byte_order_mark", "mark == 0"}, "header"},
	{"header: for later readers", "header.hpp", []string{"version < 1 || oldest > layout::version", "version < 1"}, "header"},
	{"header: text within", "header.hpp", []string{"start < layout::schema_offset || start + n > header_size_", "start < layout::schema_offset"}, "header"},
	{"header: larger than the object", "header.hpp", []string{"header_size_ > size_", "header_size_ > size_ && false"}, "header"},
	{"header: slots a power of two", "header.hpp", []string{" || (g.slots & (g.slots - 1)) != 0", ""}, "header"},
	{"header: stride of a record", "header.hpp", []string{"g.slot_stride < layout::slot_header + 8 * g.record.words() ||", ""}, "header"},
	{"header: view in a text", "header.hpp", []string{"t.end > g.view_version_offset &&", "t.end == 0 &&"}, "header"},
	{"header: size of the object", "header.hpp", []string{"if (size < g.segment_size) {", "if (size == 0) {"}, "header"},
	{"W1: no odd mark", "seqlock.hpp", []string{"    store_relaxed(version, 2 * n + 1);  // W1\n", ""}, "heap"},
	{"W3: version before payload", "seqlock.hpp", []string{
		"    store_words(payload, record);         // W2\n    store_release(version, finished(n));  // W3\n",
		"    store_release(version, finished(n));\n    store_words(payload, record);\n",
	}, "heap"},
	{"few words, R3: no second look", "seqlock.hpp", []string{"const word seen = load_relaxed(version);  // R3", "(void)version;\n    const word seen = want;"}, "heap"},
	{"many words, R3: no second look", "seqlock.hpp", []string{"        seen = load_relaxed(version);  // R3\n", ""}, "heap"},
	{"R1: no first look", "seqlock.hpp", []string{"if (__builtin_expect(seen != want, false)) {", "if (__builtin_expect(seen != want && seen % 2 != 0, false)) {", "const word seen = load_relaxed(version);  // R3\n    if (seen == want) {", "const word seen = load_relaxed(version);\n    {"}, "heap"},
	{"gap: one record less", "follower.hpp", []string{"gap_ = {next_, to};", "gap_ = {next_, to - 1};"}, "heap"},
	{"closed before the last record is read", "follower.hpp", []string{"ring_.version(next_) <= detail::unfinished(next_) &&", "ring_.version(next_) <= detail::finished(next_ + ring_.slot_count()) &&"}, "heap"},
	{"a restart is not told", "follower.hpp", []string{"!started && next_ < first", "!started && next_ <= first"}, "heap"},
	{"an epoch goes back", "follower.hpp", []string{"epoch < epoch_", "epoch < epoch_ && false"}, "heap"},
	{"takeover: finished records are not counted", "recover.hpp", []string{"i < r.slot_count() &&", "i < 0 &&"}, "heap"},
	{"takeover: a head that contradicts its slot", "recover.hpp", []string{"head > last_number + 1 || (head > 0 && r.version(head - 1) != finished(head - 1))", "head > last_number + 1"}, "heap"},
	{"takeover: the view is not mended", "recover.hpp", []string{"    mend_view<T>(r, next);\n", ""}, "heap"},
	{"takeover: no numbers left", "recover.hpp", []string{"std::max(head, next) > last_number + 1 - room", "std::max(head, next) > last_number"}, "heap"},
	{"doorbell: whose it is", "doorbell.hpp", []string{"s.st_uid != owner && s.st_uid != ::geteuid()", "s.st_uid != owner && false"}, "segment"},
	{"doorbell: too short", "doorbell.hpp", []string{" || static_cast<std::uint64_t>(s.st_size) < layout::doorbell_size", ""}, "segment"},
	{"doorbell: magic", "doorbell.hpp", []string{"load<std::uint64_t>(magic) != layout::doorbell_magic", "load<std::uint64_t>(magic) == 1"}, "segment"},
}

var pythonClient = []client{
	{"header: checksum", "_header.py", []string{"computed != u64(CHECKSUM_OFFSET)", "False"}, "test_layout"},
	{"header: for later readers", "_header.py", []string{"version < 1 or oldest > VERSION", "version < 1"}, "test_layout"},
	{"header: text within", "_header.py", []string{"offset < SCHEMA_OFFSET or offset + n > header_size", "offset < SCHEMA_OFFSET"}, "test_layout"},
	{"header: slots a power of two", "_header.py", []string{" and slots & (slots - 1) == 0", ""}, "test_layout"},
	{"header: view in a text", "_header.py", []string{"if end > g.view_version_offset and", "if end < 0 and"}, "test_layout"},
	{"header: size of the object", "_header.py", []string{"if size < g.segment_size:", "if size == 0:"}, "test_layout"},
	{"R3: no second look", "_pure.py", []string{"            version = self._slots[slot]  # R3\n", ""}, "test_processes"},
	{"W1: no odd mark", "_pure.py", []string{"            slots[slot] = 2 * n + 1  # W1\n", ""}, "test_processes"},
	{"gap: one record less", "_follower.py", []string{"self._gap = n, to", "self._gap = n, to - 1"}, "test_ring"},
	{"closed before the last record is read", "_pure.py", []string{"            and header[STATE_OFFSET >> 3] != STATE_CLOSED\n", ""}, "test_ring"},
	{"a restart is not told", "_follower.py", []string{"not started and n < first", "not started and n <= first"}, "test_ring"},
	{"an epoch goes back", "_follower.py", []string{"epoch < self._epoch", "False"}, "test_ring"},
	{"ring file: another segment's", "_ring_file.py", []string{"if os.path.basename(g.ring_file) != basename(name, g):", "if False:"}, "test_segment"},
	{"doorbell: whose it is", "_doorbell.py", []string{"if info.st_uid not in (owner, os.geteuid()):", "if False:"}, "test_segment"},
	{"doorbell: magic", "_doorbell.py", []string{"if _system.read_at(fd, 0, 8) != struct.pack(\"<Q\", DOORBELL_MAGIC):", "if False:"}, "test_segment"},
}

// Each test passes without a mutant, and fails with it. The short form tries one of each client.
func TestClientMutants(t *testing.T) {
	if wanted() == none {
		t.Skip("builds the tests anew for each mutant: make mutants")
	}
	lot := rand.New(rand.NewPCG(seed(t), 0))
	for _, language := range []string{"C++", "Python"} {
		mutants := map[string][]client{"C++": cppClient, "Python": pythonClient}[language]
		test := map[string]func(*testing.T, client) (string, error){"C++": testCPP, "Python": testPython}[language]
		passes := map[string]func() error{}
		for _, m := range mutants {
			passes[m.test] = sync.OnceValue(func() error {
				out, err := test(t, client{test: m.test})
				if err != nil {
					err = fmt.Errorf("%w: %s", err, out)
				}
				return err
			})
		}
		drawn := lot.IntN(len(mutants))
		for i, m := range mutants {
			if wanted() == some && i != drawn {
				continue
			}
			t.Run(language+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				require.NoError(t, passes[m.test](), "without a mutant")
				out, err := test(t, m)
				require.Error(t, err, "the mutant survived")
				t.Log(out[max(0, len(out)-200):])
			})
		}
	}
}

// testCPP builds a test of the C++ client, with a mutant in what it includes, and runs it.
func testCPP(t *testing.T, m client) (string, error) {
	t.Helper()
	compiler, err := exec.LookPath("g++")
	if err != nil {
		testkit.Require(t, "g++", err.Error())
	}
	root, dir := testkit.ModuleRoot(t), t.TempDir()
	copyMutated(t, filepath.Join(root, "clients/cpp/include"), dir, "tickring", m)
	program := filepath.Join(dir, m.test)
	out, err := exec.Command(compiler, "-std=c++17", "-O1", "-pthread", "-I", dir, "-o", program,
		fmt.Sprintf("-DTICKRING_GOLDEN=%q", filepath.Join(root, "testdata/layout")),
		filepath.Join(root, "clients/cpp/test", m.test+"_test.cpp")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return runIn(dir, program)
}

// testPython runs a module of the Python client's tests on sources with a mutant, without the extension.
func testPython(t *testing.T, m client) (string, error) {
	t.Helper()
	root, dir := testkit.ModuleRoot(t), t.TempDir()
	copyMutated(t, filepath.Join(root, "clients/python/src"), dir, "tickring", m)
	command := []string{testkit.Interpreter(t), "-m", "unittest", "-f", m.test}
	command = append([]string{"/usr/bin/env", "PYTHONPATH=" + dir, "PYTHONDONTWRITEBYTECODE=1", "TICKRING_PURE=1"}, command...)
	return runIn(filepath.Join(root, "clients/python/tests"), command...)
}

// copyMutated copies a folder, with the change of a mutant, if there is one.
func copyMutated(t *testing.T, from, to, folder string, m client) {
	t.Helper()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	if m.file == "" {
		return
	}
	file := filepath.Join(to, folder, m.file)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	text := string(b)
	for i := 0; i < len(m.changes); i += 2 {
		require.Equal(t, 1, strings.Count(text, m.changes[i]), "%s: %q", m.file, m.changes[i])
		text = strings.Replace(text, m.changes[i], m.changes[i+1], 1)
	}
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

// runIn runs a command in a folder for a minute at the most, in a process group of which nothing is left.
func runIn(dir string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	return string(out), err
}
