//! The search for a person in texts and bytes: for records that no session leads to, and for the proof of an erasure.
//!
//! A text is found where it stands alone: not within a longer word or number. Bytes are searched in the escaped form of
//! the database, in which all of them are ASCII, and JSON may write a character as `\u` with digits.

use std::collections::BTreeMap;
use std::fmt::Write;

use sqlx::{AssertSqlSafe, PgConnection};

use crate::store::StoreError;
use crate::store::erasure::people::{Sought, Work};

/// A shorter text is not searched for: it would be found in data of others.
const SHORTEST_CHARS: usize = 4;

/// Matches no text.
const NOTHING: &str = "(?!)";

/// Regular expressions for texts, and for escaped bytes.
#[derive(Debug)]
struct Pattern {
    text: String,
    bytes: String,
}

impl Pattern {
    fn of<'a>(texts: impl Iterator<Item = &'a String> + Clone, flags: &str) -> Self {
        let texts = texts.filter(|text| text.chars().count() >= SHORTEST_CHARS);
        let form = |of: fn(&str) -> String| {
            let texts: Vec<String> = texts.clone().map(|text| format!("{}|{}", of(text), json_form(text))).collect();
            if texts.is_empty() {
                return NOTHING.to_owned();
            }
            // an escape before a text ends in a letter or digit, and is no part of a word
            format!("{flags}(^|[^[:alnum:]]|\\\\[nrtbf]|\\\\u[0-9a-fA-F]{{4}})({})([^[:alnum:]]|$)", texts.join("|"))
        };
        Self { text: form(plain), bytes: form(escaped) }
    }
}

/// Patterns of a person's identifiers and names.
#[derive(Debug)]
pub(super) struct Patterns {
    identifiers: Pattern,
    names: Pattern,
}

impl Patterns {
    pub(super) fn of(sought: &Sought) -> Self {
        Self {
            identifiers: Pattern::of(sought.identifiers.iter(), ""),
            names: Pattern::of(sought.names.iter(), "(?i)"),
        }
    }
}

/// Quotes a text for a regular expression.
fn plain(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// Quotes the escaped form of a text's bytes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'\\' => escaped.push_str("\\\\"),
            1..=0x7f => escaped.push(char::from(byte)),
            _ => _ = write!(escaped, "\\{byte:03o}"),
        }
    }
    plain(&escaped)
}

/// Quotes the form of a text in JSON that writes other than ASCII characters with digits; one or two backslashes, as
/// bytes are escaped once more.
fn json_form(text: &str) -> String {
    let mut form = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            form.push_str(&plain(&c.to_string()));
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            form.push_str("\\\\{1,2}u");
            for digit in format!("{unit:04x}").chars() {
                _ = write!(form, "[{digit}{}]", digit.to_ascii_uppercase());
            }
        }
    }
    form
}

