//! `tributary erase`: a person is nowhere afterwards, does not come back, and figures stay as they were.

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;
use tributary::app::erasing;
use tributary::app::polling::{self, Selection};
use tributary::query::erasures::{self, Erasure};
use tributary::store::erasure::{ErasureRequest, Named, People, Requested};
use tributary::store::operation::Operator;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, Volume, World as Generated};
use tributary_simulator::{Platform, Simulator};

use crate::harness::orphans::{assert_no_orphans, fill_parts_of_sessions};
use crate::harness::{World, dump, noon};

mod again;
mod columns;
mod killed;

/// What stands for all that is personal.
const MARK: &str = "Zebediah Marker-7f3a";

/// Chats and meetings of three days, polled once, with people who come several times.
async fn polled() -> (World, Vec<Simulator>) {
    let volume = |history| Volume { history, per_hour_ahead: 0 };
    let shape = Shape { history_days: 3, hours_ahead: 0, avatars: volume(4), chats: volume(60), meetings: volume(16) };
    let generated = Generated::generate(&shape, 11, noon() - TimeDelta::hours(2));
    let mut world = World::new().await.with_depth();
    let mut simulators = Vec::new();
    for platform in [Platform::Konvo, Platform::Realtimekit] {
        simulators.push(world.simulate(platform, generated.feed(platform), Quirks::default()).await);
    }
    world.poll().await;
    world.clock.set(noon());
    (world, simulators)
}

impl World {
    pub(crate) async fn people(&self) -> People {
        let pool = self.db.pool.clone();
        People { person_key: self.app().person_key(&pool).await.expect("a key"), pool }
    }

    async fn request(&self, source: &str, identity: &str, deletes_sessions: bool, is_dry_run: bool) -> Requested {
        let operator = Operator { requested_by: "ada".to_owned(), request_id: None };
        let person = Named { source, identity, identity_kind: None };
        let request = ErasureRequest { person, deletes_sessions, is_dry_run, operator: &operator, now: noon() };
        self.people().await.erase(&request).await.expect("it is erased")
    }

    /// Runs `tributary erase --yes`; returns the proof.
    pub(crate) async fn erase(&self, source: &str, identity: &str, deletes_sessions: bool) -> Erasure {
        let erasure_id = self.request(source, identity, deletes_sessions, false).await.erasure_id.expect("a number");
        let people = self.people().await;
        erasing::finish_all(&people, self.clock.as_ref(), &CancellationToken::new()).await.expect("it ends");
        erasures::find(&people.pool, erasure_id).await.expect("read").expect("an erasure")
    }

    async fn poll_all_again(&self) {
        let selection = Selection { is_full: true, ..Selection::default() };
        polling::poll(&self.app(), &selection, CancellationToken::new()).await.expect("the poll runs");
    }

    /// Returns the identities of the person with most sessions of a source, its pseudonym among them.
    async fn identities(&self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&self.db.pool).await.expect(sql)
    }
}

/// The contact with most chats: its pseudonym, its id, its id at the channel.
const CONTACT: &str = "
    with most as (select person_id from core.sessions where source_id = 1 and person_id is not null
                   group by 1 order by count(*) desc, 1 limit 1)
    select distinct identity from analytics_pii.session_contacts c join most using (person_id)
     cross join lateral (values (c.person_id), (c.contact_id), (c.external_user_id)) of_person (identity)
     where identity is not null order by 1";

/// The participant with most meetings: pseudonym, ids and names.
const PARTICIPANT: &str = "
    with most as (select person_id from core.participants where custom_participant_id is not null
                   group by 1 order by count(distinct session_id) desc, 1 limit 1)
    select distinct identity from core.participants p join most using (person_id)
     cross join lateral (values (p.person_id), (p.custom_participant_id), (p.provider_user_id)) of_person (identity)
     where identity is not null order by 1";

/// Returns each column of any table that holds one of these texts, in its bytes, too.
pub(crate) async fn found_in(pool: &PgPool, texts: &[String]) -> Vec<String> {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "select format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), t.typname::text
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           join pg_type t on t.oid = a.atttypid
          where n.nspname in ('core', 'ingest', 'public', 'analytics', 'analytics_pii') and c.relkind in ('r', 'm')
            and t.typname in ('text', 'json', 'jsonb', 'bytea', '_text')
            -- the keyed pseudonym of an erased person stays there, so that it is recognized
            and (c.relname, a.attname) <> ('erased_people', 'person_id')",
    )
    .fetch_all(pool)
    .await
    .expect("the catalog");
    assert!(columns.len() > 150, "{}", columns.len());
    let mut found = Vec::new();
    for (table, column, kind) in columns {
        let value = if kind == "bytea" { format!("encode({column}, 'escape')") } else { format!("{column}::text") };
        let sql = format!(
            "select count(*) from {table} where exists (select from unnest($1::text[]) x where position(x in {value}) > 0)"
        );
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).bind(texts).fetch_one(pool).await.expect("a count");
        if count > 0 {
            found.push(format!("{table}.{column}: {count}"));
        }
    }
    found
}

