//! `/v1/sync/rejections`: rejects are listed without their bytes, shown with them, and retried one by one.

use serde_json::Value;
use tributary_simulator::Platform;

use crate::harness::noon;
use crate::harness::records::record;
use crate::verbs::replay::rejects::with_rejects;

#[tokio::test]
async fn the_list_states_reasons_and_holds_no_bytes() {
    let (world, _feed, _simulator) = with_rejects().await;
    let api = world.api().await;
    let list = api.ok("/v1/sync/rejections").await;
    let items = list["items"].as_array().expect("items");
    let of = |code: &str| items.iter().find(|item| item["reason_code"] == code).expect("it is listed").clone();
    assert_eq!(items.len(), 2);
    assert!(!list.to_string().contains("soon"), "{list:#}");
    let bad_time = of("unreadable_time");
    assert_eq!(
        (&bad_time["json_pointer"], &bad_time["provider_record_id"]),
        (&"/created_at".into(), &"bad-time".into())
    );
    assert_eq!((&bad_time["seen_count"], &bad_time["body_bytes"]), (&1.into(), &37.into()));
    assert_eq!((&bad_time["resolution"], &bad_time["source"]), (&Value::Null, &"konvo".into()));

    let one = api.ok(&format!("/v1/sync/rejections/{}", bad_time["reject_id"])).await;
    assert_eq!(one["body_json"], r#"{"id":"bad-time","created_at":"soon"}"#);
    assert_eq!(one["body_base64"], "eyJpZCI6ImJhZC10aW1lIiwiY3JlYXRlZF9hdCI6InNvb24ifQ==");

    let first = api.ok("/v1/sync/rejections?limit=1").await;
    let next = first["page"]["next"].as_str().expect("there is more");
    let second = api.ok(&format!("/v1/sync/rejections?limit=1&cursor={next}")).await;
    assert_ne!(first["items"][0]["reject_id"], second["items"][0]["reject_id"]);
    assert_eq!(second["page"]["has_more"], false);
    let count = async |query: &str| {
        api.ok(&format!("/v1/sync/rejections?{query}")).await["items"].as_array().expect("items").len()
    };
    assert_eq!(count("reason_code=not_an_object").await, 1);
    assert_eq!(count("resolved=true").await, 0);
    assert_eq!(count("resolved=all&stream=sessions&source=konvo").await, 2);
    let (status, problem) = api.get("/v1/sync/rejections?resolved=maybe&stream=nothing").await;
    assert_eq!((status, problem["errors"].as_array().map(Vec::len)), (422, Some(2)), "{problem:#}");
    assert_eq!(api.get("/v1/sync/rejections/999999").await.0, 404);
    assert_eq!(api.get("/v1/sync/rejections/seven").await.0, 422);
}

#[tokio::test]
async fn one_reject_is_retried_over_http_and_its_caller_is_recorded() {
    let (world, _feed, _simulator) = with_rejects().await;
    let good = record(Platform::Konvo, "fixed", noon() - chrono::TimeDelta::hours(2)).json;
    world
        .run(&format!(
            "update ingest.rejects set body = convert_to($json${good}$json$, 'UTF8'), provider_record_id = 'fixed'
              where reason_code = 'not_an_object'"
        ))
        .await;
    let number = async |code: &str| {
        let sql = format!("select reject_id from ingest.rejects where reason_code = '{code}'");
        sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a number")
    };
    let (fixed, bad) = (number("not_an_object").await, number("unreadable_time").await);
    let toml = format!("[server]\nlisten = \"127.0.0.1:0\"\n{}", world.toml());
    let config = tributary::app::parse_config(&toml, &world.environment()).expect("the configuration is right");
    let process =
        super::actions::scripted_provider::Process::start(tributary::app::App { config, ..world.app() }).await;
    let settings = tributary::connector::http::HttpLimits::default();
    let http = tributary::connector::http::http_client(settings).expect("a client");
    let post = async |reject_id: i64, origin: Option<&str>| {
        let url = format!("{}/v1/sync/rejections/{reject_id}/replay", process.base);
        let mut request = http.post(url).header("content-type", "application/json");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    assert_eq!(post(fixed, Some("https://evil.example")).await.0, 403);
    let (status, answer) = post(fixed, None).await;
    assert_eq!((status, &answer["outcome"]), (200, &"stored".into()), "{answer:#}");
    let (_, answer) = post(bad, None).await;
    assert_eq!((&answer["outcome"], &answer["json_pointer"]), (&"still_rejected".into(), &"/created_at".into()));
    assert_eq!(post(999_999, None).await.0, 404);
    assert_eq!(world.number("select count(*) from core.sessions where provider_session_id = 'fixed'").await, 1);
    let asked = "select string_agg(kind || ' ' || target || ' ' || (request_id is not null), ',' order by operation_id)
                   from ingest.operations";
    assert_eq!(world.text(asked).await, Some(format!("replay reject {fixed} true,replay reject {bad} true")));
}
