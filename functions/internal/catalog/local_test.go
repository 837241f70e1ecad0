package catalog_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/catalog"
	"github.com/flowlake/flowlake/functions/internal/catalog/catalogtest"
	"github.com/flowlake/flowlake/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestLocal(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T) catalogtest.Catalog {
		return openLocal(t, filepath.Join(t.TempDir(), "lake"))
	})
}

// example is a small table with a column of each type, made up for these tests.
func example() *schema.Table {
	return &schema.Table{
		Name: "example",
		Columns: []schema.Column{
			{Name: "address", Type: schema.String},
			{Name: "port", Type: schema.Int32},
			{Name: "bytes", Type: schema.Int64},
			{Name: "starttime", Type: schema.Timestamp},
		},
	}
}

// day gives the partition of a day from 2026-01-01 on.
func day(n int) []schema.Partition {
	return []schema.Partition{example().Partition(schema.Day(20454 + n))}
}

func TestTables(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	c := openLocal(t, dir)
	wantTables(t, c)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("looking makes the lake (%v)", err)
	}
	for _, name := range []string{"b", "a", "a-b", "a_b"} {
		table := example()
		table.Name = name
		if err := c.EnsureTable(t.Context(), table); err != nil {
			t.Fatal(err)
		}
	}
	wantTables(t, c, "a", "a-b", "a_b", "b")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Tables(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled context gives %v", err)
	}

	for _, name := range []string{"", ".", "..", ".a", "a/b", "../a", `a\b`, "a\x00"} {
		table := example()
		table.Name = name
		var e *catalog.TableError
		if err := c.EnsureTable(t.Context(), table); !errors.As(err, &e) {
			t.Errorf("a table named %q gives %v", name, err)
		}
	}
	wantTables(t, c, "a", "a-b", "a_b", "b")
}

// TestNoFolder has a file stand where the catalog's folder should be.
func TestNoFolder(t *testing.T) {
	dir := t.TempDir()
	c := openLocal(t, dir)
	folder := filepath.Join(dir, "_catalog")
	if err := os.WriteFile(folder, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	n, err := c.AddPartitions(t.Context(), example(), day(1))
	if n != 0 || err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("AddPartitions gives %d, %v, want an error that names the folder", n, err)
	}
}

func openLocal(t *testing.T, dir string) *catalog.Local {
	t.Helper()
	c, err := catalog.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func add(t *testing.T, c *catalog.Local, partitions []schema.Partition, want int) {
	t.Helper()
	if added, err := c.AddPartitions(t.Context(), example(), partitions); added != want || err != nil {
		t.Fatalf("adding %d partitions gives %d, %v, want %d", len(partitions), added, err, want)
	}
}

func remove(t *testing.T, c *catalog.Local, partitions []schema.Partition, want int) {
	t.Helper()
	if removed, err := c.RemovePartitions(t.Context(), example(), partitions); removed != want || err != nil {
		t.Fatalf("removing %d partitions gives %d, %v, want %d", len(partitions), removed, err, want)
	}
}

func wantTables(t *testing.T, c *catalog.Local, want ...string) {
	t.Helper()
	if got, err := c.Tables(t.Context()); !slices.Equal(got, want) || err != nil {
		t.Errorf("Tables gives %q, %v, want %q", got, err, want)
	}
}
