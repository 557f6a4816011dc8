package host

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/tickring/tickring/internal/sys"
)

// MaxPriority is the highest priority that [RealTime] gives unless it is forced. Interrupt threads have 50:
// what spins above them waits for data that never comes.
const MaxPriority = 49

// Reasons for which a thread is not given real-time priority.
var (
	ErrPriority    = fmt.Errorf("not from 1 to %d", MaxPriority)
	ErrStarvation  = errors.New("other threads of this process would have no CPU left to run on")
	ErrUnthrottled = errors.New("nothing would stop it, and it is not pinned to an isolated CPU")
	ErrPrivilege   = errors.New("not permitted")
)

// RealTimeError says why a thread was not given real-time priority.
type RealTimeError struct {
	Priority int
	Reason   error // one of those above, or nil
	Remedy   string
	Err      error // of the system, or nil
}

func (e *RealTimeError) Error() string {
	reason := e.Reason
	if reason == nil {
		reason = e.Err
	}
	s := fmt.Sprintf("host: SCHED_FIFO at priority %d: %v", e.Priority, reason)
	if e.Remedy != "" {
		s += ": " + e.Remedy
	}
	return s
}

// Unwrap makes errors.Is hold for the reason and for the system's errno.
func (e *RealTimeError) Unwrap() []error { return present(e.Reason, e.Err) }

// Throttle is how long in each period the kernel lets real-time threads run on a CPU. The rest is for the
// others. Since Linux 6.12 they get it only if they would starve, but where the kernel schedules
// groups of real-time threads.
type Throttle struct {
	Runtime time.Duration `json:"runtime"` // negative: without end
	Period  time.Duration `json:"period"`
}

// Endless reports whether a real-time thread that spins is never stopped.
func (t Throttle) Endless() bool { return t.Runtime < 0 || t.Runtime >= t.Period }

func (t tree) throttle() (Throttle, error) {
	var microseconds [2]int
	for i, name := range []string{"sched_rt_runtime_us", "sched_rt_period_us"} {
		text, _ := t.text("proc/sys/kernel/" + name)
		n, err := strconv.Atoi(text)
		if err != nil {
			return Throttle{}, fmt.Errorf("host: %s: %w", name, err)
		}
		microseconds[i] = n
	}
	us := time.Microsecond
	return Throttle{time.Duration(microseconds[0]) * us, time.Duration(microseconds[1]) * us}, nil
}

// RealTimeOptions are for [RealTime].
type RealTimeOptions struct {
	// Force does it in spite of ErrPriority, ErrStarvation and ErrUnthrottled, each of which can be a
	// program, or a machine, that answers no more.
	Force bool
}

// RealTimeThread is a goroutine locked to its thread, which has real-time priority.
type RealTimeThread struct {
	Priority int
	Throttle Throttle // zero if unknown
	thread   int
	before   *sys.Schedule
}

// RealTime locks the calling goroutine to its thread and gives that thread SCHED_FIFO: nothing of lower
// priority runs on its CPU before it sleeps. Call it after [Pin].
//
// It is for one thread and never the process: a Go program needs its other threads. The collector waits
// until every goroutine has stopped, so one thread that gets no CPU stops them all. Therefore each of them
// must keep a CPU that no real-time thread of this process has; threads that this one starts do not inherit its
// priority; and where the kernel stops no real-time thread, the CPU must be an isolated one.
func RealTime(priority int, o RealTimeOptions) (*RealTimeThread, error) {
	runtime.LockOSThread()
	r, err := realTime(priority, o)
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	return r, nil
}

