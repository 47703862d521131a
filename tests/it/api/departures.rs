//! Callers that go away: their statements end on the server at once, and no other caller's do.

use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tributary::app::serving::Role;

use crate::harness::World;
use crate::harness::serving::{client, serve};

/// Makes the journal of operations a list that takes five seconds.
const SLOW: &str = "alter table ingest.operations rename to real_operations;
    create view ingest.operations as
    select o.* from (select pg_sleep(5)) pause left join ingest.real_operations o on true;
    insert into ingest.real_operations (requested_at, kind, requested_by) values (now(), 'reload', 'a test')";

const RUNNING: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'tributary-api' and state = 'active'";

async fn until(world: &World, wanted: i64) {
    let began = Instant::now();
    while world.number(RUNNING).await != wanted {
        assert!(began.elapsed() < std::time::Duration::from_secs(4), "never {wanted} statements");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_departs_ends_its_statements_and_no_others() {
    let world = World::new().await;
    let mut app = world.app();
    app.config.server.listen = ([127, 0, 0, 1], 0).into();
    app.config.database.max_connections = 3;
    let (base, _stop) = serve(app, Role::Api).await;
    sqlx::raw_sql(SLOW).execute(&world.db.pool).await.unwrap();
    let address = base.strip_prefix("http://").unwrap();
    let http = client();
    let stays = tokio::spawn(http.get(format!("{base}/v1/sync/operations")).send());
    until(&world, 1).await;
    let mut took = Vec::new();
    for _ in 0..5 {
        let mut caller = TcpStream::connect(address).await.unwrap();
        caller.write_all(b"GET /v1/sync/operations HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.unwrap();
        until(&world, 2).await;
        let departed = Instant::now();
        drop(caller);
        // the connections are used by others meanwhile
        for _ in 0..3 {
            let status = http.get(format!("{base}/v1/sync/runs")).send().await.unwrap().status();
            assert_eq!(status, 200);
        }
        until(&world, 1).await;
        took.push(departed.elapsed());
    }
    took.sort();
    assert!(took[2] < std::time::Duration::from_millis(200), "{took:?}");
    assert_eq!(stays.await.unwrap().unwrap().status(), 200, "who stays is answered");
}
