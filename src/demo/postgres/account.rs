//! As whom the server runs.
//!
//! Postgres refuses to be root. Where we are root, in a container for example, its processes alone
//! become an unprivileged account; we stay what we are. Knows accounts, and nothing of clusters.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::demo::postgres::PostgresError;

/// User and group numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) user: u32,
    pub(super) group: u32,
}

/// As whom the server's processes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// As we do.
    Ours,
    /// As somebody else; we are root.
    Other(Ids),
}

impl Account {
    /// `postgres`, else `nobody`, where we are root; else our own.
    pub(super) fn for_children() -> Result<Self, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ours);
        }
        let path = Path::new("/etc/passwd");
        let accounts = std::fs::read_to_string(path).map_err(PostgresError::io("read", path))?;
        let found = ["postgres", "nobody"].into_iter().find_map(|name| ids_of(&accounts, name));
        found.map(Self::Other).ok_or(PostgresError::NoAccount)
    }

    /// The account to go on with on a cluster that somebody made already: its owner, where we may
    /// become that.
    pub(super) fn owning(self, cluster: &Path) -> Self {
        match (self, std::fs::metadata(cluster)) {
            (Self::Other(_), Ok(owned)) if owned.uid() != 0 => {
                Self::Other(Ids { user: owned.uid(), group: owned.gid() })
            }
            _ => self,
        }
    }

    /// The user number of the server's processes.
    pub(super) fn user(self) -> u32 {
        match self {
            Self::Ours => rustix::process::geteuid().as_raw(),
            Self::Other(ids) => ids.user,
        }
    }

    /// Whether the account can get to the folder: every one on the way that exists lets it pass. Access
    /// lists are not looked at; the worst they cause is another folder.
    pub(super) fn reaches(self, folder: &Path) -> bool {
        let Self::Other(ids) = self else { return true };
        folder.ancestors().filter_map(|folder| std::fs::metadata(folder).ok()).all(|on_the_way| {
            let bit = if on_the_way.uid() == ids.user {
                0o100
            } else if on_the_way.gid() == ids.group {
                0o010
            } else {
                0o001
            };
            on_the_way.mode() & bit != 0
        })
    }

    /// Makes a folder that only this account (and root) can enter, where it is missing.
    pub(super) fn make_private_dir(self, folder: &Path) -> Result<(), PostgresError> {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
            made => made.map_err(PostgresError::io("create", folder))?,
        }
        if let Self::Other(ids) = self {
            std::os::unix::fs::chown(folder, Some(ids.user), Some(ids.group))
                .map_err(PostgresError::io("hand over", folder))?;
        }
        Ok(())
    }

    /// Whether `folder` itself (no link to one) is a folder of this account that nobody else can enter.
    pub(super) fn owns_privately(self, folder: &Path) -> bool {
        std::fs::symlink_metadata(folder)
            .is_ok_and(|found| found.is_dir() && found.uid() == self.user() && found.mode() & 0o777 == 0o700)
    }

    /// A command that runs as this account, without our environment, and that the kernel ends with us.
    pub(super) fn command(self, program: &Path, folder: &Path, at_our_end: Ending) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command.process_group(0); // an interrupt from the terminal reaches it through us only
        if let Self::Other(ids) = self {
            command.uid(ids.user).gid(ids.group);
        }
        die_with_us(&mut command, at_our_end);
        command
    }
}

/// What a child is sent when we end without stopping it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// End in good order.
    Interrupt,
    /// End at once.
    Kill,
}

/// Only Linux has this; elsewhere the next start finds the survivor.
#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command, ending: Ending) {
    let signal = match ending {
        Ending::Interrupt => rustix::process::Signal::INT,
        Ending::Kill => rustix::process::Signal::KILL,
    };
    // The standard library changes user and group first, which would clear the setting, and calls this
    // afterwards.
    #[expect(unsafe_code, reason = "runs between fork and exec: a single system call, no allocation, no lock")]
    // SAFETY: prctl(2) is async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(signal)).map_err(std::io::Error::from)
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_us(_: &mut Command, _: Ending) {}

fn ids_of(accounts: &str, name: &str) -> Option<Ids> {
    let mut fields = accounts.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?;
    Some(Ids { user: fields.nth(2)?.parse().ok()?, group: fields.next()?.parse().ok()? })
}
