package view

const (
	// maxNames bounds the names that a Builder keeps so that they are not made again: some
	// hundred KB of them.
	maxNames = 1 << 12
	// fewAttrs is up to how many attributes of a row are gone through for one; more are
	// found by a map.
	fewAttrs = 48
	// maxPath bounds the segments and subsegments of one path of causes; what is deeper is
	// left out of its middle: nobody reads that far.
	maxPath = 100
	// maxCauses bounds the paths of one kind of a trace, which may have 100,000 failed
	// spans: those whose causes start first are told.
	maxCauses = 20
)
