//! The tables with rows of sources, found in the database's catalogue, so that none is forgotten.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::store::StoreError;

/// A table with a column `source_id`, other than the list of sources itself.
#[derive(Debug, Clone)]
pub(super) struct SourceTable {
    /// Schema and name, quoted for SQL.
    pub(super) name: String,
    /// Its columns, without generated ones, quoted for SQL.
    pub(super) columns: Vec<String>,
    /// The columns of each unique index with `source_id` that covers all rows, `source_id` itself left out.
    pub(super) keys: Vec<Vec<String>>,
    /// Whether its rows belong to a session, and are deleted with it.
    pub(super) is_part_of_session: bool,
}

impl SourceTable {
    pub(super) fn has_session(&self) -> bool {
        self.columns.iter().any(|column| column == "session_id")
    }
}

/// Returns all of them; those whose rows belong to a session come first, the sessions last.
pub(super) async fn list(tx: &mut PgConnection) -> Result<Vec<SourceTable>, StoreError> {
    let rows = sqlx::query!(
        r#"select format('%I.%I', n.nspname, c.relname) as "name!",
                  array(select quote_ident(a.attname) from pg_attribute a
                         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                         order by a.attnum) as "columns!",
                  array(select string_agg(quote_ident(a.attname), ',' order by a.attnum)
                                 filter (where a.attname <> 'source_id')
                          from pg_index i
                          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey::int2[])
                         where i.indrelid = c.oid and i.indisunique and i.indpred is null and i.indexprs is null
                         group by i.indexrelid
                        having bool_or(a.attname = 'source_id') and count(*) > 1) as "keys!",
                  n.nspname = 'core' and c.relname <> 'sessions'
                  and exists (select from pg_attribute a
                               where a.attrelid = c.oid and a.attname = 'session_id' and not a.attisdropped)
                  as "is_part_of_session!"
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             join pg_attribute own on own.attrelid = c.oid and own.attname = 'source_id' and not own.attisdropped
            where n.nspname in ('core', 'ingest') and c.relkind in ('r', 'p') and not c.relispartition
              and c.oid <> 'core.sources'::regclass
            order by 4 desc, c.oid = 'core.sessions'::regclass, 1"#,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("looking for the tables of a source"))?;
    let tables = rows.into_iter().map(|row| SourceTable {
        name: row.name,
        columns: row.columns,
        keys: row.keys.iter().map(|key| key.split(',').map(str::to_owned).collect()).collect(),
        is_part_of_session: row.is_part_of_session,
    });
    Ok(tables.collect())
}

/// Executes a statement built from names of the catalogue and from numbers.
pub(super) async fn execute(tx: &mut PgConnection, sql: String) -> Result<(), StoreError> {
    let done = sqlx::query(AssertSqlSafe(sql)).execute(tx).await;
    done.map(drop).map_err(StoreError::doing("moving the rows of a source"))
}
