#!/bin/sh
# Qualifies drives with Slurm: an array of shards, and a job that joins their results when all of them have ended.
#
#   submit.sh SHARDS FOLDER [OPTION of `nvmetest-qualify run` ...]
#
# FOLDER is on a file system that all nodes have. NVMETEST_QUALIFY names the program, where it is not on PATH.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: submit.sh SHARDS FOLDER [OPTION of nvmetest-qualify run ...]" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
shards=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
shift 2
# All shards have one seed: with several they would not be one run.
seed=${NVMETEST_SEED:-$(date +%s)}
array=$(sbatch --parsable --array="0-$((shards - 1))" --output="$out/shard-%a.log" "$here/shard.sbatch" "$out" --seed "$seed" "$@")
# Also if shards fail: a failed test is a result.
merge=$(sbatch --parsable --dependency="afterany:$array" --output="$out/merge.log" "$here/merge.sbatch" "$out")
echo "array $array, then job $merge, whose exit code is that of the run: $out/merged"
