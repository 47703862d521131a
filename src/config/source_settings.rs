//! Keys of a source that only some providers have, and the fields that a provider no longer sends.
//!
//! A key that would have no effect is a fault: its operator expects one.

use super::input::ProviderDefaults;
use super::reader::{ConfigFault, Section};

/// Reads `account_id` or `app_id`, which a provider requires or has no use for.
pub(super) fn account_part(
    section: &mut Section,
    key: &'static str,
    provider: Option<ProviderDefaults>,
    faults: &mut Vec<ConfigFault>,
) -> Option<String> {
    let text = section.text(key, faults).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let provider = provider?;
    match (provider.required_settings.contains(&key), &text) {
        (true, None) => section.fault(faults, key, "it is missing", "this provider cannot be reached without it"),
        (false, Some(_)) => refuse(section, key, provider, faults),
        (true, Some(_)) | (false, None) => {}
    }
    text
}

/// Reads `human_steps`.
pub(super) fn human_steps(
    section: &mut Section,
    provider: Option<ProviderDefaults>,
    faults: &mut Vec<ConfigFault>,
) -> Vec<String> {
    let steps = section.words("human_steps", faults).unwrap_or_default();
    if let Some(provider) = provider.filter(|provider| !provider.has_chats && !steps.is_empty()) {
        refuse(section, "human_steps", provider, faults);
    }
    steps
}

/// Reads `dropped_fields`.
pub(super) fn dropped_fields(section: &mut Section, faults: &mut Vec<ConfigFault>) -> Vec<String> {
    let fields = section.words("dropped_fields", faults).unwrap_or_default();
    for field in fields.iter().filter(|field| !field.starts_with('/')) {
        let remedy = format!("write it like \"/{field}\"");
        section.fault(faults, "dropped_fields", &format!("`{field}` is not a JSON pointer"), &remedy);
    }
    fields
}

fn refuse(section: &Section, key: &str, provider: ProviderDefaults, faults: &mut Vec<ConfigFault>) {
    let problem = format!("it has no effect with the provider `{}`", provider.name);
    section.fault(faults, key, &problem, "remove it");
}
