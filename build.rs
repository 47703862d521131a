//! Embeds the files of `migrations/views`: lists them by name for `src/db/views.rs`. Rebuilds when a migration changes.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
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
