//! Locating `initdb` and `postgres`.
//!
//! Distributions keep them off the command search path, in one folder for each version. The usual folders are
//! searched, newest version first. A cluster can only be run by the major version that created it, so an existing
//! cluster decides the version. Programs that were fetched into the data folder come last.

use std::path::{Path, PathBuf};

use crate::embedded::account::Ending;
use crate::embedded::cluster_folder::ClusterFolder;
use crate::embedded::error::PostgresError;
use crate::embedded::fetch::{FetchSettings, fetched_bin_dir};

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
    /// Returns the binaries to run `folder` with: those in `bin_dir`, or else those that are found, on the
    /// `search_path` first. Missing ones are fetched if `fetch` allows it.
    pub(super) fn find_or_fetch(
        bin_dir: Option<&Path>,
        search_path: &[PathBuf],
        fetch: Option<&FetchSettings>,
        folder: &ClusterFolder,
    ) -> Result<Self, PostgresError> {
        let missing = match Self::find(bin_dir, search_path, folder) {
            Err(missing @ (PostgresError::NoBinaries | PostgresError::WrongVersion { .. })) => missing,
            found => return found,
        };
        let version = folder.cluster_version();
        let fetch = fetch.filter(|fetch| bin_dir.is_none() && fetch.serves(version.as_deref()));
        let Some(fetch) = fetch else { return Err(missing) };
        match (fetch.fetch(search_path, folder), missing) {
            (Err(PostgresError::NoClient), missing @ PostgresError::WrongVersion { .. }) => Err(missing),
            (fetched, _) => fetched.and_then(|()| Self::find(None, search_path, folder)),
        }
    }

    fn find(bin_dir: Option<&Path>, search_path: &[PathBuf], folder: &ClusterFolder) -> Result<Self, PostgresError> {
        let found = if let Some(folder) = bin_dir {
            vec![Self::within(folder).ok_or_else(|| PostgresError::NotABinDir(folder.to_owned()))?]
        } else {
            let fetched = [fetched_bin_dir(&folder.root)];
            let folders = search_path.iter().cloned().chain(usual()).chain(fetched);
            folders.filter_map(|folder| Self::within(&folder)).collect()
        };
        let Some(wanted) = folder.cluster_version() else {
            return found.into_iter().next().ok_or(PostgresError::NoBinaries);
        };
        let mut versions = Vec::new();
        for binaries in found {
            let version = binaries.major_version(folder).unwrap_or_default();
            if version == wanted {
                return Ok(binaries);
            }
            versions.push(version);
        }
        if versions.is_empty() {
            return Err(PostgresError::NoBinaries);
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
    fn major_version(&self, folder: &ClusterFolder) -> Option<String> {
        let output =
            folder.account.command(&self.postgres, &folder.root, Ending::Kill).arg("--version").output().ok()?;
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
