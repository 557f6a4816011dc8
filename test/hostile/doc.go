// Package hostile tests what nobody should have to rely on: segments that are damaged, forged, or changed, cut and
// replaced by another process while they are in use. No program may crash, hang, or deliver what the memory does not
// say; each may refuse, and has to say in what words.
//
// TICKRING_HOSTILE=10m makes each run that long; TICKRING_HOSTILE_SEED repeats one.
package hostile
