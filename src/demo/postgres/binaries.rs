//! Locating `initdb` and `postgres`.
//!
//! Distributions keep them off the command search path, in one folder for each version. The usual folders are
//! searched, newest version first. A cluster can only be run by the major version that created it, so an existing
//! cluster decides the version. Nothing is ever downloaded.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::demo::postgres::cluster_folder::ClusterFolder;
use crate::demo::postgres::{PostgresError, ServerSettings};

/// Folders whose subfolders are versions: the folder, the text before the version, and the path of the binaries
/// below.
const VERSIONED: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr/local/lib/postgresql", "", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr", "pgsql-", "bin"),
];

/// The two programs, of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

impl Binaries {
    /// Returns the binaries to run the cluster in `folder` with.
    pub(super) fn find(settings: &ServerSettings, folder: &ClusterFolder) -> Result<Self, PostgresError> {
        let found = match &settings.bin_dir {
            Some(folder) => vec![Self::within(folder).ok_or_else(|| PostgresError::NotABinDir(folder.clone()))?],
            None => settings.search_path.iter().cloned().chain(usual()).filter_map(|dir| Self::within(&dir)).collect(),
        };
        let Some(wanted) = folder.cluster_version() else {
            return found.into_iter().next().ok_or(PostgresError::NoBinaries);
        };
        if found.is_empty() {
            return Err(PostgresError::NoBinaries);
        }
        let mut versions = Vec::new();
        for binaries in found {
            let version = binaries.major_version().unwrap_or_default();
            if version == wanted {
                return Ok(binaries);
            }
            versions.push(version);
        }
        versions.dedup();
        Err(PostgresError::WrongVersion { data_dir: folder.cluster.clone(), wanted, found: versions.join(", ") })
    }

    /// Returns both programs if the folder has both. Links are resolved, because the server looks for its own files
    /// next to its real path.
    fn within(folder: &Path) -> Option<Self> {
        let (initdb, postgres) = (folder.join("initdb"), folder.join("postgres"));
        (initdb.is_file() && postgres.is_file()).then_some(())?;
        Some(Self { initdb: initdb.canonicalize().ok()?, postgres: postgres.canonicalize().ok()? })
    }

    /// Returns the major version as a cluster spells it: `15` for 15.8.
    fn major_version(&self) -> Option<String> {
        let output = Command::new(&self.postgres).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let digits = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        Some(digits.chars().take_while(char::is_ascii_digit).collect())
    }
}

/// Returns the usual folders, by package system, each with its newest version first.
fn usual() -> impl Iterator<Item = PathBuf> {
    VERSIONED.into_iter().flat_map(|(base, prefix, below)| {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(base)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let digits: String = name.strip_prefix(prefix)?.chars().take_while(char::is_ascii_digit).collect();
                Some((digits.parse().ok()?, entry.path().join(below)))
            })
            .collect();
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        versions.into_iter().map(|(_, folder)| folder)
    })
}
