//! Turns the configuration and the table of providers into sources.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use chrono::TimeDelta;
use secrecy::ExposeSecret;
use sqlx::PgPool;

use crate::app::budgets::{SharedBudget, budgets};
use crate::app::{App, accounts};
use crate::config::SourceConfig;
use crate::connector::body::LargeAnswers;
use crate::connector::download::target::AddressPolicy;
use crate::connector::download::{DownloadLimits, Downloader};
use crate::connector::http::{ApiClient, HttpLimits, Priority, http_client};
use crate::connector::limits::token_bucket::{LocalLedger, TokenBucket};
use crate::connector::limits::{CallBudget, Ledger};
use crate::connector::{Connector, ConnectorSettings, ProviderEntry};
use crate::ingest::budget::SharedLedger;
use crate::ingest::{PlannedStream, Source};
use crate::model::person::PersonKey;
use crate::model::source::SourceRegistration;
use crate::model::stream::Stream;
use crate::store::budget::{self, BudgetRegistration};
use crate::store::source::{self, StoredAccount};

/// Registers the configured sources and creates a connector for each.
pub async fn connect_sources(app: &App, pool: &PgPool) -> anyhow::Result<Vec<Source>> {
    let configured = &app.config.sources;
    if let Some(early) = configured.iter().find(|source| source.history_from > app.clock.now()) {
        bail!("history_from of source `{}` is in the future: there is nothing to poll", early.slug);
    }
    let person_key = app.person_key(pool).await?;
    if let Some(refusal) = refusals(app, &person_key, &source::accounts(pool).await?)?.into_values().next() {
        bail!(refusal);
    }
    let registrations = registrations(app, &person_key)?;
    let ids = source::register(pool, &registrations).await?;
    for shared in budgets(configured) {
        let registration = BudgetRegistration {
            sources: shared.sources.iter().map(|&index| ids[index]).collect(),
            requests_per_minute: shared.requests_per_minute(),
            key: shared.key,
            is_set_by_hand: shared.ceiling.is_some(),
            share_permille: shared.share_permille,
        };
        budget::register(pool, &registration, app.clock.now()).await?;
    }
    let factory = ConnectorFactory::new(app, Some(pool))?;
    let mut sources = Vec::with_capacity(configured.len());
    for (index, (source, id)) in configured.iter().zip(ids).enumerate() {
        let facts = source::facts(pool, id).await?;
        let backfill_connector = factory.connect_with(index, facts.clone(), Priority::Backfill)?;
        let connector = factory.connect(index, facts)?;
        let session_streams = PlannedStream::of(connector.as_ref(), &source.session_streams);
        sources.push(Source {
            id,
            slug: source.slug.clone(),
            pseudonym_slug: source::pseudonym_slug(pool, id).await?,
            provider: source.provider.clone(),
            history_from: source.history_from,
            schedule: source.schedule.clone(),
            connector,
            backfill_connector,
            reconcile_schedule: source.reconcile_schedule.clone(),
            session_streams,
            dropped_fields: source.dropped_fields.clone(),
        });
    }
    Ok(sources)
}

/// Creates connectors for the configured sources.
pub(super) struct ConnectorFactory<'a> {
    app: &'a App,
    client: reqwest::Client,
    limits: HttpLimits,
    large: LargeAnswers,
    /// By the source's index in the configuration.
    budgets: BTreeMap<usize, Arc<CallBudget>>,
}

impl<'a> ConnectorFactory<'a> {
    /// Creates a factory. Calls are counted in the database of `pool`, where the budgets are registered, or by
    /// this process alone. Fails where the machine has no certificate store.
    pub(super) fn new(app: &'a App, pool: Option<&PgPool>) -> anyhow::Result<Self> {
        let http = app.config.http;
        let limits = HttpLimits {
            connect_timeout: http.connect_timeout,
            read_timeout: http.read_timeout,
            total_timeout: http.total_timeout,
            max_body_bytes: http.max_body_bytes,
        };
        let client = http_client(limits).context("the HTTP client needs a certificate store")?;
        let mut by_source = BTreeMap::new();
        for shared in budgets(&app.config.sources) {
            let budget = Arc::new(call_budget(&shared, pool));
            by_source.extend(shared.sources.iter().map(|&index| (index, Arc::clone(&budget))));
        }
        Ok(Self { app, client, limits, large: LargeAnswers::default(), budgets: by_source })
    }

    /// Creates a connector for the configured source at `index`, with the `facts` that earlier runs learnt about it.
    pub(super) fn connect(&self, index: usize, facts: BTreeMap<String, String>) -> anyhow::Result<Arc<dyn Connector>> {
        self.connect_with(index, facts, Priority::Live)
    }

    /// Creates a connector whose lists have the given priority in the call budget.
    fn connect_with(
        &self,
        index: usize,
        facts: BTreeMap<String, String>,
        priority: Priority,
    ) -> anyhow::Result<Arc<dyn Connector>> {
        let source = self.app.config.sources.get(index).context("there is no such source")?;
        let budget = self.budgets.get(&index).context("every source has a budget")?;
        let entry = self.app.entry_of(source)?;
        let http = self.app.config.http;
        let limits = DownloadLimits {
            connect_timeout: http.connect_timeout,
            read_timeout: http.read_timeout,
            max_file_bytes: http.max_file_bytes,
            ..DownloadLimits::default()
        };
        let downloads = Downloader::new(limits, AddressPolicy::of(&source.base_url), Arc::clone(&self.app.dice));
        let downloads = downloads.context("the HTTP client needs a certificate store")?;
        let api = ApiClient {
            http: self.client.clone(),
            base_url: source.base_url.clone(),
            credential: entry.credential,
            api_key: source.api_key.clone(),
            budget: Arc::clone(budget),
            priority,
            default_retry_after: TimeDelta::seconds(i64::from(entry.default_retry_after_seconds)),
            limits: self.limits,
            large: self.large.clone(),
            clock: Arc::clone(&self.app.clock),
            dice: Arc::clone(&self.app.dice),
        };
        Ok((entry.connect)(ConnectorSettings {
            slug: source.slug.clone(),
            account_id: source.account_id.clone(),
            app_id: source.app_id.clone(),
            page_size: source.page_size,
            facts,
            api,
            downloads,
        }))
    }
}

