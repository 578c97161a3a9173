package rollup

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/sketch"
	"github.com/clew-tracing/clew/storage"
)

// A rollup is six chunks of bytes, each of chunks of package column:
//
//	services    minutes, their unfinished and moved rows: three of integers
//	            per service and minute: service, minute, failed rows, what these weigh
//	            beyond so many rows of weight 1, sums: nine of integers
//	operations  keys: service, name + 1 (0: other), kind, status: four of integers
//	            series
//	edges       peers: strings
//	            keys: client, server + 1 (0: other), 2 · connection + failed: three
//	            series
//	durations   of the series of operations, of those of edges, and, in another form,
//	            of services: package sketch
//
// Minutes are numbers in the list of them. Sums are rows, and what weight, squares (low,
// high) and unknown have beyond those of so many rows of weight 1, wrapping; so that they
// are 0 where nobody samples. Series are key, minute and sums: seven of integers.

var ints = column.IntOptions{Delta: true, Zstd: true}

func (r *Rollup) appendMinutes(dst []byte) []byte {
	var m [3][]uint32
	for _, x := range r.Minutes {
		m[0], m[1], m[2] = append(m[0], x.Minute), append(m[1], x.Unfinished), append(m[2], x.Moved)
	}
	for _, f := range m {
		dst = column.AppendInts(dst, f, ints)
	}
	return dst
}

// numbers returns the number of each minute.
func (r *Rollup) numbers() map[uint32]uint64 {
	number := make(map[uint32]uint64, len(r.Minutes))
	for i, m := range r.Minutes {
		number[m.Minute] = uint64(i)
	}
	return number
}

// AppendOperations appends what tells of operations. names gives the code that a
// name is to have, by the code it has.
func (r *Rollup) AppendOperations(dst []byte, names []uint32) []byte {
	var k [4][]uint32
	for _, x := range r.OperationKeys {
		name := uint32(0)
		if x.Name != OtherName {
			name = names[x.Name] + 1
		}
		k[0], k[1] = append(k[0], x.Service), append(k[1], name)
		k[2], k[3] = append(k[2], uint32(x.Kind)), append(k[3], uint32(x.Status))
	}
	for _, f := range k {
		dst = column.AppendInts(dst, f, ints)
	}
	return r.appendSeries(dst, r.Operations)
}

// AppendEdges appends what tells of edges.
func (r *Rollup) AppendEdges(dst []byte) []byte {
	dst = column.AppendStrings(dst, r.Peers, column.StringOptions{})
	var k [3][]uint32
	for _, x := range r.EdgeKeys {
		talk := 2 * uint32(x.Connection)
		if x.Failed {
			talk++
		}
		k[0], k[1], k[2] = append(k[0], x.Client), append(k[1], x.Server+1), append(k[2], talk)
	}
	for _, f := range k {
		dst = column.AppendInts(dst, f, ints)
	}
	return r.appendSeries(dst, r.Edges)
}

// AppendDurations appends the durations of series.
func AppendDurations(dst []byte, list []Series) []byte {
	return sketch.Append(dst, len(list), func(i int) *sketch.Histogram { return &list[i].Durations })
}

// How many chunks of integers services, series and sums are.
const (
	sumFields     = 5
	seriesFields  = 2 + sumFields
	serviceFields = 4 + sumFields
)

// columns are chunks of integers of equally many values.
type columns [][]uint64

func (c columns) add(row []uint64) {
	for i, v := range row {
		c[i] = append(c[i], v)
	}
}

func (c columns) append(dst []byte) []byte {
	for _, f := range c {
		dst = column.AppendInts(dst, f, ints)
	}
	return dst
}

// read reads n columns, in its own memory; src has nothing else.
func (c *columns) read(src []byte, n, limit int) (err error) {
	for len(*c) < n {
		*c = append(*c, nil)
	}
	f := (*c)[:n]
	for i := range f {
		f[i] = f[i][:0]
	}
	if err := readInts(&src, f, limit); err != nil {
		return err
	}
	for _, v := range f {
		if len(v) != len(f[0]) {
			return damaged("%d values in one field, %d in another", len(f[0]), len(v))
		}
	}
	if len(src) != 0 {
		return damaged("%d bytes behind all fields", len(src))
	}
	return nil
}

func (r *Rollup) appendSeries(dst []byte, list []Series) []byte {
	number := r.numbers()
	columns := make(columns, seriesFields)
	for i := range list {
		s := &list[i]
		columns.add(append([]uint64{uint64(s.Key), number[s.Minute]}, s.beyond()...))
	}
	return columns.append(dst)
}

// one is what a row weighs that nobody has sampled.
const one = uint64(clew.WeightOne)

// plain returns the sums over rows of weight 1.
func plain(rows uint64) (weight uint64, squares sketch.Uint128) {
	return rows * one, sketch.Product(rows*one, one)
}

// beyond returns rows, and what the others have beyond so many rows of weight 1.
func (s *Sums) beyond() []uint64 {
	w, sq := plain(s.Rows)
	lo, borrow := bits.Sub64(s.Squares.Lo, sq.Lo, 0)
	hi, _ := bits.Sub64(s.Squares.Hi, sq.Hi, borrow)
	return []uint64{s.Rows, s.Weight - w, lo, hi, s.Unknown}
}

