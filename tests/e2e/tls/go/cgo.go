// SPDX-License-Identifier: Apache-2.0

//go:build withc
// +build withc

package main

// static int one(void) { return 1; }
import "C"

func init() {
	if C.one() != 1 {
		panic("C")
	}
}
