//go:build linux && !purego

package clock

const counter = CNTVCT
