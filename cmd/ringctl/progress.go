package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

const (
	livePeriod  = 250 * time.Millisecond // on a terminal, one line that is written over
	plainPeriod = 10 * time.Second       // elsewhere, a line each
)

// progress says how far a replay is. The publisher counts; a goroutine of its own shows.
type progress struct {
	published atomic.Int64
	read      atomic.Int64 // bytes of the recordings, in this pass
	pass      atomic.Int64 // passes done
	size      int64        // of the recordings, or -1
	passes    int          // to do; 0 for no end
	began     time.Time
}

// show shows the progress on f until the returned function is called.
func (p *progress) show(f *os.File) (stop func()) {
	p.began = time.Now()
	live := isTerminal(f)
	period := plainPeriod
	if live {
		period = livePeriod
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		last, lastTime := int64(0), p.began
		for {
			select {
			case <-quit:
				if live {
					fmt.Fprint(f, "\r\x1b[K")
				}
				return
			case now := <-ticker.C:
				published := p.published.Load()
				line := p.line(published, float64(published-last)/now.Sub(lastTime).Seconds())
				last, lastTime = published, now
				if live {
					fmt.Fprintf(f, "\r%s\x1b[K", line)
				} else {
					fmt.Fprintln(f, line)
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

func (p *progress) line(published int64, rate float64) string {
	done := ""
	switch part := p.fraction(); {
	case p.passes > 0 && part >= 0:
		done = fmt.Sprintf("%5.1f %%, ", 100*(float64(p.pass.Load())+part)/float64(p.passes))
	case p.passes == 0:
		done = fmt.Sprintf("pass %d, ", p.pass.Load()+1)
	}
	return fmt.Sprintf("%s%d records, %s", done, published, rateText(rate))
}

// fraction is how much of this pass is done, or -1 if that is unknown.
func (p *progress) fraction() float64 {
	if p.size <= 0 {
		return -1
	}
	return min(1, float64(p.read.Load())/float64(p.size))
}
