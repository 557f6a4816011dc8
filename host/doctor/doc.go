// Package doctor says what a host lacks for a ring to be as fast as it can be, and how to get it.
//
//	facts := doctor.Examine(1)              // for one reader, besides the writer
//	for _, f := range doctor.Check(facts) {
//		fmt.Println(f.Status, f.ID, f.Found, f.Fix)
//	}
//
// [Examine] reads, and changes nothing; [Check] is a function of what was read and of nothing else. What a
// host does not tell, as in a virtual machine or a container, is unknown and not guessed.
package doctor
