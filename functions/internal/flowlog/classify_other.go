//go:build !amd64 || purego

package flowlog

// classify is [classifyWords] where there is no assembly.
func classify(m *masks, text []byte) (notASCII bool) { return classifyWords(m, text) }