/// Returns the values of metrics over all data, by source and day; not of those about polls themselves.
pub(crate) async fn figures(world: &World) -> Vec<Value> {
    let api = world.api().await;
    let (_, registry) = api.get("/v1/metrics").await;
    let names: Vec<String> = registry["items"]
        .as_array()
        .expect("metrics")
        .iter()
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    assert!(names.len() > 40, "{names:?}");
    let mut values = Vec::new();
    for name in names.into_iter().filter(|name| !name.starts_with("sync_")) {
        let path =
            format!("/v1/metrics/query?metrics={name}&from=2026-03-06&to=2026-03-11&dimensions=source&granularity=day");
        let (_, answer) = api.get(&path).await;
        values.push(json!([name, answer["totals"], answer["rows"], answer["errors"]]));
    }
    values
}

#[tokio::test]
async fn p15_an_erased_person_is_nowhere_and_figures_stay() {
    let (world, _simulators) = polled().await;
    let pool = &world.db.pool;
    for (source, people) in [("konvo", CONTACT), ("realtimekit", PARTICIPANT)] {
        let identities = world.identities(people).await;
        assert!(identities.len() >= 2 && !found_in(pool, &identities).await.is_empty(), "{identities:?}");
        let (before, rows_before) = (figures(&world).await, dump::of_source(pool, source).await);
        let shown_before = world.number("select count(*) from analytics.people").await;
        let changed_before = world.text("select max(changed_at)::text from core.session_change_times").await;
        // the pseudonym names the person as well; the dry run changes nothing
        let planned = world.request(source, &identities[0], false, true).await;
        assert_eq!((planned.erasure_id, planned.person_count), (None, 1), "{planned:?}");
        assert_eq!(dump::of_source(pool, source).await, rows_before);
        let erasure = world.erase(source, &identities[0], false).await;
        assert_eq!(erasure.erased_rows.0, planned.rows, "the dry run counts the same rows");
        assert!(erasure.found_by_identifier.as_ref().is_some_and(|found| found.0.is_empty()), "{erasure:?}");
        assert_eq!(found_in(pool, &identities).await, Vec::<String>::new());
        assert_eq!(figures(&world).await, before, "{source}");
        assert_eq!(world.number("select count(*) from analytics.people").await, shown_before);
        assert_ne!(world.text("select max(changed_at)::text from core.session_change_times").await, changed_before);
        let rows = dump::of_source(pool, source).await;
        let touched: Vec<&String> = rows
            .iter()
            .filter(|(key, row)| rows_before.get(*key) != Some(*row))
            .map(|((_, session), _)| session)
            .collect();
        let touched: std::collections::BTreeSet<&String> = touched.into_iter().collect();
        let theirs: Vec<String> = sqlx::query_scalar(
            "select provider_session_id from core.sessions s join core.sources o using (source_id)
              where o.source_slug = $1 and (s.person_id in (select erased_as from ingest.erased_people)
                 or exists (select from core.participants p join ingest.erased_people e on e.erased_as = p.person_id
                             where p.source_id = s.source_id and p.session_id = s.session_id)) order by 1",
        )
        .bind(source)
        .fetch_all(pool)
        .await
        .expect("sessions");
        assert_eq!(touched.into_iter().cloned().collect::<Vec<_>>(), theirs, "sessions of others are untouched");
        let again = world.request(source, &identities[0], false, false).await;
        assert_ne!(again.erasure_id, None);
    }
    assert_no_orphans(pool).await;
}

