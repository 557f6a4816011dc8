package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tickring/tickring/hugepages"
)

func newHugePages() *cobra.Command {
	f := &hugeFlags{
		size: newParsed("SIZE", "2M", hugepages.ParseSize),
		mode: newParsed("OCTAL", "1777", parseDirMode),
	}
	cmd := &cobra.Command{
		Use:   "hugepages",
		Short: "Show, reserve and mount huge pages",
		Long: `Show the pools of huge pages that the kernel keeps, and the hugetlbfs mounts through which programs
obtain them. Nothing is changed without --reserve, --mount or --unmount, which need root.

A large ring on pages of 4 KiB misses the TLB again and again, on huge ones hardly ever. Those of a pool
are certain: a segment has its pages from the moment it is made, or is not made. They come out of ordinary
memory: no program can use them for anything else, whether a ring lies on them or not. A reader needs no
right to them. ringctl create and replay take them where they find them (--pages, --page-size).

--reserve N makes a pool N pages large, and says what the kernel really gave: it needs memory in whole
pieces of that size, and has them best soon after boot. --reserve 0 gives the free pages back; those in use
go back when they are released.

Pool and mount last until the next boot. To have them again then:
  in /etc/sysctl.d/60-tickring.conf   vm.nr_hugepages = 64    (pages of the default size, mostly 2M)
  in /etc/fstab                       hugetlbfs /dev/hugepages hugetlbfs pagesize=2M,mode=1777 0 0
  on the kernel's command line        hugepagesz=1G hugepages=4    (1G is seldom to be had later)
Where systemd mounts /dev/hugepages by itself only root may write there: with --mode, --uid and --gid
--mount changes that of what is mounted already.`,
		Example: `  ringctl hugepages
  sudo ringctl hugepages --reserve 64 --mount /dev/hugepages
  sudo ringctl hugepages --reserve 4 --size 1G --node 1 --mount /dev/hugepages-1G
  sudo ringctl hugepages --mount /dev/hugepages --mode 0770 --gid 500    # for one group
  sudo ringctl hugepages --unmount /dev/hugepages --reserve 0
  ringctl hugepages --json | jq '.pools[] | select(.free > 0)'`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.given = cmd.Flags().Changed
			return f.run(cmd.OutOrStdout())
		},
	}
	cmd.Flags().Uint64Var(&f.reserve, "reserve", 0, "how many pages the pool shall have; what is above that is given back")
	cmd.Flags().Var(f.size, "size", "size of the pages to reserve and mount, such as 2M or 1G")
	cmd.Flags().IntVar(&f.node, "node", 0, "reserve them on this NUMA node; N is then the node's part of the pool")
	cmd.Flags().StringVar(&f.mount, "mount", "", "mount a hugetlbfs on this directory, which is made if need be")
	cmd.Flags().Var(f.mode, "mode", "with --mount: who may make and see files there")
	cmd.Flags().Uint32Var(&f.uid, "uid", 0, "with --mount: the user whose it is")
	cmd.Flags().Uint32Var(&f.gid, "gid", 0, "with --mount: the group whose it is")
	cmd.Flags().StringVar(&f.unmount, "unmount", "", "unmount the hugetlbfs on this directory, before anything else")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "as one JSON object")
	cmd.Flags().StringVar(&f.root, "root", "/",
		"a directory with a copy of another host's /proc and /sys, to which --reserve writes")
	return cmd
}

// parseDirMode takes the mode of a directory, with its sticky bit.
func parseDirMode(text string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o1777 {
		return 0, errors.New("not an octal mode such as 1777, 0770 or 0700")
	}
	mode := fs.FileMode(n & 0o777)
	if n&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return mode, nil
}

type hugeFlags struct {
	given          func(flag string) bool
	reserve        uint64
	size           *parsed[uint64]
	node           int
	mount, unmount string
	mode           *parsed[fs.FileMode]
	uid, gid       uint32
	asJSON         bool
	root           string
}

