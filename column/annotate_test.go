package column

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// annotator prints chunks as hex with the meaning of each field. It reads the
// format as docs/format/column.md has it, by its own, simpler code: bit by bit.
type annotator struct {
	t   *testing.T
	src []byte
	at  int
	out strings.Builder
	in  int // depth
}

func (a *annotator) line(from, to int, format string, args ...any) {
	const perLine = 12
	text := strings.Repeat("  ", a.in) + fmt.Sprintf(format, args...)
	for first := true; first || from < to; first = false {
		end := min(to, from+perLine)
		fmt.Fprintln(&a.out, strings.TrimRight(fmt.Sprintf("%04x  %-*s %s", from, 3*perLine, fmt.Sprintf("% x", a.src[from:end]), text), " "))
		from, text = end, ""
	}
}

func (a *annotator) byte(names ...string) int {
	v := a.src[a.at]
	a.at++
	if len(names) == 1 {
		a.line(a.at-1, a.at, "%s %d", names[0], v)
	} else {
		a.line(a.at-1, a.at, "kind %d: %s", v, names[v])
	}
	return int(v)
}

func (a *annotator) uvarint(name string) uint64 {
	v, n := binary.Uvarint(a.src[a.at:])
	if n <= 0 {
		a.t.Fatalf("no %s at %d", name, a.at)
	}
	a.at += n
	a.line(a.at-n, a.at, "%s %d", name, v)
	return v
}

func (a *annotator) bytes(n int, format string, args ...any) []byte {
	a.at += n
	a.line(a.at-n, a.at, format, args...)
	return a.src[a.at-n : a.at]
}

