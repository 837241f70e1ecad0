package gluecatalog_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/catalog/catalogtest"
	"github.com/flowlake/flowlake/functions/internal/catalog/gluecatalog"
	"github.com/flowlake/flowlake/functions/internal/mototest"
)

// TestMoto runs the contract suite on moto's server, which others wrote, so that the fake of the
// package gluetest cannot drift from Glue unseen. moto knows neither pages nor limits of batches,
// checks no partition's values, and keeps no partition indexes, of which the suite does not tell.
func TestMoto(t *testing.T) {
	url := mototest.Start(t, os.Getenv)
	var databases atomic.Int64 // moto keeps what it is told
	catalogtest.Run(t, func(t *testing.T) catalogtest.Catalog {
		c, err := gluecatalog.New(gluecatalog.NewClient(config(url)), gluecatalog.Options{
			Database: fmt.Sprintf("lake_%d", databases.Add(1)),
			LakeURL:  lakeURL,
			Create:   true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
}
