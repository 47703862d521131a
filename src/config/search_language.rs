//! `language` of a source: the text-search configuration of Postgres by which words of its texts are found.

use super::reader::{ConfigFault, Section, nearest};

/// The configurations that Postgres 15 has.
const NAMES: [&str; 29] = [
    "simple",
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
];

/// Reads the configuration of a source; `None`: `simple`, which changes no word.
pub(super) fn read(section: &mut Section, faults: &mut Vec<ConfigFault>) -> Option<String> {
    let name = section.text("language", faults)?;
    if !NAMES.contains(&name.as_str()) {
        let remedy = nearest(&name, &NAMES)
            .map_or_else(|| format!("write one of {}", NAMES.join(", ")), |near| format!("did you mean `{near}`?"));
        section.fault(faults, "language", &format!("there is no text-search configuration `{name}`"), &remedy);
    }
    (name != "simple").then_some(name)
}
