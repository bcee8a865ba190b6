# A drive uses addresses that it was not given, thousands of times: the run says so in few sentences and ends, and the drive is
# as it was before.
drive=@BDF@
function=/sys/bus/pci/devices/$drive
fail() { echo "$*"; cat /tmp/said; exit 1; }
ulimit -l unlimited
xtask bind $drive >/tmp/said || fail "it was not bound"
# Longer than the five seconds after which the kernel says how much it left out.
export NVMETEST_STORM_SECONDS=7
storm --device pci:$drive --evidence /out/tests >/tmp/said 2>&1
code=$?
[ $code = 1 ] || fail "the run ended with $code"
grep -q panicked /tmp/said && fail "it panicked"
grep -q '^test the_next_test  *\.\.\. ok$' /tmp/said || fail "the next test did not pass"

# The storm was one, and the kernel did not tell all of it.
dmesg >/tmp/log
grep -q 'DMAR: \[DMA Write.* fault addr 0x0 ' /tmp/log || fail "the kernel saw no write: $(tail /tmp/log)"
grep -q 'DMAR: \[DMA Read.* fault addr 0x0 ' /tmp/log || fail "the kernel saw no read: $(tail /tmp/log)"
grep -q 'dmar_fault: [0-9]* callbacks suppressed' /tmp/log || fail "the kernel has told all of it"
sed -n '/^---- /,/^evidence: /p' /tmp/said >/tmp/failure
grep -q 'the device .* I/O virtual address 0x0, where no memory is mapped for it' /tmp/failure ||
    fail "it does not say what the device did"
grep -qE '[0-9]{3,} more (of the like|accesses of the device)' /tmp/failure || fail "it does not say how many there were"
[ "$(wc -l </tmp/failure)" -le 8 ] || fail "it says too much"
cat /tmp/failure

xtask unbind $drive >/tmp/said || fail "it was not given back"
[ "$(basename "$(readlink $function/driver)")" = nvme ] || fail "it has another driver"
[ -z "$(ls /run/nvmetest/bound)" ] || fail "a record is left"
tries=0
until [ -e /dev/nvme0n1 ]; do
    tries=$((tries + 1))
    [ $tries = 200 ] && fail "/dev/nvme0n1 does not appear"
    usleep 50000
done
dd if=/dev/nvme0n1 of=/dev/null bs=4096 count=1 2>/dev/null || fail "the drive is not read any more"
