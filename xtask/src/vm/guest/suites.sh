# Binds the drive, and runs the suites on it.
drive=@BDF@
echo vfio-pci >/sys/bus/pci/devices/$drive/driver_override
echo $drive >/sys/bus/pci/devices/$drive/driver/unbind
echo $drive >/sys/bus/pci/drivers_probe
ulimit -l unlimited
ls -l /sys/bus/pci/devices/$drive/driver
nvme --device @DEVICE@ --baseline /baseline.toml --evidence /out/tests @ARGUMENTS@
