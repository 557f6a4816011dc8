package sys

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// ThreadCPUs lists the CPUs that the calling thread may run on, in ascending order.
func ThreadCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, err
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// SetThreadCPUs lets the calling thread, and those that it will start, run on these CPUs only. EINVAL, if it
// may use none of them.
func SetThreadCPUs(cpus ...int) error { return setCPUs(0, cpus) }

// SetProcessCPUs does so for all threads of the process.
func SetProcessCPUs(cpus ...int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name())                                     // the names are numbers
		if err := setCPUs(id, cpus); err != nil && !errors.Is(err, unix.ESRCH) { // it may have ended
			return err
		}
	}
	return nil
}

func setCPUs(thread int, cpus []int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return unix.SchedSetaffinity(thread, &set)
}

// ThreadID is the calling thread's.
func ThreadID() int { return unix.Gettid() }
