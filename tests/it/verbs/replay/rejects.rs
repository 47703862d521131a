//! `tributary replay --rejects`: rejected records are read again, and those that can be read are stored.

use std::sync::Arc;

use tributary::app::replaying::{self, RejectLine};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile, FixedRecord};
use tributary_simulator::quirks::Quirks;

use crate::harness::records::record;
use crate::harness::{World, noon};

impl World {
    /// Runs `tributary replay --rejects`.
    pub(crate) async fn rejects(&self) -> Vec<RejectLine> {
        let stop = tokio_util::sync::CancellationToken::new();
        replaying::rejects(&self.app(), None, stop).await.expect("the replay runs")
    }

    pub(crate) async fn run(&self, sql: &str) {
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&self.db.pool).await.expect("it runs");
    }
}

fn recent(platform: Platform, id: &str, json: &str) -> FixedRecord {
    let good = record(platform, id, noon() - chrono::TimeDelta::minutes(20));
    FixedRecord { json: json.to_owned(), ..good }
}

/// Two records that cannot be read.
pub(crate) async fn with_rejects() -> (World, Arc<FixedFeed>, tributary_simulator::Simulator) {
    let feed = crate::harness::plain_feed(Platform::Konvo, 3);
    feed.insert(recent(Platform::Konvo, "bad-time", r#"{"id":"bad-time","created_at":"soon"}"#));
    feed.insert(recent(Platform::Konvo, "bad-form", "42"));
    let mut world = World::new().await;
    let simulator = world.simulate(Platform::Konvo, Arc::clone(&feed) as _, Quirks::default()).await;
    let line = world.poll_one().await;
    assert_eq!((line.inserted, line.rejected), (3, 2));
    (world, feed, simulator)
}

#[tokio::test]
async fn a_reject_that_comes_again_is_noted_once_an_hour() {
    let (world, _feed, _simulator) = with_rejects().await;
    let seen = "select string_agg(seen_count || ' ' || (last_seen_at - first_seen_at), ',') from ingest.rejects";
    let written = world.tuples_written().await;
    world.poll_one().await;
    assert_eq!(world.tuples_written().await, written, "nothing new, nothing written");
    assert_eq!(world.text(seen).await.as_deref(), Some("1 00:00:00,1 00:00:00"));
    world.clock.set(noon() + chrono::TimeDelta::minutes(60));
    world.poll_one().await;
    assert_eq!(world.text(seen).await.as_deref(), Some("2 01:00:00,2 01:00:00"));
}

#[tokio::test]
async fn readable_rejects_are_stored_and_the_rest_get_todays_reason() {
    let (world, _feed, _simulator) = with_rejects().await;
    // an earlier version could not read what this one can
    let good = record(Platform::Konvo, "fixed", noon() - chrono::TimeDelta::hours(2)).json;
    world
        .run(&format!(
            "insert into ingest.rejects (source_id, stream, content_hash, provider_record_id, body, reason_code,
                    json_pointer, detail, first_seen_at, last_seen_at, run_id)
             values (1, 'sessions', '\\x01', 'fixed', convert_to($json${good}$json$, 'UTF8'), 'missing_field', '/x', 'x',
                     '2026-03-10T11:00:00Z', '2026-03-10T11:30:00Z', 1)"
        ))
        .await;
    world.run("update ingest.rejects set reason_code = 'old_reason' where provider_record_id = 'bad-time'").await;
    let lines = world.rejects().await;
    let told: Vec<(&str, Option<&str>)> =
        lines.iter().map(|line| (line.outcome, line.reason_code.as_deref())).collect();
    assert_eq!(told.iter().filter(|told| **told == ("stored", None)).count(), 1, "{told:?}");
    assert!(told.contains(&("still_rejected", Some("unreadable_time"))), "{told:?}");
    assert!(told.contains(&("still_rejected", Some("not_an_object"))), "{told:?}");
    assert_eq!(
        world
            .number(
                "select count(*) from core.messages join core.sessions using (source_id, session_id)
                              where provider_session_id = 'fixed'"
            )
            .await,
        2
    );
    assert_eq!(world.number("select count(*) from ingest.raw_records where provider_record_id = 'fixed'").await, 1);
    let settled = "select resolution || ' ' || resolved_at from ingest.rejects where provider_record_id = 'fixed'";
    assert_eq!(world.text(settled).await.as_deref(), Some("stored 2026-03-10 12:00:00+00"));
    assert_eq!(world.number("select count(*) from ingest.rejects where reason_code = 'old_reason'").await, 0);
    assert_eq!(
        world.text("select kind || ' ' || target from ingest.operations").await.as_deref(),
        Some("replay rejects")
    );

    // the same again: it is stored already; an older version of something newer: it is stale
    world
        .run("update ingest.rejects set resolved_at = null, resolution = null where provider_record_id = 'fixed'")
        .await;
    let again = world.rejects().await;
    assert!(again.iter().any(|line| line.outcome == "stale" || line.outcome == "unchanged"), "{again:?}");
    let older =
        good.replace("\"last_updated\":\"2026-03-10T10:01:30.000Z\"", "\"last_updated\":\"2026-03-10T09:00:00.000Z\"");
    assert_ne!(older, good);
    world
        .run(&format!(
            "insert into ingest.rejects (source_id, stream, content_hash, provider_record_id, body, reason_code,
                    json_pointer, detail, first_seen_at, last_seen_at, run_id)
             values (1, 'sessions', '\\x02', 'fixed', convert_to($json${older}$json$, 'UTF8'), 'missing_field', '/x', 'x',
                     '2026-03-10T11:00:00Z', '2026-03-10T11:30:00Z', 1)"
        ))
        .await;
    assert!(world.rejects().await.iter().any(|line| line.outcome == "stale"));
    assert_eq!(
        world
            .text(
                "select last_updated from (select provider_updated_at::text as last_updated from core.sessions
                     where provider_session_id = 'fixed') s"
            )
            .await
            .as_deref(),
        Some("2026-03-10 10:01:30+00"),
        "the older one overwrote nothing"
    );
}

