#!/usr/bin/env bash
# Measures a server on a large store: how long it takes to start, what it takes when
# nobody asks, and what the lookup of a trace costs.
#
#   go test ./spandb -count=1 -timeout 60m -run TestMakeLargeStore -v -args -large "$PWD/large" | tee large.log
#   scripts/large-store.sh ./bin/clew large large.log
#
# The second argument is the folder of the store, the third the file in which the ids
# of some of its traces stand on lines "trace ID". Flags that follow go to the server.
# CPU is the kernel's account of the process, in ticks of 10 ms, so that a lookup is
# timed as the mean of as many as there are ids, each asked for ROUNDS times (20).
set -euo pipefail
clew=$1 store=$2 ids=$3
shift 3
rounds=${ROUNDS:-20} idle=${IDLE:-60} page=${PORT:-14300}
url=http://127.0.0.1:$page
hz=$(getconf CLK_TCK)

mapfile -t traces < <(sed -n 's/^trace //p' "$ids")
echo "segments: $(find "$store/seg" -name '*.seg' | wc -l), bytes: $(du -sb "$store" | cut -f1), traces asked for: ${#traces[@]}"

pid=
stop() { [ -z "$pid" ] || { kill "$pid" && wait "$pid" || true; pid=; }; }
trap stop EXIT

# ticks prints the CPU of the server so far.
ticks() { sed 's/.*) //' "/proc/$pid/stat" | awk '{print $12 + $13}'; }
rss() { awk '/^VmRSS/ {printf "%.1f MB", $2 * 1024 / 1e6}' "/proc/$pid/status"; }

start() {
	local began
	began=$(date +%s%N)
	"$clew" serve --data "$store" --listen 127.0.0.1 --http-port "$page" --otlp-grpc-port 0 --otlp-http-port 0 \
		"$@" > large-store.out 2>&1 &
	pid=$!
	until curl -fs -o /dev/null "$url/readyz"; do
		kill -0 "$pid" || { cat large-store.out; exit 1; }
	done
	echo "exec to /readyz 200: $(( ($(date +%s%N) - began) / 1000000 )) ms, the time of curl included"
}

# lookups asks for every trace n times over one connection and prints the CPU of each.
lookups() {
	local n=$1 before after list=large-store.urls
	for _ in $(seq "$n"); do printf 'url = "'"$url"'/api/v1/traces/%s"\noutput = "/dev/null"\n' "${traces[@]}"; done > "$list"
	before=$(ticks)
	curl -fsS -H 'Accept: application/x-protobuf' -K "$list"
	after=$(ticks)
	rm -f "$list"
	awk -v d=$((after - before)) -v hz="$hz" -v n=$((n * ${#traces[@]})) 'BEGIN {printf "%.2f ms of CPU, mean of %d lookups\n", 1000 * d / hz / n, n}'
}

start "$@"
echo "RSS at once: $(rss)"
sleep "$idle"
echo "RSS after $idle s without a request: $(rss)"
before=$(ticks)
sleep "$idle"
after=$(ticks)
awk -v d=$((after - before)) -v hz="$hz" -v s="$idle" 'BEGIN {printf "idle CPU: %.2f %% of a core over %d s\n", 100 * d / hz / s, s}'
stop
start "$@"
sleep 5
echo "trace by id, after a restart, each for the first time: $(lookups 1)"
echo "trace by id, warm: $(lookups "$rounds")"
echo "RSS after the lookups: $(rss)"
