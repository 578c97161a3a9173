#!/usr/bin/env bash
# What spans cost that come in by each door, beside OTLP's in the same round: door-costs.sh CLEW
# [ROUNDS] [SPANS]. Each format is measured once a round, so that what else the machine does is
# shared out; printed are the medians of µs of CPU per span, and of the ratios within a round.
# DIR says where the stores are made: a real disk.
set -euo pipefail
clew=$1 rounds=${2:-5} spans=${3:-500000}
formats=(otlp otlp-json jaeger-protobuf jaeger-thrift zipkin-protobuf zipkin-thrift zipkin-json xray)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cpu() {
	"$clew" bench --format "$1" --encoding identity --spans "$spans" --settle 5s --dir "${DIR:-.}" --json 2>/dev/null |
		sed -n 's/.*"cpuMicrosPerSpan": \([0-9.]*\),.*/\1/p; s/.*"sentBytesPerSpan": \([0-9.]*\),.*/bytes \1/p' >"$work/out"
	awk '/^bytes/ {printf "%.0f", $2}' "$work/out" >"$work/$1.bytes"
	grep -v bytes "$work/out"
}

median() { sort -n | awk '{v[NR]=$1} END {printf "%.2f (%.2f to %.2f)", (v[int((NR+1)/2)]+v[int((NR+2)/2)])/2, v[1], v[NR]}'; }

for round in $(seq "$rounds"); do
	for format in "${formats[@]}"; do
		cpu "$format" >>"$work/$format"
		echo "round $round: $format $(tail -1 "$work/$format")" >&2
	done
done
echo "format | B as sent | CPU, µs/span | beside otlp | beside otlp-json"
for format in "${formats[@]}"; do
	echo "$format | $(cat "$work/$format.bytes") | $(median <"$work/$format") |" \
		"$(paste "$work/$format" "$work/otlp" | awk '{print $1/$2}' | median) |" \
		"$(paste "$work/$format" "$work/otlp-json" | awk '{print $1/$2}' | median)"
done
