//go:build !linux

package store_test

import "testing"

// asNobody runs a function; elsewhere than on Linux the tests are not run as root.
func asNobody(_ *testing.T, f func()) { f() }