// frame prints a zstd frame by its content: the compressor may change.
func (a *annotator) frame(size int, what string) []byte {
	dec, err := zstd.NewReader(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	defer dec.Close()
	data, err := dec.DecodeAll(a.src[a.at:a.at+size], nil)
	if err != nil {
		a.t.Fatalf("frame at %d: %v", a.at, err)
	}
	fmt.Fprintf(&a.out, "%04x  zstd frame of %d bytes%*s %s%s, %d bytes: %s\n", a.at, size, 12, "", strings.Repeat("  ", a.in), what, len(data), clipped(fmt.Sprintf("%q", data)))
	a.at += size
	return data
}

func clipped(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

func (a *annotator) bits(n, width int) []uint64 {
	payload := a.src[a.at : a.at+(n*width+7)/8]
	vals := make([]uint64, n)
	for i := range n * width {
		if payload[i/8]>>(i%8)&1 != 0 {
			vals[i/width] |= 1 << (i % width)
		}
	}
	if width > 0 && n > 0 {
		a.bytes(len(payload), "%d numbers of %d bits: %s", n, width, clipped(fmt.Sprint(vals)))
	}
	return vals
}

func (a *annotator) ints(name string) []uint64 {
	fmt.Fprintf(&a.out, "%s; %s\n", strings.Repeat(" ", 42+2*a.in), name)
	a.in++
	defer func() { a.in-- }()
	kind := a.byte("for", "delta", "runs", "zstd", "delta-zstd", "packs")
	n := int(a.uvarint("n"))
	if kind == 5 {
		return a.packs(n)
	}
	if kind == 2 {
		a.uvarint("size of the run values")
		var vals []uint64
		heads, lengths := a.ints("run values"), a.ints("run lengths")
		for i, v := range heads {
			for range lengths[i] {
				vals = append(vals, v)
			}
		}
		return vals
	}
	base := a.uvarint(map[int]string{0: "min", 1: "dmin", 3: "min", 4: "dmin"}[kind])
	width := a.byte("width")
	var first uint64
	packed := n
	if kind == 1 || kind == 4 {
		first = a.uvarint("first")
		packed--
	}
	var vals []uint64
	if kind >= 3 {
		data := a.frame(int(a.uvarint("size of the frame")), "byte planes")
		vals = make([]uint64, packed)
		for i, b := range data {
			vals[i%packed] |= uint64(b) << (8 * (i / packed))
		}
	} else {
		vals = a.bits(packed, width)
	}
	for i := range vals {
		vals[i] += base
	}
	if kind == 1 || kind == 4 {
		all := []uint64{first}
		for i, z := range vals {
			d := z / 2
			if z%2 != 0 {
				d = ^(z / 2)
			}
			all = append(all, all[i]+d)
		}
		vals = all
	}
	return vals
}

func (a *annotator) packs(n int) (vals []uint64) {
	least := a.uvarint("min")
	sumBits, lowBits := a.byte("bits of a sum"), a.byte("bits of a minimum")
	packs := (n + 63) / 64
	sums, lows := a.bits(packs+1, sumBits), a.bits(packs, lowBits)
	for i, low := range lows {
		for _, v := range a.bits(min(64, n-64*i), int(sums[i+1]-sums[i])) {
			vals = append(vals, least+low+v)
		}
	}
	return vals
}

func (a *annotator) bitmap() []bool {
	kind := a.byte("none", "all", "bits", "members", "runs")
	set := make([]bool, a.uvarint("n"))
	switch kind {
	case 1:
		for i := range set {
			set[i] = true
		}
	case 2:
		for i, b := range a.bits(len(set), 1) {
			set[i] = b != 0
		}
	case 3:
		for _, i := range a.ints("members") {
			set[i] = true
		}
	case 4:
		at := 0
		for i, run := range a.ints("runs") {
			for range run {
				set[at] = i%2 != 0
				at++
			}
		}
	}
	return set
}

func (a *annotator) doubles() []uint64 {
	if a.byte("plain", "decimal") == 0 {
		return a.ints("bits")
	}
	power := math.Pow10(a.byte("exponent"))
	vals := a.ints("integers")
	for i, v := range vals {
		vals[i] = math.Float64bits(float64(int64(v)) / power)
	}
	if positions := a.ints("positions of exceptions"); len(positions) > 0 {
		for i, bits := range a.ints("bits of exceptions") {
			vals[positions[i]] = bits
		}
	}
	return vals
}

func (a *annotator) strings() []string {
	kind := a.byte("raw", "equal", "uuid", "ipv4", "hex", "clp", "mixed")
	n, total := int(a.uvarint("n")), int(a.uvarint("total"))
	out := make([]string, 0, n)
	switch kind {
	case 0:
		out = a.blocks(n, a.rawBlock)
	case 1:
		s := string(a.bytes(total/n, "string"))
		for range n {
			out = append(out, s)
		}
	case 2:
		for range n {
			h := fmt.Sprintf("%x", a.bytes(16, "uuid"))
			out = append(out, h[:8]+"-"+h[8:12]+"-"+h[12:16]+"-"+h[16:20]+"-"+h[20:])
		}
	case 3:
		for _, v := range a.ints("addresses") {
			out = append(out, fmt.Sprintf("%d.%d.%d.%d", v>>24, v>>16&255, v>>8&255, v&255))
		}
	case 4:
		half := int(a.uvarint("digits")) / 2
		for range n {
			out = append(out, fmt.Sprintf("%x", a.bytes(half, "id")))
		}
	case 5:
		count := int(a.uvarint("templates"))
		heads := a.ints("heads of templates")
		templates := a.blocks(count, a.rawBlock)
		for i, t := range templates {
			if want := uint64(marks(t))<<8 | uint64(crc32.Checksum([]byte(t), castagnoli)&255); heads[i] != want {
				a.t.Errorf("template %d, %q, has head %#x, want %#x", i, t, heads[i], want)
			}
		}
		out = a.blocks(n, func(n, _ int) []string { return a.clpBlock(templates, n) })
	case 6:
		positions := a.ints("positions of the others")
		a.in++
		main, rest := a.strings(), a.strings()
		a.in--
		for i := range n {
			if len(positions) > 0 && positions[0] == uint64(i) {
				out, positions, rest = append(out, rest[0]), positions[1:], rest[1:]
			} else {
				out, main = append(out, main[0]), main[1:]
			}
		}
	}
	return out
}

func (a *annotator) blocks(n int, block func(n, size int) []string) []string {
	if n == 0 {
		return nil
	}
	a.in++
	defer func() { a.in-- }()
	per := int(a.uvarint("strings per block"))
	if per == n {
		return block(n, int(a.uvarint("size of the block")))
	}
	var out []string
	last := 0
	for _, end := range a.ints("ends of blocks") {
		from := a.at
		out = append(out, block(min(per, n-len(out)), int(end)-last)...)
		if a.at-from != int(end)-last {
			a.t.Fatalf("block of %d bytes, want %d", a.at-from, int(end)-last)
		}
		last = int(end)
	}
	return out
}

func (a *annotator) rawBlock(_, size int) []string {
	from := a.at
	lengths := a.ints("lengths")
	var data []byte
	if a.byte("method") == 0 {
		total := 0
		for _, l := range lengths {
			total += int(l)
		}
		data = a.src[a.at : a.at+total]
		a.bytes(total, "plain: %s", clipped(fmt.Sprintf("%q", data)))
	} else {
		data = a.frame(from+size-a.at, "strings")
	}
	var out []string
	for _, l := range lengths {
		out, data = append(out, string(data[:l])), data[l:]
	}
	return out
}

func (a *annotator) clpBlock(templates []string, n int) []string {
	codes := a.ints("template codes")
	positions := 0
	for _, c := range codes {
		positions = max(positions, marks(templates[c]))
	}
	var numbers [][]uint64
	for i := range positions {
		numbers = append(numbers, a.ints(fmt.Sprintf("numbers at position %d", i)))
	}
	out := make([]string, n)
	for i, c := range codes {
		var s strings.Builder
		t, pos := templates[c], 0
		for j := 0; j < len(t); j++ {
			switch t[j] {
			case 1:
				fmt.Fprintf(&s, "%d", numbers[pos][0])
			case 2:
				j++
				fmt.Fprintf(&s, "%0*d", int(t[j]), numbers[pos][0])
			default:
				s.WriteByte(t[j])
				continue
			}
			numbers[pos] = numbers[pos][1:]
			pos++
		}
		out[i] = s.String()
	}
	return out
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// marks returns how many numbers a template has.
func marks(template string) int { return strings.Count(widthMark.Replace(template), "\x01") }

// widthMark makes every padded mark a plain one, so that marks can be counted.
var widthMark = func() *strings.Replacer {
	var pairs []string
	for w := range 19 {
		pairs = append(pairs, "\x02"+string(rune(w)), "\x01")
	}
	return strings.NewReplacer(pairs...)
}()
