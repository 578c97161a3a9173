package xray

const (
	// maxDocumentBytes bounds a document, whose places are 32 bits here. A door stops
	// far below (--max-request); X-Ray itself stops at 64 kB.
	maxDocumentBytes = 1 << 30

	// maxEntries and maxSegments bound the keys and the subsegments of a document, for
	// each of which some memory is needed: 32 bytes and 256, so that it is no more than
	// 64 MiB. A document of X-Ray's 64 kB has a few thousand.
	maxEntries  = 1 << 20
	maxSegments = 1 << 17

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
