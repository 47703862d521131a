//! `/v1/actions`: the journal of actions.

use serde_json::json;

use super::scripted_provider::{Stage, answer, says};
use super::{SUMMARY, handed_over};

#[tokio::test]
async fn the_journal_is_read_page_by_page() {
    let stage = Stage::new(says(200, handed_over())).await;
    for _ in 0..3 {
        stage.launch("", &json!({})).await;
    }
    stage.post(SUMMARY, &[], &json!({})).await;
    let first = stage.get("/v1/actions?kind=start_streaming_session&state=succeeded&limit=2").await;
    assert_eq!((first["items"].as_array().map(Vec::len), &first["page"]["has_more"]), (Some(2), &json!(true)));
    let cursor = first["page"]["next"].as_str().expect("a cursor");
    let path = format!("/v1/actions?kind=start_streaming_session&state=succeeded&limit=2&cursor={cursor}");
    let last = stage.get(&path).await;
    assert_eq!((last["items"].as_array().map(Vec::len), &last["page"]["has_more"]), (Some(1), &json!(false)));
    assert_eq!(stage.get("/v1/actions?source=rtk").await["items"].as_array().map(Vec::len), Some(1));
    let unknown = answer(stage.http.get(stage.address("/v1/actions?state=done"))).await;
    assert_eq!((unknown.status, &unknown.json["code"]), (422, &json!("invalid_query")));
}
