//! Columns with personal data, found in the catalog by their comments, and the rows of a person in their tables.

use sqlx::PgConnection;

use crate::store::StoreError;

/// A table of `core` whose rows belong to sessions.
#[derive(Debug)]
pub(super) struct PersonalTable {
    /// Schema and name, quoted for SQL.
    pub(super) name: String,
    /// Assignments that erase its columns with personal data; empty: it has none.
    pub(super) erase: String,
    /// Whether one of these columns holds anything, of the row `t`.
    pub(super) is_filled: String,
    /// Column with a pseudonym.
    person: Option<String>,
    /// Whether its rows name a presence.
    has_presence: bool,
}

impl PersonalTable {
    /// Returns the condition that the row `t` is of one of these people, an expression of SQL; `None`: its rows cannot
    /// be told apart by person.
    pub(super) fn is_of_any(&self, people: &str) -> Option<String> {
        let by_person = self.person.as_ref().map(|column| format!("t.{column} = any({people})"));
        let by_presence = self.has_presence.then(|| {
            format!(
                "t.provider_participant_id in (
                    select p.provider_participant_id from core.participants p
                     where p.source_id = t.source_id and p.session_id = t.session_id and p.person_id = any({people}))"
            )
        });
        let conditions: Vec<String> = by_person.into_iter().chain(by_presence).collect();
        (!conditions.is_empty()).then(|| format!("({})", conditions.join(" or ")))
    }
}

/// Returns the tables of sessions and of their parts.
pub(super) async fn tables(tx: &mut PgConnection) -> Result<Vec<PersonalTable>, StoreError> {
    let rows = sqlx::query!(
        r#"select format('%I.%I', n.nspname, c.relname) as "name!",
                  string_agg(format('%I = %s', a.attname, erased.value), ', ') filter (where personal.is_so) as "erase",
                  string_agg(format('t.%I::text is distinct from %s', a.attname, erased.value), ' or ')
                    filter (where personal.is_so) as "is_filled",
                  bool_or(a.attname = 'provider_participant_id') as "has_presence!",
                  min(quote_ident(a.attname)) filter (where a.attname in ('person_id', 'speaker_id')) as "person"
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             join pg_type t on t.oid = a.atttypid
            cross join lateral (
                  select coalesce(col_description(c.oid, a.attnum) like 'Personal%', false) as is_so) personal
            cross join lateral (
                  select case when not a.attnotnull then 'null' when t.typname in ('json', 'jsonb') then '''{}'''
                              else '''''' end as value) erased
            where n.nspname = 'core' and c.relkind in ('r', 'p') and not c.relispartition
              and exists (select from pg_attribute s
                           where s.attrelid = c.oid and s.attname = 'session_id' and not s.attisdropped)
            group by n.nspname, c.relname
            order by 1"#,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("looking for columns with personal data"))?;
    let tables = rows.into_iter().map(|row| PersonalTable {
        name: row.name,
        erase: row.erase.unwrap_or_default(),
        is_filled: row.is_filled.unwrap_or_default(),
        person: row.person,
        has_presence: row.has_presence,
    });
    Ok(tables.collect())
}
