//! The lists in `docs/faults.md`, `docs/guarantees.md` and `docs/security.md` are compared with the existing tests.
//!
//! The name of a test for a fault, a promise or a point of the acceptance list begins with its number, or with several:
//! `f71_p08_…`. A row of a list names such tests, or states why there can be none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Returns the names of all tests, with `…` for those that stand for all providers.
fn tests() -> BTreeSet<String> {
    fn walk(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of tests").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable test");
                found.extend(functions(&text));
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut found);
    assert!(found.len() > 200, "only {} functions found", found.len());
    found
}

fn functions(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    let named = lines.filter_map(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let function = line.strip_prefix("fn ").map(|rest| rest.split(['(', '<']).next().unwrap_or_default());
        // a row of a table that a macro turns into tests
        let row = || line.split_once(": ").map(|(name, _)| name).filter(|name| !numbers(name).is_empty());
        function.or_else(row).map(ToOwned::to_owned)
    });
    named.collect()
}

/// Returns the numbers that a name begins with: `f71_p08_kills` stands for `F71` and `P8`.
fn numbers(name: &str) -> Vec<String> {
    let is_number = |part: &&str| {
        part.len() == 3 && part.starts_with(['a', 'f', 'p']) && part[1..].bytes().all(|byte| byte.is_ascii_digit())
    };
    name.split('_').take_while(is_number).map(str::to_ascii_uppercase).collect()
}

/// Returns the rows of a table in `docs/`: number and text.
fn rows(file: &str, letter: char) -> BTreeMap<String, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let number = &cells[0];
        let is_number = number.strip_prefix(letter).is_some_and(|rest| rest.parse::<u32>().is_ok());
        if is_number {
            let earlier = rows.insert(number.clone(), cells[1..].to_vec());
            assert!(earlier.is_none(), "{number} stands in {file} twice");
        }
    }
    rows
}

/// Returns the texts in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Whether the test `name` exists. A star at its end matches any text; behind a number alone, every test with that
/// number.
fn is_there(tests: &BTreeSet<String>, name: &str) -> bool {
    let Some(head) = name.strip_suffix('*') else { return tests.contains(name) };
    match numbers(head).as_slice() {
        [number] if head.len() == 4 => tests.iter().any(|test| numbers(test).contains(number)),
        _ => tests.iter().any(|test| test.starts_with(head)),
    }
}

/// Checks that each number of `letter` from 1 to `last` in `file` has a row with tests of its number or a reason.
fn check(file: &str, letter: char, last: u32) {
    let (tests, rows) = (tests(), rows(file, letter));
    let by_number: BTreeSet<String> = tests.iter().flat_map(|name| numbers(name)).collect();
    let mut faults = Vec::new();
    for number in 1..=last {
        let number = format!("{letter}{number:02}");
        let Some(cells) = rows.get(&number) else {
            faults.push(format!("{number} has no row"));
            continue;
        };
        let proof = cells.last().map_or("", String::as_str);
        let named = quoted(proof).into_iter().filter(|name| name.contains('_') && !name.contains(['/', '.', ' ', ':']));
        for name in named.clone().filter(|name| !is_there(&tests, name)) {
            faults.push(format!("{number}: there is no test `{name}`"));
        }
        let has_reason = proof.starts_with("none: ") && proof.len() > 30;
        let is_own = |name: &str| name.to_ascii_uppercase().contains(&number);
        if !has_reason && !named.clone().any(is_own) {
            faults.push(format!("{number}: it names neither a test of its number nor a reason"));
        }
        if has_reason && by_number.contains(&number) {
            faults.push(format!("{number}: there are tests of it by now, name them"));
        }
    }
    faults.extend(rows.keys().filter(|number| number[1..].parse::<u32>().is_ok_and(|n| n == 0 || n > last)).cloned());
    assert!(faults.is_empty(), "docs/{file}:\n{}", faults.join("\n"));
}

#[test]
fn every_fault_has_its_test_or_its_reason() {
    check("faults.md", 'F', 86);
}

#[test]
fn every_point_of_the_acceptance_list_has_its_test_or_its_reason() {
    check("faults.md", 'A', 26);
}

#[test]
fn every_promise_names_tests_that_exist() {
    check("guarantees.md", 'P', 15);
}

#[test]
fn every_risk_of_an_api_names_tests_that_exist() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let text = std::fs::read_to_string(path).expect("a document");
    let tests = tests();
    for number in 1..=10 {
        let row =
            text.lines().find(|line| line.starts_with(&format!("| API{number} "))).expect("each of the ten risks");
        let named = quoted(row.trim_end_matches('|').rsplit('|').next().unwrap_or_default());
        assert!(!named.is_empty(), "{row}");
        for name in named {
            assert!(is_there(&tests, name), "API{number}: there is no test {name}");
        }
    }
}

#[test]
fn every_fault_that_health_shows_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("a document");
    let (text, tests) = (read("docs/operations.md"), tests());
    // a macro turns the rows of its table into tests
    let in_macro = read("tests/it/api/health_faults.rs");
    let section = text.split("### Faults and health states").nth(1).and_then(|rest| rest.split("## ").next());
    let table = section.expect("the section").lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut faults = BTreeSet::new();
    for row in table {
        let (cells, proof) = row.trim_end_matches(" |").rsplit_once(" | ").expect("cells");
        faults.insert(cells.split(" | ").next().unwrap_or_default().trim_start_matches("| "));
        let named = quoted(proof);
        let is_test = |name: &str| tests.contains(name) || in_macro.contains(&format!("\n    {name}: "));
        assert!(named.iter().any(|name| is_test(name)), "{row}");
        for name in named {
            let is_file = name.starts_with("tests/") && root.join(name).is_file();
            assert!(is_file || is_test(name), "{name}");
        }
    }
    for fault in [
        "provider down",
        "provider hangs",
        "401",
        "404",
        "500",
        "429 without end",
        "HTML",
        "a documented field",
        "all pollers killed, or suspended",
        "Postgres stopped",
        "Postgres hangs",
        "read-only",
        "out of connections",
        "disk full",
        "the provider's clock",
        "the clock of the machine",
        "the database's clock",
        "300 idle sockets",
        "key rotated",
    ] {
        assert!(faults.iter().any(|one| one.starts_with(fault)), "{fault}: {faults:?}");
    }
}

#[test]
fn a_test_that_is_not_there_would_be_found() {
    let tests: BTreeSet<String> =
        functions("async fn f01_a_b(x: u8) {\n    fn f02_c<T>() {}\n// fn f03_d()").into_iter().collect();
    assert_eq!(tests.iter().map(String::as_str).collect::<Vec<_>>(), ["f01_a_b", "f02_c"]);
    assert!(is_there(&tests, "f01_*") && is_there(&tests, "f02_c") && is_there(&tests, "f01_a*"));
    assert!(!is_there(&tests, "f03_*") && !is_there(&tests, "f01_a"));
    assert_eq!(numbers("f71_p08_a_kill"), ["F71", "P08"]);
    assert!(numbers("fxx_a").is_empty() && numbers("a_f01").is_empty());
    assert_eq!(quoted("`a_b`, see `c`"), ["a_b", "c"]);
}
