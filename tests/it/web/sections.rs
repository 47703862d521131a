//! Sections: their figures are the API's, and each panel states what is not known.

use super::*;

/// The cards of *Overview*.
const CARDS: [&str; 6] = [
    "sessions",
    "minutes_consumed",
    "resolution_rate",
    "first_response_p50_seconds",
    "peak_concurrent_sessions",
    "estimated_cost",
];

#[tokio::test]
async fn a_card_shows_the_value_of_the_api() {
    let api = Api::new().await;
    let html = page(&api, &format!("/?{DAY}&compare=none")).await;
    let answer = api.get(&format!("{QUERY}?metrics={}&{DAY}&granularity=auto", CARDS.join(","))).await;
    for metric in CARDS {
        let (card, value) = (part(&html, &format!("card-{metric}")), &answer["totals"][metric]["value"]);
        if value.is_null() {
            assert!(!card.contains("<data"), "{metric}: {card}");
        } else {
            assert!(card.contains(&format!("<data value=\"{value}\">")), "{metric} {value}: {card}");
        }
    }
    // 100.5 + 40.25 of the meetings, 2.5 + 0.1 + 10 of the avatars; 2 of 3 completed chats with an outcome
    assert!(part(&html, "card-minutes_consumed").contains("<data value=\"153.35\">153\u{202f}min</data>"), "{html}");
    let rate = part(&html, "card-resolution_rate");
    assert!(rate.contains(">66.7\u{202f}%</data>") && rate.contains("2 of 3") && rate.contains("1 unknown"), "{rate}");
    let cost = part(&html, "card-estimated_cost");
    assert!(cost.contains("unknown") && !cost.contains("<data"), "no price is set, which is not 0: {cost}");
}

#[tokio::test]
async fn the_links_of_a_panel_lead_to_the_same_values() {
    let api = Api::new().await;
    let html = page(&api, &format!("/?{DAY}")).await;
    let minutes = part(&html, "minutes");
    let json = api.get(&link(minutes, "JSON")).await;
    assert_eq!(json["totals"]["minutes_consumed"]["value"], 153.35);
    let answer = api.send("GET", &link(minutes, "CSV"), &[]).await;
    assert!(answer.status == 200 && answer.header("content-type").starts_with("text/csv"), "{}", answer.text);
    let sum: f64 = csv::Reader::from_reader(answer.text.as_bytes())
        .deserialize::<BTreeMap<String, String>>()
        .filter_map(|row| row.unwrap()["minutes_consumed"].parse::<f64>().ok())
        .sum();
    assert!((sum - 153.35).abs() < 1e-9, "{sum}");
    // the table has the values of the chart: 100.5 + 40.25
    let week = page(&api, "/?range=last_7_days&zone=Europe/Berlin").await;
    let minutes = part(&week, "minutes");
    assert!(minutes.contains("<th scope=\"row\">2026-11-18</th>") && minutes.contains("141\u{202f}min"), "{minutes}");
}

#[tokio::test]
async fn a_panel_states_whether_nothing_happened_or_nothing_is_known() {
    let api = Api::new().await;
    let known = page(&api, "/?from=2026-11-01&to=2026-11-02&source=rtk-prod&zone=UTC").await;
    assert_eq!(state(&known, "minutes"), "empty-and-complete", "{known}");
    assert!(
        part(&known, "minutes").contains("No metered minutes in this period. Data complete to 2026-11-02 00:00 UTC.")
    );
    let unknown = page(&api, "/?from=2026-11-20&to=2026-11-21&source=konpro-eu&zone=UTC").await;
    assert_eq!(state(&unknown, "minutes"), "empty-but-unknown", "{unknown}");
    let inapplicable = page(&api, &format!("/?{DAY}&source=konvo-eu")).await;
    let minutes = part(&inapplicable, "minutes");
    assert!(minutes.contains("Not applicable: what is selected has no metered minutes."), "{minutes}");
    assert!(part(&inapplicable, "card-minutes_consumed").contains("not applicable"));
    // three minutes of the 19th are stored, and the day is not proven
    let partly = page(&api, "/?from=2026-11-18&to=2026-11-20&source=konpro-eu&zone=Europe/Berlin").await;
    let minutes = part(&partly, "minutes");
    assert_eq!(state(&partly, "minutes"), "figure");
    assert!(minutes.contains("url(#hatch)") && minutes.contains("not known yet"), "{minutes}");
    assert!(minutes.contains("class=\"chip stale\"") && minutes.contains("(not read yet)"), "{minutes}");
    let whole = page(&api, &format!("/?{DAY}&source=konpro-eu")).await;
    assert!(!part(&whole, "minutes").contains("url(#hatch)"));
}

