//! Embeds the files of `migrations/views`: lists them by name for `src/db/views.rs`. Rebuilds when a migration changes.
//! Names the commit: `TRIBUTARY_COMMIT`, else that of the working tree in release builds, else `dev`.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rustc-env=TRIBUTARY_COMMIT={}", commit());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/views");
    let entries: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut files = entries?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let mut list = String::new();
    for file in &files {
        let name = file.file_stem().and_then(OsStr::to_str).ok_or("a name in UTF-8")?;
        let path = file.to_str().ok_or("a path in UTF-8")?;
        writeln!(list, "View {{ name: {name:?}, text: include_str!({path:?}) }},")?;
    }
    let folder = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    fs::write(Path::new(&folder).join("views.rs"), format!("&[\n{list}]"))?;
    Ok(())
}

/// Returns the commit. A development build does not look for it: it would be built again after each commit.
fn commit() -> String {
    println!("cargo:rerun-if-env-changed=TRIBUTARY_COMMIT");
    let given = env::var_os("TRIBUTARY_COMMIT").and_then(|given| given.into_string().ok());
    let given = given.filter(|given| !given.is_empty());
    let is_release = env::var_os("PROFILE").is_some_and(|profile| profile == "release");
    let asked = || Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok();
    let found = if given.is_none() && is_release { asked() } else { None };
    let found = found.filter(|output| output.status.success());
    let found = found.and_then(|output| String::from_utf8(output.stdout).ok()).map(|text| text.trim().to_owned());
    if found.is_some() {
        println!("cargo:rerun-if-changed=.git/HEAD");
        println!("cargo:rerun-if-changed=.git/index");
    }
    given.or(found).unwrap_or_else(|| "dev".to_owned())
}
