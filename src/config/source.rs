//! `[[sources]]`: the accounts to poll.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;

use super::input::{ConfigInput, ProviderDefaults};
use super::reader::{ConfigFault, Section, nearest};
use super::secret::{self, Secret};
use super::webhook_key::webhook_key;
use super::{schedule, search_language, source_settings};
use crate::model::id::SourceSlug;
use crate::model::public_key::PublicKey;
use crate::model::stream::Stream;
use crate::model::time;

/// One configured account.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    /// `slug`: unique name of the source.
    pub slug: SourceSlug,
    /// `provider`: the kind of platform, a name of the table of providers.
    pub provider: String,
    /// `base_url`: https; http only for loopback addresses.
    pub base_url: reqwest::Url,
    /// `schedule`: polling times, six cron fields (seconds first), UTC.
    pub schedule: String,
    /// `stale_after_seconds`: an answer is stale once a stream of the source is proven complete only up to longer ago
    /// than this. Default: three times the longest interval of `schedule`, at least a minute.
    pub stale_after_seconds: i32,
    /// `reconcile_schedule`: times at which the stored data is compared with the provider's counts, six cron
    /// fields, UTC; `off`: only by `tributary reconcile`. Default every day at 03:30.
    pub reconcile_schedule: Option<String>,
    /// `history_from`: nothing older is requested. Default 2020-01-01, before any of the platforms.
    pub history_from: DateTime<Utc>,
    /// `api_key_env` or `api_key_file`.
    pub api_key: Secret,
    /// `requests_per_minute`: a ceiling for the calls of this account, even where the provider allows more.
    /// Without it, the budget follows the provider's stated limit.
    pub requests_per_minute: Option<u32>,
    /// Calls a minute where there is neither a ceiling nor a policy of the provider.
    pub default_requests_per_minute: u32,
    /// `quota_share`: our share of the provider's stated quota, in thousandths; default 800, the rest is for
    /// the customer's own calls.
    pub quota_share_permille: u32,
    /// `page_size`: records per call; the provider's default where absent.
    pub page_size: Option<u32>,
    /// `account_id`, where the provider has accounts.
    pub account_id: Option<String>,
    /// `app_id`, where the provider has apps.
    pub app_id: Option<String>,
    /// `session_streams`: streams to fetch for each known session, among those the provider offers. Default:
    /// all of them.
    pub session_streams: Vec<Stream>,
    /// `human_steps`: kinds of trail step, skills and origins of messages that mean that a human took over a
    /// chat. Default: none, which makes handoffs unknown.
    pub human_steps: Vec<String>,
    /// `dropped_fields`: documented fields that the provider no longer sends, as JSON pointers. Their absence
    /// is no `schema_drift`.
    pub dropped_fields: Vec<String>,
    /// `content_retention_days`: texts, names, contacts and raw bytes of sessions that ended longer ago are erased;
    /// figures stay. Default: they stay.
    pub content_retention_days: Option<i32>,
    /// `language`: the text-search configuration of Postgres by which words of its texts are found; `None`: `simple`.
    pub search_language: Option<String>,
    /// `actions.enabled`: whether API callers may start something at the provider. Off by default.
    pub are_actions_enabled: bool,
    /// `webhooks.public_key_env` or `public_key_file`: the key that verifies the provider's webhooks. Without it, they
    /// are refused.
    pub webhook_key: Option<PublicKey>,
}

pub(super) fn read_all(
    sections: Vec<Section>,
    input: &ConfigInput<'_>,
    faults: &mut Vec<ConfigFault>,
) -> Vec<SourceConfig> {
    let mut first_by_slug: BTreeMap<SourceSlug, String> = BTreeMap::new();
    let mut sources: Vec<SourceConfig> = Vec::with_capacity(sections.len());
    for mut section in sections {
        let slug = slug(&mut section, faults);
        if let Some(slug) = &slug {
            let key = section.key("slug");
            let first = first_by_slug.entry(slug.clone()).or_insert_with(|| key.clone());
            if *first != key {
                let problem = format!("{first} is already `{slug}`");
                section.fault(faults, "slug", &problem, "give each source its own slug");
            }
        }
        if let Some(source) = read(&mut section, slug, input, faults) {
            if let Some(first) = sources.iter().position(|other| is_same_account(other, &source, input.providers)) {
                let problem =
                    format!("sources[{first}] already has this account, whose sessions would be counted twice");
                section.fault(faults, "api_key_env", &problem, "remove one of the two");
            }
            sources.push(source);
        }
        section.finish(faults);
    }
    sources
}

