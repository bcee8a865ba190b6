# The drive is pulled while tests run: each says so in a sentence, the run ends, and nothing stays behind.
drive=@BDF@
fail() { echo "$*"; cat /tmp/said; exit 1; }
ulimit -l unlimited
xtask bind $drive || fail "it was not bound"
nvme --device pci:$drive ioworker read_write --evidence /out/tests >/tmp/said 2>&1 &
run=$!
tries=0
until grep -q '^test .*ok$' /tmp/said; do
    tries=$((tries + 1))
    [ $tries = 600 ] && fail "no test ends"
    usleep 50000
done
echo unplug >&3
wait $run
code=$?
[ $code = 3 ] || fail "the run ended with $code"
grep -q panicked /tmp/said && fail "it panicked"
tries=0
while [ -e /sys/bus/pci/devices/$drive ]; do
    tries=$((tries + 1))
    [ $tries = 600 ] && fail "the drive is still there"
    usleep 50000
done
xtask unbind $drive 2>/tmp/unbind
grep -q "there is no PCI function" /tmp/unbind || fail "unbind says $(cat /tmp/unbind)"
[ -z "$(ls /run/nvmetest/bound)" ] || fail "a record is left"
tail -n 30 /tmp/said
