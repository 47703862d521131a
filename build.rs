//! Embeds the files of `migrations/views`: lists them by name for `src/db/views.rs`. Rebuilds when a migration changes.
//! Names the commit: `TRIBUTARY_COMMIT`, else that of the working tree in release builds, else `dev`. Lists the SQL texts
//! of the source with names, for `src/telemetry/statements.rs`.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rustc-env=TRIBUTARY_COMMIT={}", commit());
    // read when it runs: a target folder that several checkouts share keeps the program of one of them
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?);
    let folder = root.join("migrations/views");
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
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("views.rs"), format!("&[\n{list}]"))?;
    println!("cargo:rerun-if-changed=src");
    let mut texts = BTreeMap::new();
    collect_statements(Path::new("src"), "", &mut texts)?;
    fs::write(out.join("statements.rs"), format!("&{:#?}", texts.into_iter().collect::<Vec<_>>()))?;
    Ok(())
}

/// Collects the SQL texts below a folder: files of SQL, named after the file, and literals, named after the file and the
/// function or constant that holds them.
fn collect_statements(folder: &Path, place: &str, texts: &mut BTreeMap<String, String>) -> Result<(), Box<dyn Error>> {
    let entries: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut entries = entries?;
    entries.sort();
    for path in entries {
        let stem = path.file_stem().and_then(OsStr::to_str).ok_or("a name in UTF-8")?;
        let name = [place, stem].join(if place.is_empty() { "" } else { "::" });
        match path.extension().and_then(OsStr::to_str) {
            None if path.is_dir() => collect_statements(&path, &name, texts)?,
            Some("sql") => note(&fs::read_to_string(&path)?, &name, texts),
            Some("rs") => {
                let name = if stem == "mod" { place } else { &name };
                let mut item = String::new();
                for token in tokens(&fs::read_to_string(&path)?) {
                    match token {
                        Token::Item(found) => item = format!("{name}::{found}"),
                        Token::Literal(text) => note(&text, &item, texts),
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Notes a text that is SQL, with single spaces: whole, and the longest part between those that are filled in.
fn note(text: &str, name: &str, texts: &mut BTreeMap<String, String>) {
    const VERBS: [&str; 9] = ["select", "insert", "update", "delete", "with", "lock", "merge", "analyze", "create"];
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("--"));
    if !first.is_some_and(|line| VERBS.contains(&line.split(' ').next().unwrap_or_default())) {
        return;
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, fixed)| fixed).trim());
    let fixed = parts.max_by_key(|part| part.len()).unwrap_or_default().to_owned();
    for text in [text, fixed].into_iter().filter(|text| text.contains(' ')) {
        texts.entry(text).or_insert_with(|| name.to_owned());
    }
}

enum Token<'a> {
    /// The name of a function, a constant or a static.
    Item(&'a str),
    /// The value of a string literal.
    Literal(String),
}

/// Returns the names of items, and the string literals, in their order.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut before) = (source, ' ');
    while let Some(next) = rest.chars().next() {
        let word = ["fn ", "const ", "static "].into_iter().find(|word| before == ' ' && rest.starts_with(word));
        let length = if let Some(word) = word {
            let name = rest[word.len()..].split(|char: char| !char.is_alphanumeric() && char != '_').next();
            tokens.extend(name.map(Token::Item));
            word.len()
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r#\"") {
            let end = rest.find("\"#").unwrap_or(rest.len() - 2);
            tokens.push(Token::Literal(rest[3.min(end)..end].to_owned()));
            end + 2
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\") {
            3
        } else if next == '"' {
            let mut is_escaped = false;
            let end = rest[1..].char_indices().find(|(_, char)| {
                let ends = *char == '"' && !is_escaped;
                is_escaped = *char == '\\' && !is_escaped;
                ends
            });
            let end = end.map_or(rest.len() - 1, |(at, _)| at) + 1;
            let text = rest[1..end].replace("\\\n", "").replace("\\n", "\n").replace("\\\"", "\"");
            tokens.push(Token::Literal(text));
            end + 1
        } else {
            next.len_utf8()
        };
        before = if next.is_whitespace() { ' ' } else { next };
        rest = rest.get(length..).unwrap_or_default();
    }
    tokens
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
