//! The operating-system account that the server runs as.
//!
//! Postgres refuses to run as root. If this process is root, in a container for example, only the server's processes
//! switch to an unprivileged account. This module handles accounts and does not depend on clusters.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::embedded::error::PostgresError;

/// User and group numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) user: u32,
    pub(super) group: u32,
}

/// The account that the server's processes run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// The account of this process.
    Ours,
    /// Another account; this process is root.
    Other(Ids),
}

impl Account {
    /// Returns the account for child processes: for root the first unprivileged one that exists, otherwise the account
    /// of this process.
    pub(super) fn for_children() -> Result<Self, PostgresError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Ours);
        }
        let path = Path::new("/etc/passwd");
        let accounts = std::fs::read_to_string(path).map_err(PostgresError::io("read", path))?;
        let found = ["postgres", "nobody"].into_iter().find_map(|name| ids_of(&accounts, name));
        found.map(Self::Other).ok_or(PostgresError::NoAccount)
    }

    /// Returns the account to use for an existing cluster: the cluster's owner, if this process may switch to it.
    pub(super) fn owning(self, cluster: &Path) -> Self {
        match (self, std::fs::metadata(cluster)) {
            (Self::Other(_), Ok(owned)) if owned.uid() != 0 => {
                Self::Other(Ids { user: owned.uid(), group: owned.gid() })
            }
            _ => self,
        }
    }

    /// Returns the user number of the server's processes.
    pub(super) fn user(self) -> u32 {
        match self {
            Self::Ours => rustix::process::geteuid().as_raw(),
            Self::Other(ids) => ids.user,
        }
    }

    /// Returns whether the account can enter the folder: each existing folder on the path permits it. Access control
    /// lists are not checked; at worst another folder is used.
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

    /// Creates a folder that only this account (and root) can enter, if it does not exist.
    pub(super) fn make_private_dir(self, folder: &Path) -> Result<(), PostgresError> {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
            made => made.map_err(PostgresError::io("create", folder))?,
        }
        self.take_over(folder)
    }

    /// Makes this account the owner of a file, folder or link.
    pub(super) fn take_over(self, path: &Path) -> Result<(), PostgresError> {
        let Self::Other(ids) = self else { return Ok(()) };
        std::os::unix::fs::lchown(path, Some(ids.user), Some(ids.group)).map_err(PostgresError::io("hand over", path))
    }

    /// Makes this account the owner of a folder and of everything in it.
    pub(super) fn take_over_tree(self, folder: &Path) -> Result<(), PostgresError> {
        self.take_over(folder)?;
        for entry in std::fs::read_dir(folder).map_err(PostgresError::io("read", folder))? {
            let entry = entry.map_err(PostgresError::io("read", folder))?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.take_over_tree(&entry.path())?;
            } else {
                self.take_over(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Returns whether `folder` itself (not a link to a folder) belongs to this account and no other account can
    /// enter it.
    pub(super) fn owns_privately(self, folder: &Path) -> bool {
        std::fs::symlink_metadata(folder)
            .is_ok_and(|found| found.is_dir() && found.uid() == self.user() && found.mode() & 0o777 == 0o700)
    }

    /// Returns a command that runs as this account, without the environment of this process. The kernel ends it when
    /// this process ends.
    pub(super) fn command(self, program: &Path, folder: &Path, at_our_end: Ending) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command.process_group(0); // only this process passes an interrupt from the terminal on to it
        if let Self::Other(ids) = self {
            command.uid(ids.user).gid(ids.group);
        }
        die_with_us(&mut command, at_our_end);
        command
    }
}

/// The signal that a child receives when this process ends without stopping it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ending {
    /// Shut down in an orderly way.
    Interrupt,
    /// End at once.
    Kill,
}

/// Sends the signal to a child when the thread that started it ends. Only Linux supports this. Elsewhere the next start
/// finds and stops the surviving server.
#[cfg(target_os = "linux")]
pub(super) fn die_with_us(command: &mut Command, ending: Ending) {
    let signal = match ending {
        Ending::Interrupt => rustix::process::Signal::INT,
        Ending::Kill => rustix::process::Signal::KILL,
    };
    // The standard library changes user and group first, which would clear the setting, and runs this closure
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
pub(super) fn die_with_us(_: &mut Command, _: Ending) {}

fn ids_of(accounts: &str, name: &str) -> Option<Ids> {
    let mut fields = accounts.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?;
    Some(Ids { user: fields.nth(2)?.parse().ok()?, group: fields.next()?.parse().ok()? })
}
