// Package column holds the parts that tables are made of, as bytes in memory:
// lists of strings, dictionaries, bitmaps, and their encodings. It does no I/O
// and does not know what a span is.
package column
