package model

import "fmt"

// The memory. Slots and records are as many as fit; a scenario uses fewer.
const (
	maxSlots   = 4
	maxRecords = 8
	maxWords   = 3 // of a payload: those of a TradingData, for the comparison with its machine code
	words      = 2 // that scenarios use: two, so that it can tear

	slotVersions = 0
	slotWords    = slotVersions + maxSlots
	viewVersion  = slotWords + maxSlots*maxWords
	viewWords    = viewVersion + 1
	head         = viewWords + maxWords
	stateWord    = head + 1
	epoch        = stateWord + 1
	epochFirst   = epoch + 1
	seq          = epochFirst + 1 // of the doorbell: the futex
	waiting      = seq + 1        // of the doorbell: somebody may be asleep

	// Ghosts: the kernel's knowledge, and the properties'.
	asleep       = waiting + 1
	dead         = asleep + 1                    // writers that are no more
	ghostContent = dead + 1                      // of each record, as it was first seen finished; 0: not seen
	ghostNext    = ghostContent + maxRecords     // by reader: the record that it is to read next
	ghostNewest  = ghostNext + maxThreads        // by reader: 1 + the newest record that latest returned
	ghostClosing = ghostNewest + maxThreads      // by epoch: 1 + the records published when it closes; 0: it never does
	ghostFirsts  = ghostClosing + maxThreads + 1 // by epoch: 1 + its first record
	memorySize   = ghostFirsts + maxThreads + 1
)

const (
	open   = 1
	closed = 2
)

// record is what each payload word of a record holds: which record it is, and of which writer.
func record(n uint8, epoch int) uint8 { return uint8(epoch)<<4 | (n + 1) }

// place names a word.
func place(at uint8) string {
	switch {
	case at < slotWords:
		return fmt.Sprintf("slot[%d].version", at)
	case at < viewVersion:
		return fmt.Sprintf("slot[%d].word[%d]", (at-slotWords)/maxWords, (at-slotWords)%maxWords)
	case at == viewVersion:
		return "view.version"
	case at < head:
		return fmt.Sprintf("view.word[%d]", at-viewWords)
	}
	names := map[uint8]string{
		head: "head", stateWord: "state", epoch: "epoch", epochFirst: "epoch_first", seq: "seq", waiting: "waiting",
	}
	return names[at]
}
