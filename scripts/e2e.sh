#!/usr/bin/env bash
# End to end: the page's browser tests against its fixture server; then, against
# ./bin/clew on free ports with an empty store, the OpenTelemetry SDK for Node over
# every protocol, and the browser tests of page and server together. Those get
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
	kill -0 "$server" 2>/dev/null || break
	sleep 0.05
done
failed() {
	echo "$1; the server's log:" >&2
	tail -n 50 "$work/server.log" >&2
	exit 1
}
[ -s "$work/addresses.json" ] || failed 'the server did not start'
address() { node -p "require('$work/addresses.json')['$1'][0]"; }
CLEW_URL="http://$(address page)"
OTLP_HTTP_URL="http://$(address otlp-http)"
export CLEW_URL OTLP_HTTP_URL

# node_sdk PROTOCOL COMPRESSION ENDPOINT: 25 traces of four spans, each found once.
node_sdk() {
	local service="node-${1//\//-}-$2" spans
	(cd examples/node && OTEL_SERVICE_NAME=$service OTEL_EXPORTER_OTLP_PROTOCOL=$1 OTEL_EXPORTER_OTLP_COMPRESSION=$2 \
		OTEL_EXPORTER_OTLP_ENDPOINT=$3 node index.mjs 25 >"$work/node.out") || failed "the SDK for Node failed over $1, $2"
	spans=$(env -u CLEW_URL ./bin/clew search --server "$CLEW_URL" --count "{ resource.service.name = \"$service\" }" | awk '$1 == "spans" { print $2 }')
	[ "$spans" = "$(sed -n 's/^spans=//p' "$work/node.out")" ] || failed "over $1, $2 the SDK for Node sent $(cat "$work/node.out"), found are $spans"
	echo "ok  OpenTelemetry SDK for Node, $1, $2: $spans spans sent and found"
}
(cd examples/node && npm install --no-save --no-audit --no-fund --loglevel=error)
for compression in none gzip; do
	node_sdk http/protobuf $compression "$OTLP_HTTP_URL"
	node_sdk http/json $compression "$OTLP_HTTP_URL"
	node_sdk grpc $compression "http://$(address otlp-grpc)"
done

(cd ui && npm run --silent e2e) || failed 'the browser tests failed'
