//! Merges two sources of the same account, within one transaction.
//!
//! Sessions with the same id at the provider are merged: the row that the provider changed later stays, with the
//! number of the session in the target source. Dependent data of a session (messages, participants, transcript, …) is
//! taken from the newer one, and from the other where that has none. All other rows move; where both sources hold a
//! row of the same key, the row of the target source stays. Tables are found in the catalogue, so that new tables are
//! included.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::erasure::step::erase_again;
use crate::store::source_tables::{SourceTable, execute};
use crate::store::window::{self, Finding};
use crate::store::{StoreError, StreamKey, data_version, search_language};

/// Merges `from` into `into`.
pub(super) async fn merge(
    tx: &mut PgConnection,
    tables: &[SourceTable],
    from: i32,
    into: i32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let both = Both { from, into };
    let (parts, others): (Vec<_>, Vec<_>) = tables.iter().partition(|table| table.is_part_of_session);
    let others: Vec<_> = others.into_iter().filter(|table| table.name != SESSIONS).collect();
    for table in &parts {
        both.join_parts(tx, &table.name).await?;
    }
    both.prefer_content(tx).await?;
    for table in others.iter().filter(|table| table.has_session()) {
        both.join_rows_of_sessions(tx, table).await?;
    }
    let twins = both.twins();
    let removed = format!(
        "insert into ingest.removed_sessions (session_id, removed_at) select from_id, statement_timestamp() from {twins} t"
    );
    execute(tx, removed).await?;
    both.join_sessions(tx, tables).await?;
    for table in &parts {
        let name = &table.name;
        let moved = format!(
            "update {name} set source_id = {into} where source_id = {from}
                and session_id in (select session_id from core.sessions where source_id = {into})"
        );
        execute(tx, moved).await?;
        execute(tx, format!("delete from {name} where source_id = {from}")).await?;
    }
    both.join_facts(tx, now).await?;
    both.join_windows(tx).await?;
    for table in &others {
        both.move_rows(tx, table).await?;
    }
    let void = format!(
        "select ingest.void_acceptances({into}, w.stream,
                coalesce(range_agg(tstzrange(w.window_from, w.window_to)) filter (where w.is_complete), '{{}}')
                - coalesce(range_agg(tstzrange(w.window_from, w.window_to)) filter (where not w.is_complete), '{{}}'),
                statement_timestamp())
           from ingest.windows w where w.source_id = {into} group by w.stream"
    );
    execute(tx, void).await?;
    execute(tx, format!("delete from core.sessions where source_id = {from}")).await?;
    execute(tx, format!("delete from core.sources where source_id = {from}")).await?;
    search_language::follow(tx, into).await?;
    erase_again(tx, SourceId(into), now).await?;
    data_version::date_all(tx, into).await
}

pub(super) const SESSIONS: &str = "core.sessions";

/// The source to merge and its target.
#[derive(Debug, Clone, Copy)]
struct Both {
    from: i32,
    into: i32,
}

