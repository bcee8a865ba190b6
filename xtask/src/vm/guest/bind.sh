# Binds a drive to vfio-pci and back, with each obstacle that a guest can have.
drive=@BDF@
function=/sys/bus/pci/devices/$drive
fail() { echo "$*"; exit 1; }
driver() { basename "$(readlink $function/driver)"; }
expect() { [ "$(driver)" = "$1" ] || fail "$2: the driver is '$(driver)'"; }
refused() { case "$(cat /tmp/said)" in *"$1"*) ;; *) fail "it was said: $(cat /tmp/said)" ;; esac; }
wait_for() {
    tries=0
    until [ -e "$1" ]; do
        tries=$((tries + 1))
        [ $tries = 200 ] && fail "$1 does not appear"
        usleep 50000
    done
}

wait_for /dev/nvme0n1
expect nvme "at first"

mkswap /dev/nvme0n1 >/dev/null && swapon /dev/nvme0n1 || fail "there is no swap space"
xtask bind $drive 2>/tmp/said && fail "a drive in use was bound"
refused "swapoff /dev/nvme0n1"
expect nvme "while it is in use"
swapoff /dev/nvme0n1

xtask bind 0000:1f:00.0 2>/tmp/said && fail "what does not exist was bound"
refused "NVMe controllers are at $drive"
xtask bind 0000:00:00.0 2>/tmp/said && fail "a bridge was bound"
refused "is no NVMe controller"

xtask bind $drive || fail "it was not bound"
expect vfio-pci "bound"
xtask unbind || fail "it was not given back"
expect nvme "given back"
[ -z "$(ls /run/nvmetest/bound)" ] || fail "a record is left"

xtask bind $drive -- sh -c 'exit 7'
[ $? = 7 ] || fail "the exit code of the command is lost"
expect nvme "after the command"

# A run that is killed leaves the drive bound, and the next call gives it back.
xtask bind $drive -- sleep 600 &
wait_for /run/nvmetest/bound/$drive
tries=0
until [ "$(driver)" = vfio-pci ]; do
    tries=$((tries + 1))
    [ $tries = 200 ] && fail "it is not bound for the command"
    usleep 50000
done
kill -9 $!
wait $!
expect vfio-pci "after the run was killed"
xtask bind 0000:1f:00.0 2>/dev/null
expect nvme "at the next call"
wait_for /dev/nvme0n1
dd if=/dev/nvme0n1 of=/dev/null bs=4096 count=1 2>/dev/null || fail "the drive is not read any more"
