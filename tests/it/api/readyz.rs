//! `/readyz` and `/healthz`: the process while it drains, and without its database.

use super::*;

#[tokio::test]
async fn a_draining_process_and_a_lost_database_are_not_ready() {
    let api = Api::new().await;
    assert_eq!(api.get("/readyz").await["status"], "ready");
    api.draining.cancel();
    assert_eq!(api.problem("/readyz", 503).await["code"], "not_ready");
    assert_eq!(api.get("/healthz").await["status"], "ok");

    let nowhere = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300));
    let lost = Api::over(nowhere.connect_lazy("postgres://app@127.0.0.1:1/none").unwrap());
    assert_eq!(lost.get("/healthz").await["status"], "ok");
    lost.problem("/readyz", 503).await;
    let answer = lost.send("GET", "/v1/minutes", &[]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    assert_eq!(answer.json()["code"], "database_unavailable");
    assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
}
