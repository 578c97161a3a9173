package order

// Children places events or links in the order of their spans.
type Children struct {
	Place  []uint32 // child → new index
	Limits []int    // by block: end of its children
	perm   []uint32 // new index → child
}

// Children finds the places of children, whose rows are owner, after Build.
func (o *Order) Children(owner []uint32) Children {
	count := make([]uint32, len(o.Perm)+1)
	for _, r := range owner {
		count[o.Inv[r]+1]++
	}
	for i := 1; i < len(count); i++ {
		count[i] += count[i-1]
	}
	c := Children{Place: make([]uint32, len(owner)), perm: make([]uint32, len(owner))}
	for _, blk := range o.Blocks {
		c.Limits = append(c.Limits, int(count[blk.End]))
	}
	for i, r := range owner {
		p := o.Inv[r]
		c.Place[i] = count[p]
		c.perm[count[p]] = uint32(i)
		count[p]++
	}
	return c
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
