//! Creating a cluster, starting its server, stopping it, and stopping a server that outlived its app.
//!
//! Trials with `kill -9` showed that the waits and checks here are needed: `postmaster.pid` stays behind and still
//! says `ready`; the operating system reuses the process numbers in it; and a killed server blocks a new one until
//! its last child has ended.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::embedded::access::{Access, SUPERUSER};
use crate::embedded::account::Ending;
use crate::embedded::binaries::Binaries;
use crate::embedded::cluster_folder::ClusterFolder;
use crate::embedded::error::PostgresError;

/// A server that ends at its start is retried for this long: children of a killed server hold its memory and its lock
/// file for a moment.
const RETRY_FOR: Duration = Duration::from_secs(15);
/// Time for a server to get ready, recovery after a crash included.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// Time for a server to shut down in an orderly way.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Time for a server that outlived its app to stop, once in an orderly way and once by force.
const SURVIVOR_STOPS_WITHIN: Duration = Duration::from_secs(10);
/// Pause between two checks.
const PAUSE: Duration = Duration::from_millis(5);
/// Pause between two starts.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Creates a cluster. It is renamed to its final name when complete, so that an interrupted one is never used.
pub(super) fn init_cluster(binaries: &Binaries, folder: &ClusterFolder, durable: bool) -> Result<(), PostgresError> {
    let unfinished = folder.root.join("cluster.unfinished");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(PostgresError::io("remove", &unfinished))?;
    }
    folder.account.make_private_dir(&unfinished)?;
    let mut command = folder.account.command(&binaries.initdb, &unfinished, Ending::Kill);
    command.arg("-D").arg(&unfinished).args(["-U", SUPERUSER, "--auth=trust", "-E", "UTF8", "--no-locale"]);
    if !durable {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(PostgresError::io("run", &binaries.initdb))?;
    if !output.status.success() {
        return Err(PostgresError::Initdb(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    std::fs::rename(&unfinished, &folder.cluster).map_err(PostgresError::io("rename", &unfinished))
}

/// Stops a server that still runs on these folders although this process holds the lock: its app was killed.
pub(super) fn stop_survivor(folder: &ClusterFolder) -> Result<(), PostgresError> {
    let Some((pid, _)) = pid_file(folder) else { return Ok(()) };
    let Some(handle) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    for signal in [Signal::INT, Signal::KILL] {
        let began = Instant::now();
        while runs_on(pid, folder) && began.elapsed() < SURVIVOR_STOPS_WITHIN {
            let _ = kill_process(handle, signal); // an error means that it has ended already
            sleep(PAUSE * 10);
        }
    }
    if runs_on(pid, folder) { Err(PostgresError::Survivor(pid)) } else { Ok(()) }
}

/// Returns the process number in the first line of `postmaster.pid`, and whether the eighth line says `ready`.
fn pid_file(folder: &ClusterFolder) -> Option<(u32, bool)> {
    let text = std::fs::read_to_string(folder.cluster.join("postmaster.pid")).ok()?;
    let mut lines = text.lines().map(str::trim);
    Some((lines.next()?.parse().ok()?, lines.nth(6) == Some("ready")))
}

/// Returns whether the process is a server of this cluster. The number alone is no proof, because the system reuses
/// it; a process that has ended but was not waited for has no command line.
fn runs_on(pid: u32, folder: &ClusterFolder) -> bool {
    let cluster = folder.cluster.to_string_lossy();
    let command_line = if Path::new("/proc/self/cmdline").exists() {
        std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
    } else {
        let listed = Command::new("/bin/ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
        listed.map(|output| output.stdout).unwrap_or_default()
    };
    String::from_utf8_lossy(&command_line).contains(&*cluster)
}

/// The server's main process, a child of this process.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
    stopped: bool,
}

impl Postmaster {
    /// Starts the server and waits until it accepts connections.
    pub(super) fn start(
        binaries: &Binaries,
        folder: &ClusterFolder,
        access: &Access,
        durable: bool,
    ) -> Result<Self, PostgresError> {
        let mut command = server_command(binaries, folder, access, durable)?;
        let spawn = |command: &mut Command| {
            let child = command.spawn().map_err(PostgresError::io("run", &binaries.postgres))?;
            Ok::<_, PostgresError>(Self { child, stopped: false })
        };
        let began = Instant::now();
        let mut postmaster = spawn(&mut command)?;
        loop {
            let ended = postmaster.child.try_wait().map_err(PostgresError::io("wait for", &binaries.postgres))?;
            if let Some(status) = ended {
                postmaster.stopped = true;
                if began.elapsed() > RETRY_FOR || !in_the_way_for_a_moment(folder) {
                    let (log, last_words) = (folder.log.clone(), folder.last_words());
                    return Err(PostgresError::Exited { status, last_words, log });
                }
                sleep(RETRY_PAUSE);
                postmaster = spawn(&mut command)?;
            }
            // A file that a killed server left behind says `ready` too.
            if pid_file(folder) == Some((postmaster.pid(), true)) {
                return Ok(postmaster);
            }
            if began.elapsed() > READY_WITHIN {
                return Err(PostgresError::NotReady { seconds: READY_WITHIN.as_secs(), log: folder.log.clone() });
            }
            sleep(PAUSE);
        }
    }

    /// Returns how the server ended by itself; `None`: it runs, or was stopped.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = if self.stopped { None } else { self.child.try_wait().ok().flatten() };
        self.stopped |= status.is_some();
        status
    }

    /// Returns the process number.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops the server in an orderly way, and by force when that takes too long.
    pub(super) fn stop(&mut self) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > STOP_WITHIN {
                // Its children notice and end; the next start recovers.
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            sleep(PAUSE);
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns whether a start failed for a reason that passes by itself.
fn in_the_way_for_a_moment(folder: &ClusterFolder) -> bool {
    let text = std::fs::read(&folder.log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut last = text.lines().rev().take(4);
    last.any(|line| line.contains("already exists") || line.contains("still in use") || line.contains("in use by"))
}

fn server_command(
    binaries: &Binaries,
    folder: &ClusterFolder,
    access: &Access,
    durable: bool,
) -> Result<Command, PostgresError> {
    let log = File::options().create(true).write(true).truncate(true).open(&folder.log);
    let log = log.map_err(PostgresError::io("open", &folder.log))?;
    let mut command = folder.account.command(&binaries.postgres, &folder.root, Ending::Interrupt);
    command.arg("-D").arg(&folder.cluster).stdout(Stdio::null()).stderr(log);
    let mut set = |name: &str, value: &str| {
        command.arg("-c").arg(format!("{name}={value}"));
    };
    set("listen_addresses", &access.addresses());
    set("port", &access.port.to_string());
    if let Some(tcp) = &access.tcp {
        set("hba_file", &tcp.rules.to_string_lossy());
    }
    set("unix_socket_directories", &quoted(&folder.socket_dir));
    set("unix_socket_permissions", "0700");
    set("max_connections", "60");
    set("shared_buffers", "128MB");
    // compiling a query over the views takes longer than running it
    set("jit", "off");
    set("timezone", "UTC");
    set("log_timezone", "UTC");
    if !durable {
        // Commits still wait until the operating system has the data. Without syncing that costs almost nothing, and
        // nothing acknowledged is lost when the server itself is killed.
        set("fsync", "off");
        set("full_page_writes", "off");
    }
    Ok(command)
}

/// Returns the folder in quotes: the setting is a list of names, so a comma or a space within one needs quotes.
fn quoted(folder: &Path) -> String {
    format!("\"{}\"", folder.to_string_lossy().replace('"', "\"\""))
}
