//! Drivers: the contributions of groups to a change, which add up to it.

use rust_decimal::Decimal;
use tributary::query::metrics::registry::metrics;

use super::*;
use crate::api::metrics_explain::decimal;

#[tokio::test]
async fn drivers_are_those_computed_by_hand() {
    let api = Api::new().await;
    let answer = api.get(&format!("/v1/metrics/explain?metrics=sessions&from=2026-11-18&to=2026-11-19&{WELL}")).await;
    // 31 alone began on the 17th; nine on the 18th
    let previous = &answer["previous"];
    assert_eq!(previous["from"], "2026-11-17T00:00:00+01:00");
    assert_eq!((&previous["figure"], &previous["change"]), (&json!({"value": 1}), &json!(8)));
    let set = |name: &str| {
        let sets = previous["drivers"].as_array().unwrap();
        sets.iter().find(|set| set["dimension"] == name).unwrap_or_else(|| panic!("no {name} in {sets:#?}"))
    };
    assert_eq!(
        set("provider")["groups"],
        json!([{"group": "konpro", "value": 3, "previous": 0, "contribution": 3},
               {"group": "konvo", "value": 4, "previous": 1, "contribution": 3},
               {"group": "realtimekit", "value": 2, "previous": 0, "contribution": 2}])
    );
    // 33 and 35 against 31; 32; 34 and all that are not chats
    assert_eq!(
        set("channel")["groups"],
        json!([{"group": null, "value": 6, "previous": 0, "contribution": 6},
               {"group": "webchat", "value": 1, "previous": 0, "contribution": 1},
               {"group": "whatsapp", "value": 2, "previous": 1, "contribution": 1}])
    );
    assert_eq!(set("outcome")["remainder"], 0);
    let peak = api.get("/v1/metrics/explain?metrics=peak_concurrent_participants&range=yesterday").await;
    assert_eq!((&peak["previous"]["reason"], &peak["previous"]["drivers"]), (&json!("not_additive"), &json!([])));
}

#[tokio::test]
async fn the_drivers_since_a_year_before_leave_out_what_lies_between() {
    let api = Api::new().await;
    // two webchats and one whatsapp a year before the 18th, and a webchat between
    sqlx::raw_sql(
        "update core.sources set history_from = '2025-01-01Z' where source_id = 3;
         update ingest.windows set window_from = '2025-01-01Z'
          where source_id = 3 and window_from = (select min(window_from) from ingest.windows where source_id = 3);
         insert into core.sessions overriding system value
         select id, at, at, null, at, null, null, at, at, 3, null, null, false, 'konvo', 'chat', 'ended', 'resolved', null, 60,
                null, 'id-' || id, null, channel, null, null, null, '\\x00', '\\x00'
           from (values (81, timestamptz '2025-11-18 10:00Z', 'webchat'), (82, '2025-11-18 10:00Z', 'webchat'),
                        (83, '2025-11-18 10:00Z', 'whatsapp'), (84, '2026-03-01 10:00Z', 'webchat')) v (id, at, channel)",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let path = "/v1/metrics/explain?metrics=sessions&from=2026-11-18&to=2026-11-19&source=konvo-eu&drivers=channel";
    let answer = api.get(&format!("{path}&compare=previous_year")).await;
    let previous = &answer["previous"];
    assert_eq!(
        (&previous["from"], &previous["to"]),
        (&json!("2025-11-18T00:00:00+01:00"), &json!("2025-11-19T00:00:00+01:00"))
    );
    // four on the 18th: 33 and 35 by whatsapp, 32 by webchat, 34 without a channel
    assert_eq!((&previous["figure"]["value"], &previous["change"]), (&json!(3), &json!(1)));
    assert_eq!(
        previous["drivers"][0]["groups"],
        json!([{"group": null, "value": 1, "previous": 0, "contribution": 1},
               {"group": "webchat", "value": 1, "previous": 2, "contribution": -1},
               {"group": "whatsapp", "value": 2, "previous": 1, "contribution": 1}])
    );
    assert_eq!(api.get(&format!("{path}&compare=none")).await.get("previous"), None);
    let refused = api.send("GET", &format!("{path}&compare=custom"), &[]).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["code"]), (422, &json!("unknown_value")));
}

#[tokio::test]
async fn a_rate_moves_by_rate_and_mix_to_the_last_digit() {
    let api = Api::new().await;
    // the 17th before: two webchats, one resolved; one whatsapp, resolved
    sqlx::raw_sql(
        "insert into core.sessions overriding system value
         select id, at, at, null, at, null, null, at, at, 3, null, null, false, 'konvo', 'chat', 'ended', outcome, null, 60,
                null, 'id-' || id, null, channel, null, null, null, '\\x00', '\\x00'
           from (values (81, timestamptz '2026-11-17 10:00Z', 'resolved', 'webchat'), (82, '2026-11-17 10:00Z', 'unresolved', 'webchat'),
                        (83, '2026-11-17 10:00Z', 'resolved', 'whatsapp')) v (id, at, outcome, channel)",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let answer = api
        .get(
            "/v1/metrics/explain?metrics=resolution_rate&from=2026-11-18&to=2026-11-19&source=konvo-eu&drivers=channel",
        )
        .await;
    let previous = &answer["previous"];
    // 2 of 3 both days: the level is 2/3, and nothing changed; webchat: from 1/2 to 1/1, whatsapp: from 1/1 to 1/2
    assert_eq!((&previous["figure"]["numerator"], &previous["change"]), (&json!(2), &json!(0)));
    let groups = &previous["drivers"][0]["groups"];
    // webchat: mean share 1/2 times 1/2, less a third of the share at 3/4 - 2/3 = 1/12: -1/36
    let of = |name: &str| groups.as_array().unwrap().iter().find(|group| group["group"] == name).unwrap();
    assert_eq!((&of("webchat")["rate"], &of("webchat")["mix"]), (&json!(0.25), &json!(-0.027_777_778)));
    assert_eq!((&of("whatsapp")["rate"], &of("whatsapp")["mix"]), (&json!(-0.25), &json!(0.027_777_778)));
    assert_eq!(previous["drivers"][0]["remainder"], 0);
}

#[tokio::test]
async fn drivers_of_every_metric_add_up_to_its_change() {
    let api = Api::in_depth().await;
    let mut sets_told = 0;
    for (place, metric) in metrics().enumerate() {
        // a past range, and now and then a running one
        for range in ["from=2026-11-17&to=2026-11-18", "range=today"].into_iter().take(1 + usize::from(place % 8 == 0))
        {
            let path = format!("/v1/metrics/explain?metrics={}&{range}&{WELL},rtk-eu,rtk-us", metric.id);
            let answer = api.get(&path).await;
            let previous = &answer["previous"];
            for set in previous["drivers"].as_array().unwrap() {
                let other = decimal(&set["other"]["contribution"]).unwrap_or_default();
                let groups = set["groups"].as_array().unwrap().iter();
                let parts: Decimal = groups.map(|group| decimal(&group["contribution"]).unwrap()).sum();
                assert_eq!(Some(parts + other), decimal(&previous["change"]), "{path} {set:#}");
                assert_eq!(set["remainder"], 0, "{path} {set:#}");
                sets_told += 1;
            }
        }
    }
    assert!(sets_told > 20, "only {sets_told}");
}
