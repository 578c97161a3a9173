package rollup

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/column"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// network is the scratch memory for the series of edges.
type network struct {
	who  []uint64 // by position: service<<16 | kind<<8 | status
	conn []uint8  // by row of the batch: storage.Connection
	// served has the positions of which a server or another service is a child, and
	// calls those that call out and are not served, by row of the batch.
	served, calls column.Bitmap
	open          []uint32 // the positions of calls
	peer          []uint32 // by row of the batch, of calls: peer + 1, 0 if it has no name

	peers     map[string]uint32
	peerNames column.Strings
	codes     []uint32 // by code of a column: peer + 1

	halves map[uint32]*halves // of shared spans, by the positions of both

	seen  []uint32 // positions that are counted
	keyOf []uint32 // of each
	keys  []edgeRows
	last  uint32   // number of the key counted last
	slots []uint32 // numbers of keys + 1, by hash: open addressing, at most half full
	edges keyed
}

// edgeRows is an edge and how many rows it has.
type edgeRows struct {
	EdgeKey
	rows uint32
	id   uint32 // number before sorting
}

// countEdges makes the keys and series of edges.
func (b *Builder) countEdges() {
	n := &b.net
	n.begin(b.r)
	n.connections(b.r)
	n.pair(b.r)
	for at, parent := range b.r.Parent {
		if len(n.halves) > 0 {
			parent = n.halfParent(uint32(at), parent)
		}
		if parent != NoParent {
			b.child(uint32(at), parent)
		}
	}
	n.outgoing(b.r)
	n.name(b.r)
	b.virtual()
	n.cap(b.r.Services)
	n.sort(b.r.Services, &b.out)
	plain := b.plain()
	for key := range b.out.EdgeKeys {
		rows := n.edges.of(key)
		if !plain {
			for _, at := range rows {
				b.take(at)
			}
			b.out.Edges = b.flush(b.out.Edges, uint32(key))
			continue
		}
		b.values = resize(b.values, len(rows))
		for i, at := range rows {
			b.values[i] = b.r.Duration[at]
		}
		b.acc.Add(b.values, uint64(clew.WeightOne))
		b.values = b.values[:0]
		b.out.Edges = b.plainSeries(b.out.Edges, uint32(key), uint64(len(rows)))
	}
}

// begin notes who each row is.
func (n *network) begin(r *Rows) {
	rows := len(r.Start)
	n.who = resize(n.who, rows)
	for _, run := range r.Runs {
		t := &r.Templates[run.Template]
		who := uint64(t.Service)<<16 | uint64(t.Kind)<<8 | uint64(t.Status)
		part := n.who[run.Start:run.End]
		for i := range part {
			part[i] = who
		}
	}
	n.served, n.calls = n.served.Reset(rows), n.calls.Reset(r.Batch.Rows)
	n.seen, n.keyOf, n.keys, n.last = n.seen[:0], n.keyOf[:0], n.keys[:0], 0
	if n.slots == nil {
		n.slots, n.peers, n.halves = make([]uint32, 1<<10), make(map[string]uint32), make(map[uint32]*halves)
	}
	clear(n.slots)
	clear(n.peers)
	n.peerNames.Reset()
}

func kindOf(who uint64) clew.Kind { return clew.Kind(who >> 8) }

func failed(who uint64) bool { return clew.Status(who) == clew.StatusError }

func outbound(k clew.Kind) bool { return k == clew.KindClient || k == clew.KindProducer }

func inbound(k clew.Kind) bool { return k == clew.KindServer || k == clew.KindConsumer }

// halves are the positions of the two halves of a shared span, NoParent for one that is
// not there.
type halves struct{ server, other uint32 }

// pair finds the halves of shared spans, by each of their positions.
func (n *network) pair(r *Rows) {
	clear(n.halves)
	for _, t := range r.Twins { // the first of an id, and another one of it
		h, ok := n.halves[t[0]]
		if !ok {
			h = &halves{NoParent, NoParent}
		}
		for _, at := range t {
			half := &h.other
			if inbound(kindOf(n.who[at])) {
				half = &h.server
			}
			if *half == NoParent {
				*half = at
			}
			n.halves[at] = h
		}
	}
}

// halfParent returns the parent of a row as trees have it: the server's half of a shared
// span is a child of the other, and what names the id of both is one of the server's.
func (n *network) halfParent(at, parent uint32) uint32 {
	if h := n.halves[at]; h != nil && h.other != NoParent && inbound(kindOf(n.who[at])) {
		return h.other
	}
	if h := n.halves[parent]; h != nil && h.server != NoParent {
		return h.server
	}
	return parent
}

