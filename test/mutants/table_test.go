//go:build unix

package mutants

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/caught.tsv and docs/MUTANTS.md")

const (
	caughtFile  = "testdata/caught.tsv"  // name of a mutant, the test that caught it
	allowedFile = "testdata/allowed.tsv" // name of a mutant, the reason why none does
	summaryFile = "../../docs/MUTANTS.md"

	needing = "needs " // begins a reason which is that some machines have not what the test asks for
)

func readTable(t *testing.T) map[string]string { return readNamed(t, caughtFile) }

// readNamed reads lines of a mutant's name and what is said of it. A line that begins with # is a comment.
func readNamed(t *testing.T, file string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if *update && os.IsNotExist(err) {
		return map[string]string{}
	}
	require.NoError(t, err)
	said := map[string]string{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		i := strings.LastIndexByte(line, '\t')
		require.Equal(t, 4, strings.Count(line, "\t"), "%s: %q is not five columns", file, line)
		require.NotContains(t, said, line[:i], "%s has it twice", file)
		said[line[:i]] = line[i+1:]
	}
	return said
}

// readAllowed reads the mutants that nothing has to catch. Each must be one.
func readAllowed(t *testing.T, all []generated) map[string]string {
	t.Helper()
	allowed := readNamed(t, allowedFile)
	names := map[string]bool{}
	for _, g := range all {
		names[g.name()] = true
	}
	for name, reason := range allowed {
		require.True(t, names[name], "%s allows what is no mutant any more: %q", allowedFile, name)
		require.NotEmpty(t, reason, "%s: %q has no reason", allowedFile, name)
	}
	return allowed
}

// lacking reports whether a reason is something that this machine lacks.
func (l *laboratory) lacking(reason string) bool {
	what, ok := strings.CutPrefix(reason, needing)
	return ok && slices.Contains(l.lacks, what)
}

func writeTable(t *testing.T, all []generated, table, allowed map[string]string) {
	var rows strings.Builder
	rows.WriteString("# package, function, kind, change, the test that catches it; written by make mutants-all\n")
	for _, g := range all {
		fmt.Fprintf(&rows, "%s\t%s\n", g.name(), table[g.name()])
	}
	require.NoError(t, os.WriteFile(caughtFile, []byte(rows.String()), 0o644))
	require.NoError(t, os.WriteFile(summaryFile, []byte(summary(all, table, allowed)), 0o644))
}

func summary(all []generated, table, allowed map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# What the tests catch

Each barrier, check and bound of the library is taken out, one at a time, and a test has to fail. There are %d generated mutants,
and %d made by hand in the code where a switch would be one more access among those that matter (`+"`test/mutants/handmade_test.go`"+`;
those of a crash are in `+"`test/torture`, those of the orders that an x86 never changes in `model/codemutants_test.go`"+`).
The clients have %d of their own (`+"`test/mutants/clients_test.go`"+`), which their tests catch.

| kind | what it does |
|---|---|
| check | takes a condition that leads out of the function or the loop, or sets an error, for false |
| operand | takes one operand of an "or" for false, or of an "and" for true |
| boundary | makes < of <=, > of >=, and the other way round |
| clamp | takes one side of a min or max |
| mask | takes the left side of & |
| call | leaves a call out: of a barrier, a store, a function that cleans up |

A generated mutant is caught by a test that fails, or hangs, with it and passes without: of its own package, of another, or of
whole programs. *Needs* are those whose tests ask for what the machine that wrote this had not. *Allowed* are the rest, with a
reason each. Where < and <= are the same, there is no mutant: in what a loop ends with, and of two that were just found to differ.
`+"`test/mutants/testdata/caught.tsv` has the test that caught each; `make mutants-all` tries all and writes it, `make mutants` tries a share"+`.

| package |`, len(all), len(handmades), len(cppClient)+len(pythonClient))
	for _, kind := range kinds {
		fmt.Fprintf(&b, " %s |", kind)
	}
	b.WriteString(" all | caught | needs | allowed |\n|---|" + strings.Repeat("---:|", len(kinds)+4) + "\n")
	for _, pkg := range packages {
		of := map[string]int{}
		for _, g := range all {
			if g.pkg != pkg {
				continue
			}
			of[g.kind]++
			of["all"]++
			of[verdict(table[g.name()], allowed[g.name()])]++
		}
		fmt.Fprintf(&b, "| `%s` |", pkg)
		for _, column := range append(slices.Clone(kinds), "all", "caught", "needs", "allowed") {
			fmt.Fprintf(&b, " %d |", of[column])
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## Allowed\n\n| function | mutant | why nothing catches it |\n|---|---|---|\n")
	for _, g := range all {
		if reason := allowed[g.name()]; verdict(table[g.name()], reason) == "allowed" {
			fmt.Fprintf(&b, "| `%s` %s | `%s` | %s |\n", g.pkg, g.function, strings.ReplaceAll(g.change, "|", `\|`), reason)
		}
	}
	return b.String()
}

func verdict(by, reason string) string {
	switch {
	case by != "":
		return "caught"
	case strings.HasPrefix(reason, needing):
		return "needs"
	}
	return "allowed"
}
