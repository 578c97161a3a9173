// Package tidy holds the repository to its own rules: which package may import
// which, how long things may be, what may not be called, that packages say what
// they are, that links lead somewhere, that no test is left out everywhere, that code in the documents compiles and
// that the list of dependencies is the true one.
//
// Each rule is a function from the tree to findings, so that a rule is tested
// on a small bad tree of its own (testdata/*.txtar) and then run on the
// repository. Run the test with -count=1: go test caches results and does not
// see that files other than this package's have changed.
//
// The package is for tests; nothing of the product imports it.
package tidy