impl Both {
    /// Returns SQL for the sessions in both sources: `from_id`, `into_id`, and whether the first one is newer. A
    /// session without a change time is as new as its request.
    fn twins(self) -> String {
        let Self { from, into } = self;
        format!(
            "(select a.session_id as from_id, b.session_id as into_id,
                     case when a.provider_updated_at is distinct from b.provider_updated_at
                          then coalesce(a.provider_updated_at > b.provider_updated_at, b.provider_updated_at is null)
                          else coalesce(a.fetched_at > b.fetched_at, false) end as is_newer
                from core.sessions a
                join core.sessions b on b.source_id = {into} and b.provider_session_id = a.provider_session_id
               where a.source_id = {from})"
        )
    }

    /// Keeps dependent data of sessions in both sources: of the newer one, else of the other.
    async fn join_parts(self, tx: &mut PgConnection, table: &str) -> Result<(), StoreError> {
        let (Self { from, into }, twins) = (self, self.twins());
        let outdated = format!(
            "delete from {table} c using {twins} t
              where c.source_id = {into} and c.session_id = t.into_id and t.is_newer
                and exists (select from {table} o where o.source_id = {from} and o.session_id = t.from_id)"
        );
        execute(tx, outdated).await?;
        let moved = format!(
            "update {table} c set source_id = {into}, session_id = t.into_id from {twins} t
              where c.source_id = {from} and c.session_id = t.from_id
                and not exists (select from {table} o where o.source_id = {into} and o.session_id = t.into_id)"
        );
        execute(tx, moved).await
    }

    /// Prefers tasks that found content to those that did not.
    async fn prefer_content(self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let (Self { from, into }, twins) = (self, self.twins());
        let without = format!(
            "delete from ingest.artifact_tasks c using {twins} t
              where c.source_id = {into} and c.session_id = t.into_id and c.state <> 'available'
                and exists (select from ingest.artifact_tasks o
                             where o.source_id = {from} and o.session_id = t.from_id and o.stream = c.stream
                               and o.state = 'available')"
        );
        execute(tx, without).await
    }

    /// Moves rows that refer to a session in both sources; the session's number changes.
    async fn join_rows_of_sessions(self, tx: &mut PgConnection, table: &SourceTable) -> Result<(), StoreError> {
        let (Self { from, into }, twins, name) = (self, self.twins(), &table.name);
        let free = table.keys.iter().map(|key| {
            let same = key.iter().map(|column| match column.as_str() {
                "session_id" => "o.session_id = t.into_id".to_owned(),
                column => format!("o.{column} = c.{column}"),
            });
            let same = same.collect::<Vec<_>>().join(" and ");
            format!(" and not exists (select from {name} o where o.source_id = {into} and {same})")
        });
        let free: String = free.collect();
        let moved = format!(
            "update {name} c set source_id = {into}, session_id = t.into_id from {twins} t
              where c.source_id = {from} and c.session_id = t.from_id{free}"
        );
        execute(tx, moved).await?;
        // rows that could not move exist there already; a row that may lack its session moves with all others
        if table.keys.iter().any(|key| key.iter().any(|column| column == "session_id")) {
            let left =
                format!("delete from {name} c using {twins} t where c.source_id = {from} and c.session_id = t.from_id");
            execute(tx, left).await?;
        }
        Ok(())
    }

    /// Writes newer sessions over older ones, and moves those that only the first source holds.
    async fn join_sessions(self, tx: &mut PgConnection, tables: &[SourceTable]) -> Result<(), StoreError> {
        let (Self { from, into }, twins) = (self, self.twins());
        let columns = tables.iter().find(|table| table.name == SESSIONS).map(|table| table.columns.as_slice());
        let kept = ["source_id", "session_id", "provider_session_id", "first_seen_at"];
        let columns: Vec<&String> =
            columns.unwrap_or_default().iter().filter(|column| *column != "source_id").collect();
        let set = columns.iter().filter(|column| !kept.contains(&column.as_str()));
        let set = set.map(|column| format!("{column} = a.{column}")).collect::<Vec<_>>().join(", ");
        execute(
            tx,
            format!(
                "update core.sessions b set first_seen_at = a.first_seen_at from core.sessions a
                  where a.source_id = {from} and b.source_id = {into} and b.provider_session_id = a.provider_session_id
                    and a.first_seen_at < b.first_seen_at"
            ),
        )
        .await?;
        execute(
            tx,
            format!(
                "update core.sessions b set {set} from core.sessions a join {twins} t on t.from_id = a.session_id
                  where a.source_id = {from} and t.is_newer and b.source_id = {into} and b.session_id = t.into_id"
            ),
        )
        .await?;
        let list = columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(", ");
        execute(
            tx,
            format!(
                "insert into core.sessions (source_id, {list}) select {into}, {list} from core.sessions a
                  where a.source_id = {from}
                    and not exists (select from core.sessions b
                                     where b.source_id = {into} and b.provider_session_id = a.provider_session_id)"
            ),
        )
        .await
    }

    /// Merges the rows of tables that need their own rule.
    async fn join_facts(self, tx: &mut PgConnection, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Self { from, into } = self;
        for sql in [
            format!(
                "update ingest.raw_records b set fetched_at = least(b.fetched_at, a.fetched_at),
                        last_fetched_at = greatest(b.last_fetched_at, a.last_fetched_at)
                   from ingest.raw_records a
                  where a.source_id = {from} and b.source_id = {into} and b.stream = a.stream
                    and b.provider_record_id = a.provider_record_id and b.content_hash = a.content_hash"
            ),
            format!(
                "update core.people b set first_seen_at = least(b.first_seen_at, a.first_seen_at),
                        first_visit_at = least(b.first_visit_at, a.first_visit_at)
                   from core.people a
                  where a.source_id = {from} and b.source_id = {into} and b.person_id = a.person_id"
            ),
            format!(
                "update ingest.actions a set key_hash = null, request_hash = null
                  where a.source_id = {from}
                    and exists (select from ingest.actions b where b.source_id = {into} and b.key_hash = a.key_hash)"
            ),
            // two price lists of one account would add up
            format!(
                "delete from core.rate_cards where source_id = {from}
                    and exists (select from core.rate_cards where source_id = {into})"
            ),
            // moved sessions have no tasks in streams that only the other source fetches
            format!(
                "delete from ingest.source_facts where source_id in ({from}, {into}) and name = 'enlisted_streams'"
            ),
            format!(
                "insert into ingest.data_versions as v (version, source_id, stream)
                 select version + 1, {into}, stream from ingest.data_versions where source_id = {from}
                     on conflict (source_id, stream) do update set version = v.version + excluded.version"
            ),
            format!("delete from ingest.data_versions where source_id = {from}"),
            // a pause of the source that goes does not pause the one that stays
            format!("delete from ingest.controls where source_id = {from}"),
        ] {
            execute(tx, sql).await?;
        }
        sqlx::query!(
            "update ingest.backfills set state = 'cancelled', finished_at = $2
              where source_id = $1 and state in ('running', 'paused', 'failed')",
            from,
            now,
        )
        .execute(tx)
        .await
        .map_err(StoreError::doing("ending backfills of a merged source"))?;
        Ok(())
    }

    /// Merges windows: a range proven in one source is proven in both; a range proven in neither stays doubtful.
    async fn join_windows(self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let proven = sqlx::query!(
            "delete from ingest.windows where source_id = $1 and is_complete
          returning stream, window_from, window_to, provider_total, distinct_count, run_id, checked_at",
            self.from,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(StoreError::doing("merging proven ranges"))?;
        for row in proven {
            let Some(stream) = Stream::parse(&row.stream) else { continue };
            let finding = Finding {
                window: Window { from: row.window_from, to: row.window_to },
                doubt: None,
                is_denied: false,
                provider_total: row.provider_total,
                distinct_count: row.distinct_count.unwrap_or_default(),
            };
            let stream_key = StreamKey { source_id: SourceId(self.into), stream };
            window::record(tx, stream_key, &finding, (row.run_id, row.checked_at), None).await?;
        }
        let Self { from, into } = self;
        let judged = format!(
            "delete from ingest.windows a where a.source_id = {from}
                and exists (select from ingest.windows b
                             where b.source_id = {into} and b.stream = a.stream
                               and b.window_from < a.window_to and b.window_to > a.window_from)"
        );
        execute(tx, judged).await
    }

    /// Moves all rows of a table whose keys are free in the target, and deletes the others.
    async fn move_rows(self, tx: &mut PgConnection, table: &SourceTable) -> Result<(), StoreError> {
        let (Self { from, into }, name) = (self, &table.name);
        for key in &table.keys {
            let same = key.iter().map(|column| format!("o.{column} = c.{column}")).collect::<Vec<_>>().join(" and ");
            let taken = format!(
                "delete from {name} c where c.source_id = {from}
                    and exists (select from {name} o where o.source_id = {into} and {same})"
            );
            execute(tx, taken).await?;
        }
        execute(tx, format!("update {name} set source_id = {into} where source_id = {from}")).await
    }
}
