# The memory of a session is in huge pages: all that can be had, too few, and none.
drive=@BDF@
fail() { echo "$*"; cat /tmp/said; exit 1; }
run() { nvme --device pci:$drive --evidence /out/tests "$@" >/tmp/said 2>&1; }
reads="random_reads_all_complete a_read_returns_what_was_written"
ulimit -l unlimited
xtask bind $drive || fail "it was not bound"

run --huge-pages always --memory 128MiB $reads && fail "there are no huge pages, and it runs"
grep -q "nr_hugepages" /tmp/said || fail "nothing is said of huge pages"
run --memory 128MiB $reads || fail "it does not run without huge pages"
grep -q "huge pages" /tmp/said && fail "who set none aside is told of it"

echo 16 >/proc/sys/vm/nr_hugepages
run --memory 128MiB $reads || fail "it does not run with too few huge pages"
grep -q "set aside 16" /tmp/said || fail "nothing is said of too few"

echo 80 >/proc/sys/vm/nr_hugepages
[ "$(cat /proc/sys/vm/nr_hugepages)" = 80 ] || fail "the kernel has no huge pages"
run --huge-pages always --memory 128MiB read_write ioworker || fail "it does not run in huge pages"
grep -q "^HugePages_Free: *80$" /proc/meminfo || fail "huge pages are left behind"
echo 0 >/proc/sys/vm/nr_hugepages
xtask unbind $drive
