//! The database contract: comments, rights and sane times.

mod analyst_queries;
mod analyst_rows;
mod change_times;
mod decimals;
mod privacy;

use sqlx::Row;

use crate::harness::db::TestDatabase;
use crate::harness::{World, citus};

#[tokio::test]
async fn every_view_and_column_is_commented() {
    let db = TestDatabase::new().await;
    let rows = sqlx::query(
        "select n.nspname || '.' || c.relname as view, a.attname as column
           from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
          where n.nspname in ('analytics', 'analytics_pii') and c.relkind = 'v'
            and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)",
    )
    .fetch_all(&db.pool)
    .await
    .expect("the catalog");
    let missing: Vec<String> =
        rows.iter().map(|row| format!("{}.{}", row.get::<String, _>(0), row.get::<String, _>(1))).collect();
    assert!(missing.is_empty(), "without a comment: {missing:?}");
}

#[tokio::test]
async fn every_function_of_the_contract_is_commented() {
    let db = TestDatabase::new().await;
    let missing: Vec<String> = sqlx::query_scalar(
        "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
          where n.nspname = 'analytics' and obj_description(p.oid, 'pg_proc') is null",
    )
    .fetch_all(&db.pool)
    .await
    .expect("the catalog");
    assert!(missing.is_empty(), "without a comment: {missing:?}");
}

#[tokio::test]
async fn all_times_of_the_contract_have_a_zone_and_the_one_to_cut_by_stands_first() {
    let db = TestDatabase::new().await;
    let without_a_zone: Vec<String> = sqlx::query_scalar(
        "select table_name || '.' || column_name from information_schema.columns
          where table_schema in ('analytics', 'analytics_pii') and data_type like '%without time zone'",
    )
    .fetch_all(&db.pool)
    .await
    .expect("the catalog");
    assert!(without_a_zone.is_empty(), "{without_a_zone:?}");
    // these are lists of existing things, not series
    let without_an_order: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
          where n.nspname = 'analytics' and c.relkind = 'v' and a.atttypid <> 'timestamptz'::regtype
          order by 1",
    )
    .fetch_all(&db.pool)
    .await
    .expect("the catalog");
    assert_eq!(without_an_order, ["contract_version", "metric_statements", "people", "sources", "stream_freshness"]);
}

#[tokio::test]
async fn every_instant_is_checked_to_be_sane() {
    let db = TestDatabase::new().await;
    let unchecked: Vec<String> = sqlx::query_scalar(
        "select table_schema || '.' || table_name || '.' || column_name from information_schema.columns
          where table_schema in ('core', 'ingest') and udt_name = 'timestamptz' and domain_name is null
            and table_name in (select tablename from pg_tables where schemaname in ('core', 'ingest'))",
    )
    .fetch_all(&db.pool)
    .await
    .expect("the catalog");
    assert!(unchecked.is_empty(), "{unchecked:?}");
    for bad in ["infinity", "0001-01-01", "294276-01-01"] {
        let refused = sqlx::query("insert into ingest.secrets values ('x', '', $1::text::timestamptz)").bind(bad);
        assert!(refused.execute(&db.pool).await.is_err(), "{bad} was accepted");
    }
}

#[tokio::test]
async fn source_id_leads_every_key_of_core() {
    let db = TestDatabase::new().await;
    let faults: Vec<String> = sqlx::query_scalar(
        "select conrelid::regclass::text || ' ' || conname
           from pg_constraint c
           join pg_namespace n on n.oid = c.connamespace
           join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
          where n.nspname = 'core' and contype in ('p', 'u', 'f') and a.attname <> 'source_id'
            -- on Citus, the copy of each node has a number
            and conrelid::regclass::text !~ '^core\\.sources(_\\d+)?$'",
    )
    .fetch_all(&db.pool)
    .await
    .expect("the catalog");
    assert!(faults.is_empty(), "{faults:?}");
    let triggers: i64 = sqlx::query_scalar(
        // Citus has some of its own in the catalog
        "select count(*) from pg_trigger t join pg_class c on c.oid = t.tgrelid
          where not t.tgisinternal and c.relnamespace <> 'pg_catalog'::regnamespace",
    )
    .fetch_one(&db.pool)
    .await
    .expect("the catalog");
    assert_eq!(triggers, 0);
}