/// Defines an update that erases bytes which name a person: `$2` and `$4` are the patterns of identifiers and names.
macro_rules! erasure {
    ($(#[$doc:meta])+ $name:ident, $doing:literal, $sql:literal) => {
        $(#[$doc])+
        pub(super) async fn $name(tx: &mut PgConnection, work: &Work<'_>, patterns: &Patterns) -> Result<u64, StoreError> {
            let Patterns { identifiers, names } = patterns;
            let erased = sqlx::query!($sql, work.source_id.0, identifiers.bytes, work.now, names.bytes);
            Ok(erased.execute(tx).await.map_err(StoreError::doing($doing))?.rows_affected())
        }
    };
}

erasure!(
    /// Erases the bytes of records that were replaced or are gone, and that name the person.
    erase_records,
    "searching raw records for a person",
    "update ingest.raw_records r set body = '', erased_at = $3
      where r.source_id = $1 and r.erased_at is null
        and (r.gone_at is not null
             or exists (select from ingest.raw_records o
                         where o.source_id = r.source_id and o.stream = r.stream
                           and o.provider_record_id = r.provider_record_id
                           and o.last_fetched_at > r.last_fetched_at))
        and (encode(r.body, 'escape') ~ $2 or encode(r.body, 'escape') ~ $4)"
);

erasure!(
    /// Erases the bytes of records that could not be read, and that name the person.
    erase_rejects,
    "searching rejects for a person",
    "update ingest.rejects r
        set body = '', resolved_at = coalesce(r.resolved_at, $3), resolution = coalesce(r.resolution, 'erased')
      where r.source_id = $1 and (encode(r.body, 'escape') ~ $2 or encode(r.body, 'escape') ~ $4)"
);

/// Rows in which a person was found, by table.
#[derive(Debug, Default)]
pub(super) struct FoundAgain {
    pub(super) by_identifier: BTreeMap<String, i64>,
    pub(super) by_name: BTreeMap<String, i64>,
}

/// Looks for a person in every text of every table: of its source, where a table has sources.
pub(super) async fn everywhere(
    tx: &mut PgConnection,
    work: &Work<'_>,
    sought: &Sought,
) -> Result<FoundAgain, StoreError> {
    let failed = StoreError::doing("looking for a person once more");
    let mut identifiers = sought.identifiers.clone();
    let pseudonyms = sqlx::query_scalar!(
        "select person_id from ingest.erased_people where source_id = $1 and erasure_id = $2",
        work.source_id.0,
        work.erasure_id,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    identifiers.extend(pseudonyms);
    let patterns = Patterns::of(&Sought { identifiers, names: sought.names.clone() });
    // the journal of erasures holds what is sought until it ends, and the erased pseudonyms are there to stay
    let tables = sqlx::query!(
        r#"select format('%I.%I', n.nspname, c.relname) as "name!",
                  bool_or(a.attname = 'source_id') as "has_source!",
                  string_agg(format('t.%I::text', a.attname), ', ')
                    filter (where t.typname in ('text', 'varchar', 'name', 'json', 'jsonb', '_text')) as "texts",
                  string_agg(format('encode(t.%I, ''escape'')', a.attname), ', ') filter (where t.typname = 'bytea')
                    as "bytes"
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             join pg_type t on t.oid = a.atttypid
            where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'm')
              and not c.relispartition and c.oid not in ('ingest.erasures'::regclass, 'ingest.erased_people'::regclass)
            group by n.nspname, c.relname
            order by 1"#,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let mut found = FoundAgain::default();
    for table in tables.iter().filter(|table| table.texts.is_some() || table.bytes.is_some()) {
        let of_source = if table.has_source { "where t.source_id = $1" } else { "where $1::int is not null" };
        let condition = |texts: &str, bytes: &str| {
            let is_in = |columns: Option<&String>, pattern: &str| {
                columns.map(|columns| format!("concat_ws(E'\\n', {columns}) ~ {pattern}"))
            };
            let parts = [is_in(table.texts.as_ref(), texts), is_in(table.bytes.as_ref(), bytes)];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" or ")
        };
        // all names come from the catalog
        let sql = format!(
            "select count(*) filter (where {}), count(*) filter (where {})
               from {} t {of_source} and $2::text is not null and $3::text is not null and $4::text is not null
                and $5::text is not null",
            condition("$2", "$3"),
            condition("$4", "$5"),
            table.name
        );
        let (by_identifier, by_name): (i64, i64) = sqlx::query_as(AssertSqlSafe(sql))
            .bind(work.source_id.0)
            .bind(&patterns.identifiers.text)
            .bind(&patterns.identifiers.bytes)
            .bind(&patterns.names.text)
            .bind(&patterns.names.bytes)
            .fetch_one(&mut *tx)
            .await
            .map_err(&failed)?;
        for (rows, count) in [(&mut found.by_identifier, by_identifier), (&mut found.by_name, by_name)] {
            if count > 0 {
                rows.insert(table.name.clone(), count);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_a_form_in_expressions_bytes_and_json() {
        assert_eq!(plain("+49.1"), r"\+49\.1");
        assert_eq!(escaped("Jörg"), r"J\\303\\266rg");
        assert_eq!(json_form("Jö"), r"J\\{1,2}u[00][00][fF][66]");
        assert_eq!(Pattern::of([String::from("abc")].iter(), "").text, NOTHING, "too short to be told from others");
    }
}
