#!/bin/sh
# Installs Debian's tshark, which has the dissectors of Wireshark. The system's own source files stay as they are.
set -eu
export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get install -q -y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300 tshark
}
# The lists may be there, and new enough.
install || { apt-get update -q && install; }
