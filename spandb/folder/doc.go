// Package folder is what lies in a store's folder besides the segments
// themselves: the names of files, the manifest that says which segments there are,
// and what precedes a request in the log. It knows neither rows nor readers.
//
// docs/format has a page for each kind of file.
package folder
