//go:build amd64 && !purego && !race

package torture

// inOne is how many of the payload words of a slot of three are stored by one instruction.
const inOne = 2
