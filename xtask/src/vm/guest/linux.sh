# Linux's own driver, nvme-cli and fio use the drive. A step that fails ends the job; so does a complaint of the kernel.
length=@LENGTH@
disk=/dev/nvme0n1
fail() { echo "FAILED $*"; dmesg | tail -n 30; exit 1; }
step() { echo "$(cut -d ' ' -f 1 /proc/uptime) $*"; }
run() { "$@" >/tmp/said 2>&1 || { cat /tmp/said; fail "$*"; }; }
says() { grep -q "$1" /tmp/said || { cat /tmp/said; fail "it does not say '$1'"; }; }
wait_for() {
    tries=0
    until [ -e "$1" ]; do
        tries=$((tries + 1))
        [ $tries = 400 ] && fail "$1 does not appear"
        usleep 50000
    done
}
interrupts() { awk -v queue="$1" '$NF == queue { for (n = 2; n <= NF - 3; n++) sum += $n } END { print sum + 0 }' /proc/interrupts; }
case $length in
    short) size=16M; resets=3; file=2 ;;
    *) size=64M; resets=12; file=16 ;;
esac
random="--name=verify --filename=$disk --ioengine=io_uring --direct=1 --rw=randwrite --bsrange=512-128k --bs_unaligned=0
    --blockalign=4k --size=$size --numjobs=2 --offset_increment=128M --iodepth=32 --verify=crc32c --verify_fatal=1
    --verify_backlog=256 --group_reporting --minimal"

# What the kernel says of itself while it starts is no concern of the drive's.
dmesg -r -c | grep -i nvme >/tmp/log

step "the disk appears, with queues of its own for the processors"
wait_for $disk
grep nvme /proc/interrupts
[ "$(grep -c nvme0q /proc/interrupts)" -ge 3 ] || fail "there are too few queues"

step "nvme-cli reads what the controller says"
run nvme id-ctrl /dev/nvme0
says "nvmetest soft controller"
run nvme id-ns $disk
run nvme list-ns /dev/nvme0
run nvme smart-log /dev/nvme0
says "critical_warning[[:space:]]*: 0"
run nvme error-log /dev/nvme0
run nvme fw-log /dev/nvme0
for feature in 1 2 4 7 8 9 0xb; do
    run nvme get-feature /dev/nvme0 -f $feature
done
for feature in 5 0xa; do
    run nvme get-feature $disk -f $feature -n 1
done
run nvme get-feature /dev/nvme0 -f 7
says "value"

step "partitions and a file system"
printf 'label: gpt\nsize=128M\nsize=128M\n' >/tmp/parts
run sfdisk $disk </tmp/parts
wait_for ${disk}p2
run mkfs.ext4 -q ${disk}p1
mkdir -p /mnt
run mount -t ext4 ${disk}p1 /mnt
run dd if=/dev/urandom of=/mnt/file bs=1M count=$file
sum=$(md5sum </mnt/file)
run mkdir -p /mnt/a/b/c
run umount /mnt
echo 3 >/proc/sys/vm/drop_caches
run e2fsck -f -n ${disk}p1
run mount -t ext4 -o discard ${disk}p1 /mnt
[ "$(md5sum </mnt/file)" = "$sum" ] || fail "the file has other data"
run rm /mnt/file
run umount /mnt
run e2fsck -f -n ${disk}p1

step "fio verifies what it wrote, on several queues"
before1=$(interrupts nvme0q1) before2=$(interrupts nvme0q2)
run fio $random
[ "$(interrupts nvme0q1)" -gt "$before1" ] || fail "queue 1 has not interrupted"
[ "$(interrupts nvme0q2)" -gt "$before2" ] || fail "queue 2 has not interrupted"

step "Write Zeroes and Deallocate"
run dd if=/dev/urandom of=$disk bs=1M count=1 oflag=direct
run nvme write-zeroes $disk -s 0 -c 255
[ "$(dd if=$disk bs=512 count=256 iflag=direct 2>/dev/null | tr -d '\0' | wc -c)" = 0 ] || fail "zeroes are none"
[ "$(dd if=$disk bs=512 skip=256 count=256 iflag=direct 2>/dev/null | tr -d '\0' | wc -c)" -gt 0 ] || fail "too many zeroes"
run nvme dsm $disk -d -s 256 -b 256
run dd if=$disk of=/dev/null bs=1M count=1 iflag=direct
run nvme flush $disk
run nvme compare $disk -s 0 -c 7 -z 4096 -d /dev/zero
run nvme read $disk -s 0 -c 7 -z 4096

step "Format NVM, with another block size and back"
run nvme id-ns $disk
formats=$(grep -c '^lbaf' /tmp/said)
if [ "$formats" -gt 1 ]; then
    run nvme format $disk -l 1 -f
    run nvme id-ns $disk
    says '^lbaf  1 .*in use'
    [ "$(cat /sys/block/nvme0n1/queue/logical_block_size)" = 4096 ] || fail "the kernel has another block size"
    run fio $random --bsrange=4k-128k
    run nvme format $disk -l 0 -f
    [ "$(cat /sys/block/nvme0n1/queue/logical_block_size)" = 512 ] || fail "the kernel has another block size"
fi

step "resets"
run nvme reset /dev/nvme0
run nvme id-ctrl /dev/nvme0
run dd if=$disk of=/dev/null bs=1M count=1 iflag=direct

step "resets under load"
fio $random --time_based --runtime=$((resets * 2)) >/tmp/fio 2>&1 &
load=$!
done=0
while [ $done -lt $resets ]; do
    sleep 1
    if [ $((done % 3)) = 2 ]; then
        echo 1 >/sys/class/nvme/nvme0/device/reset || fail "a function level reset"
    else
        run nvme reset /dev/nvme0
    fi
    done=$((done + 1))
done
wait $load || { cat /tmp/fio; fail "fio under resets"; }

step "removal and rescan"
function=$(readlink -f /sys/class/nvme/nvme0/device)
echo 1 >$function/remove
echo 1 >/sys/bus/pci/rescan
wait_for $disk
run dd if=$disk of=/dev/null bs=1M count=1 iflag=direct

step "the kernel has no complaint"
# Levels 0 to 4 are a warning and worse. That somebody asked for a reset is one, too.
dmesg -r >>/tmp/log
# So is a scope of a command (Base 5.1.12.1.6), which Linux does not know; and a clock that is late since the host is busy.
grep "^<[0-4]>" /tmp/log | grep -vE ": resetting controller$|IO command:.. has unusual effects:00100003$|clocksource: " >/tmp/complaints
if [ -s /tmp/complaints ]; then
    cat /tmp/complaints
    fail "the kernel complains"
fi
echo "all is well"