#[tokio::test]
async fn the_page_for_analysts_names_every_view_and_function() {
    let db = TestDatabase::new().await;
    let names: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class where relnamespace = 'analytics'::regnamespace and relkind in ('v', 'm', 'r')
         union select proname::text from pg_proc where pronamespace = 'analytics'::regnamespace order by 1",
    )
    .fetch_all(&db.pool)
    .await
    .expect("the catalog");
    // those made for each ratio appear there as one
    let of_ratios: Vec<&str> = tributary::query::metrics::publish::ratios().map(|metric| metric.id).collect();
    let page = include_str!("../../docs/analysts.md");
    let is_named =
        |name: &str| [format!("`{name}`"), format!("`{name}(")].iter().any(|text| page.contains(text.as_str()));
    let missing: Vec<&String> =
        names.iter().filter(|name| !of_ratios.contains(&name.as_str()) && !is_named(name)).collect();
    assert!(names.len() > 30 && missing.is_empty(), "docs/analysts.md does not name {missing:?}");
}

#[tokio::test]
async fn analysts_see_analytics_and_nothing_else() {
    if citus::skips("a login without rights on the tables cannot read the views") {
        return;
    }
    let world = World::new().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    sqlx::query("set role tributary_analyst").execute(&mut *analyst).await.expect("the role exists");
    for view in [
        "sessions",
        "session_minutes",
        "messages",
        "people",
        "sources",
        "stream_freshness",
        "rejected_records",
        "participants",
        "participant_quality",
        "transcripts",
        "transcript_segments",
        "session_summaries",
        "session_artifacts",
        "sessions_daily",
        "session_trail_steps",
        "reconciliation",
    ] {
        let sql = format!("select count(*) from analytics.{view}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *analyst).await.expect(view);
    }
    for forbidden in [
        "select * from core.sessions",
        "select * from core.konvo_sessions",
        "select * from ingest.raw_records",
        "select * from ingest.secrets",
        "select * from core.participants",
        "select * from ingest.artifact_tasks",
        "select * from analytics_pii.messages",
        "select * from analytics_pii.participants",
        "select * from analytics_pii.transcript_segments",
        "select * from analytics_pii.session_summaries",
        "delete from analytics.people",
        "create table analytics.mine (x int)",
    ] {
        let denied = sqlx::query(forbidden).execute(&mut *analyst).await.expect_err(forbidden);
        let code =
            denied.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned();
        assert!(["42501", "55000"].contains(&code.as_str()), "{forbidden}: {code}");
    }
}

#[tokio::test]
async fn roles_with_access_to_personal_data_see_it_in_views_only() {
    if citus::skips("a login without rights on the tables cannot read the views") {
        return;
    }
    let world = World::new().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    sqlx::query("set role tributary_analyst_pii").execute(&mut *analyst).await.expect("the role exists");
    for view in [
        "analytics.participants",
        "analytics_pii.messages",
        "analytics_pii.participants",
        "analytics_pii.transcript_segments",
        "analytics_pii.session_summaries",
        "analytics_pii.session_contacts",
    ] {
        let sql = format!("select * from {view}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *analyst).await.expect(view);
    }
    let denied = sqlx::query("select * from core.participants").execute(&mut *analyst).await;
    assert!(denied.is_err());
}

#[tokio::test]
async fn views_for_analysts_have_no_names_and_no_texts() {
    let db = TestDatabase::new().await;
    let personal: Vec<String> = sqlx::query_scalar(
        "select table_name || '.' || column_name from information_schema.columns
          where table_schema = 'analytics'
            and column_name in ('body', 'display_name', 'custom_participant_id', 'speaker_label', 'provider_user_id',
                                'contact_id', 'external_user_id', 'meeting_title', 'detail')
            and table_name <> 'rejected_records'",
    )
    .fetch_all(&db.pool)
    .await
    .expect("the catalog");
    assert!(personal.is_empty(), "{personal:?}");
}

#[tokio::test]
async fn buckets_have_no_holes_over_clock_changes() {
    let db = TestDatabase::new().await;
    let count = async |from: &str, to: &str, step: &str| -> i64 {
        sqlx::query_scalar("select count(*) from analytics.buckets($1, $2, $3::text::interval, 'Europe/Berlin')")
            .bind(from)
            .bind(to)
            .bind(step)
            .fetch_one(&db.pool)
            .await
            .expect("buckets")
    };
    assert_eq!(count("2026-03-29 00:00 Europe/Berlin", "2026-03-30 00:00 Europe/Berlin", "1 hour").await, 23);
    assert_eq!(count("2026-10-25 00:00 Europe/Berlin", "2026-10-26 00:00 Europe/Berlin", "1 hour").await, 25);
    assert_eq!(count("2026-10-24 00:00 Europe/Berlin", "2026-10-27 00:00 Europe/Berlin", "1 day").await, 3);
}

#[tokio::test]
async fn dates_of_arguments_are_dates_of_the_zone_and_weeks_are_iso_weeks() {
    let db = TestDatabase::new().await;
    let cut = async |from: &str, to: &str, step: &str, zone: &str| -> String {
        sqlx::query_scalar(
            "select string_agg(to_char(bucket_start at time zone 'UTC', 'MM-DD HH24:MI'), ', ' order by bucket_start)
               from analytics.buckets($1, $2, $3::text::interval, $4)",
        )
        .bind(from)
        .bind(to)
        .bind(step)
        .bind(zone)
        .fetch_one(&db.pool)
        .await
        .expect("buckets")
    };
    let berlin = "Europe/Berlin";
    assert_eq!(cut("2026-11-01", "2026-11-03", "1 day", berlin).await, "10-31 23:00, 11-01 23:00");
    assert_eq!(cut("2026-11-01 08:00", "2026-11-01T12:00+01:00", "2 hours", berlin).await, "11-01 07:00, 11-01 09:00");
    // 1 November is a Sunday
    assert_eq!(cut("2026-11-01", "2026-11-10", "1 week", berlin).await, "10-31 23:00, 11-01 23:00, 11-08 23:00");
    assert_eq!(cut("2026-11-15", "2027-01-02", "1 month", "UTC").await, "11-15 00:00, 12-01 00:00, 01-01 00:00");
    assert_eq!(cut("2026-11-15", "2027-01-02", "3 months", "UTC").await, "11-15 00:00, 01-01 00:00");
    assert_eq!(
        cut("2026-11-20T10:10Z", "2026-11-20T12:00Z", "1 hour", "Asia/Kolkata").await,
        "11-20 10:10, 11-20 10:30, 11-20 11:30"
    );
    let refused = sqlx::query("select analytics.instant('1 November', 'UTC')").execute(&db.pool).await;
    assert!(format!("{:?}", refused.expect_err("no year")).contains("neither a date nor a time: 1 November"));
}

#[tokio::test]
async fn days_begin_at_their_first_instant_wherever_clocks_change_over_midnight() {
    let db = TestDatabase::new().await;
    for (zone, from, to, starts) in [
        // midnight of 24 April does not exist in Cairo; that of 1 November comes twice in Havana
        ("Africa/Cairo", "2026-04-23 22:00Z", "2026-04-25 21:00Z", "04-23 22:00, 04-24 21:00"),
        ("America/Havana", "2026-10-31 04:00Z", "2026-11-02 05:00Z", "10-31 04:00, 11-01 04:00"),
        // Apia had no 30 December 2011
        ("Pacific/Apia", "2011-12-29 10:00Z", "2011-12-31 10:00Z", "12-29 10:00, 12-30 10:00"),
        ("Europe/Berlin", "2026-10-25 00:30Z", "2026-10-26 00:30Z", "10-25 00:30, 10-25 23:00"),
    ] {
        let found: String = sqlx::query_scalar(
            "select string_agg(to_char(bucket_start at time zone 'UTC', 'MM-DD HH24:MI'), ', ' order by bucket_start)
               from analytics.buckets($1, $2, '1 day', $3)",
        )
        .bind(from)
        .bind(to)
        .bind(zone)
        .fetch_one(&db.pool)
        .await
        .expect("buckets");
        assert_eq!(found, starts, "{zone}");
    }
}