#[tokio::test]
async fn a_failing_panel_leaves_its_neighbours() {
    let api = Api::new().await;
    run(&api, "alter view ingest.narrow_priced_sessions rename to not_there").await;
    let answer = api.send("GET", &format!("/?{DAY}"), &[("request-id", "request-7")]).await;
    let cost = part(&answer.text, "card-estimated_cost");
    assert!(cost.contains("class=\"empty error\"") && cost.contains("request-7"), "{cost}");
    assert!(!cost.contains("not_there") && !cost.contains("priced_sessions"), "causes stay in the log: {cost}");
    assert!(part(&answer.text, "card-minutes_consumed").contains("153.35"));
    assert_eq!(state(&answer.text, "minutes"), "figure");
}

#[tokio::test]
async fn a_mistyped_address_is_explained_once() {
    let api = Api::new().await;
    for path in ["/", "/costs"] {
        let html = page(&api, &format!("{path}?range=lost_week")).await;
        assert_eq!(state(&html, "refused"), "error");
        let told = htmlize::unescape(&html).matches("“lost_week” is not a value of “range”.").count();
        assert_eq!(told, 1, "{html}");
    }
}

#[tokio::test]
async fn each_section_keeps_the_state_of_the_address_and_loads_only_what_is_ours() {
    let api = world().await;
    for path in ["/", "/conversations", "/meetings", "/costs", "/explain"] {
        let answer = api.send("GET", &format!("{path}?{NOVEMBER}&source=rtk-prod,konvo-eu"), &[]).await;
        let html = &answer.text;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {html}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(html.matches("<h1>").count(), 1, "{path}");
        assert!(!html.contains("style=\"") && !html.contains("//cdn") && !html.contains("onclick"), "{path}");
        assert_eq!(html.matches("<script").count(), 1, "{path}");
        let state = "from=2026-11-01&amp;to=2026-11-21&amp;zone=UTC&amp;source=rtk-prod,konvo-eu";
        let state = state.replace("&amp;", "&#38;");
        assert!(html.contains(&format!("<a href=\"/costs?{state}\"")), "{path}: {html}");
        assert!(!html.contains("data-state=\"error\""), "{path}: {html}");
        assert!(html.len() < 400_000, "{path}: {}", html.len());
        // what did not change is not sent again
        let again = api
            .send(
                "GET",
                &format!("{path}?{NOVEMBER}&source=rtk-prod,konvo-eu"),
                &[("if-none-match", answer.header("etag"))],
            )
            .await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}");
    }
}

#[tokio::test]
async fn the_stylesheet_and_the_script_are_small_and_never_change_under_their_name() {
    let api = Api::new().await;
    let html = page(&api, "/").await;
    for (before, media_type, most) in
        [("rel=\"stylesheet\" href=\"", "text/css", 12_000), ("src=\"", "text/javascript", 10_000)]
    {
        let (_, rest) = html.split_once(before).unwrap();
        let answer = api.send("GET", rest.split('"').next().unwrap(), &[]).await;
        assert!(
            answer.header("content-type").starts_with(media_type) && answer.text.len() <= most,
            "{}",
            answer.text.len()
        );
        assert!(answer.header("cache-control").contains("immutable"));
    }
    assert_eq!(api.send("GET", "/assets/page.000000000000.css", &[]).await.status, 404);
}

