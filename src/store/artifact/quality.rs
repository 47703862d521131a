//! Quality reports of a session's participants, and the participants whose report is still missing.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};

use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::quality::{PeerQuality, PeerReport};
use crate::store::StoreError;
use crate::store::artifact::content::SaveContext;
use crate::store::artifact::task::Task;

/// The participants of one session whose report is still missing.
#[derive(Debug, Clone, Default)]
pub struct MissingReports {
    /// Participants without a stored report, limited to the requested number.
    pub participants: Vec<ProviderRecordId>,
    /// Number of stored reports; where the limit is exceeded, 1 if there is any.
    pub with_report: i64,
    /// Number of participants without a report, up to the limit.
    pub without_report: i64,
    /// Whether the list of participants is stored: if it is empty, there is no report to request.
    pub is_list_known: bool,
}

/// Returns for each of `tasks` of one source at most `limit` participants without a stored report. Reports that did
/// not exist when requested before the task's instant are requested again.
pub async fn missing(
    pool: &PgPool,
    tasks: &[(&Task, DateTime<Utc>)],
    limit: i64,
) -> Result<Vec<MissingReports>, StoreError> {
    let Some((first, _)) = tasks.first() else { return Ok(Vec::new()) };
    let rows = sqlx::query!(
        r#"select missing.ids as "participants!",
                  -- counted through only once few are missing: a large session is asked for in many tries
                  (select count(*) from (select from core.participant_quality q
                                          where q.source_id = $1 and q.session_id = asked.session_id and q.has_report
                                          limit case when cardinality(missing.ids) >= $4 then 1 end) q)
                  as "with_report!",
                  case when cardinality(missing.ids) >= $4 then cardinality(missing.ids)
                       else (select count(*) from core.participants p
                              where p.source_id = $1 and p.session_id = asked.session_id
                                and not exists (select from core.participant_quality q
                                                 where q.source_id = p.source_id and q.session_id = p.session_id
                                                   and q.provider_participant_id = p.provider_participant_id
                                                   and q.has_report)) end as "without_report!",
                  exists (select from ingest.artifact_tasks t
                           where t.source_id = $1 and t.session_id = asked.session_id and t.stream = 'participants'
                             and t.state in ('available', 'empty')) as "is_list_known!"
             from unnest($2::bigint[], $3::timestamptz[]) with ordinality asked(session_id, before, place)
            cross join lateral (
                  select array(select p.provider_participant_id from core.participants p
                                where p.source_id = $1 and p.session_id = asked.session_id
                                  and not exists (select from core.participant_quality q
                                                   where q.source_id = p.source_id and q.session_id = p.session_id
                                                     and q.provider_participant_id = p.provider_participant_id
                                                     and (q.has_report or q.fetched_at >= asked.before))
                                order by p.provider_participant_id
                                limit $4) as ids) missing
            order by asked.place"#,
        first.source_id.0,
        &tasks.iter().map(|(task, _)| task.session_id).collect::<Vec<_>>(),
        &tasks.iter().map(|(_, asked_before)| *asked_before).collect::<Vec<_>>(),
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading which quality reports are missing"))?;
    let missing = rows.into_iter().map(|row| MissingReports {
        participants: row.participants.iter().filter_map(|id| ProviderRecordId::parse(id).ok()).collect(),
        with_report: row.with_report,
        without_report: row.without_report,
        is_list_known: row.is_list_known,
    });
    Ok(missing.collect())
}

/// Writes reports; returns the number of changed rows.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    source_id: SourceId,
    found: &[(SaveContext<'_>, &[PeerReport])],
) -> Result<usize, StoreError> {
    let rows = found.iter().flat_map(|(context, reports)| reports.iter().map(move |report| (context, report)));
    let (contexts, reports): (Vec<&SaveContext<'_>>, Vec<&PeerReport>) = rows.unzip();
    if reports.is_empty() {
        return Ok(0);
    }
    let of = Columns(&reports);
    let written = sqlx::query_file_scalar!(
        "src/store/artifact/quality_upsert.sql",
        source_id.0,
        &contexts.iter().map(|context| context.task.session_id).collect::<Vec<_>>(),
        &contexts.iter().map(|context| context.now).collect::<Vec<_>>(),
        &reports.iter().map(|report| report.provider_participant_id.as_str()).collect::<Vec<_>>() as &[&str],
        &contexts.iter().zip(&reports).map(|(context, report)| is_whole(context, report)).collect::<Vec<bool>>(),
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
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("writing quality reports"))?;
    Ok(written.len())
}

/// Whether a report has what reports usually have. Another one is stored, and requested again.
fn is_whole(context: &SaveContext<'_>, report: &PeerReport) -> bool {
    report.quality.is_some() && !context.fields.lacks(&report.fields, false)
}

/// The reports as columns of a statement.
struct Columns<'a>(&'a [&'a PeerReport]);

impl<'a> Columns<'a> {
    fn any<T>(&self, of: impl Fn(&'a PeerQuality) -> Option<T>) -> Vec<Option<T>> {
        self.0.iter().map(|report| report.quality.as_ref().and_then(&of)).collect()
    }

    fn number(&self, of: impl Fn(&'a PeerQuality) -> Option<Decimal>) -> Vec<Option<Decimal>> {
        self.any(of)
    }
}
