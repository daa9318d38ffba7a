#!/usr/bin/env bash
# Downloads Debian packages and their missing dependencies, and unpacks them into .cache/debs:
# unpack-debs.sh PACKAGE... Needs neither root nor the system's package lists.
set -euo pipefail
cd "$(dirname "$0")/.."
debs="$PWD/.cache/debs"

mkdir -p "$debs/apt/lists/partial" "$debs/apt/archives/partial"
apt=(apt-get -qq -o Dir::State::lists="$debs/apt/lists" -o Dir::Cache="$debs/apt" -o Debug::NoLocking=1)
"${apt[@]}" update
# New packages only: upgrades of installed libraries must not be unpacked beside them.
packages=$("${apt[@]}" install -s --no-install-recommends "$@" | sed -n 's/^Inst \([^ ]*\) (.*/\1/p')
echo "unpacking Debian packages into .cache/debs: $*, $(wc -w <<<"$packages") with their dependencies"
(cd "$debs/apt/archives" && "${apt[@]}" download $packages)
for deb in "$debs"/apt/archives/*.deb; do dpkg -x "$deb" "$debs"; done
rm -rf "$debs/apt"
