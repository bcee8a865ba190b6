//! Slurm on one machine, as processes of our own: nothing is configured outside of a folder, and nothing of it stays.

use std::fs;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Child;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::bail;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::sys::wait::WaitPidFlag;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use xshell::Shell;
use xshell::cmd;

use crate::parent_death;

/// How long the daemons may take to be ready, and to end.
const DEADLINE: Duration = Duration::from_secs(30);

/// The daemons of Slurm, which end with this.
pub struct Daemons {
    sh: Shell,
    /// In the order in which they end.
    children: Vec<(&'static str, Child)>,
}

impl Daemons {
    /// Starts them, with a node of this machine that has `drives` drives.
    pub fn start(folder: &Path, drives: usize) -> anyhow::Result<Self> {
        let sh = Shell::new()?;
        // What a daemon leaves behind when it ends becomes a child of this process, which takes care of it.
        prctl::set_child_subreaper(true)?;
        for name in ["munge", "state", "spool", "log"] {
            fs::create_dir(folder.join(name))?;
        }
        let mut key = [0; 1024];
        File::open("/dev/urandom")?.read_exact(&mut key)?;
        let key_file = folder.join("munge/key");
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        std::io::Write::write_all(&mut options.open(&key_file)?, &key)?;

        let host = cmd!(sh, "hostname -s").quiet().read()?;
        let user = cmd!(sh, "id -un").quiet().read()?;
        let configuration = folder.join("slurm.conf");
        fs::write(&configuration, slurm_conf(folder, &host, &user, drives, ports()?))?;
        fs::write(
            folder.join("gres.conf"),
            format!("NodeName={host} Name=nvme_dut Type=soft Count={drives}\n"),
        )?;
        // None of the plugins of this configuration uses control groups; the folder is nobody's.
        let nowhere = folder.join("cgroup");
        fs::write(
            folder.join("cgroup.conf"),
            format!(
                "CgroupPlugin=cgroup/v1\nCgroupMountpoint={}\nCgroupAutomount=no\n",
                nowhere.display()
            ),
        )?;
        sh.set_var("SLURM_CONF", &configuration);

        let mut daemons = Self { sh, children: Vec::new() };
        let munge = folder.join("munge");
        let option = |name: &str, file: &str| format!("--{name}={}", munge.join(file).display());
        let arguments = [
            "--foreground".to_owned(),
            "--num-threads=2".to_owned(),
            option("key-file", "key"),
            option("socket", "socket"),
            option("pid-file", "pid"),
            option("log-file", "log"),
            option("seed-file", "seed"),
        ];
        daemons.spawn(folder, "munged", &arguments)?;
        until("munged listens", || Ok(munge.join("socket").exists()))?;
        daemons.spawn(folder, "slurmctld", &["-D".to_owned(), "-i".to_owned()])?;
        daemons.spawn(folder, "slurmd", &["-D".to_owned()])?;
        let state =
            || cmd!(daemons.sh, "sinfo --noheader --format %T").quiet().ignore_stderr().read();
        let ready = until("the node is idle", || Ok(state().is_ok_and(|state| state == "idle")));
        if let Err(error) = ready {
            let log = fs::read_to_string(folder.join("log/slurmd.out")).unwrap_or_default();
            bail!("{error}; slurmd says: {}", log.lines().last().unwrap_or("nothing"));
        }
        Ok(daemons)
    }

    /// Returns a shell in which Slurm's commands reach these daemons.
    pub fn shell(&self) -> &Shell {
        &self.sh
    }

    fn spawn(
        &mut self,
        folder: &Path,
        name: &'static str,
        arguments: &[String],
    ) -> anyhow::Result<()> {
        let log = File::create(folder.join(format!("log/{name}.out")))?;
        let program = Path::new("/usr/sbin").join(name);
        let mut command = parent_death::command(&program);
        command.args(arguments).env("SLURM_CONF", folder.join("slurm.conf")).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let child =
            command.spawn().with_context(|| format!("{} does not start", program.display()))?;
        self.children.insert(0, (name, child));
        Ok(())
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        for (name, child) in &mut self.children {
            let pid = Pid::from_raw(child.id().cast_signed());
            let asked = kill(pid, Signal::SIGTERM);
            let ended = until("it ends", || Ok(child.try_wait()?.is_some()));
            if asked.is_err() || ended.is_err() {
                eprintln!("xtask: {name} does not end, and is killed");
                // It is a child that was not waited for: nobody else has its number.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        // Slurm's steps leave their parents on purpose. All of them have ended, or end now.
        let _ = until("all steps ended", || {
            loop {
                match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
                    Ok(WaitStatus::StillAlive) => return Ok(false),
                    Ok(_) => {}
                    Err(_) => return Ok(true),
                }
            }
        });
    }
}

/// Waits until `is_so`, for as long as it may take.
pub fn until(what: &str, mut is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    within(DEADLINE, what, &mut is_so)
}

/// Waits until `is_so`, for as long as `deadline`.
pub fn within(
    deadline: Duration,
    what: &str,
    is_so: &mut dyn FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let end = Instant::now() + deadline;
    while !is_so()? {
        if end <= Instant::now() {
            bail!("after {deadline:?} it is still not so that {what}");
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Returns two ports that nobody listens on.
fn ports() -> anyhow::Result<[u16; 2]> {
    let free = || std::net::TcpListener::bind(("127.0.0.1", 0));
    let (first, second) = (free()?, free()?);
    Ok([first.local_addr()?.port(), second.local_addr()?.port()])
}

fn slurm_conf(folder: &Path, host: &str, user: &str, drives: usize, ports: [u16; 2]) -> String {
    let folder = folder.display();
    let [controller, node] = ports;
    format!(
        "ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=2
ReturnToService=2
GresTypes=nvme_dut
NodeName={host} NodeAddr=127.0.0.1 CPUs={drives} Gres=nvme_dut:soft:{drives} State=UNKNOWN
PartitionName=drives Nodes={host} Default=YES MaxTime=INFINITE State=UP
"
    )
}
