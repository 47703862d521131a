//! The schema as Postgres describes it: a migration records each object that it made or changed, so that an alteration
//! by another hand is found and named later, also after an upgrade.
//!
//! What was added is no alteration: analysts keep views, and operators indexes of their own. Citus is not compared: it
//! changes tables when it distributes them, and each release differently.

use std::collections::BTreeMap;

use sqlx::{Connection, PgConnection, PgPool};

/// Settings that change how Postgres writes a definition.
const PLAIN: &str = "select set_config('search_path', 'pg_catalog', true), set_config('timezone', 'UTC', true),
       set_config('datestyle', 'ISO, MDY', true), set_config('intervalstyle', 'postgres', true),
       set_config('extra_float_digits', '1', true), set_config('quote_all_identifiers', 'off', true)";

/// The major version of the server, which decides how it writes a definition.
const MAJOR: &str = "current_setting('server_version_num')::int / 10000";

/// The objects of the schema that differ from their record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaAlterations {
    /// Number of recorded objects.
    pub recorded_count: usize,
    /// Number of those that another version of Postgres described: only their presence was compared.
    pub foreign_count: usize,
    /// What differs, such as `index core.x is missing`; tables come first.
    pub found: Vec<String>,
}

/// Returns each object with its definition.
pub(super) async fn describe(connection: &mut PgConnection) -> Result<Vec<(String, String)>, sqlx::Error> {
    let mut tx = connection.begin().await?;
    sqlx::query(PLAIN).execute(&mut *tx).await?;
    let objects = sqlx::query_as(include_str!("schema_objects.sql")).fetch_all(&mut *tx).await?;
    tx.rollback().await?;
    Ok(objects)
}

/// Records the objects that differ from those `before` a migration, and those that another version of Postgres
/// described. All others keep their record, so that a migration hides no alteration.
pub(super) async fn record(connection: &mut PgConnection, before: &[(String, String)]) -> Result<(), sqlx::Error> {
    let after = describe(connection).await?;
    let known: BTreeMap<&str, &str> =
        before.iter().map(|(name, definition)| (name.as_str(), definition.as_str())).collect();
    let is_changed = |(name, definition): &&(String, String)| known.get(name.as_str()) != Some(&definition.as_str());
    let (names, definitions): (Vec<&str>, Vec<&str>) =
        after.iter().filter(is_changed).map(|(name, definition)| (name.as_str(), definition.as_str())).unzip();
    let present: Vec<&str> = after.iter().map(|(name, _)| name.as_str()).collect();
    let gone: Vec<&str> = known.into_keys().filter(|name| !present.contains(name)).collect();
    let mut tx = connection.begin().await?;
    sqlx::query("delete from ingest.schema_objects where object_name = any($1)").bind(gone).execute(&mut *tx).await?;
    let write = format!(
        "insert into ingest.schema_objects as o (object_name, definition, server_major)
         select n.name, n.definition, {MAJOR} from unnest($1::text[], $2::text[]) n (name, definition)
         on conflict (object_name) do update set definition = excluded.definition, server_major = excluded.server_major"
    );
    sqlx::query(sqlx::AssertSqlSafe(write)).bind(names).bind(definitions).execute(&mut *tx).await?;
    let (names, definitions): (Vec<&str>, Vec<&str>) =
        after.iter().map(|(name, definition)| (name.as_str(), definition.as_str())).unzip();
    let renew = format!(
        "update ingest.schema_objects o set definition = n.definition, server_major = {MAJOR}
           from unnest($1::text[], $2::text[]) n (name, definition)
          where o.object_name = n.name and o.server_major <> {MAJOR}"
    );
    sqlx::query(sqlx::AssertSqlSafe(renew)).bind(names).bind(definitions).execute(&mut *tx).await?;
    tx.commit().await
}

/// Returns whether another version of Postgres described objects. The baseline must have been applied.
pub(super) async fn is_foreign(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let sql = format!("select exists (select from ingest.schema_objects o where o.server_major <> {MAJOR})");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await
}

/// Compares the schema with its record. Changes nothing.
pub async fn schema_alterations(pool: &PgPool) -> Result<SchemaAlterations, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let present: BTreeMap<String, String> = describe(&mut connection).await?.into_iter().collect();
    let sql = format!("select object_name, definition, server_major = {MAJOR} from ingest.schema_objects");
    let recorded: Vec<(String, String, bool)> =
        sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *connection).await?;
    let mut alterations = SchemaAlterations { recorded_count: recorded.len(), ..SchemaAlterations::default() };
    for (name, definition, is_own) in recorded {
        alterations.foreign_count += usize::from(!is_own);
        match present.get(&name) {
            None => alterations.found.push(format!("{name} is missing")),
            Some(now) if is_own && *now != definition => alterations.found.push(format!("{name} differs")),
            Some(_) => {}
        }
    }
    alterations.found.sort_by_key(|found| (place(found), found.clone()));
    Ok(alterations)
}

/// Orders the kinds: a change of a table also changes the views that read it.
fn place(found: &str) -> usize {
    ["table", "column", "constraint", "index", "sequence", "trigger", "function"]
        .iter()
        .position(|kind| found.starts_with(kind))
        .unwrap_or(usize::MAX)
}
