//! The end of a session: what the views give for sessions with and without one, and the days that they add up to.

use sqlx::AssertSqlSafe;

use super::every_metric::{become_analyst, known_world};

#[tokio::test]
async fn daily_rows_add_up_in_any_zone() {
    let world = known_world().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let whole = "select concat_ws(' ', sum(session_count), trim_scale(round(sum(minutes_consumed), 6)),
                                  trim_scale(round(sum(wall_clock_minutes), 6)), sum(wall_clock_unknown_count),
                                  trim_scale(round(sum(participant_minutes), 6)), sum(participant_count),
                                  sum(participant_unknown_count), sum(resolved_session_count),
                                  sum(unresolved_session_count), sum(open_session_count), sum(outcome_unknown_count),
                                  sum(message_count), sum(never_started_session_count)) from ";
    let must_be = "29 1074 2538.5 4 500 12 1 5 3 2 1 25 1";
    let mut sources = vec!["sessions_daily".to_owned()];
    for zone in ["Europe/Berlin", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"] {
        sources.push(format!("sessions_by_day('2025-01-01', '2025-10-28', '{zone}')"));
    }
    for source in sources {
        let sql = format!("{whole}{source}");
        let found: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *analyst).await.expect("sums");
        assert_eq!(found, must_be, "{source}");
    }
    let days: Vec<(String, i64)> = sqlx::query_as(
        "select day::text, sum(session_count)::bigint
           from sessions_by_day('2025-10-01 Europe/Berlin', '2025-11-01 Europe/Berlin', 'Europe/Berlin')
          group by day order by day",
    )
    .fetch_all(&mut *analyst)
    .await
    .expect("days");
    let must_be = [("2025-10-24", 3), ("2025-10-25", 1), ("2025-10-26", 13), ("2025-10-27", 4)];
    assert_eq!(days, must_be.map(|(day, count)| (day.to_owned(), count)));
}

#[tokio::test]
async fn a_session_ends_by_the_rule_also_at_its_borders() {
    let world = known_world().await;
    // state, start, end, last sign of life, presence; the end as of noon of the 2nd
    let wrong: Vec<(String, Option<String>)> = sqlx::query_as(
        "select v::text, ended::text
           from (values ('open', '1 12:00', null, null, null, '2 12:00'),              -- a day to the second
                        ('open', '1 11:59:59', null, null, null, '1 12:29:59'),
                        ('open', '1 10:00', null, '1 12:00', null, '2 12:00'),
                        ('open', '1 10:00', null, '1 11:59:59', null, '1 12:29:59'),
                        ('open', '1 12:00', null, '1 09:00', null, '2 12:00'),           -- active before it began
                        ('open', '1 11:00', null, '1 09:00', null, '1 11:30'),
                        ('live', '1 11:00', null, null, 0, '1 11:30'),
                        ('live', '1 12:00', null, null, 0, '2 12:00'),
                        ('live', '1 11:00', null, null, null, '2 12:00'),
                        ('live', '2 13:00', null, null, 1, '2 13:00'),                   -- begins later
                        ('ended', '1 12:00', '1 11:00', null, null, '1 12:00'),          -- ended before it began
                        ('open', '1 11:00', '1 11:10', null, null, '1 11:10'),
                        ('never_started', '1 11:00', '1 11:10', '1 11:05', null, '1 11:00'),
                        ('ended', '1 11:00', null, '1 11:05', null, null))
                v (state, started, ended_then, active, present, expected)
          cross join lateral (
                select analytics.effective_ended_at(state, ('2025-10-0' || started || 'Z')::timestamptz,
                              ('2025-10-0' || ended_then || 'Z')::timestamptz, ('2025-10-0' || active || 'Z')::timestamptz, present, '2025-10-02 12:00Z') as ended) e
          where ended is distinct from ('2025-10-0' || expected || 'Z')::timestamptz",
    )
    .fetch_all(&world.db.pool)
    .await
    .expect("ends");
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test]
async fn sessions_without_an_end_are_taken_to_have_one_where_a_rule_gives_it() {
    let world = known_world().await;
    let ends: Vec<(i64, Option<String>)> = sqlx::query_as(
        "select session_id, to_char(analytics.effective_ended_at(session_state, started_at, ended_at, last_activity_at,
                                      live_participants, '2025-10-27 12:05Z') at time zone 'UTC', 'DD HH24:MI')
           from analytics.sessions where ended_at is null order by session_id",
    )
    .fetch_all(&world.db.pool)
    .await
    .expect("ends");
    let must_be = [
        (106, Some("26 09:00")), // never started: no time at all
        (107, Some("27 12:05")), // live
        (208, Some("26 10:50")), // half an hour after the last message, a day ago
        (209, Some("27 12:05")), // open
        (210, None),             // unknown
        (307, Some("27 12:05")),
        (308, Some("25 11:30")), // empty for two days
    ];
    assert_eq!(ends, must_be.map(|(id, end)| (id, end.map(str::to_owned))));
    let stale: Vec<i64> = sqlx::query_scalar(
        "select session_id from analytics.sessions
          where analytics.is_stale_open(session_state, started_at, last_activity_at, live_participants,
                                        '2025-10-27 12:05Z') order by 1",
    )
    .fetch_all(&world.db.pool)
    .await
    .expect("stale ones");
    assert_eq!(stale, [208, 308]);
}
