# Binds the drive, runs the suites on it, and gives it back.
drive=@BDF@
ulimit -l unlimited
xtask bind $drive || exit 2
nvme --device @DEVICE@ --baseline /baseline.toml --evidence /out/tests @ARGUMENTS@
code=$?
xtask unbind $drive || exit 3
exit $code
