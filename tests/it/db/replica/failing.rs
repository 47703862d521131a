//! A replica that stops, hangs, or cancels queries: answers go on, from the primary.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_stops_costs_no_answer_and_is_used_again_when_it_is_back() {
    let mut pair = Pair::start().await;
    let service = Service::start(&pair, "").await;
    pair.stop_replica();
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(shown(&service.get(ASKED).await), BEFORE);
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!is_of_replica(&service.until_used(false).await));
    assert_eq!(service.troubles().await, ["replica_unreachable"]);
    assert_eq!(service.send("/readyz").await.status().as_u16(), 200, "it is ready without the replica");
    let scraped = service.send("/metrics").await.text().await.expect("a text");
    assert!(scraped.contains("tributary_replica_fallbacks_total{reason=\"replica_unreachable\"}"), "{scraped}");
    assert!(scraped.contains("\ntributary_replica_used 0\n"), "{scraped}");
    pair.write(POLL).await;
    pair.start_replica();
    assert_eq!(shown(&service.until_used(true).await), AFTER);
    assert_eq!(service.troubles().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_starts_without_its_replica_and_uses_it_once_it_is_there() {
    let mut pair = Pair::start().await;
    pair.stop_replica();
    let (base, stop) = serve(pair.app(""), Role::Api).await;
    let service = Service { http: client(), base, _stop: stop };
    let answer = service.get(ASKED).await;
    assert_eq!((shown(&answer), is_of_replica(&answer)), (BEFORE, false));
    pair.start_replica();
    assert_eq!(shown(&service.until_used(true).await), BEFORE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_on_a_replica_that_hangs_is_answered_by_the_primary() {
    let pair = Pair::start().await;
    let service = Service::start(&pair, "").await;
    let processes = pair.replica_processes().await;
    for process in &processes {
        kill_process(*process, Signal::STOP).expect("it hangs");
    }
    let began = Instant::now();
    let answer = service.get(&ASKED.replace("2026-11-19", "2026-11-20")).await;
    assert!(!is_of_replica(&answer) && began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    let began = Instant::now();
    service.get(&ASKED.replace("2026-11-19", "2026-11-21")).await;
    assert!(began.elapsed() < Duration::from_secs(1), "it is known: {:?}", began.elapsed());
    for process in &processes {
        kill_process(*process, Signal::CONT).expect("it goes on");
    }
    service.until_used(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_replay_cancels_is_answered_by_the_primary() {
    let pair = Pair::start().await;
    let service = Service::start(&pair, "").await;
    // each scan of sessions takes two seconds more
    pair.write(
        "do $$ begin
           execute 'create or replace view ingest.narrow_sessions as select q.* from ('
             || rtrim(pg_get_viewdef('ingest.narrow_sessions'), ';') || ') q where (select pg_sleep(2)) is not null';
         end $$",
    )
    .await;
    pair.caught_up().await;
    let cancelled = async || {
        let sql = "select coalesce(sum(confl_lock), 0)::bigint from pg_stat_database_conflicts";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&pair.replica).await.expect("a number")
    };
    let before = cancelled().await;
    let asking = async { service.get(&ASKED.replace("2026-11-19", "2026-11-20")).await };
    let locking = async {
        let began = Instant::now();
        let sleeps = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
        while sqlx::query_scalar::<_, i64>(sleeps).fetch_one(&pair.replica).await.expect("a number") == 0 {
            assert!(began.elapsed() < DEADLINE, "no query is read from the replica");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        pair.write("begin; lock table core.sessions in access exclusive mode; commit").await;
    };
    let (answer, ()) = tokio::join!(asking, locking);
    assert!(!is_of_replica(&answer), "{answer:#}");
    let began = Instant::now();
    while cancelled().await == before {
        assert!(began.elapsed() < DEADLINE, "nothing was cancelled");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_was_begun_on_the_replica_goes_on_on_the_primary() {
    use axum::body::Body;
    use axum::http::Request;
    use futures_util::StreamExt;
    use tower::ServiceExt;
    use tributary::api::replica::follow::Follower;
    use tributary::api::replica::handle::{Replica, ReplicaSettings};

    let mut pair = Pair::start().await;
    pair.write(
        "insert into core.sessions overriding system value
         select (jsonb_populate_record(s, jsonb_build_object('session_id', n, 'provider_session_id', 'n-' || n))).*
           from core.sessions s, generate_series(1001, 4000) n where session_id = 34",
    )
    .await;
    pair.caught_up().await;
    let replica = Replica::new(ReplicaSettings {
        address: pair.read_address(),
        route: tributary::db::Route::Direct,
        max_connections: 2,
        probe_connections: 2,
        max_lag: chrono::TimeDelta::seconds(60),
        departures: tributary::db::Departures::default(),
        clock: pair.clock.clone(),
    });
    assert_eq!(Follower::of(&replica, pair.primary.clone()).expect("one").look().await, None);
    let memory = tributary::api::memory::Memory::off();
    let state = crate::harness::router::state(pair.primary.clone(), "", memory, pair.clock.clone());
    let state = tributary::api::ApiState { replica, ..state };
    let router = tributary::api::router(state, tributary::web::pages());
    let request = Request::get("/v1/sessions?source=konvo-eu&format=ndjson").body(Body::empty()).expect("a request");
    let response = router.oneshot(request).await.expect("a response");
    assert_eq!(response.headers()["data-replica-as-of"], "2026-11-20T12:00:00Z", "{}", response.status());
    let (mut chunks, mut lines) = (response.into_body().into_data_stream(), 0);
    while let Some(chunk) = chunks.next().await {
        lines += String::from_utf8_lossy(&chunk.expect("it goes on")).matches('\n').count();
        pair.stop_replica();
    }
    assert_eq!(lines, 3_005);
}