/// Returns whether address and account are the same; where the provider has no accounts, address and credential.
fn is_same_account(one: &SourceConfig, other: &SourceConfig, providers: &[ProviderDefaults]) -> bool {
    let has_accounts =
        providers.iter().any(|provider| provider.name == one.provider && !provider.required_settings.is_empty());
    one.base_url.origin() == other.base_url.origin()
        && (&one.provider, &one.account_id, &one.app_id) == (&other.provider, &other.account_id, &other.app_id)
        && (has_accounts || one.api_key.current().expose_secret() == other.api_key.current().expose_secret())
}

fn read(
    section: &mut Section,
    slug: Option<SourceSlug>,
    input: &ConfigInput<'_>,
    faults: &mut Vec<ConfigFault>,
) -> Option<SourceConfig> {
    let provider = provider(section, input.providers, faults);
    let base_url = base_url(section, provider, faults);
    let default_schedule = provider.map_or("0 */5 * * * *", |provider| provider.schedule);
    let schedule = section.text("schedule", faults).unwrap_or_else(|| default_schedule.to_owned());
    schedule::check(section, "schedule", &schedule, faults);
    let stale_after = section
        .has("stale_after_seconds")
        .then(|| section.whole("stale_after_seconds", 1..=schedule::LONGEST_STALE_AFTER_SECONDS, 1_800, faults));
    let stale_after = stale_after.unwrap_or_else(|| schedule::three_intervals(&schedule));
    let reconcile = section.text("reconcile_schedule", faults).unwrap_or_else(|| "0 30 3 * * *".to_owned());
    let reconcile_schedule = (reconcile.trim() != "off").then_some(reconcile);
    if let Some(schedule) = &reconcile_schedule {
        schedule::check(section, "reconcile_schedule", schedule, faults);
    }
    let history_from = history_from(section, faults);
    let had_faults = faults.len();
    if section.has("api_key") {
        section.fault(faults, "api_key", "the file contains a secret", "use api_key_env or api_key_file");
        let _ = section.text("api_key", faults);
    }
    let api_key = secret::optional(section, "api_key", input.environment, faults);
    if api_key.is_none() && faults.len() == had_faults {
        section.fault(faults, "api_key_env", "there is no credential", "name a variable that holds the API key");
    }
    let default_rate = provider.map_or(60, |provider| provider.requests_per_minute);
    let ceiling = section
        .has("requests_per_minute")
        .then(|| section.whole("requests_per_minute", 1..=100_000, i64::from(default_rate), faults));
    let quota_share_permille = section.permille("quota_share", 800, faults);
    let page_size = section.has("page_size").then(|| section.whole("page_size", 1..=1_000, 100, faults));
    let account_id = source_settings::account_part(section, "account_id", provider, faults);
    let app_id = source_settings::account_part(section, "app_id", provider, faults);
    let session_streams = session_streams(section, faults);
    let human_steps = source_settings::human_steps(section, provider, faults);
    let dropped_fields = source_settings::dropped_fields(section, faults);
    let content_retention_days = section
        .has("content_retention_days")
        .then(|| section.whole("content_retention_days", 1..=36_500, 365, faults))
        .and_then(|days| i32::try_from(days).ok());
    let search_language = search_language::read(section, faults);
    let mut actions = section.section("actions", faults);
    let are_actions_enabled = actions.flag("enabled", faults);
    actions.finish(faults);
    let webhooks = section.section("webhooks", faults);
    let webhook_key = webhook_key(webhooks, provider, input.environment, faults);
    Some(SourceConfig {
        slug: slug?,
        provider: provider?.name.to_owned(),
        base_url: base_url?,
        schedule,
        stale_after_seconds: i32::try_from(stale_after).unwrap_or(i32::MAX),
        reconcile_schedule,
        history_from,
        api_key: api_key?,
        requests_per_minute: ceiling.map(|rate| u32::try_from(rate).unwrap_or(1)),
        default_requests_per_minute: default_rate,
        quota_share_permille,
        page_size: page_size.and_then(|size| u32::try_from(size).ok()),
        account_id,
        app_id,
        session_streams,
        human_steps,
        dropped_fields,
        content_retention_days,
        search_language,
        are_actions_enabled,
        webhook_key,
    })
}