// child counts a row that has a parent, if the two are an edge.
func (b *Builder) child(at, parent uint32) {
	n := &b.net
	c, p := n.who[at], uint64(b.r.Services)<<16 // whoever the client is
	if parent != Elsewhere {
		p = n.who[parent]
		if p>>16 == c>>16 && !(outbound(kindOf(p)) && inbound(kindOf(c))) {
			return
		}
		n.served.Set(int(parent))
	}
	if b.odd && b.unfinished(at) {
		return
	}
	key := EdgeKey{Client: uint32(p >> 16), Server: uint32(c >> 16), Failed: failed(c)}
	if !outbound(kindOf(c)) { // else it tells of the next call
		key.Connection = n.connection(b.r.Row[at], kindOf(c))
	}
	if outbound(kindOf(p)) {
		key.Failed = key.Failed || failed(p)
		if key.Connection == storage.ConnOther {
			key.Connection = n.connection(b.r.Row[parent], kindOf(p))
		}
	}
	n.note(at, key)
}

// connection returns how a row says that it talks.
func (n *network) connection(row uint32, k clew.Kind) storage.Connection {
	c := storage.Connection(n.conn[row])
	if c == storage.ConnOther && (k == clew.KindProducer || k == clew.KindConsumer) {
		return storage.ConnMessaging
	}
	return c
}

// note counts the row at a position as one of an edge.
func (n *network) note(at uint32, key EdgeKey) {
	if len(n.keys) == 0 || n.keys[n.last].EdgeKey != key {
		slot := n.slot(&key)
		if n.slots[slot] == 0 {
			if 2*len(n.keys) >= len(n.slots) {
				n.grow()
				slot = n.slot(&key)
			}
			n.keys = append(n.keys, edgeRows{EdgeKey: key, id: uint32(len(n.keys))})
			n.slots[slot] = uint32(len(n.keys))
		}
		n.last = n.slots[slot] - 1
	}
	n.keys[n.last].rows++
	n.seen, n.keyOf = append(n.seen, at), append(n.keyOf, n.last)
}

// slot finds where a key is, or would be.
func (n *network) slot(key *EdgeKey) uint32 {
	h := (uint64(key.Client)<<32 | uint64(key.Server)) * 0x9E3779B97F4A7C15
	if h ^= uint64(key.Connection) << 40; key.Failed {
		h ^= 1 << 44
	}
	mask := uint32(len(n.slots) - 1)
	at := uint32(h>>40) & mask
	for n.slots[at] != 0 && n.keys[n.slots[at]-1].EdgeKey != *key {
		at = (at + 1) & mask
	}
	return at
}

func (n *network) grow() {
	n.slots = make([]uint32, 2*len(n.slots))
	for i := range n.keys {
		n.slots[n.slot(&n.keys[i].EdgeKey)] = uint32(i) + 1
	}
}

// outgoing finds the rows that call out and that no row answers.
func (n *network) outgoing(r *Rows) {
	for _, t := range r.Twins { // one call seen from both sides
		if inbound(kindOf(n.who[t[1]])) {
			n.served.Set(int(t[0]))
		}
	}
	for _, t := range r.Twins { // one call stored twice
		if n.served.Get(int(t[0])) || inbound(kindOf(n.who[t[0]])) {
			n.served.Set(int(t[1]))
		}
	}
	n.open = n.open[:0]
	for _, run := range r.Runs {
		if !outbound(clew.Kind(r.Templates[run.Template].Kind)) {
			continue
		}
		for at := run.Start; at < run.End; at++ {
			if !n.served.Get(int(at)) {
				n.open = append(n.open, at)
				n.calls.Set(int(r.Row[at]))
			}
		}
	}
}

// virtual counts the calls whose server is known by name only.
func (b *Builder) virtual() {
	n := &b.net
	for _, at := range n.open {
		row := b.r.Row[at]
		if n.peer[row] == 0 || b.odd && b.unfinished(at) {
			continue
		}
		who := n.who[at]
		n.note(at, EdgeKey{Client: uint32(who >> 16), Server: uint32(b.r.Services) + n.peer[row] - 1,
			Connection: n.connection(row, kindOf(who)), Failed: failed(who)})
	}
}

// cap makes the rarest virtual servers of a client that has more than maxPeers one.
func (n *network) cap(services int) {
	type call struct{ client, server uint32 }
	if n.peerNames.Len() <= maxPeers {
		return
	}
	rows := make(map[call]uint32)
	for _, k := range n.keys {
		if int(k.Server) >= services {
			rows[call{k.Client, k.Server}] += k.rows
		}
	}
	calls := slices.Collect(maps.Keys(rows))
	slices.SortFunc(calls, func(x, y call) int {
		name := func(c call) []byte { return n.peerNames.At(int(c.server) - services) }
		return cmp.Or(cmp.Compare(x.client, y.client), cmp.Compare(rows[y], rows[x]), bytes.Compare(name(x), name(y)))
	})
	rare := make(map[call]bool)
	for i, c := range calls {
		rare[c] = i >= maxPeers && calls[i-maxPeers].client == c.client
	}
	for i := range n.keys {
		if k := &n.keys[i]; rare[call{k.Client, k.Server}] {
			k.Server = OtherName
		}
	}
}

