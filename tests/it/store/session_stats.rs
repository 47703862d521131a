//! Statistics of stored rows: a migration computes the same values as are written with new data.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::harness::router::*;

/// The statements of the migration that fill in values of stored rows.
fn filling() -> Vec<&'static str> {
    let text = include_str!("../../../migrations/0013_figures.sql");
    let begins = ["with said as (", "with persons as (", "update core.people k"];
    let statement = |begin: &str| {
        let at = text.find(begin).unwrap_or_else(|| panic!("{begin} is not there"));
        let end = at + text[at..].find(";\n").unwrap() + 1;
        &text[at..end]
    };
    begins.into_iter().map(statement).collect()
}

async fn texts(api: &Api, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(api.pool()).await.unwrap()
}

const STATS: &str =
    "select (session_id, turn_count, is_unanswered, last_sender_role, last_message_at, active_seconds::float8,
                             reply_seconds::float8[])::text
                       from core.session_stats where source_id = 8 order by 1";
const STAYS: &str = "select (session_id, first_joined_at, attended_ms, rejoined_person_count)::text
                       from core.session_participation where source_id = 6 and session_id <> 67 order by 1";
const VISITS: &str =
    "select (source_id, person_id, first_visit_at)::text from core.people where source_id in (6, 8) order by 1";

#[tokio::test]
async fn stored_rows_get_the_values_computed_by_hand() {
    let api = Api::in_depth().await;
    sqlx::raw_sql(include_str!("../worlds/chats_world.sql")).execute(api.pool()).await.unwrap();
    let by_hand = [texts(&api, STATS).await, texts(&api, STAYS).await, texts(&api, VISITS).await];
    assert_eq!(by_hand.each_ref().map(Vec::len), [5, 6, 5]);
    sqlx::raw_sql(
        "update core.session_stats set turn_count = null, is_unanswered = null, last_sender_role = null,
                                       last_message_at = null, active_seconds = null, reply_seconds = null;
         update core.session_participation set first_joined_at = null, attended_ms = null, rejoined_person_count = null;
         update core.people set first_visit_at = null;",
    )
    .execute(api.pool())
    .await
    .unwrap();
    for statement in filling() {
        sqlx::raw_sql(statement).execute(api.pool()).await.unwrap();
    }
    let filled = [texts(&api, STATS).await, texts(&api, STAYS).await, texts(&api, VISITS).await];
    // participants of a session that the provider deleted still took part: the 2nd is anna's first day
    assert_eq!(filled, by_hand);
}
