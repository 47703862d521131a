//! Configuration and the table of providers become sources.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use sqlx::PgPool;

use crate::app::App;
use crate::config::{ProviderDefaults, SourceConfig};
use crate::connector::http::{ApiClient, HttpLimits, http_client};
use crate::connector::limits::CallBudget;
use crate::connector::{ConnectorSettings, ProviderEntry};
use crate::ingest::Source;
use crate::model::source::SourceRegistration;
use crate::providers;
use crate::store::source;

/// What configuration must know of each provider.
pub fn provider_defaults() -> Vec<ProviderDefaults> {
    let defaults = providers::ALL.iter().map(|entry| ProviderDefaults {
        name: entry.name,
        base_url: entry.default_base_url,
        requests_per_minute: entry.default_requests_per_minute,
        schedule: entry.default_schedule,
        required_settings: entry.required_settings,
    });
    defaults.collect()
}

/// Registers the configured sources and makes a connector for each. Sources with one credential share
/// one call budget: the provider counts them together.
pub async fn connect_sources(app: &App, pool: &PgPool) -> anyhow::Result<Vec<Source>> {
    let configured = &app.config.sources;
    let entries = configured.iter().map(entry_of).collect::<anyhow::Result<Vec<_>>>()?;
    for source in configured {
        if let Some(stored) = source::provider_of(pool, source.slug.as_str()).await?
            && stored != source.provider
        {
            bail!(
                "the source `{}` holds data of provider {stored}; give the {} account another slug",
                source.slug,
                source.provider
            );
        }
    }
    let registrations: Vec<SourceRegistration> =
        configured.iter().zip(&entries).map(|(source, entry)| registration(source, entry)).collect();
    let ids = source::register(pool, &registrations).await?;
    let http = app.config.http;
    let limits = HttpLimits {
        connect_timeout: http.connect_timeout,
        read_timeout: http.read_timeout,
        total_timeout: http.total_timeout,
        max_body_bytes: http.max_body_bytes,
    };
    let client = http_client(limits).context("the HTTP client needs a certificate store")?;
    let mut budgets: BTreeMap<(String, String), Arc<CallBudget>> = BTreeMap::new();
    let mut sources = Vec::with_capacity(configured.len());
    for ((source, entry), id) in configured.iter().zip(&entries).zip(ids) {
        let credential = (source.base_url.origin().ascii_serialization(), source.api_key.expose_secret().to_owned());
        let budget =
            budgets.entry(credential).or_insert_with(|| Arc::new(CallBudget::per_minute(source.requests_per_minute)));
        let api = ApiClient {
            http: client.clone(),
            base_url: source.base_url.clone(),
            credential: entry.credential,
            api_key: source.api_key.clone(),
            budget: Arc::clone(budget),
            default_retry_after: TimeDelta::seconds(i64::from(entry.default_retry_after_seconds)),
            limits,
            clock: Arc::clone(&app.clock),
            dice: Arc::clone(&app.dice),
        };
        let connector = (entry.connect)(ConnectorSettings {
            slug: source.slug.clone(),
            account_id: source.account_id.clone(),
            app_id: source.app_id.clone(),
            page_size: source.page_size,
            facts: source::facts(pool, id).await?,
            api,
        });
        sources.push(Source {
            id,
            slug: source.slug.clone(),
            provider: source.provider.clone(),
            history_from: source.history_from,
            schedule: source.schedule.clone(),
            connector,
        });
    }
    Ok(sources)
}

fn entry_of(source: &SourceConfig) -> anyhow::Result<&'static ProviderEntry> {
    providers::ALL
        .iter()
        .find(|entry| entry.name == source.provider)
        .with_context(|| format!("there is no provider `{}`", source.provider))
}

fn registration(source: &SourceConfig, entry: &ProviderEntry) -> SourceRegistration {
    let account = [source.account_id.as_deref(), source.app_id.as_deref()];
    SourceRegistration {
        slug: source.slug.clone(),
        provider: source.provider.clone(),
        account_ref: account.into_iter().flatten().collect::<Vec<_>>().join("/"),
        capabilities: entry.capabilities,
        history_from: source.history_from,
        schedule: source.schedule.clone(),
    }
}
