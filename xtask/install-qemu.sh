#!/bin/sh
# Installs Debian's qemu-system-x86. The system's own source files stay as they are.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
if apt-get install -q -y --no-install-recommends --no-remove --simulate qemu-system-x86 >/dev/null 2>&1; then
    apt-get install -q -y --no-install-recommends --no-remove qemu-system-x86
    exit
fi
# A newer QEMU package (qemu-utils of the backports, say) forbids the release's own version: take the backports too.
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get indextargets --format '$(CREATED_BY) $(ORIGIN) $(CODENAME) $(REPO_URI)' |
    awk -v c="$codename" '$1 == "Packages" && $2 == "Debian" && $3 == c { print $4; exit }')
[ -n "$mirror" ] || { echo "apt's sources name no Debian archive for $codename" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/parts" "$work/lists/partial"
cp -R /etc/apt/sources.list.d/. "$work/parts/"
signed=/usr/share/keyrings/debian-archive-keyring.gpg
option=; [ ! -e "$signed" ] || option="[signed-by=$signed] "
echo "deb $option$mirror $codename-backports main" >"$work/parts/nvmetest-backports.list"
# Quoted once here: /etc/apt/sources.list, when there is one, is still read from its own place.
set -- -q -o "Dir::Etc::sourceparts=$work/parts" -o "Dir::State::lists=$work/lists" \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
apt-get "$@" update
apt-get "$@" install -y --no-install-recommends -t "$codename-backports" qemu-system-x86
