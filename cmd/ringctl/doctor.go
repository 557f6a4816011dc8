package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/host"
	"github.com/tickring/tickring/host/doctor"
)

const maxReaders = 1024

func newDoctor() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this host lacks for low latency",
		Long: `Say what this host lacks for low latency: what was found, why it matters, and the command that changes
it; and on which CPUs a writer and its readers would run best. Nothing is changed.

Each finding is ok; warn (latency may be worse for it, or a feature is not to be had); bad (latency is
worse for it, or a ring cannot be made); or unknown (the host does not tell, as in a virtual machine
or a container). Commands that root must give start with sudo, unless root asks.

Exit codes: 0 nothing is bad; 4 with --strict, if there are warnings; 5 something is bad.`,
		Example: `  ringctl doctor
  ringctl doctor --readers 3 --all
  ringctl doctor --json | jq -r '.findings[] | select(.status == "bad") | .fix'
  ringctl doctor --root /tmp/copy-of-another-host`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.readers < 0 || o.readers > maxReaders {
				return usageError{fmt.Errorf("--readers %d: give a number from 0 to %d", o.readers, maxReaders)}
			}
			return o.run(cmd.OutOrStdout())
		},
	}
	cmd.Flags().IntVar(&o.readers, "readers", 1, "how many readers spin, besides one writer")
	cmd.Flags().BoolVar(&o.all, "all", false, "with the reasons also for what is ok")
	cmd.Flags().BoolVar(&o.strict, "strict", false, "exit with 4 if there are warnings")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "as one JSON object")
	cmd.Flags().StringVar(&o.root, "root", "/", "a directory with a copy of another host's /proc and /sys")
	return cmd
}

type doctorOptions struct {
	readers             int
	all, strict, asJSON bool
	root                string
}

func (o doctorOptions) run(out io.Writer) error {
	r, err := o.examine()
	if err != nil {
		return err
	}
	if o.asJSON {
		err = writeJSON(out, r)
	} else {
		err = r.write(out, o.all, colours(out))
	}
	switch {
	case err != nil:
		return stdout(err)
	case r.Counts.Bad > 0:
		return exitError(exitBad)
	case o.strict && r.Counts.Warn > 0:
		return exitError(exitWarnings)
	}
	return nil
}

// diagnosis is what doctor says. Its JSON keys are a contract.
type diagnosis struct {
	Findings []doctor.Finding `json:"findings"`
	Counts   doctor.Counts    `json:"counts"`
	Readers  int              `json:"readers"`
	Pinning  *host.Pinning    `json:"pinning"` // null: the topology is unknown
	CPUs     []host.CPU       `json:"cpus"`    // that the process may use
}

func (o doctorOptions) examine() (*diagnosis, error) {
	var facts *doctor.Facts
	if root := filepath.Clean(o.root); root == "/" {
		facts = doctor.Examine(o.readers)
	} else {
		if _, err := os.Stat(filepath.Join(root, "sys")); err != nil {
			return nil, usageError{fmt.Errorf("--root %s: no copy of a host's /proc and /sys: %w", root, err)}
		}
		facts = doctor.ExamineTree(os.DirFS(root), o.readers)
	}
	r := &diagnosis{Findings: doctor.Check(facts), Readers: o.readers, CPUs: []host.CPU{}}
	r.Counts = doctor.Count(r.Findings)
	if t := facts.Topology; t != nil {
		p := t.Suggest(o.readers)
		r.Pinning, r.CPUs = &p, t.CPUs
	}
	return r, nil
}

// colours reports whether out may be coloured: it is a terminal, and nobody minds (no-color.org).
func colours(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}

var statusColours = map[doctor.Status]string{
	doctor.OK: "32", doctor.Warn: "33", doctor.Bad: "1;31", doctor.Unknown: "36",
}

// write writes r for people.
func (r *diagnosis) write(out io.Writer, all, coloured bool) error {
	var b strings.Builder
	for _, f := range r.Findings {
		word := fmt.Sprintf("%-7s", f.Status)
		if coloured {
			word = "\x1b[" + statusColours[f.Status] + "m" + word + "\x1b[0m"
		}
		fmt.Fprintf(&b, "%s  %-14s  %s\n", word, f.ID, f.Found)
		if all || f.Status == doctor.Warn || f.Status == doctor.Bad {
			fmt.Fprintf(&b, "         why: %s\n", f.Why)
		}
		if f.Fix != "" {
			fmt.Fprintf(&b, "         fix: %s\n", f.Fix)
		}
	}
	fmt.Fprintf(&b, "\n%v\n\n", r.Counts)
	r.writePinning(&b)
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *diagnosis) writePinning(b *strings.Builder) {
	plural := "s"
	if r.Readers == 1 {
		plural = ""
	}
	fmt.Fprintf(b, "pinning for 1 writer and %d reader%s: ", r.Readers, plural)
	p := r.Pinning
	if p == nil {
		fmt.Fprintln(b, "unknown")
		return
	}
	fmt.Fprintf(b, "writer on CPU %d", p.Writer)
	for i, cpu := range p.Readers {
		fmt.Fprintf(b, ", reader on CPU %d (%v)", cpu, p.Distances[i])
	}
	fmt.Fprintln(b)
	if len(p.Idle) > 0 {
		fmt.Fprintf(b, "  leave idle, for they share these cores: CPU %s\n", host.FormatCPUs(p.Idle))
	}
	for _, c := range p.Compromises {
		fmt.Fprintf(b, "  but %s\n", c)
	}
}
