//go:build race

package programs

// raceEnabled says that the tests run with the race detector.
const raceEnabled = true
