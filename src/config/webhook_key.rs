//! `[sources.webhooks]`: the public key by which the webhooks of a source are verified.

use std::collections::BTreeMap;

use super::input::ProviderDefaults;
use super::reader::{ConfigFault, Section};
use crate::model::public_key::PublicKey;

const ENV: &str = "public_key_env";
const FILE: &str = "public_key_file";

/// Reads the section; `None` where it is empty, or has a fault.
pub(super) fn webhook_key(
    mut section: Section,
    provider: Option<ProviderDefaults>,
    environment: &BTreeMap<String, String>,
    faults: &mut Vec<ConfigFault>,
) -> Option<PublicKey> {
    let given = (section.text(ENV, faults), section.text(FILE, faults));
    let key = match given {
        (None, None) => None,
        (Some(_), Some(_)) => {
            section.fault(faults, ENV, "the key is given twice", &format!("keep one of {ENV} and {FILE}"));
            None
        }
        (Some(variable), None) => {
            let text = environment.get(&variable).ok_or_else(|| format!("the variable {variable} is not set"));
            read(&section, ENV, text.cloned(), faults)
        }
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path);
            read(&section, FILE, text.map_err(|error| format!("the file {path} cannot be read: {error}")), faults)
        }
    };
    if let Some(provider) = provider.filter(|provider| key.is_some() && !provider.has_hooks) {
        let problem = format!("webhooks of `{}` cannot be received", provider.name);
        section.fault(faults, ENV, &problem, "remove [sources.webhooks]");
    }
    section.finish(faults);
    key
}

fn read(
    section: &Section,
    key: &str,
    text: Result<String, String>,
    faults: &mut Vec<ConfigFault>,
) -> Option<PublicKey> {
    let found = text.and_then(|text| PublicKey::parse(&text).ok_or_else(|| "it holds no public RSA key".to_owned()));
    let remedy = "store the provider's key there, as PEM or as the JSON document in which it is published";
    found.map_err(|problem| section.fault(faults, key, &problem, remedy)).ok()
}
