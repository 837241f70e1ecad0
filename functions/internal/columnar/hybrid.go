package columnar

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// worthRun is how many bits a run of equal ids must have, packed, to be written as a run: a run and
// the header of what follows cost about as much.
const worthRun = 48

// appendIDs appends dictionary ids as a data page holds them: their width in bits, then the hybrid of
// runs (RLE) and groups of eight packed ids, https://parquet.apache.org/docs/file-format/data-pages/encodings/.
//
// It is own code because the bytes of parquet-go's encoder depend on the processor: with AVX2 it
// cuts the runs elsewhere (v0.32.0, encoding/rle).
func appendIDs(b []byte, ids []int32, most int32) []byte {
	width := bits.Len32(uint32(most))
	b = append(b, byte(width))
	b = slices.Grow(b, len(ids)*width/8+16)
	packed := 0 // first id that is still to be packed
	for i := 0; i < len(ids); {
		run := 1
		for i+run < len(ids) && ids[i+run] == ids[i] {
			run++
		}
		if run < 8 || run*width < worthRun && i+run < len(ids) {
			i += 8
			continue
		}
		b = appendPacked(b, ids[packed:i], width)
		b = binary.AppendUvarint(b, uint64(run)<<1)
		for shift := 0; shift < width; shift += 8 {
			b = append(b, byte(ids[i]>>shift))
		}
		i += run
		packed = i
	}
	return appendPacked(b, ids[packed:], width)
}

// appendPacked appends ids in groups of eight, the last group filled up with zeros.
func appendPacked(b []byte, ids []int32, width int) []byte {
	if len(ids) == 0 {
		return b
	}
	groups := (len(ids) + 7) / 8
	b = binary.AppendUvarint(b, uint64(groups)<<1|1)
	end := len(b) + groups*width
	var word uint64 // bits that are not written yet
	have := 0
	for _, id := range ids {
		word |= uint64(id) << have
		if have += width; have >= 32 {
			b = binary.LittleEndian.AppendUint32(b, uint32(word))
			word >>= 32
			have -= 32
		}
	}
	for ; len(b) < end; word >>= 8 {
		b = append(b, byte(word))
	}
	return b
}
