package flowlog

import (
	"math/rand/v2"
	"testing"
)

// TestClassify has every byte at every place of a block, and random ones, and holds both ways of
// classifying against the definition.
func TestClassify(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(text []byte) {
		t.Helper()
		var fast, plain masks
		notASCII, plainNotASCII := classify(&fast, text), classifyWords(&plain, text)
		want := false
		for i, c := range text {
			want = want || c >= 0x80
			for name, m := range map[string]*masks{"classify": &fast, "classifyWords": &plain} {
				if got := m.delimiters[i/64]>>(i%64)&1 == 1; got != (c <= ' ') {
					t.Fatalf("%s: byte %#x at %d: delimiter %v", name, c, i, got)
				}
				if got := m.controls[i/64]>>(i%64)&1 == 1; got != (c < ' ') {
					t.Fatalf("%s: byte %#x at %d: control %v", name, c, i, got)
				}
			}
		}
		if notASCII != want || plainNotASCII != want {
			t.Fatalf("not ASCII: %v and %v, want %v", notASCII, plainNotASCII, want)
		}
	}
	check(nil)
	for c := range 256 {
		for i := range 64 {
			text := []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:")
			text[i] = byte(c)
			check(text)
		}
	}
	for range 200 {
		text := make([]byte, 64*(1+r.IntN(maxChunk/64)))
		most := 1 + r.IntN(256)
		for i := range text {
			text[i] = byte(r.IntN(most))
		}
		check(text)
	}
}

// TestClassifyStaysInItsBounds has masks right behind each other.
func TestClassifyStaysInItsBounds(t *testing.T) {
	var m masks
	for i := range m.delimiters {
		m.delimiters[i], m.controls[i] = 1, 2
	}
	classify(&m, make([]byte, 3*64))
	for i := range m.delimiters {
		if touched := m.delimiters[i] != 1 || m.controls[i] != 2; touched != (i < 3) {
			t.Errorf("word %d touched: %v", i, touched)
		}
	}
}
