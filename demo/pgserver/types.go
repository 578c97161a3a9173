package pgserver

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Object identifiers of types, from PostgreSQL's catalogue pg_type.
const (
	oidBool   = 16
	oidBytea  = 17
	oidInt8   = 20
	oidInt2   = 21
	oidInt4   = 23
	oidText   = 25
	oidFloat4 = 700
	oidFloat8 = 701
)

// Format codes of parameters and results.
const (
	formatText   = 0
	formatBinary = 1
)

// typeOID maps a type's name, PostgreSQL's or one declared to SQLite, to the
// type the wire carries.
func typeOID(name string) uint32 {
	switch strings.ToLower(name) {
	case "int", "int2", "int4", "int8", "integer", "bigint", "smallint":
		return oidInt8
	case "float4", "float8", "real", "double", "numeric":
		return oidFloat8
	case "bool", "boolean":
		return oidBool
	case "bytea", "blob":
		return oidBytea
	}
	return oidText
}

// valueOID is the type of a value of unknown declaration.
func valueOID(v any) uint32 {
	switch v.(type) {
	case int64:
		return oidInt8
	case float64:
		return oidFloat8
	case bool:
		return oidBool
	case []byte:
		return oidBytea
	}
	return oidText
}

// typeSize is RowDescription's DataTypeSize; -1 is variable.
func typeSize(oid uint32) int16 {
	switch oid {
	case oidInt8, oidFloat8:
		return 8
	case oidBool:
		return 1
	}
	return -1
}

// columnFields describes a result; formats as in Bind: none, one for all, or
// one each.
func columnFields(columns []column, formats []int16) []pgproto3.FieldDescription {
	fields := make([]pgproto3.FieldDescription, len(columns))
	for i, c := range columns {
		fields[i] = pgproto3.FieldDescription{
			Name: []byte(c.name), DataTypeOID: c.oid, DataTypeSize: typeSize(c.oid), TypeModifier: -1,
			Format: formatOf(formats, i),
		}
	}
	return fields
}

func formatOf(formats []int16, i int) int16 {
	switch {
	case len(formats) == 1:
		return formats[0]
	case i < len(formats):
		return formats[i]
	}
	return formatText
}

// decodeParam reads one parameter; nil is NULL.
func decodeParam(oid uint32, format int16, src []byte) (any, error) {
	if src == nil {
		return nil, nil
	}
	if format == formatBinary {
		return decodeBinary(oid, src)
	}
	text := string(src)
	var v any
	var err error
	switch oid {
	case oidInt2, oidInt4, oidInt8:
		v, err = strconv.ParseInt(text, 10, 64)
	case oidFloat4, oidFloat8:
		v, err = strconv.ParseFloat(text, 64)
	case oidBool:
		v, err = strconv.ParseBool(text)
	case oidBytea:
		v, err = hex.DecodeString(strings.TrimPrefix(text, `\x`))
	default:
		return text, nil
	}
	if err != nil {
		return nil, sqlErrorf(codeBadText, "parameter %q is not of the type with OID %d", clip(text), oid)
	}
	return v, nil
}

func decodeBinary(oid uint32, src []byte) (any, error) {
	switch {
	case oid == oidInt2 && len(src) == 2:
		return int64(int16(binary.BigEndian.Uint16(src))), nil
	case oid == oidInt4 && len(src) == 4:
		return int64(int32(binary.BigEndian.Uint32(src))), nil
	case oid == oidInt8 && len(src) == 8:
		return int64(binary.BigEndian.Uint64(src)), nil
	case oid == oidFloat4 && len(src) == 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(src))), nil
	case oid == oidFloat8 && len(src) == 8:
		return math.Float64frombits(binary.BigEndian.Uint64(src)), nil
	case oid == oidBool && len(src) == 1:
		return src[0] != 0, nil
	case oid == oidBytea:
		return append([]byte{}, src...), nil
	case oid == oidText || oid == 0:
		return string(src), nil
	}
	return nil, sqlErrorf(codeBadBinary, "%d bytes are no binary value of the type with OID %d", len(src), oid)
}

// encodeValue writes a stored value as the column's type; nil is NULL. SQLite
// lets a column hold values of another type than declared: text shows them
// all the same, binary cannot.
func encodeValue(oid uint32, format int16, v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	if n, ok := v.(int64); ok && oid == oidBool {
		v = n != 0 // SQLite keeps truth values as numbers
	}
	if format == formatText {
		return encodeText(v), nil
	}
	switch oid {
	case oidInt8:
		if n, ok := v.(int64); ok {
			return binary.BigEndian.AppendUint64(nil, uint64(n)), nil
		}
	case oidFloat8:
		switch n := v.(type) {
		case float64:
			return binary.BigEndian.AppendUint64(nil, math.Float64bits(n)), nil
		case int64:
			return binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(n))), nil
		}
	case oidBool:
		if b, ok := v.(bool); ok {
			if b {
				return []byte{1}, nil
			}
			return []byte{0}, nil
		}
	case oidBytea:
		if b, ok := v.([]byte); ok {
			return b, nil
		}
	case oidText:
		return encodeText(v), nil
	}
	return nil, sqlErrorf(codeBadBinary, "a stored %T does not fit its column's type with OID %d", v, oid)
}

func encodeText(v any) []byte {
	switch v := v.(type) {
	case string:
		return []byte(v)
	case int64:
		return strconv.AppendInt(nil, v, 10)
	case float64:
		return strconv.AppendFloat(nil, v, 'g', -1, 64)
	case bool:
		if v {
			return []byte("t")
		}
		return []byte("f")
	case []byte:
		return append([]byte(`\x`), hex.EncodeToString(v)...)
	case time.Time:
		return v.UTC().AppendFormat(nil, "2006-01-02 15:04:05.999999")
	}
	return fmt.Append(nil, v)
}