fn call_budget(shared: &SharedBudget, pool: Option<&PgPool>) -> CallBudget {
    let ledger: Arc<dyn Ledger> = if let Some(pool) = pool {
        Arc::new(SharedLedger { pool: pool.clone(), key: shared.key.clone() })
    } else {
        let bucket = if shared.ceiling.is_some() { TokenBucket::new } else { TokenBucket::unless_stated };
        Arc::new(LocalLedger::new(bucket(shared.requests_per_minute(), shared.share_permille)))
    };
    CallBudget::new(ledger)
}

impl App {
    /// Returns the provider of a source.
    pub(super) fn entry_of(&self, source: &SourceConfig) -> anyhow::Result<&'static ProviderEntry> {
        let entry = self.providers.iter().find(|entry| entry.name == source.provider);
        entry.with_context(|| format!("there is no provider `{}`", source.provider))
    }
}

/// Returns why configured sources may not be registered beside the `stored` ones, by slug.
pub(super) fn refusals(
    app: &App,
    person_key: &PersonKey,
    stored: &[StoredAccount],
) -> anyhow::Result<BTreeMap<String, String>> {
    let configured = registrations(app, person_key)?;
    let mut refusals = BTreeMap::new();
    for (source, wanted) in app.config.sources.iter().zip(&configured) {
        let has_accounts = !app.entry_of(source)?.required_settings.is_empty();
        if let Some(refusal) = accounts::refusal(wanted, has_accounts, stored, &configured) {
            refusals.insert(source.slug.to_string(), refusal);
        }
    }
    Ok(refusals)
}

fn registrations(app: &App, person_key: &PersonKey) -> anyhow::Result<Vec<SourceRegistration>> {
    let sources = app.config.sources.iter();
    sources.map(|source| Ok(registration(source, app.entry_of(source)?, person_key))).collect()
}

fn registration(source: &SourceConfig, entry: &ProviderEntry, person_key: &PersonKey) -> SourceRegistration {
    // the ports of this machine change from start to start, and mean nothing
    let place = match source.base_url.scheme() {
        "http" => "loopback".to_owned(),
        _ => source.base_url.host_str().unwrap_or_default().to_owned(),
    };
    let parts = [Some(place.as_str()), source.account_id.as_deref(), source.app_id.as_deref()];
    let offered = entry.capabilities.session_streams.iter().copied();
    SourceRegistration {
        slug: source.slug.clone(),
        provider: source.provider.clone(),
        account_ref: parts.into_iter().flatten().collect::<Vec<_>>().join("/"),
        credential_fingerprint: person_key
            .credential_fingerprint(&source.provider, source.api_key.current().expose_secret()),
        capabilities: entry.capabilities,
        history_from: source.history_from,
        schedule: source.schedule.clone(),
        stale_after_seconds: source.stale_after_seconds,
        session_streams: offered.filter(|stream| source.session_streams.contains(stream)).collect(),
        human_steps: source.human_steps.clone(),
        content_retention_days: source.content_retention_days,
        search_language: source.search_language.clone(),
    }
}

/// Fails if `slug` is no configured source, or if none of the sources that it selects has `stream`, which is one of
/// `kinds`; without a stream, if none has any of `kinds`.
pub(super) fn check_selection(
    app: &App,
    slug: Option<&str>,
    stream: Option<Stream>,
    kinds: &[Stream],
) -> anyhow::Result<()> {
    let slugs: Vec<&str> = app.config.sources.iter().map(|source| source.slug.as_str()).collect();
    if let Some(slug) = slug.filter(|slug| !slugs.contains(slug)) {
        bail!("there is no source `{slug}`; the configured sources are: {}", slugs.join(", "));
    }
    let mut offered = BTreeSet::new();
    for source in app.config.sources.iter().filter(|source| slug.is_none_or(|slug| source.slug.as_str() == slug)) {
        offered.extend(Stream::LISTING);
        let of_sessions = app.entry_of(source)?.capabilities.session_streams.iter().copied();
        offered.extend(of_sessions.filter(|stream| source.session_streams.contains(stream)));
    }
    offered.retain(|stream| kinds.contains(stream));
    if stream.map_or(!offered.is_empty(), |stream| offered.contains(&stream)) {
        return Ok(());
    }
    let what = stream.map_or_else(|| "artifacts".to_owned(), |stream| format!("stream `{stream}`"));
    let of = slug.map_or_else(|| "the configured sources have".to_owned(), |slug| format!("the source `{slug}` has"));
    let names: Vec<&str> = offered.into_iter().map(Stream::as_str).collect();
    let choice = if names.is_empty() { String::new() } else { format!("; choose from: {}", names.join(", ")) };
    bail!("{of} no {what}{choice}")
}

/// Returns the error of a verb that polls, without a configured source.
pub(super) fn no_source() -> anyhow::Error {
    let or_demo = if cfg!(feature = "demo") { ", or try `tributary demo`" } else { "" };
    anyhow!("no source is configured: add a [[sources]] section{or_demo}")
}
