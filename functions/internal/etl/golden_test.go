package etl_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowlake/flowlake/functions/internal/columnar/columnartest"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

const testdata = "../../../testdata"

// TestGolden converts every input of testdata/logs and compares all that comes of it with
// testdata/golden: keys, bytes, rows, accounting, partitions.
func TestGolden(t *testing.T) {
	logs := filepath.Join(testdata, "logs")
	inputs := 0
	err := filepath.WalkDir(logs, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		inputs++
		key, _ := filepath.Rel(logs, path)
		key = filepath.ToSlash(key)
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(path), ".log.gz")
		t.Run(name, func(t *testing.T) {
			got := describeConversion(t, key, content)
			file := filepath.Join(testdata, "golden", name+".txt")
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s:\n%s\nrun the test with -update if the change is meant", file, got)
			}
		})
		return nil
	})
	if err != nil || inputs < 10 {
		t.Fatalf("%d inputs, error %v", inputs, err)
	}
	golden, err := filepath.Glob(filepath.Join(testdata, "golden", "*.txt"))
	if err != nil || len(golden) != inputs {
		t.Errorf("%d golden files for %d inputs", len(golden), inputs)
	}
}

// describeConversion converts one object and gives all that came of it as text.
func describeConversion(t *testing.T, key string, content []byte) string {
	t.Helper()
	source, lake, catalog := new(storetest.Memory), new(storetest.Memory), new(memoryCatalog)
	source.Put(key, content)
	res, err := newConverter(t, etl.Config{}, lake, catalog).Convert(t.Context(), source, key)
	if err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "source %s\n", res.URL)
	fmt.Fprintf(&b, "lines %d = rows %d + rejected %d + headers %d + blank %d; unknown fields %d; text %d bytes\n",
		res.Lines, res.Rows, res.Rejected, res.Headers, res.Blank, res.UnknownFields, res.Text)
	fmt.Fprintf(&b, "partitions %q\n", catalog.registered())
	if len(res.Outputs) != len(lake.Keys()) {
		t.Errorf("%d outputs, the lake holds %q", len(res.Outputs), lake.Keys())
	}
	for _, o := range res.Outputs {
		file, ok := lake.Get(o.Key)
		if !ok || int64(len(file)) != o.Size {
			t.Errorf("output %s: present %v, %d bytes, want %d", o.Key, ok, len(file), o.Size)
		}
		columns, rows, err := columnartest.Rows(file)
		if err != nil || int64(len(rows)) != o.Rows {
			t.Errorf("output %s: %d rows, want %d; error %v", o.Key, len(rows), o.Rows, err)
		}
		fmt.Fprintf(&b, "\noutput %s\nsha256 %x, %d bytes, %d rows\n", o.Key, sha256.Sum256(file), o.Size, o.Rows)
		fmt.Fprintln(&b, strings.Join(columns, " "))
		for _, row := range rows {
			for i, v := range row {
				const shown = 120
				if len(v) > shown {
					row[i] = fmt.Sprintf("%s... (%d bytes)", v[:shown], len(v))
				}
			}
			fmt.Fprintln(&b, strings.Join(row, " "))
		}
	}
	return b.String()
}
