//! Where a cluster lies, and who has it.
//!
//! One folder holds everything: `cluster/`, `run/` with the socket, `log`, `lock`. The lock is the
//! kernel's, so that it ends with its holder and a stale file never blocks. The same wanted path always
//! leads to the same folder, so that a second start finds the first one's data.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::demo::postgres::account::Account;
use crate::demo::postgres::{PORT, PostgresError};

/// For root: where data go that the server's account could not reach where they were wanted.
const REACHABLE_BASE: &str = "/var/lib/tributary";
/// Longest path of a socket on every system: macOS has 104 bytes with the closing NUL, Linux 108.
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// The folders of one cluster. Whoever has it, has it alone.
#[derive(Debug)]
pub(super) struct Place {
    /// The folder of all of it.
    pub(super) root: PathBuf,
    /// Postgres's own data folder.
    pub(super) cluster: PathBuf,
    /// Folder of the socket.
    pub(super) socket_dir: PathBuf,
    /// What the server says.
    pub(super) log: PathBuf,
    /// As whom the server runs here.
    pub(super) account: Account,
    /// Held, not read: closing it frees the place.
    _lock: File,
}

impl Place {
    /// Makes the folders and takes the lock.
    pub(super) fn claim(wanted: &Path, account: Account) -> Result<Self, PostgresError> {
        let wanted = std::path::absolute(wanted).map_err(PostgresError::io("make sense of", wanted))?;
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

    /// Whether a cluster was made here.
    pub(super) fn has_cluster(&self) -> bool {
        self.cluster.join("PG_VERSION").is_file()
    }

    /// Major version of the cluster; `None` where there is none.
    pub(super) fn cluster_version(&self) -> Option<String> {
        std::fs::read_to_string(self.cluster.join("PG_VERSION")).ok().map(|text| text.trim().to_owned())
    }

    /// The last thing the server said.
    pub(super) fn last_words(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
    }
}

fn lock(root: &Path) -> Result<File, PostgresError> {
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
    Ok(file)
}

/// `run/` below the root, or, where that path is too long for a socket, a short folder under `/tmp`.
/// Anyone may make folders there, so one that is not ours alone is refused.
fn socket_dir(root: &Path, account: Account) -> Result<PathBuf, PostgresError> {
    let below = root.join("run");
    let socket = below.join(format!(".s.PGSQL.{PORT}"));
    let folder = if socket.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
        below
    } else {
        Path::new("/tmp").join(format!("tributary-{}", short_hash(root)))
    };
    account.make_private_dir(&folder)?;
    if account.owns_privately(&folder) { Ok(folder) } else { Err(PostgresError::ForeignSocketDir(folder)) }
}

/// Sixteen hexadecimal digits that stand for a path.
fn short_hash(path: &Path) -> String {
    let mut text = String::with_capacity(16);
    for byte in &Sha256::digest(path.as_os_str().as_bytes())[..8] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
