package main

import (
	"encoding/json"

	"github.com/tickring/tickring/cmd/ringbench/hist"
)

// outcomes are what came of a trial, by rounds.
type outcomes []outcome

// outcome is what came of a slice.
type outcome struct {
	round      int
	offered    uint64  // paced: records that were to be sent, after the warm-up
	published  uint64  // after the warm-up
	elapsedNs  int64   // of publishing, the warm-up included
	mean       float64 // ns; paced: trimmed mean of the latencies; else: of a record, at the writer
	p50, p99   *int64  // paced; nil: too few samples
	negative   uint64
	clamped    uint64
	incomplete bool
	writer     stay
	readers    []readerOutcome

	sender *hist.Times // how late records were sent; what calls took, in hundredths of a ns
	packed [2][]byte   // the sender's times and the latencies: a histogram in memory is 100 times as large
}

type readerOutcome struct {
	stay
	received, missed, torn uint64
	elapsedNs              int64
	times                  *hist.Times
	packed                 []byte
}

// neverKeptUp tells whether a rate was too high in some rounds, and never was not: one round may be an accident.
func (o outcomes) neverKeptUp() bool {
	for i := range o {
		if !o[i].incomplete {
			return false
		}
	}
	return len(o) >= leastPlays
}

// costUnit is how many units of a cost are a nanosecond.
const costUnit = 100

func (o *outcomes) last() *outcome { return &(*o)[len(*o)-1] }

func (o *outcome) pack(latencies *hist.Times) (err error) {
	if o.packed[0], err = json.Marshal(o.sender); err == nil {
		o.packed[1], err = json.Marshal(latencies)
	}
	o.sender = nil
	return err
}

func (r *readerOutcome) pack() (err error) {
	r.packed, err = json.Marshal(r.times)
	r.times = nil
	return err
}

// merge adds packed times to t.
func merge(t *hist.Times, packed []byte) error {
	if packed == nil {
		return nil
	}
	one := hist.New()
	if err := json.Unmarshal(packed, one); err != nil {
		return err
	}
	t.Add(one)
	return nil
}