fn slug(section: &mut Section, faults: &mut Vec<ConfigFault>) -> Option<SourceSlug> {
    let Some(text) = section.text("slug", faults) else {
        section.fault(faults, "slug", "it is missing", "name the source, for example rtk-prod");
        return None;
    };
    let slug = SourceSlug::parse(&text);
    if slug.is_err() {
        let problem = format!("`{text}` is not a slug");
        section.fault(faults, "slug", &problem, "use 1 to 40 of a-z, 0-9 and -, starting with a letter");
    }
    slug.ok()
}

fn provider(
    section: &mut Section,
    providers: &[ProviderDefaults],
    faults: &mut Vec<ConfigFault>,
) -> Option<ProviderDefaults> {
    let names: Vec<&str> = providers.iter().map(|provider| provider.name).collect();
    let remedy = format!("write one of {}", names.join(", "));
    let Some(text) = section.text("provider", faults) else {
        section.fault(faults, "provider", "it is missing", &remedy);
        return None;
    };
    let found = providers.iter().find(|provider| provider.name == text).copied();
    if found.is_none() {
        let remedy = nearest(&text, &names).map_or(remedy, |name| format!("did you mean `{name}`?"));
        section.fault(faults, "provider", &format!("there is no provider `{text}`"), &remedy);
    }
    found
}

fn base_url(
    section: &mut Section,
    provider: Option<ProviderDefaults>,
    faults: &mut Vec<ConfigFault>,
) -> Option<reqwest::Url> {
    let text = section.text("base_url", faults);
    let text = text.or_else(|| provider.map(|provider| provider.base_url.to_owned()))?;
    let remedy = "write an https address; http only for a loopback address";
    let url = match reqwest::Url::from_str(text.trim()) {
        Ok(url) => url,
        Err(error) => {
            section.fault(faults, "base_url", &format!("`{text}` is not an address: {error}"), remedy);
            return None;
        }
    };
    let is_loopback = match url.host_str() {
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
        None => false,
    };
    let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !scheme_fits {
        section.fault(faults, "base_url", "the credential would be sent unencrypted", remedy);
    } else if !is_plain {
        section.fault(faults, "base_url", "it contains a user, a password or a query", "remove these");
    }
    Some(url)
}

fn history_from(section: &mut Section, faults: &mut Vec<ConfigFault>) -> DateTime<Utc> {
    // 2020-01-01: before any of the platforms had an API
    let default = DateTime::UNIX_EPOCH + TimeDelta::days(18_262);
    let Some(text) = section.text("history_from", faults) else { return default };
    let midnight = |text: &str| time::from_text(&format!("{}T00:00:00Z", text.trim()));
    time::from_text(&text).or_else(|| midnight(&text)).unwrap_or_else(|| {
        let problem = format!("`{text}` is not an instant");
        section.fault(faults, "history_from", &problem, "write it like 2026-01-01T00:00:00Z");
        default
    })
}

/// Reads the named streams and checks each; returns all streams where none is named.
fn session_streams(section: &mut Section, faults: &mut Vec<ConfigFault>) -> Vec<Stream> {
    let Some(words) = section.words("session_streams", faults) else { return Stream::PER_SESSION.to_vec() };
    let names = Stream::PER_SESSION.map(Stream::as_str);
    let mut streams = Vec::new();
    for word in words {
        if let Some(stream) = Stream::parse(&word).filter(|stream| Stream::PER_SESSION.contains(stream)) {
            streams.push(stream);
            continue;
        }
        let some = || format!("name one or more of {}", names.join(", "));
        let remedy = nearest(&word, &names).map_or_else(some, |name| format!("did you mean `{name}`?"));
        let problem = format!("there is no per-session stream `{word}`");
        section.fault(faults, "session_streams", &problem, &remedy);
    }
    if streams.contains(&Stream::Quality) && !streams.contains(&Stream::Participants) {
        let problem = "`quality` is fetched by participant, and participants are not fetched";
        section.fault(faults, "session_streams", problem, "name `participants` too");
    }
    streams
}
