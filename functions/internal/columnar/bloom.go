package columnar

import (
	"bytes"
	"fmt"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/bloom/xxhash"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// bloomBits is the size of a bloom filter per distinct value, at which one look-up in a hundred or so
// is in vain.
const bloomBits = 10

// addBloom gives a chunk a bloom filter that holds the texts of the ranks that are present: a
// split-block filter with XXH64, https://parquet.apache.org/docs/file-format/bloomfilter/
func (e *encoder) addBloom(c *chunk, d *textDictionary, ranks []uint32) error {
	filter := make(bloom.SplitBlockFilter, max(1, bloom.NumSplitBlocksOf(int64(len(ranks)), bloomBits)))
	for _, rank := range ranks {
		filter.Insert(xxhash.Sum64(d.text(rank)))
	}
	data := filter.Bytes()
	header := format.BloomFilterHeader{
		NumBytes:    int32(len(data)),
		Algorithm:   format.BloomFilterAlgorithm{Value: &format.SplitBlockAlgorithm{}},
		Hash:        format.BloomFilterHash{Value: &format.XxHash{}},
		Compression: format.BloomFilterCompression{Value: &format.BloomFilterUncompressed{}},
	}
	var buf bytes.Buffer
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&buf)).Encode(&header); err != nil {
		return fmt.Errorf("bloom filter header: %w", err)
	}
	c.bloom = append(append(c.bloom[:0], buf.Bytes()...), data...)
	return nil
}
