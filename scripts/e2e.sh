#!/usr/bin/env bash
# Runs the browser tests: those of the page against its fixture server, then those
# of page and server together against ./bin/clew on free ports with an empty store.
# The latter get the addresses in the environment:
#
#   CLEW_URL       the page and the API, as http://127.0.0.1:PORT
#   OTLP_HTTP_URL  the OTLP door for HTTP, likewise
#   CHROMIUM       the browser
set -euo pipefail
cd "$(dirname "$0")/.."

CHROMIUM=$(command -v chromium)
export CHROMIUM
# The filter is the files right in e2e: those in server/ need a server.
(cd ui && npm run --silent e2e -- --project=page 'e2e/[^/]*\.spec\.ts$')

work=$(mktemp -d)
server=
finish() {
	if [ -n "$server" ] && kill -TERM "$server" 2>/dev/null; then
		wait "$server" || true
	fi
	rm -rf "$work"
}
trap finish EXIT

./bin/clew serve --data "$work/data" --listen 127.0.0.1 \
	--http-port 0 --otlp-grpc-port 0 --otlp-http-port 0 \
	--addresses-file "$work/addresses.json" >"$work/server.log" 2>&1 &
server=$!
for _ in $(seq 1 200); do
	[ -s "$work/addresses.json" ] && break
	if ! kill -0 "$server" 2>/dev/null; then
		echo "the server did not start:" >&2
		cat "$work/server.log" >&2
		exit 1
	fi
	sleep 0.05
done
address() { node -p "require('$work/addresses.json')['$1'][0]"; }
CLEW_URL="http://$(address page)"
OTLP_HTTP_URL="http://$(address otlp-http)"
export CLEW_URL OTLP_HTTP_URL

if ! (cd ui && npm run --silent e2e); then
	echo "the server's log:" >&2
	tail -n 50 "$work/server.log" >&2
	exit 1
fi
