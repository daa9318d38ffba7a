#!/usr/bin/env bash
# Brings programs from Debian's packages: debian-packages.sh BINARY...
# As root they are installed; otherwise they are fetched with their missing libraries and unpacked into
# .cache/debs. KVARTAL_UNPACK=1 unpacks even as root.
set -euo pipefail

declare -A package=([mosquitto]=mosquitto [influxd]=influxdb [chromium]=chromium)
debs=.cache/debs
missing=()
for binary in "$@"; do
  if [ "${KVARTAL_UNPACK:-}" = 1 ] && [ ! -e "$debs/.${package[$binary]}" ]; then
    missing+=("${package[$binary]}")
  elif ! command -v "$binary" >/dev/null 2>&1; then
    missing+=("${package[$binary]}")
  fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && [ "${KVARTAL_UNPACK:-}" != 1 ]; then
  echo "installing Debian packages: ${missing[*]}"
  apt-get update -qq
  # Debian starts a server that it installs; ours are started by the tests and the demo alone.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi

mkdir -p "$debs/archives/partial" "$debs/lists/partial"
# Lists of our own where the system has none (a fresh image) and we may not write there.
apt=(-o Dir::State::lists="$PWD/$debs/lists" -o Dir::Cache::archives="$PWD/$debs/archives" -o Debug::NoLocking=1)
apt-get "${apt[@]}" update -qq
wanted=$(apt-get "${apt[@]}" install -s --no-install-recommends "${missing[@]}" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
if [ "${KVARTAL_UNPACK:-}" = 1 ]; then wanted=$(printf '%s\n' $wanted "${missing[@]}" | sort -u); fi
echo "unpacking Debian packages into $debs: $(echo $wanted)"
(cd "$debs/archives" && apt-get "${apt[@]}" download -qq $wanted)
for deb in "$debs"/archives/*.deb; do dpkg -x "$deb" "$debs"; done
rm -rf "$debs/archives"
for name in "${missing[@]}"; do touch "$debs/.$name"; done
