//go:build amd64 && !purego && !race

package torture

// inOne is how many of three payload words are stored by one instruction.
const inOne = 2
