// Package machine tests the replay state machine of deploy/replay: an interpreter of its language runs the definition,
// with the compiled Lambda.
package machine

import (
	"os"
	"testing"

	"github.com/flowlake/flowlake/functions/e2e/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
