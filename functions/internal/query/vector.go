package query

import (
	"fmt"
	"math/big"
	"strings"
	"time"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// kind is how the values of a type are read.
type kind struct {
	name    string
	numeric bool
	// read gives a value from the array that holds a vector's values.
	read func(data unsafe.Pointer, row int) any
}

// vector is the values of one column in a chunk; it lives as long as the chunk.
type vector struct {
	kind
	data     unsafe.Pointer
	validity unsafe.Pointer // bits, nil where no value is NULL
}

func vectorOf(chunk duckdb.DataChunk, column int, k kind) vector {
	v := duckdb.DataChunkGetVector(chunk, duckdb.IdxT(column))
	return vector{k, duckdb.VectorGetData(v), duckdb.VectorGetValidity(v)}
}

// value gives a value as [Rows.Values] has it.
func (v *vector) value(row int) any {
	if v.validity != nil && at[uint64](v.validity, row/64)&(1<<(row%64)) == 0 {
		return nil
	}
	return v.read(v.data, row)
}

// at gives an element of an array of DuckDB's.
func at[T any](data unsafe.Pointer, i int) T {
	return *(*T)(unsafe.Add(data, uintptr(i)*unsafe.Sizeof(*new(T))))
}

// kindOf gives the kind of a type, and false for one that [Rows.Values] does not have. The layout of
// the arrays is that of duckdb.h.
func kindOf(t duckdb.LogicalType) (kind, bool) {
	switch duckdb.GetTypeId(t) {
	case duckdb.TypeBoolean:
		return kind{"BOOLEAN", false, func(p unsafe.Pointer, i int) any { return at[bool](p, i) }}, true
	case duckdb.TypeTinyInt:
		return kind{"TINYINT", true, readInt[int8]}, true
	case duckdb.TypeSmallInt:
		return kind{"SMALLINT", true, readInt[int16]}, true
	case duckdb.TypeInteger:
		return kind{"INTEGER", true, readInt[int32]}, true
	case duckdb.TypeBigInt:
		return kind{"BIGINT", true, readInt[int64]}, true
	case duckdb.TypeUTinyInt:
		return kind{"UTINYINT", true, readInt[uint8]}, true
	case duckdb.TypeUSmallInt:
		return kind{"USMALLINT", true, readInt[uint16]}, true
	case duckdb.TypeUInteger:
		return kind{"UINTEGER", true, readInt[uint32]}, true
	case duckdb.TypeUBigInt:
		return kind{"UBIGINT", true, func(p unsafe.Pointer, i int) any { return at[uint64](p, i) }}, true
	case duckdb.TypeHugeInt:
		return kind{"HUGEINT", true, func(p unsafe.Pointer, i int) any { return readHuge(p, i) }}, true
	case duckdb.TypeFloat:
		return kind{"FLOAT", true, func(p unsafe.Pointer, i int) any { return at[float32](p, i) }}, true
	case duckdb.TypeDouble:
		return kind{"DOUBLE", true, func(p unsafe.Pointer, i int) any { return at[float64](p, i) }}, true
	case duckdb.TypeDecimal:
		return decimalKind(t)
	case duckdb.TypeVarchar:
		return kind{"VARCHAR", false, readString}, true
	case duckdb.TypeDate:
		return kind{"DATE", false, func(p unsafe.Pointer, i int) any {
			return time.Unix(int64(at[int32](p, i))*86400, 0).UTC().Format(time.DateOnly)
		}}, true
	case duckdb.TypeTimestamp:
		return kind{"TIMESTAMP", false, readTime(time.UnixMicro)}, true
	case duckdb.TypeTimestampTZ:
		return kind{"TIMESTAMP WITH TIME ZONE", false, readTime(time.UnixMicro)}, true
	case duckdb.TypeTimestampMS:
		return kind{"TIMESTAMP_MS", false, readTime(time.UnixMilli)}, true
	case duckdb.TypeTimestampS:
		return kind{"TIMESTAMP_S", false, readTime(func(s int64) time.Time { return time.Unix(s, 0) })}, true
	case duckdb.TypeTimestampNS:
		return kind{"TIMESTAMP_NS", false, readTime(func(ns int64) time.Time { return time.Unix(0, ns) })}, true
	}
	return kind{}, false
}

func readInt[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](data unsafe.Pointer, row int) any {
	return int64(at[T](data, row))
}

func readTime(of func(int64) time.Time) func(unsafe.Pointer, int) any {
	return func(data unsafe.Pointer, row int) any { return of(at[int64](data, row)).UTC() }
}

// readString reads a text: its length, then up to 12 bytes of its own or, in the second half, where a
// longer one stands.
func readString(data unsafe.Pointer, row int) any {
	const size, inlined = 16, 12
	s := unsafe.Add(data, row*size)
	length := at[uint32](s, 0)
	text := unsafe.Add(s, size-inlined)
	if length > inlined {
		text = at[unsafe.Pointer](s, 1)
	}
	return string(unsafe.Slice((*byte)(text), length))
}

// readHuge reads a 128-bit integer: the lower half, then the upper one with the sign.
func readHuge(data unsafe.Pointer, row int) *big.Int {
	h := at[struct {
		lower uint64
		upper int64
	}](data, row)
	v := new(big.Int).Lsh(big.NewInt(h.upper), 64)
	return v.Add(v, new(big.Int).SetUint64(h.lower))
}

// decimalKind gives the kind of a decimal, which is kept as an integer of the width that it needs.
func decimalKind(t duckdb.LogicalType) (kind, bool) {
	var unscaled func(unsafe.Pointer, int) *big.Int
	switch duckdb.DecimalInternalType(t) {
	case duckdb.TypeSmallInt:
		unscaled = func(p unsafe.Pointer, i int) *big.Int { return big.NewInt(int64(at[int16](p, i))) }
	case duckdb.TypeInteger:
		unscaled = func(p unsafe.Pointer, i int) *big.Int { return big.NewInt(int64(at[int32](p, i))) }
	case duckdb.TypeBigInt:
		unscaled = func(p unsafe.Pointer, i int) *big.Int { return big.NewInt(at[int64](p, i)) }
	case duckdb.TypeHugeInt:
		unscaled = readHuge
	default:
		return kind{}, false
	}
	scale := int(duckdb.DecimalScale(t))
	return kind{fmt.Sprintf("DECIMAL(%d,%d)", duckdb.DecimalWidth(t), scale), true, func(p unsafe.Pointer, i int) any {
		return decimal(unscaled(p, i), scale)
	}}, true
}

// decimal gives the digits of unscaled / 10^scale.
func decimal(unscaled *big.Int, scale int) Decimal {
	digits := new(big.Int).Abs(unscaled).String()
	if n := scale + 1 - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if unscaled.Sign() < 0 {
		digits = "-" + digits
	}
	return Decimal(digits)
}
