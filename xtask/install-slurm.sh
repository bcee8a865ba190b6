#!/bin/sh
# Installs Debian's Slurm and MUNGE. No daemon of the system is started: who tries docs/lab starts its own.
set -eu
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -q
apt-get install -q -y --no-install-recommends --no-remove slurmctld slurmd slurm-client munge