#[tokio::test]
async fn records_that_the_database_refused_are_stored_once_it_accepts_them() {
    let feed = crate::harness::plain_feed(Platform::Konpro, 3);
    let mut world = World::new().await;
    let _simulator = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    world.run("alter table core.konpro_sessions add constraint narrow check (session_id % 2 = 0) not valid").await;
    let line = world.poll_one().await;
    let refused = world.number("select count(*) from ingest.rejects where reason_code = 'refused_by_database'").await;
    assert!(refused > 0 && line.rejected == refused, "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3 - refused);
    // each try of a session that is not stored takes another number: in the end the rule admits all of them
    world.run("alter table core.konpro_sessions drop constraint narrow").await;
    let lines = world.rejects().await;
    assert!(lines.iter().all(|line| line.outcome == "stored"), "{lines:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
    assert!(world.rejects().await.is_empty(), "none is left");
}

/// A meeting with a participant that cannot be read and a chat with a row that cannot.
async fn meeting_with_bad_parts() -> (World, tributary_simulator::Simulator) {
    let feed =
        Arc::new(FixedFeed::new([record(Platform::Realtimekit, "one", crate::harness::at("2026-03-10T09:00:00Z"))]));
    let chat = "id,participantId,sessionId,meetingId,displayName,pinned,isEdited,payloadType,payload,createdAt\n\
                m1,p1,one,m-1,Ana,false,false,TEXT_MESSAGE,hello,2026-03-10T09:00:10.000Z\n\
                m2,p1,one\n\
                m3,p1,one,m-1,Ana,false,false,TEXT_MESSAGE,bye,2026-03-10T09:01:10.000Z\n";
    let good = r#"{"id":"p1","user_id":"u1","custom_participant_id":"","display_name":"Ana","preset_name":"host","joined_at":"2026-03-10T09:00:00Z","left_at":"2026-03-10T09:01:30Z","duration":1.5,"created_at":"2026-03-10T09:00:00Z","updated_at":"2026-03-10T09:01:30Z"}"#;
    feed.set_depth(
        "one",
        Depth {
            participants: vec![good.to_owned(), r#"{"user_id":"u2"}"#.to_owned()],
            chat: FixedFile::ready(chat),
            ..Depth::default()
        },
    );
    let mut world = World::new().await.with_depth();
    let simulator = world.simulate(Platform::Realtimekit, feed, Quirks::default()).await;
    world.poll().await;
    (world, simulator)
}

#[tokio::test]
async fn parts_of_a_session_are_retried_with_their_session() {
    let (world, _simulator) = meeting_with_bad_parts().await;
    let open = "select coalesce(string_agg(stream || ' ' || reason_code, ',' order by stream), '') from ingest.rejects
                 where resolved_at is null";
    assert_eq!(world.text(open).await.as_deref(), Some("chat column_count,participants missing_field"));
    let lines = world.rejects().await;
    assert!(lines.iter().all(|line| line.outcome == "still_rejected"), "{lines:?}");
    assert_eq!(world.text(open).await.as_deref(), Some("chat column_count,participants missing_field"));

    // a participant that an earlier version could not read, and a chat whose message was lost
    world
        .run(
            r#"update ingest.rejects set body = convert_to('{"id":"p2","user_id":"u2"}', 'UTF8') where stream = 'participants'"#,
        )
        .await;
    let chat = "select convert_from(body, 'UTF8') from ingest.raw_records where stream = 'chat'";
    let chat = world
        .text(chat)
        .await
        .expect("a chat")
        .replace("m2,p1,one\n", "m2,p1,one,m-1,Ana,false,false,TEXT_MESSAGE,aha,2026-03-10T09:00:40.000Z\n");
    sqlx::query("update ingest.raw_records set body = $1 where stream = 'chat'")
        .bind(chat.into_bytes())
        .execute(&world.db.pool)
        .await
        .expect("readable");
    let lines = world.rejects().await;
    assert!(lines.iter().all(|line| line.outcome == "stored"), "{lines:?}");
    assert_eq!(world.text(open).await.as_deref(), Some(""));
    let people = "select string_agg(provider_participant_id, ',' order by 1) from core.participants";
    assert_eq!(world.text(people).await.as_deref(), Some("p1,p2"));
    assert_eq!(world.number("select participant_count::bigint from core.session_participation").await, 2);
    assert_eq!(
        world.text("select string_agg(body, ',' order by position) from core.messages").await.as_deref(),
        Some("hello,aha,bye")
    );
}

#[tokio::test]
async fn few_rejects_are_seen_and_many_are_no_success() {
    let (world, feed, _simulator) = with_rejects().await;
    let health = async || world.api().await.ok("/v1/health/pollers").await["items"][0].clone();
    let few = health().await;
    assert_eq!((&few["open_reject_count"], &few["state"]), (&2.into(), &"idle".into()));
    assert_eq!(few["last_run_rejects"]["rejected_share"], 0.4, "{few:#}");
    for number in 0..12 {
        let id = format!("bad-{number}");
        feed.insert(recent(Platform::Konvo, &id, &format!(r#"{{"id":"{id}"}}"#)));
    }
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    let many = health().await;
    assert_eq!((&many["state"], &many["is_failing"]), (&"incomplete".into(), &true.into()), "{many:#}");
    let runs = world.api().await.ok("/v1/sync/runs?limit=1").await;
    assert_eq!(runs["items"][0]["verdict"], "incomplete");
    assert_eq!(runs["items"][0]["rejected_share"], 0.823_529, "14 of 17: {runs:#}");
}
