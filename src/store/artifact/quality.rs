//! Quality reports of a session's participants, and whose report is still to be asked for.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};

use crate::model::id::ProviderRecordId;
use crate::model::quality::{PeerQuality, PeerReport};
use crate::store::StoreError;
use crate::store::artifact::Task;

/// Participants of the session whose report is not stored, at most `limit`, after `after`. Reports that were not
/// there yet when asked for before `asked_before` are asked for again.
pub async fn without_report(
    pool: &PgPool,
    task: &Task,
    asked_before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<ProviderRecordId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select p.provider_participant_id from core.participants p
          where p.source_id = $1 and p.session_id = $2
            and not exists (select from core.participant_quality q
                             where q.source_id = p.source_id and q.session_id = p.session_id
                               and q.provider_participant_id = p.provider_participant_id
                               and (q.has_report or q.fetched_at >= $3))
          order by p.provider_participant_id
          limit $4",
        task.source_id.0,
        task.session_id,
        asked_before,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading whose report is missing"))?;
    Ok(ids.iter().filter_map(|id| ProviderRecordId::parse(id).ok()).collect())
}

/// The reports of a session's participants, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Participants with a report.
    pub with_report: i64,
    /// Participants without one.
    pub without_report: i64,
    /// The list of participants is stored: where it is empty, there is no report to ask for.
    pub is_list_known: bool,
}

/// Counts the stored reports of the session's participants.
pub async fn counts(pool: &PgPool, task: &Task) -> Result<Counts, StoreError> {
    sqlx::query_as!(
        Counts,
        r#"select count(*) filter (where q.has_report) as "with_report!",
                  count(p.*) filter (where q.has_report is not true) as "without_report!",
                  exists (select from ingest.artifact_tasks t
                           where t.source_id = $1 and t.session_id = $2 and t.stream = 'participants'
                             and t.state in ('available', 'empty')) as "is_list_known!"
             from core.participants p
             left join core.participant_quality q
               on q.source_id = p.source_id and q.session_id = p.session_id
              and q.provider_participant_id = p.provider_participant_id
            where p.source_id = $1 and p.session_id = $2"#,
        task.source_id.0,
        task.session_id,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("counting reports"))
}

/// Writes reports; how many rows that changed.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    task: &Task,
    reports: &[PeerReport],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let of = Columns(reports);
    let written = sqlx::query_file!(
        "src/store/artifact/quality_upsert.sql",
        task.source_id.0,
        task.session_id,
        now,
        &reports.iter().map(|report| report.provider_participant_id.as_str()).collect::<Vec<_>>() as &[&str],
        &reports.iter().map(|report| report.quality.is_some()).collect::<Vec<bool>>(),
        &of.any(|q| q.is_mobile) as &[Option<bool>],
        &of.any(|q| q.used_turn) as &[Option<bool>],
        &of.any(|q| q.country_code.as_deref()) as &[Option<&str>],
        &of.any(|q| q.device_os.as_deref()) as &[Option<&str>],
        &of.any(|q| q.network_type.as_deref()) as &[Option<&str>],
        &of.any(|q| q.sdk_name.as_deref()) as &[Option<&str>],
        &of.any(|q| q.sdk_version.as_deref()) as &[Option<&str>],
        &of.number(|q| q.audio_out.mos_avg) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.mos_p50) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.mos_p75) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.mos_p90) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.packet_loss_avg) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.loss_over_5_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.loss_over_10_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.loss_over_25_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.loss_over_50_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.rtt_ms_avg) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.rtt_over_100_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.rtt_over_250_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_out.rtt_over_500_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.mos_avg) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.mos_p50) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.mos_p75) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.mos_p90) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.packet_loss_avg) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.loss_over_5_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.loss_over_10_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.loss_over_25_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.loss_over_50_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.rtt_ms_avg) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.rtt_over_100_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.rtt_over_250_rate) as &[Option<Decimal>],
        &of.number(|q| q.audio_in.rtt_over_500_rate) as &[Option<Decimal>],
        &of.number(|q| q.video_out.mos_avg) as &[Option<Decimal>],
        &of.number(|q| q.video_out.packet_loss_avg) as &[Option<Decimal>],
        &of.number(|q| q.video_out.rtt_ms_avg) as &[Option<Decimal>],
        &of.number(|q| q.video_out.fps_avg) as &[Option<Decimal>],
        &of.number(|q| q.video_in.mos_avg) as &[Option<Decimal>],
        &of.number(|q| q.video_in.packet_loss_avg) as &[Option<Decimal>],
        &of.number(|q| q.video_in.rtt_ms_avg) as &[Option<Decimal>],
        &of.number(|q| q.video_in.fps_avg) as &[Option<Decimal>],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing quality reports"))?;
    Ok(written.rows_affected())
}

/// Turns reports into columns.
struct Columns<'a>(&'a [PeerReport]);

impl<'a> Columns<'a> {
    fn any<T>(&self, of: impl Fn(&'a PeerQuality) -> Option<T>) -> Vec<Option<T>> {
        self.0.iter().map(|report| report.quality.as_ref().and_then(&of)).collect()
    }

    fn number(&self, of: impl Fn(&'a PeerQuality) -> Option<Decimal>) -> Vec<Option<Decimal>> {
        self.any(of)
    }
}
