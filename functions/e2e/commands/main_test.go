// Package commands tests the compiled command line against S3, Glue and SQS.
package commands

import (
	"os"
	"testing"

	"github.com/flowlake/flowlake/functions/e2e/programs"
)

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }
