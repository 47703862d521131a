//! Secrets by reference: `<name>_env` names a variable, `<name>_file` a file; the configuration file itself
//! never holds one. Trailing newlines are trimmed, since every editor and every `echo` adds one.

use std::collections::BTreeMap;
use std::path::Path;

use super::reader::Section;
use super::secret::usable;
use super::{ConfigFault, Secret};

/// Reads the secret `name` of a section, if one is configured.
pub(super) fn optional(
    section: &mut Section,
    name: &'static str,
    environment: &BTreeMap<String, String>,
    faults: &mut Vec<ConfigFault>,
) -> Option<Secret> {
    let (env_key, file_key) = match name {
        "person_key" => ("person_key_env", "person_key_file"),
        _ => ("api_key_env", "api_key_file"),
    };
    let variable = section.text(env_key, faults);
    let file = section.text(file_key, faults);
    let (key, secret) = match (variable, file) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            let remedy = format!("keep one of {env_key} and {file_key}");
            section.fault(faults, env_key, "the secret is given twice", &remedy);
            return None;
        }
        (Some(variable), None) => {
            let Some(text) = environment.get(&variable) else {
                let problem = format!("the variable {variable} is not set");
                section.fault(faults, env_key, &problem, &format!("set {variable} to the secret"));
                return None;
            };
            (env_key, usable(text).map(Secret::from))
        }
        (None, Some(path)) => (file_key, Secret::in_file(Path::new(&path))),
    };
    secret
        .map_err(|problem| {
            let remedy = match problem.as_str() {
                "the secret is empty" => "put the secret there",
                "the secret contains control characters" => "store it as one line",
                _ => "name a readable file that contains only the secret",
            };
            section.fault(faults, key, &problem, remedy);
        })
        .ok()
}
