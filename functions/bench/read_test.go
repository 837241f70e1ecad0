package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestReadOneAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what a process reads")
	}
	out := filepath.Join(t.TempDir(), "lake")
	lines := syntheticLog(t, 60_000)
	if _, err := plainMain(t.Context(), []string{write(t, lines), out}); err != nil {
		t.Fatal(err)
	}
	found, err := addressesMain(t.Context(), []string{out})
	if err != nil {
		t.Fatal(err)
	}
	a := found.(addresses)
	count := func(address string) int {
		n := 0
		for _, l := range lines {
			if strings.Fields(l)[3] == address {
				n++
			}
		}
		return n
	}
	if hot, some := count(a.Hot), count(a.Middling); hot < 1000 || some < middling/2 || some > middling*2 || count(a.Single) != 1 || count(a.Absent) != 0 {
		t.Errorf("%+v: %d, %d, %d and %d records", a, hot, some, count(a.Single), count(a.Absent))
	}
	size, err := parquetBytes(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range questions(a) {
		one, err := readMain(t.Context(), []string{out, q.address})
		if err != nil {
			t.Fatal(err)
		}
		answer := one.(readAnswer)
		if answer.Bytes < 1000 || answer.Bytes > 2*size {
			t.Errorf("%s: read %d bytes of %d", q.name, answer.Bytes, size)
		}
		if q.address != "" && !strings.HasPrefix(answer.Answer, fmt.Sprint(count(q.address))+" ") {
			t.Errorf("%s: %s, want %d rows", q.name, answer.Answer, count(q.address))
		}
	}
}
