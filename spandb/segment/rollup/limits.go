package rollup

// maxOperations is the most span names of a service that have series of their own
// in a segment; the rarer ones fall into the operation "other". Services have some
// dozens; those that write an identifier into the name have one for every row, and
// series of one row each would be as large as the rows.
const maxOperations = 512

// maxPeers is the same for the virtual servers of a client: those named by an
// address of a pod, or of a customer, are without number.
const maxPeers = 256

// maxDenseMinutes is the range of minutes for which a table is kept by minute: 23
// days. Rows lie within 8 days, unless nobody knows when they came.
const maxDenseMinutes = 1 << 15

// maxText bounds the bytes that a damaged list of peers may claim to unpack to: as
// the strings of a segment.
const maxText = 256 << 20

// maxDense is the most series of an answer that have an accumulator of 16 KiB at a time:
// 4 MiB for one answer. It is several minutes of dozens of services, which is what
// segments that follow each other have in common.
const maxDense = 256
