#!/bin/sh
# Installs Debian's chromium. The system's own source files stay as they are.
set -eu
export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get install -q -y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300 chromium
}
# The lists may be there, and new enough.
install || { apt-get update -q && install; }
