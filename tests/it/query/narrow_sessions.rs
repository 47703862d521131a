//! The narrow view of sessions that statements read has the values of the view of analysts.

use sqlx::AssertSqlSafe;
use tributary::query::metrics::column::prelude::{ALL, Table};

use crate::query::every_metric::known_world;

#[tokio::test]
async fn narrow_sessions_have_the_values_of_sessions() {
    let world = known_world().await;
    let narrow = ALL.iter().filter(|column| column.of == Table::Session && column.is_narrow);
    let mut columns: Vec<&str> = narrow.map(|column| column.name).collect();
    columns.extend(["session_id", "source", "provider", "is_part_of_session", "is_deleted_at_provider", "is_counted"]);
    let columns = columns.join(", ");
    let (wide, narrow) = ("analytics.sessions", "ingest.narrow_sessions");
    for (one, other) in [(wide, narrow), (narrow, wide)] {
        let sql = format!("select count(*) from (select {columns} from {one} except select {columns} from {other}) d");
        let different: i64 =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("both have the columns");
        assert_eq!(different, 0, "{one} has rows that {other} has not");
    }
    let (all, without, states): (i64, i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where not has_message_count), count(distinct coalesce(chat_state, 'none'))
           from ingest.narrow_sessions where has_message_count = (message_count is not null)",
    )
    .fetch_one(&world.db.pool)
    .await
    .expect("counts");
    let stored: i64 =
        sqlx::query_scalar("select count(*) from core.sessions").fetch_one(&world.db.pool).await.expect("a count");
    assert_eq!(all, stored);
    assert!(without > 0 && without < all && states > 2, "the world has sessions of each kind");
}