func realTime(priority int, o RealTimeOptions) (*RealTimeThread, error) {
	r := &RealTimeThread{Priority: priority, thread: sys.ThreadID()}
	fail := func(reason error, remedy string, err error) (*RealTimeThread, error) {
		return nil, &RealTimeError{Priority: priority, Reason: reason, Remedy: remedy, Err: err}
	}
	if priority < 1 || priority > 99 || priority > MaxPriority && !o.Force {
		return fail(ErrPriority, "", nil)
	}
	var err error
	if r.before, err = sys.ScheduleOf(0); err != nil {
		return fail(nil, "", err)
	}
	files := tree{os.DirFS("/")}
	r.Throttle, err = files.throttle()
	threads, errThreads := files.threads(r.thread)
	if err := errors.Join(err, errThreads); err != nil && !o.Force {
		return fail(nil, "whether other threads would starve cannot be found out", err)
	}
	if !o.Force {
		if starved := starving(threads); starved != 0 {
			return fail(ErrStarvation, fmt.Sprintf("thread %d, for one: pin this one with host.Pin, and give the process more CPUs: taskset -c, --cpuset-cpus", starved), nil)
		}
		if r.Throttle.Endless() && !files.onIsolated(threads) {
			return fail(ErrUnthrottled, "pin it to one; or, as root: sysctl -w kernel.sched_rt_runtime_us=950000", nil)
		}
	}
	if err := sys.SetSchedule(0, sys.FIFO(priority)); err != nil {
		if !errors.Is(err, syscall.EPERM) {
			return fail(nil, "", err)
		}
		return fail(ErrPrivilege, files.privilege(priority), err)
	}
	return r, nil
}

// Undo gives the thread the policy back that it had. Only the goroutine that called [RealTime] can.
func (r *RealTimeThread) Undo() error {
	if sys.ThreadID() != r.thread {
		return ErrOtherThread
	}
	if err := sys.RestoreSchedule(0, r.before); err != nil {
		return fmt.Errorf("host: end SCHED_FIFO: %w", err)
	}
	runtime.UnlockOSThread()
	return nil
}

// thread is one of the process's.
type thread struct {
	id       int
	cpus     []int // that it may use
	realTime bool  // it is, or is to be
}

// threads lists the process's; self, which is to be a real-time thread, is the first.
func (t tree) threads(self int) ([]thread, error) {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return nil, err
	}
	var all []thread
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, err
		}
		text, ok := t.statusField("proc/self/task/"+e.Name()+"/status", "Cpus_allowed_list")
		schedule, err := sys.ScheduleOf(id)
		if !ok || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		cpus, listErr := ParseCPUs(text)
		if err := errors.Join(err, listErr); err != nil {
			return nil, err
		}
		_, realTime := sys.RealTime(schedule)
		th := thread{id: id, cpus: cpus, realTime: realTime || id == self}
		if id == self {
			all = slices.Insert(all, 0, th)
		} else {
			all = append(all, th)
		}
	}
	return all, nil
}

// starving returns a thread that real-time threads could keep from every CPU that it may use; 0 if there
// is none.
func starving(threads []thread) int {
	taken := map[int]bool{} // by those that are pinned
	roaming := 0            // those that may take any
	for _, t := range threads {
		switch {
		case !t.realTime:
		case len(t.cpus) == 1:
			taken[t.cpus[0]] = true
		default:
			roaming++
		}
	}
	for _, t := range threads {
		if t.realTime {
			continue
		}
		free := 0
		for _, cpu := range t.cpus {
			if !taken[cpu] {
				free++
			}
		}
		if free <= roaming {
			return t.id
		}
	}
	return 0
}

// onIsolated reports whether the first thread is pinned to an isolated CPU.
func (t tree) onIsolated(threads []thread) bool {
	online, _ := t.cpus("sys/devices/system/cpu/online")
	return len(threads) > 0 && len(threads[0].cpus) == 1 && slices.Contains(t.isolated(online), threads[0].cpus[0])
}

// privilege says how to get what RealTime lacks.
func (t tree) privilege(priority int) string {
	if soft, hard, err := sys.RealTimeLimit(); err == nil && soft < uint64(priority) {
		s := fmt.Sprintf("RLIMIT_RTPRIO is %d: ", soft)
		if hard >= uint64(priority) {
			return s + fmt.Sprintf("ulimit -r %d in the shell that starts it", priority)
		}
		return s + fmt.Sprintf("LimitRTPRIO=%d in its systemd unit, --ulimit rtprio=%[1]d for its container, or setcap cap_sys_nice+ep its program", priority)
	}
	return "the control group may have no real-time share: echo 950000 > cpu.rt_runtime_us in it; or seccomp forbids it"
}
