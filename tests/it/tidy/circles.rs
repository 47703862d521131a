//! No two sources name each other, directly or by way of others: a reader who follows the names always arrives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// Path of a module, from the root of its crate.
type Module = Vec<String>;

/// Returns the modules that a source names, with `self` and `super` resolved. Its own tests are left out: `super` means
/// the source itself there.
fn named(module: &[String], text: &str) -> Vec<Module> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut paths = Vec::new();
    for root in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(root).filter(|(at, _)| !code[..*at].ends_with(is_of_path)) {
            expand("", &code[at..], &mut paths);
        }
    }
    // the name of a child stands in its parent without `self`
    for declared in code.split("mod ").skip(1).filter_map(|rest| Some(rest.split_once(';')?.0)) {
        let path = format!("{declared}::");
        if code.match_indices(&path).any(|(at, _)| !code[..at].ends_with(is_of_path)) {
            paths.push(declared.to_owned());
        }
    }
    paths.iter().map(|path| resolve(module, path)).collect()
}

fn is_of_path(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == ':'
}

/// Adds the paths of the tree that `text` begins with, such as `a::{b, c::{d, e as f}}`; returns its length.
fn expand(prefix: &str, text: &str, paths: &mut Vec<String>) -> usize {
    let end = text.find(|letter| !is_of_path(letter)).unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..end]);
    if !(path.ends_with("::") && text[end..].starts_with('{')) {
        paths.push(path);
        return end;
    }
    let mut at = end + 1;
    while !text[at..].starts_with('}') {
        at += text[at..].find(|letter: char| !letter.is_whitespace() && letter != ',').expect("a closed group");
        at += expand(&path, &text[at..], paths);
        at += text[at..].find([',', '}']).expect("a closed group"); // a new name, or an asterisk
        at += text[at..].find(|letter: char| !letter.is_whitespace() && letter != ',').expect("a closed group");
    }
    at + 1
}

fn resolve(module: &[String], path: &str) -> Module {
    let mut at = module.to_vec();
    for part in path.split("::") {
        match part {
            "crate" => at.clear(),
            "super" => _ = at.pop(),
            "self" | "" => {}
            part => at.push(part.to_owned()),
        }
    }
    at
}

/// Returns the module that a source is; the root of the crate is empty.
fn module_of(source: &Path, root: &Path) -> Module {
    let inside = source.strip_prefix(root).expect("below the root").with_extension("");
    let parts = inside.iter().map(|part| part.to_string_lossy().into_owned());
    parts.filter(|part| !["mod", "lib", "main"].contains(&part.as_str())).collect()
}

/// Returns a shortest chain of sources from each one that leads back to it.
fn circles(root: &Path, sources: &[(PathBuf, String)]) -> Vec<String> {
    let modules: BTreeMap<Module, &str> = sources
        .iter()
        .map(|(path, text)| (module_of(path, root), text.as_str()))
        .filter(|(module, _)| !module.is_empty())
        .collect();
    let source_of = |path: Module| {
        (1..=path.len()).rev().map(|end| &path[..end]).find_map(|head| Some(modules.get_key_value(head)?.0))
    };
    let arrows: BTreeMap<&Module, BTreeSet<&Module>> = modules
        .iter()
        .map(|(module, text)| {
            (module, named(module, text).into_iter().filter_map(source_of).filter(|to| *to != module).collect())
        })
        .collect();
    modules.keys().filter_map(|start| chain_back_to(start, &arrows)).collect()
}

fn chain_back_to(start: &Module, arrows: &BTreeMap<&Module, BTreeSet<&Module>>) -> Option<String> {
    let mut reached_from: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in &arrows[at] {
            reached_from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                at
            });
        }
    }
    let mut chain = vec![start.join("::")];
    let mut at = *reached_from.get(start)?;
    while at != start {
        chain.push(at.join("::"));
        at = reached_from[at];
    }
    chain.push(start.join("::"));
    chain.reverse();
    Some(chain.join(" -> "))
}

#[test]
fn no_sources_name_each_other_in_a_circle() {
    for folder in ["src", "simulator/src"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let found = circles(&root, &super::sources_below(folder));
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}

#[test]
fn a_circle_is_found_in_every_spelling() {
    let circles = |parent: &str, child: &str| {
        let sources = [("a/mod.rs", parent), ("a/b.rs", child), ("c.rs", "use crate::a::b::X;")];
        circles(Path::new(""), &sources.map(|(path, text)| (PathBuf::from(path), text.to_owned())))
    };
    let of_two = ["a -> a::b -> a", "a::b -> a -> a::b"];
    assert_eq!(circles("use self::b::X;", "use super::Y;"), of_two);
    assert_eq!(circles("fn f() { self::b::g(); }", "fn f(x: crate::a::X) {}"), of_two);
    assert_eq!(circles("mod b;\nfn f() { b::g(); }", "use super::Y;"), of_two);
    assert_eq!(circles("use crate::{\n    d,\n    a::{b::{self, X as Z}},\n};", "use super::*;"), of_two);
    let of_three = circles("use crate::{c::Z, d::*};", "use crate::a;");
    assert_eq!(of_three, ["a -> c -> a::b -> a", "a::b -> a -> c -> a::b", "c -> a::b -> a -> c"]);
    assert!(circles("// use self::b::X;", "use super::Y;").is_empty(), "a comment names nothing");
    assert!(circles("use self::b::X;", "#[cfg(test)]\nmod tests {\n use super::*;\n}").is_empty(), "the source itself");
}
