//! Folders of a cluster, and the lock on them.
//!
//! One folder holds everything: `cluster/`, `run/` with the socket, `postgres/` with fetched programs, `log`, `lock`,
//! and for access by TCP `pgpass` and `pg_hba.conf`. The kernel holds the lock, so that it ends with the process that
//! took it and a stale file never blocks. The same requested path always leads to the same folder, so that a second
//! start finds the data of the first.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::embedded::account::Account;
use crate::embedded::error::PostgresError;

/// Used as root: base folder of the data if the server's account cannot reach the requested folder.
const REACHABLE_BASE: &str = "/var/lib/tributary";
/// Longest socket path that works on every system: macOS allows 104 bytes with the closing NUL, Linux 108.
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// The folders of one cluster, locked for this process alone.
#[derive(Debug)]
pub(super) struct ClusterFolder {
    /// The folder that contains the others.
    pub(super) root: PathBuf,
    /// Postgres's own data folder.
    pub(super) cluster: PathBuf,
    /// Folder of the socket.
    pub(super) socket_dir: PathBuf,
    /// The server's log.
    pub(super) log: PathBuf,
    /// The account that the server runs as.
    pub(super) account: Account,
    /// Held, not read.
    _lock: FolderLock,
}

/// The lock on the folders. It is released by name: closing the file alone would leave the lock to a process that
/// another thread is starting, which holds a copy of the file until it executes its program.
#[derive(Debug)]
struct FolderLock(File);

impl Drop for FolderLock {
    fn drop(&mut self) {
        let _ = self.0.unlock(); // closing it is the second way
    }
}

impl ClusterFolder {
    /// Creates the folders and takes the lock.
    pub(super) fn claim(wanted: &Path, account: Account) -> Result<Self, PostgresError> {
        let wanted = std::path::absolute(wanted).map_err(PostgresError::io("resolve", wanted))?;
        let account = account.owning(&wanted.join("cluster"));
        let root = if account.reaches(&wanted) { wanted } else { Path::new(REACHABLE_BASE).join(short_hash(&wanted)) };
        let account = account.owning(&root.join("cluster"));
        if let Some(parent) = root.parent() {
            std::fs::create_dir_all(parent).map_err(PostgresError::io("create", parent))?;
        }
        account.make_private_dir(&root)?;
        let lock = lock(&root)?;
        let socket_dir = socket_dir(&root, account)?;
        Ok(Self { cluster: root.join("cluster"), log: root.join("log"), socket_dir, account, _lock: lock, root })
    }

    /// Returns whether a cluster was created here.
    pub(super) fn has_cluster(&self) -> bool {
        self.cluster.join("PG_VERSION").is_file()
    }

    /// Returns the major version of the cluster; `None` if there is none.
    pub(super) fn cluster_version(&self) -> Option<String> {
        std::fs::read_to_string(self.cluster.join("PG_VERSION")).ok().map(|text| text.trim().to_owned())
    }

    /// Returns whether one of the last lines of the server's log contains a text.
    pub(super) fn says_lately(&self, text: &str) -> bool {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().rev().take(40).any(|line| line.contains(text))
    }

    /// Returns the last line of the server's log.
    pub(super) fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed nothing").to_owned()
    }
}

fn lock(root: &Path) -> Result<FolderLock, PostgresError> {
    let path = root.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(PostgresError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let pid = if holder.trim().is_empty() { "?".to_owned() } else { holder.trim().to_owned() };
            return Err(PostgresError::InUse { data_dir: root.to_owned(), pid });
        }
        Err(std::fs::TryLockError::Error(source)) => return Err(PostgresError::io("lock", &path)(source)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(PostgresError::io("write", &path))?;
    Ok(FolderLock(file))
}

/// Returns the name of the socket file of a server with this port.
pub(super) fn socket_name(port: u16) -> String {
    format!(".s.PGSQL.{port}")
}

/// Returns `run/` below the root or, if that path is too long for a socket, a short folder under `/tmp`. Any account
/// may create folders in `/tmp`, so a folder that is not private to this account is refused.
fn socket_dir(root: &Path, account: Account) -> Result<PathBuf, PostgresError> {
    let below = root.join("run");
    let socket = below.join(socket_name(u16::MAX));
    let folder = if socket.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
        below
    } else {
        Path::new("/tmp").join(format!("tributary-{}", short_hash(root)))
    };
    account.make_private_dir(&folder)?;
    if account.owns_privately(&folder) { Ok(folder) } else { Err(PostgresError::ForeignSocketDir(folder)) }
}

/// Returns sixteen hexadecimal digits that identify a path.
fn short_hash(path: &Path) -> String {
    let mut text = String::with_capacity(16);
    for byte in &Sha256::digest(path.as_os_str().as_bytes())[..8] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
