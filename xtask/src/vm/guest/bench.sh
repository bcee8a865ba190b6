# 4 KiB random reads: fio through the kernel's driver, and then the driver and a worker of nvmetest through VFIO.
drive=@BDF@
disk=/dev/nvme0n1
fail() { echo "$*"; exit 1; }
ulimit -l unlimited
tries=0
until [ -e $disk ]; do
    tries=$((tries + 1))
    [ $tries = 200 ] && fail "$disk does not appear"
    usleep 50000
done
# Nobody reads what was never written.
dd if=/dev/zero of=$disk bs=1M oflag=direct 2>/dev/null
for depth in 1 32 128; do
    fio --minimal --name=reads --filename=$disk --ioengine=io_uring --direct=1 --rw=randread --bs=4k --iodepth=$depth \
        --time_based --runtime=3 >/tmp/fio || fail "fio fails"
    echo "$depth $(cut -d ';' -f 8 /tmp/fio)" >>/tmp/theirs
done
xtask bind $drive >/tmp/said || fail "$(cat /tmp/said)"
bench device pci:$drive >/tmp/ours || fail "the benchmark fails"
xtask unbind $drive >/tmp/said || fail "$(cat /tmp/said)"
echo "4 KiB random reads a second, $(uname -r), time of $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
awk 'BEGIN { printf "%6s %12s %12s %24s\n", "depth", "driver", "worker", "fio, io_uring, kernel" }
    NR == FNR { theirs[$1] = $2; next }
    { printf "%6d %12d %12d %24d\n", $1, $2, $3, theirs[$1] }' /tmp/theirs /tmp/ours