#[tokio::test]
async fn an_explanation_has_the_sql_and_the_parts_of_the_api() {
    let api = Api::new().await;
    let html = page(&api, &format!("/explain?{DAY}&metric=resolution_rate")).await;
    let answer = api.get(&format!("/v1/metrics/explain?metrics=resolution_rate&{DAY}")).await;
    let sql = htmlize::unescape(part(&html, "sql")).into_owned();
    assert!(sql.contains(answer["sql"].as_str().unwrap()), "{sql}");
    assert!(part(&html, "explanation").contains("2 of 3"), "{html}");
    assert!(part(&html, "parts").contains("resolved"), "{html}");
    assert!(htmlize::unescape(&html).contains(answer["rows"].as_str().unwrap()), "{html}");
}

#[tokio::test]
async fn a_what_if_costs_what_the_api_estimates() {
    let api = Api::new().await;
    let html =
        page(&api, &format!("/costs?{DAY}&if_source=konpro-eu&if_unit=minute&if_price=0.5&if_currency=USD")).await;
    // 2.5 + 0.1 minutes
    assert!(part(&html, "what-if-result").contains("At this price: 1.30\u{202f}USD."), "{html}");
    let faulty = page(&api, &format!("/costs?{DAY}&if_source=konpro-eu&if_price=cheap")).await;
    assert_eq!(state(&faulty, "what-if-result"), "error", "{faulty}");
}

#[tokio::test]
async fn texts_of_providers_cannot_become_markup() {
    let api = Api::new().await;
    run(&api, "update core.sessions set channel = '<script>alert(1)</script>' where session_id in (31, 33)").await;
    let html = page(&api, &format!("/?{DAY}&channel_not=%3Cimg%3E")).await;
    assert!(!html.contains("<script>alert") && !html.contains("<img>"), "{html}");
    assert!(htmlize::unescape(part(&html, "resolution")).contains("<script>alert(1)</script>"));
}

#[tokio::test]
async fn what_no_figure_depends_on_is_not_asked_for_and_not_lost() {
    let api = Api::in_depth().await;
    let state = "range=last_28_days&zone=Asia/Kathmandu&compare=previous_year&source=rtk-eu";
    for (path, asked) in [
        ("/", ["range", "compare", "source"].as_slice()),
        ("/costs", &["range", "compare", "source"]),
        ("/sessions", &["range", "source"]),
        ("/explain", &["range", "compare", "source"]),
        ("/data-health", &["source"]),
        ("/sessions/61", &[]),
    ] {
        let html = page(&api, &format!("{path}?{state}")).await;
        let form = html.split_once("<form class=\"pickers\"").unwrap().1.split_once("</form>").unwrap().0;
        for name in ["range", "compare", "source"] {
            let (is_asked, is_kept) = (
                form.contains(&format!("<select name=\"{name}\"")),
                form.contains(&format!("type=\"hidden\" name=\"{name}\"")),
            );
            assert_eq!((is_asked, is_kept), (asked.contains(&name), !asked.contains(&name)), "{path} {name}: {form}");
        }
        assert!(form.contains("name=\"zone\" value=\"Asia/Kathmandu\""), "{path}: {form}");
    }
}

#[tokio::test]
async fn a_cost_that_lacks_a_price_leads_to_the_prices() {
    let api = Api::new().await;
    let html = page(&api, &format!("/?{DAY}")).await;
    let prices = link(part(&html, "card-estimated_cost"), "No prices are set");
    assert!(prices.starts_with("/costs?from=2026-11-18&") && prices.ends_with("#rate-cards"), "{prices}");
    let html = page(&api, prices.split('#').next().unwrap()).await;
    assert_eq!(link(part(&html, "rate-cards"), "Set a price"), "#set-price");
    assert!(html.contains(" id=\"set-price\""), "{html}");
    let cost = part(&html, "cost");
    assert!(
        cost.contains("Unknown: no prices are set.") && link(cost, "Rate cards").ends_with("#rate-cards"),
        "{cost}"
    );
    let priced = json!({"cards": [{"source": "konpro-eu", "unit": "minute", "unit_price": 0.5, "currency": "USD"}]});
    let (status, set) = api.send_json("PUT", "/v1/rate-cards", &[], &priced).await;
    assert_eq!(status, 200, "{set}");
    let html = page(&api, &format!("/?{DAY}")).await;
    assert!(!part(&html, "card-estimated_cost").contains("No prices are set"), "{html}");
}

