package column

// FlipInt maps int64 to uint64 so that unsigned order is signed order.
func FlipInt(v int64) uint64 { return uint64(v) ^ 1<<63 }

// UnflipInt is the inverse of FlipInt.
func UnflipInt(u uint64) int64 { return int64(u ^ 1<<63) }

// SortableDouble maps the bits of a double so that unsigned order is numeric
// order, with -0 right below 0 and NaNs at both ends by sign.
func SortableDouble(bits uint64) uint64 { return bits ^ (uint64(int64(bits)>>63) | 1<<63) }

// UnsortableDouble is the inverse of SortableDouble.
func UnsortableDouble(u uint64) uint64 { return u ^ (uint64(int64(^u)>>63) | 1<<63) }
