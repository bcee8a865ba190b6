#!/bin/busybox sh
# The first process of a guest: it prepares the system, runs /job, and hands out what that left.
#
# The host listens on three ports: 1 is for what the job says, 2 for an archive of /out, and 3 for words to the host,
# a line each: "up" when the job begins, "unplug" when it wants the drive to be pulled, "exit N" when it has ended. A write may return before the host has the bytes,
# so the first two end with a mark, and the power stays on until the host answers that it has read all.
/bin/busybox mkdir -p /bin /sbin /proc /sys /dev /tmp /run /out /etc
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/out
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
ln -s /proc/self/fd /dev/fd
echo 'root:x:0:0:root:/out:/bin/sh' >/etc/passwd
for module in $(cat /modules/order); do
    insmod "/modules/$module" || echo "module $module was not loaded"
done
# Ports appear some time after their driver was loaded, one after the other. To open one that is not there yet would make a file of its name, which the
# host never sees.
tries=0
until [ -c /dev/vport0p1 ] && [ -c /dev/vport0p2 ] && [ -c /dev/vport0p3 ] && ( : >/dev/vport0p3 ) 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries = 200 ]; then
        echo "the ports to the host are missing"
        poweroff -f
    fi
    usleep 50000
done
exec 3<>/dev/vport0p3 4>/dev/vport0p1 5>/dev/vport0p2
echo up >&3
cd /out
sh /job >&4 2>&1 5>&-
code=$?
dmesg >/out/dmesg.txt
mark() { printf '\0--end-of-the-port--\n'; }
mark >&4
tar -c -C /out . >&5
mark >&5
echo "exit $code" >&3
# A read may end early, with a signal or while the port is not connected.
tries=0
until [ "$answer" = read ] || [ $tries = 600 ]; do
    tries=$((tries + 1))
    read -t 10 answer <&3 || usleep 100000
done
poweroff -f
