// Package users has processes of several users, without capabilities, meet at segments: who may do what by the mode, what a
// stranger can do to others' segments and programs, which is nothing, and what becomes of names that a stranger took first.
//
// It needs root, to become others. Everything happens in processes with mounts of their own.
package users
