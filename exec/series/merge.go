package series

import "github.com/clew-tracing/clew/sketch"

// Remembered is how many bytes are remembered, about.
func (b *Builder) Remembered() int64 { return b.size }

// Merge adds what another builder of the same Spec has been told, whose series are to[i]
// of this one. What comes of it is what would of one that had been told everything. The
// other is not used any more.
func (b *Builder) Merge(o *Builder, to []int) {
	if b.err == nil {
		b.err = o.err
	}
	if o.left != "" && b.dots > 0 {
		b.forget()
	}
	for i, from := range o.list {
		if b.err != nil {
			return
		}
		b.merge(b.list[to[i]], from)
	}
}

func (b *Builder) merge(c, o *cells) {
	c.sampled = c.sampled || o.sampled
	if c.variance == nil && o.variance != nil {
		b.vary(c)
	}
	for step := range b.spec.Steps {
		switch b.spec.Fn {
		case Rate, Count:
			c.weight[step], c.squares[step] = c.weight[step].Plus(o.weight[step]), c.squares[step].Add(o.squares[step])
		case Sum, Avg:
			c.weight[step] = c.weight[step].Plus(o.weight[step])
			c.sums[step].Merge(&o.sums[step])
			if o.variance != nil {
				c.variance[step].merge(&o.variance[step])
			}
		case Quantile, Octaves:
			b.mergeDistribution(c, o, step)
		case CountDistinct:
			for k := range o.distinct[step] {
				b.remind(c, step, k)
			}
		default:
			if o.has[step] {
				c.outermost(b.spec.Fn, &Measurement{Step: step, Exemplar: o.edgeAt[step]}, o.edge[step])
			}
		}
		if c.taken != nil && o.taken != nil && o.taken[step] {
			c.example(step, &o.exemplars[step])
		}
	}
}

// mergeDistribution adds the distribution of a step.
func (b *Builder) mergeDistribution(c, o *cells, step int) {
	from := o.distribution(step)
	if from.Count() == 0 {
		return
	}
	d := c.distribution(step)
	before := d.Buckets()
	if before == 0 {
		*d, *from = *from, sketch.Signed{}
	} else {
		d.Merge(from)
	}
	b.Remember(int64(d.Buckets()-before) * bucketBytes)
}

func (v *variance) merge(o *variance) {
	v.spread = v.spread.Add(o.spread)
	v.values.Merge(&o.values)
	v.squares.Merge(&o.squares)
}
