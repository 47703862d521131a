//! Providers' own tables, written from their description.

use std::collections::{HashMap, HashSet};

use sqlx::{AssertSqlSafe, PgConnection};

use crate::model::id::SourceId;
use crate::model::session::{Extension, ExtensionTable};
use crate::store::page::prepared::Prepared;
use crate::store::page::seen::Known;
use crate::store::{StoreError, newer_wins};

/// Writes the extension rows of sessions; a record that is partial or lacks a usual field leaves its row unchanged.
/// `is_new`: none of them is stored.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    source_id: SourceId,
    rows: &[(i64, &Prepared<'_>)],
    known: &HashMap<String, Known>,
    is_new: bool,
) -> Result<(), StoreError> {
    let rows: Vec<(i64, &Extension)> = rows
        .iter()
        .filter(|(_, record)| is_written(record, known))
        .filter_map(|(id, record)| Some((*id, record.record.session.extension.as_ref()?)))
        .collect();
    // all sessions of a page have one provider, so there is one table
    let Some(table) = rows.first().map(|(_, extension)| extension.table) else { return Ok(()) };
    let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
    // the names come from constants of the providers' folders, never from data
    let mut query = sqlx::query(AssertSqlSafe(statement(table, is_new))).bind(source_id.0).bind(ids);
    for column in 0..table.columns.len() {
        let values = rows.iter().map(|(_, extension)| extension.values.get(column).cloned().flatten());
        query = query.bind(values.collect::<Vec<Option<String>>>());
    }
    query.execute(tx).await.map_err(StoreError::doing("writing a provider's own columns"))?;
    Ok(())
}

/// Whether the extension row of a record's session is written.
pub(super) fn is_written(record: &Prepared<'_>, known: &HashMap<String, Known>) -> bool {
    record.record.session.extension.is_some()
        && !newer_wins::is_partial(record, known)
        && !(record.lacks_field && known.contains_key(record.id()))
}

/// Returns which of these sessions, whose records are given, have an extension row.
pub(super) async fn stored(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[&Prepared<'_>],
    ids: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    let Some(extension) = records.iter().find_map(|record| record.record.session.extension.as_ref()) else {
        return Ok(HashSet::new());
    };
    let table = extension.table.name;
    let sql = format!("select session_id from core.{table} where source_id = $1 and session_id = any($2)");
    let found: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(source_id.0)
        .bind(ids)
        .fetch_all(tx)
        .await
        .map_err(StoreError::doing("looking for a provider's own columns"))?;
    Ok(found.into_iter().collect())
}

fn statement(table: &ExtensionTable, is_new: bool) -> String {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let casts: Vec<String> = table.columns.iter().map(|(name, kind)| format!("x.{name}::{kind}")).collect();
    let arrays: Vec<String> = (0..names.len()).map(|index| format!("${}::text[]", index + 3)).collect();
    let sets: Vec<String> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    let old: Vec<String> = names.iter().map(|name| format!("t.{name}")).collect();
    let new: Vec<String> = names.iter().map(|name| format!("excluded.{name}")).collect();
    let (names, casts, arrays) = (names.join(", "), casts.join(", "), arrays.join(", "));
    let insert = format!(
        "insert into core.{table} as t (source_id, session_id, {names})
         select $1, x.session_id, {casts} from unnest($2::bigint[], {arrays}) x(session_id, {names})",
        table = table.name,
    );
    if is_new {
        return insert;
    }
    let (sets, old, new) = (sets.join(", "), old.join(", "), new.join(", "));
    format!("{insert} on conflict (source_id, session_id) do update set {sets} where ({old}) is distinct from ({new})")
}