// parse makes s what beyond returned, which is f[0][i], f[1][i] and so on; false if
// that cannot be, or if there are more rows than left, from which it takes them.
func (s *Sums) parse(f [][]uint64, i int, left *uint64) bool {
	if f[0][i] > *left || f[4][i] > f[0][i] {
		return false
	}
	s.Rows, s.Unknown = f[0][i], f[4][i]
	*left -= s.Rows
	w, sq := plain(s.Rows)
	var carry uint64
	s.Weight = w + f[1][i]
	s.Squares.Lo, carry = bits.Add64(sq.Lo, f[2][i], 0)
	s.Squares.Hi, _ = bits.Add64(sq.Hi, f[3][i], carry)
	return true
}

// Sizes bound what a rollup may refer to.
type Sizes struct{ Services, Names, Rows int }

// parseMinutes reads what appendMinutes wrote, and returns the bytes behind it.
func (r *Rollup) parseMinutes(src []byte, n Sizes) (rest []byte, err error) {
	f := &r.minutes
	for i := range f {
		f[i] = f[i][:0]
	}
	if err := readInts(&src, f[:], n.Rows); err != nil {
		return src, err
	}
	if len(f[1]) != len(f[0]) || len(f[2]) != len(f[0]) {
		return src, damaged("%d minutes, %d and %d counts", len(f[0]), len(f[1]), len(f[2]))
	}
	r.Minutes = r.Minutes[:0]
	for i, m := range f[0] {
		if i > 0 && m <= f[0][i-1] {
			return src, damaged("minute %d behind %d", m, f[0][i-1])
		}
		r.Minutes = append(r.Minutes, Counts{Minute: m, Unfinished: f[1][i], Moved: f[2][i]})
	}
	return src, nil
}

// ParseOperations reads what AppendOperations wrote into r, which has its minutes.
func (r *Rollup) ParseOperations(src []byte, n Sizes) error {
	var f [4][]uint32
	if err := readInts(&src, f[:], n.Rows); err != nil {
		return err
	}
	keys := len(f[0])
	if len(f[1]) != keys || len(f[2]) != keys || len(f[3]) != keys {
		return damaged("%d, %d, %d, %d parts of keys", keys, len(f[1]), len(f[2]), len(f[3]))
	}
	r.OperationKeys = resize(r.OperationKeys, keys)
	for i := range keys {
		k := OperationKey{Service: f[0][i], Name: f[1][i] - 1, Kind: uint8(f[2][i]), Status: uint8(f[3][i])}
		if int(k.Service) >= n.Services || k.Name != OtherName && int(k.Name) >= n.Names || f[2][i] > math.MaxUint8 || f[3][i] > math.MaxUint8 {
			return damaged("operation %d points outside its tables", i)
		}
		r.OperationKeys[i] = k
	}
	var err error
	r.Operations, err = r.parseSeries(r.Operations, src, keys, n.Rows)
	return err
}

// ParseEdges reads what AppendEdges wrote into r, which has its minutes.
func (r *Rollup) ParseEdges(src []byte, n Sizes) error {
	limit := 2 * n.Rows // a row may be called, and call
	c, src, err := column.ParseStrings(src, limit, maxText)
	if err != nil {
		return err
	}
	if err := c.Decode(&r.Peers); err != nil {
		return err
	}
	var f [3][]uint32
	if err := readInts(&src, f[:], limit); err != nil {
		return err
	}
	keys := len(f[0])
	if len(f[1]) != keys || len(f[2]) != keys {
		return damaged("%d, %d, %d parts of keys", keys, len(f[1]), len(f[2]))
	}
	for i := range keys {
		k := EdgeKey{Client: f[0][i], Server: f[1][i] - 1, Connection: storage.Connection(f[2][i] >> 1), Failed: f[2][i]&1 != 0}
		if int(k.Client) > n.Services || k.Server != OtherName && int(k.Server) >= n.Services+r.Peers.Len() || f[2][i]>>1 > uint32(storage.ConnDB) {
			return damaged("edge %d points outside its tables", i)
		}
		r.EdgeKeys = append(r.EdgeKeys, k)
	}
	r.Edges, err = r.parseSeries(r.Edges, src, keys, limit)
	return err
}

// ParseDurations reads what AppendDurations wrote into list.
func ParseDurations(list []Series, src []byte, n Sizes) error {
	hs, rest, err := sketch.Decode(src, len(list), 2*n.Rows)
	if err != nil {
		return err
	}
	if len(hs) != len(list) || len(rest) != 0 {
		return damaged("durations of %d series, %d bytes behind; want %d", len(hs), len(rest), len(list))
	}
	for i := range hs {
		list[i].Durations = hs[i]
	}
	return nil
}

// parseSeries reads what appendSeries wrote, in the memory of list.
func (r *Rollup) parseSeries(list []Series, src []byte, keys, rows int) ([]Series, error) {
	if err := r.columns.read(src, seriesFields, rows); err != nil {
		return nil, err
	}
	f := r.columns
	list = resize(list, len(f[0]))
	left := uint64(rows)
	for i := range list {
		s := &list[i]
		*s = Series{}
		if f[0][i] >= uint64(keys) || f[1][i] >= uint64(len(r.Minutes)) || !s.parse(f[2:], i, &left) {
			return nil, damaged("series %d points outside its tables", i)
		}
		s.Key, s.Minute = uint32(f[0][i]), r.Minutes[f[1][i]].Minute
	}
	return list, nil
}

// readInts reads a chunk of integers into each of fields, of at most limit values.
func readInts[T column.Uint](src *[]byte, fields [][]T, limit int) (err error) {
	for i := range fields {
		if fields[i], *src, err = column.DecodeInts(fields[i], *src, limit); err != nil {
			return err
		}
	}
	return nil
}

func damaged(format string, args ...any) error { return fmt.Errorf("damaged rollup: "+format, args...) }
