// Package pipeline tests the event path: events in a queue, the compiled Lambda that they invoke, and the
// lake that comes of it, whatever fails on the way.
package pipeline

import (
	"os"
	"testing"

	"github.com/flowlake/flowlake/functions/e2e/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