#[tokio::test]
async fn all_that_rows_of_the_person_hold_is_erased() {
    let (world, _simulators) = polled().await;
    let pool = &world.db.pool;
    let identities = world.identities(CONTACT).await;
    fill_parts_of_sessions(pool).await;
    // each column with personal data, of each table, and all bytes of the sessions of one contact
    let theirs = "select s.source_id, s.session_id from core.sessions s
                   where s.person_id = (select person_id from core.sessions where source_id = 1 and person_id is not null
                                         group by 1 order by count(*) desc, 1 limit 1)";
    let personal: Vec<(String, String, String)> = sqlx::query_as(
        "select c.oid::regclass::text, quote_ident(a.attname), t.typname::text
           from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
          where c.relnamespace = 'core'::regnamespace and col_description(c.oid, a.attnum) like 'Personal%'",
    )
    .fetch_all(pool)
    .await
    .expect("the catalog");
    assert!(personal.len() >= 11, "{personal:?}");
    for (table, column, kind) in personal {
        let value = if kind == "json" { format!("json_build_object('it', '{MARK}')") } else { format!("'{MARK}'") };
        let sql = format!("update {table} set {column} = {value} where (source_id, session_id) in ({theirs})");
        let written = sqlx::query(AssertSqlSafe(sql)).execute(pool).await.expect("written").rows_affected();
        assert!(written > 0, "{table}");
    }
    let bytes = format!(
        "update ingest.raw_records r set body = body || '{MARK}' from core.sessions s
          where (s.source_id, s.session_id) in ({theirs}) and r.source_id = s.source_id
            and s.provider_session_id in (r.provider_record_id, r.provider_session_id);
         insert into ingest.rejects (source_id, stream, content_hash, provider_record_id, body, reason_code, json_pointer,
                                     detail, first_seen_at, last_seen_at, run_id)
         select s.source_id, 'sessions', '\\x01', s.provider_session_id, '{MARK}', 'missing_field', '/id', 'no id', now(), now(), 1
           from core.sessions s where (s.source_id, s.session_id) in ({theirs}) limit 1;
         -- one whose session is not known, which names the contact
         insert into ingest.rejects (source_id, stream, content_hash, body, reason_code, json_pointer, detail, first_seen_at,
                                     last_seen_at, run_id)
         select 1, 'sessions', '\\x02', convert_to('{{\"contact\": \"' || contact_id || '\", \"x\": \"{MARK}\"', 'UTF8'),
                'missing_field', '/id', 'no id', now(), now(), 1
           from (select contact_id from analytics_pii.session_contacts c
                  where c.person_id = (select person_id from core.sessions where source_id = 1 and person_id is not null
                                        group by 1 order by count(*) desc, 1 limit 1)) x limit 1"
    );
    // the contact's id is a marked text by now: it is named by the pseudonym, and by the id in raw records
    let contact = identities.iter().find(|one| one.contains('-')).expect("the contact's id").clone();
    let bytes = bytes.replace("|| contact_id ||", &format!("|| '{contact}' ||"));
    sqlx::raw_sql(AssertSqlSafe(bytes)).execute(pool).await.expect("written");
    assert!(found_in(pool, &[MARK.to_owned()]).await.len() > 12);
    world.erase("konvo", &contact, false).await;
    assert_eq!(found_in(pool, &[MARK.to_owned()]).await, Vec::<String>::new());
    let open = "select count(*) from ingest.rejects where resolution is distinct from 'erased' or body <> ''";
    assert_eq!(world.number(open).await, 0);
}

#[tokio::test]
async fn sessions_of_the_person_are_deleted_on_request_and_are_not_stored_again() {
    let (world, _simulators) = polled().await;
    let identities = world.identities(CONTACT).await;
    let sessions = world.number("select count(*) from core.sessions where source_id = 1").await;
    let theirs =
        "select max(n) from (select count(*) as n from core.sessions where source_id = 1 group by person_id) x";
    let theirs = world.number(theirs).await;
    let erasure = world.erase("konvo", &identities[0], true).await;
    assert_eq!(erasure.erased_rows.0["core.sessions"], theirs, "{erasure:?}");
    let left = "select count(*) from core.sessions where source_id = 1";
    assert_eq!(world.number(left).await, sessions - theirs);
    assert_eq!(world.number("select count(*) from ingest.removed_sessions").await, theirs);
    assert_eq!(found_in(&world.db.pool, &identities).await, Vec::<String>::new());
    world.poll_all_again().await;
    world.replay_from_raw().await;
    assert_eq!(world.number(left).await, sessions - theirs);
    assert_eq!(found_in(&world.db.pool, &identities).await, Vec::<String>::new());
    assert_no_orphans(&world.db.pool).await;
}

#[tokio::test]
async fn content_older_than_a_source_keeps_it_is_erased_and_figures_stay() {
    let (world, _simulators) = polled().await;
    let before = figures(&world).await;
    let texts = "select count(*) from core.messages where body is not null";
    let (all, old) = (
        world.number(texts).await,
        world
            .number(
                "select count(*) from core.messages m join core.sessions s using (source_id, session_id)
          where m.body is not null and coalesce(s.ended_at, s.last_activity_at, s.started_at) < '2026-03-09 12:00Z'",
            )
            .await,
    );
    assert!(0 < old && old < all, "{old} of {all}");
    let world = world.with_settings("content_retention_days = 1");
    world.poll().await;
    let pruned = world.prune("").await;
    assert!(pruned.erased_sessions > 10, "{pruned:?}");
    assert_eq!(world.number(texts).await, all - old);
    let bytes = "select count(*) from ingest.raw_records r join core.sessions s
                   on s.source_id = r.source_id and s.provider_session_id in (r.provider_record_id, r.provider_session_id)
                  where (r.body = '') <> (s.content_erased_at is not null)";
    assert_eq!(world.number(bytes).await, 0);
    assert_eq!(figures(&world).await, before);
    // what is read again is erased as it is saved; what was erased is not erased again
    sqlx::raw_sql("update core.sessions set row_hash = '', fetched_at = null")
        .execute(&world.db.pool)
        .await
        .expect("written");
    world.poll_all_again().await;
    world.replay_from_raw().await;
    assert_eq!(world.number(texts).await, all - old);
    assert_eq!(figures(&world).await, before);
    assert_eq!(world.prune("").await.erased_sessions, 0);
}
