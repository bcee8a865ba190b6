# The tests of the way to a drive, and once more by its group where the kernel has a newer way.
drive=@BDF@
xtask bind $drive || exit 2
export NVMETEST_PCI=$drive
vfio || exit 1
if [ -e /dev/iommu ]; then
    NVMETEST_VFIO=group vfio || exit 1
fi
xtask unbind $drive
