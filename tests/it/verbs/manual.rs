//! `tributary completions` and `tributary man`: what they write is usable, and has the verbs of the command line.

use std::process::Command;

fn tributary(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tributary")).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn bash_completes_verbs_and_options() {
    let script = tributary(&["completions", "bash"]);
    let complete = |words: &str, at: usize| {
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={at}; _tributary tributary ${{COMP_WORDS[{at}]}} ${{COMP_WORDS[{at}-1]}}; echo ${{COMPREPLY[@]}}"
        );
        let output = Command::new("bash").args(["--norc", "-c", &ask]).output().expect("bash runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(complete("tributary recon", 1), "reconcile");
    assert_eq!(complete("tributary serve --emb", 2), "--embedded");
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        assert!(tributary(&["completions", shell]).contains("reconcile"), "{shell}");
    }
}

#[test]
fn each_verb_has_a_manual_page() {
    let folder = std::env::temp_dir().join(format!("tributary-man-{}", std::process::id())).join("man1");
    tributary(&["man", folder.to_str().expect("UTF-8")]);
    let page =
        |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let whole = page("tributary.1");
    let verbs = tributary(&["--help"]);
    let verbs = verbs.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<&str> =
        verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help").collect();
    assert!(verbs.contains(&"serve") && verbs.contains(&"man"), "{verbs:?}");
    for verb in verbs {
        // a hyphen in running text is written \-
        assert!(whole.contains(&format!("tributary\\-{}(1)", verb.replace('-', "\\-"))), "{verb}");
        assert!(page(&format!("tributary-{verb}.1")).contains(".SH OPTIONS"), "{verb}");
    }
    assert!(page("tributary-serve.1").contains("\\-\\-dry\\-run"));
    assert!(page("tributary-keys-create.1").contains("\\-\\-scopes"));
    let _ = std::fs::remove_dir_all(folder.parent().expect("a folder"));
}
