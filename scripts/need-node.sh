#!/usr/bin/env bash
# Says what is missing to build the page: Node 20.19 or newer in the 20s, 22.12
# or newer above, and npm.
set -euo pipefail

wanted='the page needs Node 20.19 or newer (22.12 or newer if it is not 20) and npm: https://nodejs.org/'
if ! command -v node >/dev/null; then
	echo "there is no node: $wanted" >&2
	exit 1
fi
version=$(node -p 'process.versions.node')
IFS=. read -r major minor _ <<<"$version"
if ! { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; } &&
	! { [ "$major" -eq 22 ] && [ "$minor" -ge 12 ]; } && ! [ "$major" -gt 22 ]; then
	echo "node is $version: $wanted" >&2
	exit 1
fi
if ! command -v npm >/dev/null; then
	echo "there is no npm: $wanted" >&2
	exit 1
fi