#[tokio::test]
async fn the_links_of_a_panel_keep_its_own_filters() {
    let api = Api::new().await;
    let html = page(&api, &format!("/?{DAY}&include_deleted=true")).await;
    for (id, kind) in [("channels", "chat"), ("avatars", "avatar"), ("skills", "chat"), ("meetings", "meeting")] {
        let panel = part(&html, id);
        let groups = panel.split("href=\"/sessions?").skip(1).map(|rest| rest.split('"').next().unwrap());
        let links: Vec<String> = groups.map(ToOwned::to_owned).chain([link(panel, "Explain")]).collect();
        assert!(links.len() > 1 || id != "channels", "{id}: {panel}");
        for address in links {
            assert!(address.contains(&format!("session_kind={kind}")), "{id}: {address}");
            assert!(address.contains("include_deleted=true") && address.contains("from=2026-11-18"), "{id}: {address}");
        }
    }
    // a filter of the page that leaves nothing of a panel is no fault of the reader
    let html = page(&api, &format!("/?{DAY}&session_kind=avatar")).await;
    assert_eq!((state(&html, "avatars"), state(&html, "minutes")), ("figure", "figure"));
    for id in ["channels", "skills", "meetings"] {
        assert!(state(&html, id).starts_with("empty"), "{id}: {}", part(&html, id));
    }
}

#[tokio::test]
async fn warnings_and_groups_have_no_names_of_the_api() {
    let api = Api::new().await;
    let html = page(&api, &format!("/?{DAY}&channel=webchat,nowhere")).await;
    let told = htmlize::unescape(part(&html, "resolution"));
    assert!(told.contains("No session of the period has the channel “nowhere”."), "{told}");
    let html = page(&api, &format!("/?{DAY}")).await;
    let minutes = part(&html, "minutes");
    let mixed = "in different ways: by the time of each participant and by the length of the session.";
    assert!(minutes.contains(mixed) && !minutes.contains("participant_time"), "{minutes}");
    let detail = api.get(&link(minutes, "JSON")).await["warnings"][0]["detail"].clone();
    assert!(
        detail.as_str().unwrap().contains("participant_time and session_time"),
        "the API keeps its names: {detail}"
    );
}

#[tokio::test]
async fn a_chosen_scheme_is_kept_and_replaces_that_of_the_browser() {
    let api = Api::new().await;
    let style = async |cookie: &str| {
        let html = api.send("GET", "/costs?range=today", &[("cookie", cookie)]).await.text;
        let (_, rest) = html.split_once("rel=\"stylesheet\" href=\"").unwrap();
        let css = api.send("GET", rest.split('"').next().unwrap(), &[]).await.text;
        (html, css)
    };
    let (html, css) = style("").await;
    assert!(
        html.contains("name=\"next\" value=\"/costs?range=today\"") && css.contains("prefers-color-scheme"),
        "{html}"
    );
    for scheme in ["light", "dark"] {
        let chosen = post(&api, "/scheme", &[], &format!("next=%2Fcosts%3Frange%3Dtoday&scheme={scheme}")).await;
        assert_eq!((chosen.status.as_u16(), chosen.header("location")), (303, "/costs?range=today"), "{}", chosen.text);
        let (html, css) = style(chosen.header("set-cookie").split(';').next().unwrap()).await;
        assert!(html.contains(&format!("value=\"{scheme}\" aria-pressed=\"true\"")), "{html}");
        assert!(html.contains(&format!("name=\"color-scheme\" content=\"{scheme}\"")), "{html}");
        assert!(
            css.contains(&format!(":root{{color-scheme:{scheme};")) && !css.contains("prefers-color-scheme"),
            "{css}"
        );
    }
    let back = post(&api, "/scheme", &[], "scheme=auto&next=//evil.example").await;
    assert!(back.header("set-cookie").contains("Max-Age=0") && back.header("location") == "/", "{:?}", back.headers);
    let foreign = post(&api, "/scheme", &[("sec-fetch-site", "cross-site")], "scheme=dark").await;
    assert_eq!((foreign.status.as_u16(), foreign.header("set-cookie")), (403, ""));
}
