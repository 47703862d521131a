//! Secrets by reference: `<name>_env` names a variable, `<name>_file` a file; the file itself never
//! holds one. Trailing newlines are trimmed, since every editor and every `echo` adds one.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::ConfigFault;
use super::reader::Section;

/// The secret `name` of a section, if one is configured.
pub(super) fn optional(
    section: &mut Section,
    name: &'static str,
    environment: &BTreeMap<String, String>,
    faults: &mut Vec<ConfigFault>,
) -> Option<SecretString> {
    let (env_key, file_key) = match name {
        "person_key" => ("person_key_env", "person_key_file"),
        _ => ("api_key_env", "api_key_file"),
    };
    let variable = section.text(env_key, faults);
    let file = section.text(file_key, faults);
    let (key, text) = match (variable, file) {
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
            (env_key, text.clone())
        }
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => (file_key, text),
            Err(error) => {
                let problem = format!("the file {path} cannot be read: {error}");
                section.fault(faults, file_key, &problem, "name a readable file that holds only the secret");
                return None;
            }
        },
    };
    let text = text.trim_end_matches(['\n', '\r']).trim();
    if text.is_empty() {
        section.fault(faults, key, "the secret is empty", "put the secret there");
        return None;
    }
    if text.chars().any(char::is_control) {
        section.fault(faults, key, "the secret holds control characters", "store it as one line");
        return None;
    }
    Some(SecretString::from(text.to_owned()))
}
