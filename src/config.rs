//! Settings: one TOML file, every key overridable by the environment, secrets only by reference.
//!
//! All faults are reported at once, each with its key and a remedy, so that an operator need not restart the
//! service for each typing error. Files, environment and the providers' defaults are handed in; nothing here
//! opens a connection or knows a provider by name.

mod alert;
mod database;
mod input;
mod reader;
mod schedule;
mod search_language;
mod secret;
mod server;
mod source;
mod source_settings;
mod webhook_key;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

pub use self::alert::AlertConfig;
pub use self::database::DatabaseConfig;
pub use self::input::{ConfigInput, ProviderDefaults};
pub use self::reader::ConfigFault;
pub use self::secret::Secret;
pub(crate) use self::secret::redacted;
pub use self::server::{AuthMode, Network, ServerConfig, TlsConfig};
pub use self::source::SourceConfig;

use self::reader::Section;

/// The configuration of the service.
#[derive(Debug)]
pub struct Config {
    /// `[database]`
    pub database: DatabaseConfig,
    /// `[server]`
    pub server: ServerConfig,
    /// `[http]`: timeouts and size limits of calls to providers.
    pub http: HttpConfig,
    /// `[polling]`: division of the work among instances.
    pub polling: PollingConfig,
    /// `[privacy] person_key_env` or `person_key_file`: the secret for hashing people. Without it, a secret is
    /// generated once and kept in the database, where analysts cannot read it.
    pub person_key: Option<SecretString>,
    /// The files of secrets that are read at the start only.
    pub files_of_start: Vec<PathBuf>,
    /// Whether an address in the text holds a password.
    pub holds_password: bool,
    /// `[[sources]]`
    pub sources: Vec<SourceConfig>,
    /// `[[alerts]]`
    pub alerts: Vec<AlertConfig>,
}

/// `[polling]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollingConfig {
    /// `lease_seconds`: 1 to 3600, default 45. A lease lasts so long without renewal; after that, another
    /// instance takes its streams and tasks over.
    pub lease_duration: Duration,
}

/// `[http]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpConfig {
    /// `connect_timeout_ms`: default 5,000.
    pub connect_timeout: Duration,
    /// `read_timeout_ms`: longest pause between bytes, default 20,000.
    pub read_timeout: Duration,
    /// `total_timeout_ms`: for a whole call, default 60,000.
    pub total_timeout: Duration,
    /// `max_body_bytes`: largest decoded response, default 8,388,608.
    pub max_body_bytes: usize,
    /// `max_file_bytes`: largest decoded file behind a provider's link, default 8,388,608.
    pub max_file_bytes: usize,
}

/// All faults of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<ConfigFault>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "the configuration has {count} fault{}", if count == 1 { "" } else { "s" })?;
        for fault in &self.0 {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl Config {
    /// Reads a configuration, or returns all its faults.
    pub fn read(input: &ConfigInput<'_>) -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        let mut table = match input.toml.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                let problem = error.message().to_owned();
                let at = error.span().map_or(1, |span| input.toml[..span.start].matches('\n').count() + 1);
                return Err(ConfigError(vec![ConfigFault {
                    key: format!("line {at}"),
                    problem,
                    remedy: "correct the TOML syntax".to_owned(),
                }]));
            }
        };
        let holds_password = database::holds_password(&table);
        let variables = input::override_keys(&mut table, input.environment, &mut faults);
        let mut root = Section::new(table, String::new());
        let database = database::database(root.section("database", &mut faults), input, &mut faults);
        let server = ServerConfig::read(root.section("server", &mut faults), &mut faults);
        let http = http(root.section("http", &mut faults), &mut faults);
        let polling = polling(root.section("polling", &mut faults), &mut faults);
        let mut privacy = root.section("privacy", &mut faults);
        // it must not change while the data exists: the content of the file at the start counts
        let person_key = secret::optional(&mut privacy, "person_key", input.environment, &mut faults);
        let files = [person_key.as_ref().and_then(Secret::file), database.read_url_file.as_deref()];
        let files_of_start = files.into_iter().flatten().map(Path::to_owned).collect();
        let person_key = person_key.map(|key| key.current());
        if let Some(key) = &person_key
            && secrecy::ExposeSecret::expose_secret(key).len() < crate::model::person::PersonKey::MIN_BYTES
        {
            privacy.fault(&mut faults, "person_key_env", "the secret is shorter than 16 bytes", "use a longer secret");
        }
        privacy.finish(&mut faults);
        let sources = source::read_all(root.sections("sources", &mut faults), input, &mut faults);
        let alerts = alert::read_all(root.sections("alerts", &mut faults), input, &mut faults);
        root.finish(&mut faults);
        if faults.is_empty() {
            Ok(Self { database, server, http, polling, person_key, files_of_start, holds_password, sources, alerts })
        } else {
            for fault in &mut faults {
                if let Some(variable) = variables.get(&fault.key) {
                    fault.key = format!("{} ({variable})", fault.key);
                }
            }
            Err(ConfigError(faults))
        }
    }

    /// Returns the files that hold secrets.
    pub fn secret_files(&self) -> Vec<&Path> {
        let sources = self.sources.iter().map(|source| &source.api_key);
        let alerts = self.alerts.iter().flat_map(|alert| [&alert.url, &alert.secret]);
        let tls = self.server.tls.as_ref().map(|tls| tls.key_file.as_path());
        let of_start = self.files_of_start.iter().map(PathBuf::as_path);
        sources.chain(alerts).filter_map(Secret::file).chain(tls).chain(of_start).collect()
    }
}

fn polling(mut section: Section, faults: &mut Vec<ConfigFault>) -> PollingConfig {
    let seconds = section.whole("lease_seconds", 1..=3_600, 45, faults);
    section.finish(faults);
    PollingConfig { lease_duration: Duration::from_secs(u64::try_from(seconds).unwrap_or(45)) }
}

fn http(mut section: Section, faults: &mut Vec<ConfigFault>) -> HttpConfig {
    let mut millis = |key, default| {
        let value = section.whole(key, 1..=3_600_000, default, faults);
        Duration::from_millis(u64::try_from(value).unwrap_or_default())
    };
    let connect_timeout = millis("connect_timeout_ms", 5_000);
    let read_timeout = millis("read_timeout_ms", 20_000);
    let total_timeout = millis("total_timeout_ms", 60_000);
    let mut bytes = |key, default| {
        let value = section.whole(key, 1_024..=1_073_741_824, default, faults);
        usize::try_from(value).unwrap_or(usize::MAX)
    };
    let max_body_bytes = bytes("max_body_bytes", 8 * 1024 * 1024);
    let max_file_bytes = bytes("max_file_bytes", 8 * 1024 * 1024);
    section.finish(faults);
    HttpConfig { connect_timeout, read_timeout, total_timeout, max_body_bytes, max_file_bytes }
}
