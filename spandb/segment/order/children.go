package order

// Children places events or links in the order of their spans. It keeps its memory from
// one to the other.
type Children struct {
	Place  []uint32 // child → new index
	Limits []int    // by block: end of its children
	perm   []uint32 // new index → child
	count  []uint32 // scratch: by row in its new place
}

// Build finds the places of children, whose rows are owner, in an order that is built.
func (c *Children) Build(o *Order, owner []uint32) {
	c.count = resize(c.count, len(o.Perm)+1)
	count := c.count
	clear(count)
	for _, r := range owner {
		count[o.Inv[r]+1]++
	}
	for i := 1; i < len(count); i++ {
		count[i] += count[i-1]
	}
	c.Place, c.perm, c.Limits = resize(c.Place, len(owner)), resize(c.perm, len(owner)), c.Limits[:0]
	for _, blk := range o.Blocks {
		c.Limits = append(c.Limits, int(count[blk.End]))
	}
	for i, r := range owner {
		p := o.Inv[r]
		c.Place[i] = count[p]
		c.perm[count[p]] = uint32(i)
		count[p]++
	}
}

// Each calls f for every block that has children, with their old numbers.
func (c *Children) Each(f func(blk int, children []uint32)) {
	start := 0
	for blk, end := range c.Limits {
		if end > start {
			f(blk, c.perm[start:end])
		}
		start = end
	}
}
