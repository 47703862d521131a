//! Replays rejects for the API, with the connectors of the sources that are configured now.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::api::rejections::{RejectReplays, ReplayError};
use crate::app::App;
use crate::app::sources::ConnectorFactory;
use crate::ingest::{PlannedStream, Poller, Source, replay};
use crate::model::replay::ReplayOutcome;
use crate::store::operation::{Operation, Operator};
use crate::store::{action, reject, source};

/// Replays single rejects, for the API.
pub(super) struct ReplayService {
    poller: Poller,
    sources: RwLock<Arc<Vec<Source>>>,
}

impl ReplayService {
    /// Creates a service that uses the connectors of `polled`, and makes its own for all other configured sources.
    pub(super) async fn open(
        app: &App,
        pool: &PgPool,
        polled: &[Source],
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let sources = RwLock::new(Arc::new(Self::sources(app, pool, polled).await?));
        Ok(Self { poller: app.poller(pool.clone(), stop.clone()).await?, sources })
    }

    /// Switches to the sources that are configured now.
    pub(super) async fn replace(&self, app: &App, polled: &[Source]) -> anyhow::Result<()> {
        let sources = Arc::new(Self::sources(app, &self.poller.pool, polled).await?);
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = sources;
        Ok(())
    }

    fn configured(&self) -> Arc<Vec<Source>> {
        Arc::clone(&self.sources.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn sources(app: &App, pool: &PgPool, polled: &[Source]) -> anyhow::Result<Vec<Source>> {
        let factory = ConnectorFactory::new(app, Some(pool))?;
        let mut sources = Vec::new();
        for (index, configured) in app.config.sources.iter().enumerate() {
            // a source that was never polled has no rejects either
            let Some(id) = action::source_id(pool, configured.slug.as_str()).await? else { continue };
            let connector = match polled.iter().find(|polled| polled.id == id) {
                Some(polled) => Arc::clone(&polled.connector),
                None => factory.connect(index, BTreeMap::new())?,
            };
            sources.push(Source {
                id,
                slug: configured.slug.clone(),
                pseudonym_slug: source::pseudonym_slug(pool, id).await?,
                provider: configured.provider.clone(),
                history_from: configured.history_from,
                schedule: configured.schedule.clone(),
                session_streams: PlannedStream::of(connector.as_ref(), &configured.session_streams),
                backfill_connector: Arc::clone(&connector),
                connector,
                reconcile_schedule: configured.reconcile_schedule.clone(),
                dropped_fields: configured.dropped_fields.clone(),
            });
        }
        Ok(sources)
    }
}

impl fmt::Debug for ReplayService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.configured().iter().map(|source| &source.slug)).finish()
    }
}

#[async_trait]
impl RejectReplays for ReplayService {
    async fn replay(&self, reject_id: i64, operator: &Operator) -> Result<ReplayOutcome, ReplayError> {
        let pool = &self.poller.pool;
        let stored = reject::find(pool, reject_id).await?.ok_or(ReplayError::NotFound)?;
        let sources = self.configured();
        let source = sources.iter().find(|source| source.id == stored.stream_key.source_id);
        let source = source.ok_or_else(|| ReplayError::NotConfigured(stored.source.clone()))?;
        let target = format!("reject {reject_id}");
        let operation = Operation {
            source_id: Some(source.id),
            stream: Some(stored.stream_key.stream),
            kind: "replay",
            target: Some(&target),
            operator,
            now: self.poller.clock.now(),
        };
        reject::record(pool, &operation).await?;
        Ok(replay::reject(&self.poller, source, &stored).await?)
    }
}
