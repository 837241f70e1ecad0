package etl_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/flowlake/flowlake/functions/internal/columnar"
	"github.com/flowlake/flowlake/functions/internal/etl"
	"github.com/flowlake/flowlake/functions/internal/store/storetest"
	"github.com/flowlake/flowlake/functions/internal/synth"
)

// The bytes do not depend on the processor. `make portable` runs this once more with the libraries'
// assembly left out, as it is on processors that have none: with it, parquet-go's run-length encoder
// and klauspost's Snappy wrote other bytes.
func TestInvariantIdentityWhateverTheProcessor(t *testing.T) {
	var text bytes.Buffer
	if err := synth.One(&text, synth.Config{Records: 60_000, Seed: 3}, time.Date(2026, 1, 9, 23, 58, 0, 0, time.UTC), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	var stream bytes.Buffer
	z, err := gzip.NewWriterLevel(&stream, gzip.NoCompression) // whose bytes everybody writes alike
	if err != nil {
		t.Fatal(err)
	}
	z.Write(text.Bytes())
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, codec := range columnar.Codecs() {
		source, lake := new(storetest.Memory), new(storetest.Memory)
		source.Put(key, stream.Bytes())
		res, err := newConverter(t, etl.Config{Codec: codec, SortRows: 30_000, RowGroupRows: 12_000}, lake, new(memoryCatalog)).Convert(t.Context(), source, key)
		if err != nil || res.Rows != 60_000 {
			t.Fatalf("%d rows, error %v", res.Rows, err)
		}
		for _, o := range res.Outputs {
			data, _ := lake.Get(o.Key)
			fmt.Fprintf(&got, "%s %s %d rows %d bytes sha256 %x\n", codec, o.Day, o.Rows, o.Size, sha256.Sum256(data))
		}
	}
	const file = testdata + "/processor.golden"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("have\n%swant\n%s", &got, want)
	}
}
