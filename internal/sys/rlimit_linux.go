package sys

import (
	"math"

	"golang.org/x/sys/unix"
)

// Unlimited is a limit that is none.
const Unlimited = math.MaxUint64

// LockLimit is how many bytes the process may lock (RLIMIT_MEMLOCK), and how far it may raise that itself.
func LockLimit() (soft, hard uint64, err error) { return limit(unix.RLIMIT_MEMLOCK) }

// RealTimeLimit is the highest real-time priority that the process may give its threads (RLIMIT_RTPRIO).
func RealTimeLimit() (soft, hard uint64, err error) { return limit(unix.RLIMIT_RTPRIO) }

func limit(resource int) (soft, hard uint64, err error) {
	var l unix.Rlimit
	err = unix.Getrlimit(resource, &l)
	return l.Cur, l.Max, err
}
