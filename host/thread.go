package host

import "errors"

// Thread says how the thread of a hot loop is to run. The zero value changes nothing.
type Thread struct {
	cpu      int // number, less -1: the zero value is none
	priority int
	force    bool
}

// OnCPU is a thread pinned to a CPU, as [Pin] does.
func OnCPU(cpu int) Thread { return Thread{cpu: cpu + 1} }

// RealTime is t with SCHED_FIFO at a priority, as the function [RealTime] gives it.
func (t Thread) RealTime(priority int, o RealTimeOptions) Thread {
	t.priority, t.force = priority, o.Force
	return t
}

// Enter makes the calling goroutine's thread such a thread. If any of it is refused, nothing is done.
func (t Thread) Enter() (*Entered, error) {
	e := &Entered{}
	var err error
	if t.cpu != 0 {
		if e.pinned, err = Pin(t.cpu - 1); err != nil {
			return nil, err
		}
	}
	if t.priority != 0 {
		if e.realTime, err = RealTime(t.priority, RealTimeOptions{Force: t.force}); err != nil {
			return nil, errors.Join(err, e.Leave())
		}
	}
	return e, nil
}

// Entered is a thread that [Thread.Enter] made what it is.
type Entered struct {
	pinned   *Pinned
	realTime *RealTimeThread
}

// Leave undoes it. Only the goroutine that entered can. A second Leave does nothing.
func (e *Entered) Leave() error {
	var err error
	if e.realTime != nil {
		err = e.realTime.Undo()
	}
	if e.pinned != nil && err == nil {
		err = e.pinned.Undo()
	}
	if err == nil {
		*e = Entered{}
	}
	return err
}
