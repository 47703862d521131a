//! The steps of chats through the AI's skills.

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::message::TrailStep;
use crate::store::StoreError;
use crate::store::page::prepared::Prepared;

/// Steps of sessions, as the columns of one statement.
#[derive(Debug, Default)]
pub(super) struct Columns<'a> {
    pub(super) ids: Vec<i64>,
    pub(super) numbers: Vec<i32>,
    pub(super) kinds: Vec<Option<&'a str>>,
    pub(super) steps: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    /// Creates the columns from sessions and their steps.
    pub(super) fn of(carried: &[(i64, &'a [TrailStep])]) -> Self {
        let mut columns = Self::default();
        for (id, trail) in carried {
            for (number, step) in (1_i32..).zip(*trail) {
                columns.ids.push(*id);
                columns.numbers.push(number);
                columns.kinds.push(step.step_type.as_deref());
                columns.steps.push(step.step.as_str());
            }
        }
        columns
    }
}

/// Returns the steps of sessions whose records contain them.
pub(super) fn carried<'a>(rows: &[(i64, &Prepared<'a>)]) -> Vec<(i64, &'a [TrailStep])> {
    rows.iter().filter_map(|(id, record)| Some((*id, record.record.session.trail.as_deref()?))).collect()
}

/// Replaces the steps of sessions whose record contains them. `updated` are the sessions that were stored before.
pub(super) async fn replace(
    tx: &mut PgConnection,
    source_id: SourceId,
    rows: &[(i64, &Prepared<'_>)],
    updated: &[i64],
) -> Result<(), StoreError> {
    let failed = StoreError::doing("writing trail steps");
    let carried = carried(rows);
    let stale: Vec<i64> = carried.iter().map(|(id, _)| *id).filter(|id| updated.contains(id)).collect();
    if !stale.is_empty() {
        sqlx::query!(
            "delete from core.trail_steps where source_id = $1 and session_id = any($2)",
            source_id.0,
            &stale,
        )
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    }
    let steps = Columns::of(&carried);
    if steps.ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into core.trail_steps (source_id, session_id, step_number, step_type, step)
         select $1, t.session_id, t.step_number, t.step_type, t.step::json
           from unnest($2::bigint[], $3::int[], $4::text[], $5::text[]) t(session_id, step_number, step_type, step)",
        source_id.0,
        &steps.ids,
        &steps.numbers,
        &steps.kinds as &[Option<&str>],
        &steps.steps as &[&str],
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}
