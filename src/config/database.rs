//! `[database]`: the addresses of Postgres and of its read replica, connections, and how long journals are kept.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use super::input::ConfigInput;
use super::reader::{ConfigFault, Section};
use super::secret::{self, Secret};

/// `[database]`
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `url`, or else `DATABASE_URL`. A secret, since it may hold a password.
    pub url: Option<SecretString>,
    /// `read_url`, `read_url_env` or `read_url_file`: the read replica.
    pub read_url: Option<SecretString>,
    /// The file of `read_url_file`.
    pub read_url_file: Option<PathBuf>,
    /// `read_max_lag_seconds`: the replica is not used while it is further behind. 1 to 86,400, default 60.
    pub read_max_lag: TimeDelta,
    /// `max_connections`: 1 to 200, default 10.
    pub max_connections: u32,
    /// `raw_retention_days`: superseded versions of raw records expire after so many days; the newest of each
    /// record always stays. 0 to 36,500; 0, the default, keeps all.
    pub raw_retention_days: Option<u32>,
    /// `journal_retention_days`: runs without new data, reconciliations without findings, and calls that
    /// started something expire after so many days. 2 to 36,500, default 90.
    pub journal_retention_days: u32,
    /// `audit_retention_days`: entries of the audit log expire after so many days. 1 to 36,500, default 365.
    pub audit_retention_days: u32,
    /// `pooler = "transaction"`: the address is that of a pooler that switches connections between transactions.
    pub has_transaction_pooler: bool,
    /// `engine = "citus"`: the server is the coordinator of a Citus cluster.
    pub is_citus: bool,
}

impl DatabaseConfig {
    /// Returns whether another configuration means the same, addresses with their passwords included.
    pub fn equals(&self, other: &Self) -> bool {
        let addresses = |config: &Self| {
            [&config.url, &config.read_url].map(|url| url.as_ref().map(|url| url.expose_secret().to_owned()))
        };
        // in this form the addresses are redacted
        addresses(self) == addresses(other) && format!("{self:?}") == format!("{other:?}")
    }
}

/// Reads the section.
pub(super) fn database(mut section: Section, input: &ConfigInput<'_>, faults: &mut Vec<ConfigFault>) -> DatabaseConfig {
    let url = section.text("url", faults).or_else(|| input.environment.get("DATABASE_URL").cloned());
    let url = address(&section, "url", url, faults);
    let (read_url, read_url_file) = read_url(&mut section, input, faults);
    let text = |url: &SecretString| url.expose_secret().to_owned();
    if read_url.as_ref().map(text).is_some_and(|read_url| url.as_ref().map(text) == Some(read_url)) {
        let remedy = "name a streaming replica, or remove it: without it, the primary answers";
        section.fault(faults, "read_url", "it is the address of the primary", remedy);
    }
    let read_max_lag = section.whole("read_max_lag_seconds", 1..=86_400, 60, faults);
    let max_connections = section.whole("max_connections", 1..=200, 10, faults);
    let raw_days = section.whole("raw_retention_days", 0..=36_500, 0, faults);
    // idempotency keys are kept for a day, and a dashboard of yesterday's polls needs as much
    let journal_days = section.whole("journal_retention_days", 2..=36_500, 90, faults);
    let audit_days = section.whole("audit_retention_days", 1..=36_500, 365, faults);
    let pooler = section.text("pooler", faults).unwrap_or_else(|| "none".to_owned());
    if !["none", "transaction"].contains(&pooler.as_str()) {
        let problem = format!("there is no mode `{pooler}`");
        let remedy = "write \"transaction\" for a pooler in transaction mode, \"none\" otherwise";
        section.fault(faults, "pooler", &problem, remedy);
    }
    let engine = section.text("engine", faults).unwrap_or_else(|| "postgres".to_owned());
    if !["postgres", "citus"].contains(&engine.as_str()) {
        section.fault(faults, "engine", &format!("there is no engine `{engine}`"), "write \"postgres\" or \"citus\"");
    }
    section.finish(faults);
    DatabaseConfig {
        url,
        read_url,
        read_url_file,
        read_max_lag: TimeDelta::seconds(read_max_lag),
        max_connections: u32::try_from(max_connections).unwrap_or(10),
        raw_retention_days: u32::try_from(raw_days).ok().filter(|days| *days > 0),
        journal_retention_days: u32::try_from(journal_days).unwrap_or(90),
        audit_retention_days: u32::try_from(audit_days).unwrap_or(365),
        has_transaction_pooler: pooler == "transaction",
        is_citus: engine == "citus",
    }
}

/// Returns the address of the replica, and the file that it comes from.
fn read_url(
    section: &mut Section,
    input: &ConfigInput<'_>,
    faults: &mut Vec<ConfigFault>,
) -> (Option<SecretString>, Option<PathBuf>) {
    let plain = section.text("read_url", faults);
    let referred = secret::optional(section, "read_url", input.environment, faults);
    if plain.is_some() && referred.is_some() {
        let remedy = "keep one of read_url, read_url_env and read_url_file";
        section.fault(faults, "read_url", "the address is given twice", remedy);
        return (None, None);
    }
    let file = referred.as_ref().and_then(Secret::file).map(Path::to_owned);
    let url = plain.or_else(|| Some(referred?.current().expose_secret().to_owned()));
    (address(section, "read_url", url, faults), file)
}

/// Returns whether an address in the text of the configuration holds a password.
pub(super) fn holds_password(table: &toml::Table) -> bool {
    let addresses = table.get("database").and_then(|section| section.as_table()).into_iter();
    let addresses = addresses.flat_map(|section| ["url", "read_url"].map(|key| section.get(key)?.as_str()));
    addresses
        .flatten()
        .filter_map(|text| reqwest::Url::parse(text.trim()).ok())
        .any(|url| url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password"))
}

/// Returns the address of a Postgres; an empty one is none.
fn address(
    section: &Section,
    key: &'static str,
    url: Option<String>,
    faults: &mut Vec<ConfigFault>,
) -> Option<SecretString> {
    let url = url.map(|url| url.trim().to_owned()).filter(|url| !url.is_empty())?;
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        section.fault(faults, key, "it is not a Postgres address", "write postgres://user@host:5432/database");
    }
    Some(SecretString::from(url))
}
