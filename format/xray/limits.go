package xray

const (
	// maxDocumentBytes bounds a document, whose places are 32 bits here. A door stops
	// far below (--max-request); X-Ray itself stops at 64 kB.
	maxDocumentBytes = 1 << 30

	// maxNested bounds subsegments within subsegments: readers recurse. What SDKs send
	// has the depth of the calls that somebody wrapped by hand, ten or twenty.
	maxNested = 100

	// maxNameRunes is X-Ray's own bound of names.
	maxNameRunes = 200

	// maxShown shortens what a document has and an error tells again.
	maxShown = 64

	// fewMembers is up to how many members of an object are looked through one by one.
	fewMembers = 16

	// maxValueDepth bounds values within values of attributes that are written as JSON:
	// the store takes no deeper ones.
	maxValueDepth = 100
)
