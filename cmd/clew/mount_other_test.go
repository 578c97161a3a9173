//go:build !linux

package main

import "errors"

func mountSmall(string, int) error { return errors.New("only Linux has tmpfs") }

func unmount(string) {}
