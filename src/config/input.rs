//! The inputs of a configuration: the file, the environment, and the providers' defaults.
//!
//! A variable overrides a key: `TRIBUTARY_DATABASE__URL` is `database.url`, and
//! `TRIBUTARY_SOURCES__RTK_PROD__SCHEDULE` is the `schedule` of the source `rtk-prod`; a section of a source takes one
//! part more: `TRIBUTARY_SOURCES__RTK_PROD__ACTIONS__ENABLED`.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::reader::ConfigFault;

/// The facts that `config` needs about a provider, from the table of providers.
#[derive(Debug, Clone, Copy)]
pub struct ProviderDefaults {
    /// Name for `provider = "…"`.
    pub name: &'static str,
    /// Default of `base_url`.
    pub base_url: &'static str,
    /// Calls a minute where there is neither `requests_per_minute` nor a policy of the provider.
    pub requests_per_minute: u32,
    /// Default of `schedule`.
    pub schedule: &'static str,
    /// Required settings: `account_id`, `app_id`.
    pub required_settings: &'static [&'static str],
    /// Whether its sessions are chats.
    pub has_chats: bool,
    /// Whether its webhooks can be received.
    pub has_hooks: bool,
}

/// The inputs of a configuration.
#[derive(Debug)]
pub struct ConfigInput<'a> {
    /// Text of the TOML file; empty where there is none.
    pub toml: &'a str,
    /// The environment: `TRIBUTARY_…` overrides, `DATABASE_URL`, and the variables named by `*_env`.
    pub environment: &'a BTreeMap<String, String>,
    /// The known providers.
    pub providers: &'a [ProviderDefaults],
}

/// Puts the keys that the environment sets into the `table` of the file. Returns the variable of each key, and of each
/// section that only a variable names.
pub(super) fn override_keys(
    table: &mut Table,
    environment: &BTreeMap<String, String>,
    faults: &mut Vec<ConfigFault>,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([("database.url".to_owned(), "DATABASE_URL".to_owned())]);
    if table.get("database").and_then(|section| section.get("url")).is_some() {
        variables.clear();
    }
    for (name, text) in environment {
        let Some(path) = name.strip_prefix("TRIBUTARY_") else { continue };
        // without `__` it names no key: TRIBUTARY_CONFIG, a secret, or a variable that a platform sets for a
        // service of this name (TRIBUTARY_PORT)
        if !path.contains("__") || text.is_empty() {
            continue;
        }
        let path: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
        let mut note = |path: String| {
            variables.insert(path, name.clone());
        };
        let put = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["sources", slug, key] => source_of(table, slug).map(|(at, source)| (at, source, key)),
            ["sources", slug, section, key] => source_of(table, slug)
                .and_then(|(at, source)| section_of(source, &at, section, &mut note))
                .map(|(at, section)| (at, section, key)),
            [section, key] => section_of(table, "", section, &mut note).map(|(at, section)| (at, section, key)),
            _ => None,
        };
        match put {
            Some((at, section, key)) => {
                note(format!("{at}.{key}"));
                section.insert(key.to_owned(), Value::String(text.clone()));
            }
            None => faults.push(ConfigFault {
                key: name.clone(),
                problem: "it matches no key and no configured source".to_owned(),
                remedy: "write TRIBUTARY_SECTION__KEY or TRIBUTARY_SOURCES__SLUG__KEY, with _ for - in the slug"
                    .to_owned(),
            }),
        }
    }
    variables
}

/// Returns a section of the table at `above`, and its path.
fn section_of<'a>(
    table: &'a mut Table,
    above: &str,
    name: &str,
    note: &mut impl FnMut(String),
) -> Option<(String, &'a mut Table)> {
    let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
    let section = table.entry(name).or_insert_with(|| {
        note(path.clone());
        Value::Table(Table::new())
    });
    Some((path, section.as_table_mut()?))
}

/// Returns the table of a source, and its path.
fn source_of<'a>(table: &'a mut Table, slug: &str) -> Option<(String, &'a mut Table)> {
    let sources = table.get_mut("sources")?.as_array_mut()?.iter_mut().enumerate();
    let mut sources = sources.filter_map(|(index, source)| Some((index, source.as_table_mut()?)));
    let (index, source) = sources.find(|(_, source)| {
        let configured = source.get("slug").and_then(Value::as_str);
        configured.is_some_and(|configured| configured.replace('-', "_").eq_ignore_ascii_case(slug))
    })?;
    Some((format!("sources[{index}]"), source))
}
