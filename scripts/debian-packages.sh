#!/usr/bin/env bash
# Installs missing programs and libraries from Debian packages: debian-packages.sh NAME...
# As root the packages are installed. Otherwise they are unpacked into .cache/debs: .cache/bin starts programs with
# the unpacked libraries, and .cache/lib links the libraries named.
set -euo pipefail
cd "$(dirname "$0")/.."
declare -A package=(
  [mosquitto]=mosquitto [influxd]=influxdb [chromium]=chromium
  [libatomic.so.1]=libatomic1 # needed by the node that drives the browser
)
declare -A unpacked=(
  [mosquitto]=usr/sbin/mosquitto [influxd]=usr/bin/influxd [chromium]=usr/lib/chromium/chromium
)

PATH="$PATH:/usr/sbin:/sbin:$PWD/.cache/bin"
here() {
  case $1 in
    lib*) [ -e ".cache/lib/$1" ] || { ldconfig -p | grep -qF "$1 "; } ;;
    *) command -v "$1" >/dev/null ;;
  esac
}
names=() packages=()
for name in "$@"; do
  here "$name" || { names+=("$name"); packages+=("${package[$name]}"); }
done
[ ${#names[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "missing, and there is no apt-get to install them: ${names[*]}" >&2
  exit 0  # a command that needs them prints its own error
fi

if [ "$(id -u)" = 0 ]; then
  echo "installing Debian packages: ${packages[*]}"
  # Debian starts servers after installing them; ours are started only by Kvartal and the tests.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
  exit 0
fi

bash scripts/unpack-debs.sh "${packages[@]}"
mkdir -p .cache/bin .cache/lib
# A browser needs fonts: those of the machine, and the unpacked ones.
cat >.cache/fonts.conf <<'END'
<?xml version="1.0"?>
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">debs/usr/share/fonts</dir>
  <cachedir prefix="relative">fontconfig</cachedir>
</fontconfig>
END
libraries=$(
  cd .cache/debs
  find . -maxdepth 5 -path './*lib/*-linux-gnu*' -name 'lib*.so*' -printf '%h\n' | sort -u | sed 's/^\./$debs/' | paste -sd:
)
for name in "${names[@]}"; do
  if [[ $name == lib* ]]; then
    library=$(find .cache/debs -name "$name" | head -1)
    ln -sf "../../$library" ".cache/lib/$name"
    continue
  fi
  cat >".cache/bin/$name" <<END
#!/bin/sh
debs=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")/debs
export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export FONTCONFIG_FILE="\$debs/../fonts.conf"
exec "\$debs/${unpacked[$name]}" "\$@"
END
  chmod +x ".cache/bin/$name"
done
