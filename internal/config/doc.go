// Package config resolves clew's settings. One table declares every setting:
// its name, type, default, scope, whether a running server can take a new
// value, and a sentence of help. Flags, environment variables, the keys of the
// configuration file, `clew config` and docs/reference/config.md all come from
// that table, so that they cannot disagree.
//
// A setting called max-disk is the flag --max-disk, the variable CLEW_MAX_DISK
// and the key max-disk of the file. The first source that names it wins:
//
//	flag  >  CLEW_* variable  >  --config file  >  default
//
// A name no setting has, in the file or among the CLEW_* variables, is an error
// that names the nearest setting, never ignored: a misspelt retention must not
// cost data.
package config
