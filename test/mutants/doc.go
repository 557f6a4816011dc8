// Package mutants removes, one at a time, each order, check and bound of the shipped library, and runs the tests on
// what is left: one must fail.
//
// Most mutants are generated: each package is built once, with a switch at each place, and a process has the mutant
// that its environment says. Where a switch would itself be an access among those that matter, the mutants are made by
// hand, and what an x86 cannot show, because it never reorders the accesses in question, package model shows.
//
// The source is replaced by the compiler's -overlay; the tree is not touched.
package mutants