// check finds flags that say nothing without another one.
func (f *hugeFlags) check() error {
	f.root = filepath.Clean(f.root)
	for _, flag := range []struct {
		name   string
		needed []string
	}{
		{"size", []string{"reserve", "mount"}}, {"node", []string{"reserve"}},
		{"mode", []string{"mount"}}, {"uid", []string{"mount"}}, {"gid", []string{"mount"}},
	} {
		if f.given(flag.name) && !slices.ContainsFunc(flag.needed, f.given) {
			return usageError{fmt.Errorf("--%s is for --%s", flag.name, strings.Join(flag.needed, " and --"))}
		}
	}
	switch {
	case f.given("mount") && f.mount == "", f.given("unmount") && f.unmount == "":
		return usageError{errors.New("--mount and --unmount need a directory, such as /dev/hugepages")}
	case f.mount != "" && f.unmount != "":
		return usageError{errors.New("--mount and --unmount: give one of them")}
	case f.node < 0:
		return usageError{fmt.Errorf("--node %d: nodes count from 0", f.node)}
	case f.live():
		return nil
	case f.mount+f.unmount != "":
		return usageError{errors.New("--root is a copy: nothing can be mounted there")}
	}
	if _, err := os.Stat(filepath.Join(f.root, "sys")); err != nil {
		return usageError{fmt.Errorf("--root %s: no copy of a host's /proc and /sys: %w", f.root, err)}
	}
	return nil
}

// live reports whether this is about the host that it runs on.
func (f *hugeFlags) live() bool { return f.root == "/" }

func (f *hugeFlags) run(out io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	done, err := f.act()
	if !f.asJSON && f.acts() {
		return errors.Join(err, stdout(done.write(out)))
	}
	now, lookErr := examineHuge(f.root)
	if err == nil {
		err = lookErr
	}
	if !f.asJSON && err == nil {
		return stdout(now.write(out))
	}
	if f.asJSON {
		now.hugeActions = done
		if err != nil {
			now.Error, now.Next = err.Error(), advice(err)
		}
		if e := writeJSON(out, now); err == nil {
			err = stdout(e)
		}
	}
	return err
}

func (f *hugeFlags) acts() bool { return f.given("reserve") || f.mount+f.unmount != "" }

// act does what is asked for, in an order in which pages that are given back are not in use.
func (f *hugeFlags) act() (done hugeActions, err error) {
	if f.unmount != "" {
		done.Unmounted, err = unmountHuge(f.unmount)
	}
	if err == nil && f.given("reserve") {
		done.Reservation, err = f.reservePages()
	}
	if err == nil && f.mount != "" {
		done.Mounted, err = f.mountHuge()
	}
	return done, orderRoot(err)
}

// hugeActions are what was changed.
type hugeActions struct {
	Unmounted   string       `json:"unmounted"` // directory, or empty
	Reservation *reservation `json:"reservation"`
	Mounted     *mounted     `json:"mounted"`
}

func (a hugeActions) write(out io.Writer) (err error) {
	if a.Unmounted != "" {
		_, err = fmt.Fprintf(out, "unmounted %s\n", a.Unmounted)
	}
	if err == nil && a.Reservation != nil {
		_, err = fmt.Fprintln(out, a.Reservation)
	}
	if err == nil && a.Mounted != nil {
		_, err = fmt.Fprintln(out, a.Mounted)
	}
	return err
}

// orderRoot says who may do what this process may not.
func orderRoot(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return &advised{fmt.Errorf("only root may do that: %w", err), "sudo " + thisCommand()}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &advised{err, "this is a container without that right: give the command on its host"}
	}
	return err
}

// thisCommand is the command line of this process, to be typed into a shell.
func thisCommand() string {
	words := slices.Clone(os.Args)
	if path, err := os.Executable(); err == nil { // sudo may look for programs elsewhere
		words[0] = path
	}
	for i, w := range words {
		if strings.ContainsFunc(w, special) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// special reports whether a shell may take c for more than itself.
func special(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune("!\"#$&'()*;<>?[\\]^`{|}~", c)
}
