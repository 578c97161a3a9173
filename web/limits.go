package web

// maxPrefixBytes bounds X-Forwarded-Prefix. Real prefixes are a word or two;
// the header is repeated into every index.html.
const maxPrefixBytes = 256
