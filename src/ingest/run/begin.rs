//! The start of a run: everything it reads before its first call.

use chrono::{DateTime, Utc};

use crate::ingest::account::AccountWitness;
use crate::ingest::clocks::Clocks;
use crate::ingest::lease_renewal::LeaseRenewal;
use crate::ingest::poller::{Poller, Source};
use crate::ingest::run::{MAX_CUTS, Run};
use crate::model::time::{Window, to_micros};
use crate::store::backfill::{Purpose, Unit, claim};
use crate::store::field_presence::FieldBook;
use crate::store::lease::Lease;
use crate::store::run::{self as journal, Pace, Progress};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, accepted_gap};

/// Splits of doubtful windows in the run of a unit: from a month down to a minute, with some reserve, since no
/// further run follows soon.
const MAX_CUTS_OF_UNIT: u32 = 24;

impl<'a> Run<'a> {
    /// Begins the run of a poll.
    pub(in crate::ingest) async fn start(
        poller: &'a Poller,
        source: &'a Source,
        lease: Lease,
        target: &Window,
    ) -> Result<Self, StoreError> {
        let clocks = Clocks::read(poller).await?;
        let now = poller.clock.now();
        let run_id = journal::start(&poller.pool, &lease, target, now).await?;
        tracing::debug!(source = %source.slug, run_id, window = %target, "run started");
        let guard = WriteGuard::Lease(lease);
        let accepted = accepted_gap::accepted(&poller.pool, lease.source_id, lease.stream).await?;
        let fields = FieldBook::load(&poller.pool, guard.stream_key(), &source.dropped_fields).await?;
        let renewal = LeaseRenewal::of_lease(&poller.pool, lease);
        let run = Self::new(poller, source, guard, (run_id, to_micros(now)), renewal);
        Ok(Self { fields, accepted, clocks, ..run })
    }

    /// Begins the run of a past unit.
    pub(in crate::ingest) async fn start_unit(
        poller: &'a Poller,
        source: &'a Source,
        unit: Unit,
        purpose: Purpose,
        window: &Window,
    ) -> Result<Self, StoreError> {
        let clocks = Clocks::read(poller).await?;
        let now = poller.clock.now();
        let run_id = claim::start_run(&poller.pool, &unit, purpose.as_str(), window, now).await?;
        tracing::debug!(source = %source.slug, run_id, %window, purpose = purpose.as_str(), "run started");
        let fields = FieldBook::load(&poller.pool, unit.stream_key, &source.dropped_fields).await?;
        let stop = poller.stop.child_token();
        let renewal = LeaseRenewal::of_unit(&poller.pool, unit, stop.clone());
        let run = Self::new(poller, source, WriteGuard::Unit(unit), (run_id, to_micros(now)), renewal);
        Ok(Self { connector: &*source.backfill_connector, cuts_left: MAX_CUTS_OF_UNIT, stop, fields, clocks, ..run })
    }

    fn new(
        poller: &'a Poller,
        source: &'a Source,
        guard: WriteGuard,
        (id, began_at): (i64, DateTime<Utc>),
        renewal: LeaseRenewal,
    ) -> Self {
        Self {
            poller,
            source,
            connector: &*source.connector,
            guard,
            stop: poller.stop.clone(),
            id,
            began_at,
            page_count: 0,
            progress: Progress::default(),
            pace: Pace::default(),
            provider_total: None,
            distinct_count: 0,
            fields: FieldBook::default(),
            missing_fields: Vec::new(),
            doubts: Vec::new(),
            is_denied: false,
            cuts_left: MAX_CUTS,
            accepted: Vec::new(),
            spared_windows: 0,
            filter_works: false,
            is_ring: false,
            share: None,
            listed: None,
            account: AccountWitness::default(),
            session_streams: source.queued_streams(),
            renewal,
            clocks: Clocks::default(),
        }
    }
}
