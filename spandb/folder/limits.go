package folder

// maxEdits is the number of edits after which the manifest is written anew.
const maxEdits = 1000

// maxCurrentBytes bounds CURRENT, which names a file.
const maxCurrentBytes = 256

// maxManifestPayload bounds one edit, maxManifestBytes what is read of a manifest:
// a million segments are some 80 MB.
const (
	maxManifestPayload = 1 << 28
	maxManifestBytes   = 1 << 30
)