// sort puts the keys in order, those that cap made equal as one, numbers the peers
// that are left by their names, and lists the rows by key.
func (n *network) sort(services int, out *Rollup) {
	peers := make([]uint32, 0, n.peerNames.Len()) // those in use
	for i := range n.keys {
		if k := &n.keys[i]; int(k.Server) >= services && k.Server != OtherName {
			peers = append(peers, k.Server-uint32(services))
		}
	}
	slices.SortFunc(peers, func(x, y uint32) int { return bytes.Compare(n.peerNames.At(int(x)), n.peerNames.At(int(y))) })
	peers = slices.Compact(peers)
	number := make([]uint32, max(n.peerNames.Len(), len(n.keys)))
	for i, p := range peers {
		out.Peers.Append(n.peerNames.At(int(p)))
		number[p] = uint32(services + i)
	}
	for i := range n.keys {
		if k := &n.keys[i]; int(k.Server) >= services && k.Server != OtherName {
			k.Server = number[k.Server-uint32(services)]
		}
	}
	slices.SortFunc(n.keys, func(x, y edgeRows) int { return compareEdges(&x.EdgeKey, &y.EdgeKey) })
	for i := range n.keys {
		if i == 0 || n.keys[i].EdgeKey != n.keys[i-1].EdgeKey {
			out.EdgeKeys = append(out.EdgeKeys, n.keys[i].EdgeKey)
		}
		number[n.keys[i].id] = uint32(len(out.EdgeKeys) - 1)
	}
	n.edges.ends, n.edges.list = resize(n.edges.ends, len(out.EdgeKeys)+1), resize(n.edges.list, len(n.seen))
	clear(n.edges.ends)
	for i := range n.keys {
		n.edges.ends[number[n.keys[i].id]+1] += n.keys[i].rows
	}
	n.edges.sum()
	for i, id := range n.keyOf {
		at := &n.edges.ends[number[id]]
		n.edges.list[*at] = n.seen[i]
		*at++
	}
}

func compareEdges(x, y *EdgeKey) int {
	side := func(failed bool) int {
		if failed {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(x.Client, y.Client), cmp.Compare(x.Server, y.Server), cmp.Compare(x.Connection, y.Connection),
		cmp.Compare(side(x.Failed), side(y.Failed)))
}

// signs are attributes that tell how a span talks, and names those that name whom
// it talks to, the better ones first: OpenTelemetry's semantic conventions and, of
// each, the name that it had before.
var (
	signs = map[string]storage.Connection{
		"http.request.method": storage.ConnHTTP, "http.method": storage.ConnHTTP,
		"rpc.system.name": storage.ConnGRPC, "rpc.system": storage.ConnGRPC,
		"messaging.system": storage.ConnMessaging,
		"db.system.name":   storage.ConnDB, "db.system": storage.ConnDB,
	}
	names = []string{"service.peer.name", "peer.service", "db.system.name", "db.system", "messaging.system",
		"server.address", "net.peer.name"}
)

// connections finds how each row says that it talks: the greatest of what its
// attributes say.
func (n *network) connections(r *Rows) {
	n.conn = resize(n.conn, r.Batch.Rows)
	clear(n.conn)
	for i := range r.Batch.Attrs.Columns {
		c := &r.Batch.Attrs.Columns[i]
		sign, ok := signs[c.Key]
		if !ok || c.Type != clew.TypeString {
			continue
		}
		if sign == storage.ConnGRPC {
			n.grpc(c)
			continue
		}
		for _, row := range c.Rows {
			n.conn[row] = max(n.conn[row], uint8(sign))
		}
	}
}

// grpc notes the rows whose RPC system is gRPC; other systems are other.
func (n *network) grpc(c *span.Column) {
	for i, row := range c.Rows {
		if string(c.Strings.At(int(c.Vals[i]))) == "grpc" {
			n.conn[row] = max(n.conn[row], uint8(storage.ConnGRPC))
		}
	}
}

// name finds the names of the servers of calls.
func (n *network) name(r *Rows) {
	n.peer = resize(n.peer, r.Batch.Rows)
	clear(n.peer)
	left := len(n.open)
	for _, name := range names {
		if c := r.Batch.Attrs.Lookup(name, clew.TypeString); c != nil && left > 0 {
			left -= n.nameBy(c)
		}
	}
}

// nameBy gives calls that have no name the one in a column, and returns how many.
func (n *network) nameBy(c *span.Column) (named int) {
	n.codes = resize(n.codes, c.Strings.Len())
	clear(n.codes)
	for i, row := range c.Rows {
		if !n.calls.Get(int(row)) {
			continue
		}
		n.calls.Clear(int(row))
		named++
		code := &n.codes[c.Vals[i]]
		if *code == 0 {
			text := c.Strings.At(int(c.Vals[i]))
			id, ok := n.peers[string(text)]
			if !ok {
				id = uint32(n.peerNames.Len())
				n.peers[string(text)] = id
				n.peerNames.Append(text)
			}
			*code = id + 1
		}
		n.peer[row] = *code
	}
	return named
}
