// Package browser looks at flowlake's pages in a real browser.
package browser

import (
	"os"
	"testing"

	"github.com/flowlake/flowlake/functions/e2e/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
