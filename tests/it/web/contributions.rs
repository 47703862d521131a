//! The rows behind a value and its parts: as many as the part says, and the very ones.

use super::*;

/// Returns the sessions that a page of rows leads to.
fn sessions(html: &str) -> Vec<&str> {
    part(html, "rows").split("<a href=\"/sessions/").skip(1).map(|rest| rest.split('?').next().unwrap()).collect()
}

#[tokio::test]
async fn a_part_of_a_rate_leads_to_exactly_its_sessions() {
    let api = world().await;
    // completed from the 3rd to the 5th: 81, which began on the 2nd, and 83 are resolved, and 82 is not
    let state = "from=2026-11-03&to=2026-11-06&zone=UTC&source=konvo-lab";
    let html = page(&api, &format!("/explain?{state}&metric=resolution_rate")).await;
    let parts = part(&html, "parts");
    for (outcome, of, ids) in [("resolved", ["2", "2"], vec!["81", "83"]), ("unresolved", ["0", "1"], vec!["82"])] {
        let row = parts.split_once(&format!(">{outcome}</a>")).unwrap().1.split("</tr>").next().unwrap();
        let numbers = of.map(|number| format!("<td class=\"n\">{number}</td>"));
        assert!(row.contains(&numbers.concat()), "{outcome}: {row}");
        let rows = page(&api, &link(parts, outcome)).await;
        let mut found = sessions(&rows);
        found.sort_unstable();
        assert_eq!(found, ids, "{outcome}: {rows}");
        assert!(rows.contains(&format!("Resolution rate · outcome {outcome}")), "{rows}");
    }
    let all = page(&api, &link(part(&html, "explanation"), "Rows")).await;
    assert_eq!(sessions(&all).len(), 3, "{all}");
    // the list of the period goes by the beginning, and its link promises no more
    let list = page(&api, &link(part(&html, "explanation"), "All sessions of the period")).await;
    assert!(list.contains("/sessions/82?") && !list.contains("/sessions/81?"), "{list}");
}

#[tokio::test]
async fn rows_are_those_of_the_api_and_a_part_without_a_class_has_its_own() {
    let api = world().await;
    let state = "from=2026-11-01&to=2026-11-21&zone=UTC&source=konvo-lab";
    let rows = page(&api, &format!("/explain/rows?{state}&metric=sessions&group=%7B%22channel%22%3Anull%7D")).await;
    // 86 alone has no channel
    assert_eq!(sessions(&rows), ["86"], "{rows}");
    assert!(rows.contains("Sessions · channel (none)"), "{rows}");
    let json = api.get(&link(part(&rows, "rows"), "JSON")).await;
    assert_eq!(json["items"].as_array().unwrap().len(), 1, "{json}");
    let none = page(&api, &format!("/explain/rows?{state}&metric=minutes_consumed")).await;
    assert_eq!(super::state(&none, "rows"), "empty-and-complete", "{none}");
    let faulty = page(&api, &format!("/explain/rows?{state}&metric=nothing")).await;
    assert_eq!(super::state(&faulty, "rows"), "error", "{faulty}");
}

#[tokio::test]
async fn p14_rows_need_the_scope_of_sessions() {
    let api = Api::with_keys("").await;
    let key = api.key(&[Scope::MetricsRead], &[]).await;
    let html = api.send_as(&key, "GET", &format!("/explain/rows?{DAY}")).await.text;
    assert_eq!(state(&html, "rows"), "forbidden", "{html}");
    assert!(html.contains("<code>sessions:read</code>"), "{html}");
}
