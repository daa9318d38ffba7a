#!/usr/bin/env bash
# Fetches Debian packages, with what they depend on and this machine lacks, and unpacks them into .cache/debs:
# unpack-debs.sh PACKAGE... Needs no root, and no package lists of the system's.
set -euo pipefail
cd "$(dirname "$0")/.."
debs="$PWD/.cache/debs"

mkdir -p "$debs/apt/lists/partial" "$debs/apt/archives/partial"
apt=(apt-get -qq -o Dir::State::lists="$debs/apt/lists" -o Dir::Cache="$debs/apt" -o Debug::NoLocking=1)
"${apt[@]}" update
# Only what is not here at all: an upgrade of a library that everything runs on does not belong beside it.
wanted=$("${apt[@]}" install -s --no-install-recommends "$@" | sed -n 's/^Inst \([^ ]*\) (.*/\1/p')
echo "unpacking Debian packages into .cache/debs: $*, in all $(wc -w <<<"$wanted") with what they need"
(cd "$debs/apt/archives" && "${apt[@]}" download $wanted)
for deb in "$debs"/apt/archives/*.deb; do dpkg -x "$deb" "$debs"; done
rm -rf "$debs/apt"
