#!/usr/bin/env bash
# need-package.sh PROGRAM PACKAGES WHY
# Installs Debian packages if the program is missing and this user may; else
# says what to install.
set -euo pipefail

program=$1 packages=$2 why=$3
command -v "$program" >/dev/null && exit 0
if ! command -v apt-get >/dev/null; then
	echo "there is no $program: $why; install $packages" >&2
	exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "there is no $program: $why; run: sudo apt-get install --no-install-recommends $packages" >&2
	exit 1
fi
echo "installing $packages: $why"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
# shellcheck disable=SC2086 # a list of packages
apt-get install -y -qq --no-install-recommends $packages >/dev/null
