//! The house rules that a compiler does not check: dependencies, sizes, headers, words.

use std::path::{Path, PathBuf};

mod circles;

/// Modules by rank. A module may name only modules of a lower rank; `web`, `app`, `demo`, `verbs` and
/// `main` stand in this order, each above the last.
const RANKS: [(&str, u32); 18] = [
    ("model", 0),
    ("config", 0),
    ("clock", 0),
    ("telemetry", 0),
    ("db", 0),
    ("embedded", 0),
    ("failpoint", 0),
    ("connector", 1),
    ("store", 1),
    ("query", 1),
    ("providers", 2),
    ("ingest", 2),
    ("api", 2),
    ("web", 3),
    ("app", 4),
    ("demo", 5),
    ("verbs", 6),
    ("main", 7),
];

/// Dependencies within rank 0: plain data may use plain data.
const WITHIN_RANK_ZERO: [(&str, &str); 2] = [("config", "model"), ("config", "clock")];

/// Returns the sources of the service and of the simulator.
fn sources() -> Vec<(PathBuf, String)> {
    ["src", "simulator/src"].into_iter().flat_map(sources_below).collect()
}

fn sources_below(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable source");
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    assert!(found.len() > 20, "only {} sources found in {folder}", found.len());
    found
}

/// Returns the first part of a path below `src`; `simulator` for a source of the simulator.
fn module_of(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let inside = path.strip_prefix(root.join("src")).or_else(|_| path.strip_prefix(root)).expect("below the root");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn rank(module: &str) -> Option<u32> {
    RANKS.iter().find(|(name, _)| *name == module).map(|(_, rank)| *rank)
}

/// Returns the modules that a source names by `crate::x` or `tributary::x`.
fn named_modules(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.collect::<Vec<_>>().join("\n");
    let mut named = Vec::new();
    for prefix in ["crate::", "tributary::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let group = group.split('}').next().unwrap_or_default();
                named.extend(group.split(',').map(|item| word(item.trim())));
            } else {
                named.push(word(rest));
            }
        }
    }
    named.retain(|name| rank(name).is_some());
    named
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn modules_name_only_modules_of_a_lower_rank() {
    let mut faults = Vec::new();
    for (path, text) in sources_below("src") {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let own = rank(&module).unwrap_or_else(|| panic!("{module} has no rank: add it to the table"));
        for named in named_modules(&text) {
            let allowed = named == module
                || rank(&named).is_some_and(|rank| rank < own)
                || WITHIN_RANK_ZERO.contains(&(module.as_str(), named.as_str()));
            if !allowed {
                faults.push(format!("{}: `{module}` must not name `{named}`", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_module_named_in_code_is_found() {
    assert_eq!(named_modules("use crate::{api, model};\nlet x = crate::ingest::run_once;"), ["api", "model", "ingest"]);
    assert!(named_modules("// crate::api is not named in a comment").is_empty());
}

#[test]
fn sources_are_short_and_have_headers() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > 300 {
            faults.push(format!("{}: {lines} lines, at most 300", path.display()));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{}: it does not begin with a header", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn only_one_file_knows_the_cron_crate_and_sql_stands_in_its_place() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let module = module_of(&path);
        let name = path.display().to_string();
        if text.contains("tokio_cron_scheduler") && !name.ends_with("ingest/schedule.rs") {
            faults.push(format!("{name}: names the cron crate"));
        }
        let has_sql = ["sqlx::query", "QueryBuilder"].iter().any(|sign| text.contains(sign));
        if has_sql && !["store", "query", "db", "embedded"].contains(&module.as_str()) {
            faults.push(format!("{name}: holds SQL"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn file_names_are_not_generic() {
    for (path, _) in sources() {
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "helpers", "common", "manager", "misc"].contains(&stem.as_str()),
            "{}",
            path.display()
        );
    }
}

/// Words that hide who acts.
const REFUSED_WORDS: [&str; 6] = ["whoever", "whatever", "whom", "nobody", "somebody", "anew"];

#[test]
fn comments_name_the_actor_and_keep_the_width_of_the_code() {
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("//")) {
            let place = format!("{}:{}", path.display(), number + 1);
            assert!(line.chars().count() <= 120, "{place} is wider than 120 characters");
            let refused = line.to_lowercase();
            let refused =
                refused.split(|letter: char| !letter.is_alphabetic()).find(|word| REFUSED_WORDS.contains(word));
            assert_eq!(refused, None, "{place}: say who acts");
        }
    }
}
