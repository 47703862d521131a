//! An erased person that the provider still returns: re-poll, replay, backfill, and files that come later.

use super::*;
use crate::harness::orphans::remove_sessions;

/// Makes all that is stored look changed, so that the next poll and replay write it again.
async fn forget_hashes(world: &World) {
    sqlx::raw_sql(
        "update core.sessions set row_hash = '', fetched_at = null;
         update ingest.artifact_tasks
            set content_hash = case when content_hash is not null then decode('00', 'hex') end, state = 'pending',
                settled_at = null, next_try_at = '2026-03-10 11:00Z', tries = 0
          where state in ('available', 'empty')",
    )
    .execute(&world.db.pool)
    .await
    .expect("written");
}

#[tokio::test]
async fn p15_an_erased_person_does_not_come_back() {
    let (world, simulators) = polled().await;
    let pool = &world.db.pool;
    let (contact, participant) = (world.identities(CONTACT).await, world.identities(PARTICIPANT).await);
    let identities = [&contact[..], &participant].concat();
    let texts = "select (select count(*) from core.messages where body is not null)
                      + (select count(*) from core.transcript_segments where body <> '' or speaker_label is not null)
                      + (select count(*) from core.session_summaries where body <> '')
                      + (select count(*) from core.participants where display_name is not null)";
    for (source, identities) in [("konvo", &contact), ("realtimekit", &participant)] {
        world.erase(source, &identities[0], false).await;
    }
    let counts = "select concat_ws(' ', (select count(*) from core.sessions), (select count(*) from core.participants),
                                   (select concat_ws(' ', count(*), sum(word_count)) from core.messages),
                                   (select sum(word_count) from core.transcripts),
                                   (select count(distinct person_id) from core.sessions),
                                   (select count(distinct person_id) from core.participants))";
    let (figures_then, texts_then, counts_then) =
        (figures(&world).await, world.number(texts).await, world.text(counts).await);
    let nowhere = async |when: &str| {
        assert_eq!(found_in(pool, &identities).await, Vec::<String>::new(), "{when}");
        assert_eq!(world.number(texts).await, texts_then, "{when}");
        assert_eq!(world.text(counts).await, counts_then, "{when}");
    };
    let calls: usize = simulators.iter().map(|one| one.requests().len()).sum();
    world.poll_all_again().await;
    nowhere("after a poll").await;
    assert_eq!(figures(&world).await, figures_then);
    forget_hashes(&world).await;
    world.poll_all_again().await;
    let calls_since = simulators.iter().map(|one| one.requests().len()).sum::<usize>() - calls;
    assert!(calls_since > 40, "everything was read again: {calls_since}");
    nowhere("after a poll that wrote everything again").await;
    forget_hashes(&world).await;
    world.replay_from_raw().await;
    nowhere("after a replay").await;
    // as if it had never been stored: records and rows come as new ones
    sqlx::raw_sql("delete from ingest.raw_records; delete from ingest.artifact_tasks")
        .execute(pool)
        .await
        .expect("emptied");
    remove_sessions(pool, "true").await;
    sqlx::query("delete from core.people").execute(pool).await.expect("emptied");
    world.poll_all_again().await;
    world.poll_all_again().await;
    assert!(world.number("select count(*) from core.sessions").await > 60);
    assert_eq!(found_in(pool, &identities).await, Vec::<String>::new(), "after a first load");
    assert!(world.number("select count(*) from core.sessions where content_erased_at is not null").await > 0);
    // the same request again is the same erasure, and its pseudonyms are the only ones
    let people = world.number("select count(*) from ingest.erased_people").await;
    assert!(world.request("konvo", &contact[1], false, false).await.erasure_id.is_some());
    assert!(world.number("select count(*) from ingest.erased_people").await <= people + 4);
    assert_no_orphans(pool).await;
}

#[tokio::test]
async fn a_person_who_is_not_stored_yet_is_not_stored_later() {
    let (first, _simulators) = polled().await;
    let contact = first.identities(CONTACT).await;
    let identity = contact.iter().find(|one| one.contains('-')).expect("the contact's id");
    let volume = |history| Volume { history, per_hour_ahead: 0 };
    let shape = Shape { history_days: 3, hours_ahead: 0, avatars: volume(4), chats: volume(60), meetings: volume(16) };
    let generated = Generated::generate(&shape, 11, noon() - TimeDelta::hours(2));
    let mut world = World::new().await;
    let _simulator = world.simulate(Platform::Konvo, generated.feed(Platform::Konvo), Quirks::default()).await;
    world.app().migrate(&world.db.pool).await.expect("migrated");
    tributary::app::sources::connect_sources(&world.app(), &world.db.pool).await.expect("registered");
    assert_eq!(world.request("konvo", identity, false, true).await.person_count, 0);
    world.erase("konvo", identity, false).await;
    world.poll().await;
    assert_eq!(found_in(&world.db.pool, std::slice::from_ref(identity)).await, Vec::<String>::new());
    assert!(world.number("select count(*) from core.sessions where content_erased_at is not null").await > 0);
}

#[tokio::test]
async fn content_that_the_database_refuses_is_kept_without_an_erased_person() {
    let (world, _simulators) = polled().await;
    let pool = &world.db.pool;
    let identities = world.identities(PARTICIPANT).await;
    world.erase("realtimekit", &identities[0], false).await;
    for (kept, refusal) in [
        // the person is known by the participants of the session
        (
            "select count(*) from ingest.rejects where stream = 'transcript' and body <> ''",
            "alter table core.transcripts add constraint refused check (word_count < 0) not valid",
        ),
        // no participants are stored
        (
            "select count(*) from ingest.rejects where stream = 'participants' and body <> ''",
            "alter table core.transcripts drop constraint refused;
             delete from core.participants;
             alter table core.participants add constraint refused check (joined_at is null) not valid",
        ),
    ] {
        forget_hashes(&world).await;
        for statement in refusal.split(';') {
            sqlx::raw_sql(statement).execute(pool).await.expect("written");
        }
        world.poll_all_again().await;
        assert!(world.number(kept).await > 0, "what is of others alone is kept as it came");
        assert_eq!(found_in(pool, &identities).await, Vec::<String>::new(), "{refusal}");
    }
}
