//! Charts as files: the values of their panels, for those who may read these.

use super::*;

/// Reads a file by an XML parser; returns the texts of its elements `title`.
pub(crate) async fn titles(api: &Api, svg: &str) -> Vec<String> {
    let titles = "select xpath('//*[local-name() = ''title'']/text()', xmlparse(document $1))::text[]";
    let titles: Vec<String> = sqlx::query_scalar(titles).bind(svg).fetch_one(api.pool()).await.unwrap();
    titles.iter().map(|title| htmlize::unescape(title.as_str()).into_owned()).collect()
}

#[tokio::test]
async fn a_chart_is_also_a_file_with_its_values_and_needs_no_stylesheet() {
    let api = world().await;
    let mut count = 0;
    for path in ["/", "/conversations", "/meetings", "/costs"] {
        let html = page(&api, &format!("{path}?{NOVEMBER}&source=rtk-prod,konvo-eu,konpro-eu")).await;
        for panel in html.split("<section ").skip(1).filter(|panel| panel.contains(">SVG</a>")) {
            let answer = api.send("GET", &link(panel, "SVG"), &[]).await;
            let svg = &answer.text;
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "image/svg+xml"), "{svg}");
            let id = panel.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
            let name = format!("inline; filename=\"tributary-{id}-2026-11-01-until-2026-11-21.svg\"");
            assert_eq!(answer.header("content-disposition"), name);
            for outside in [" class=", " style=", "<style", "var(", "fill=\"\"", "stroke=\"\""] {
                assert!(!svg.contains(outside), "{id} has {outside}: {svg}");
            }
            let titles = titles(&api, svg).await;
            let reads = panel.split("<title>").skip(1).map(|rest| rest.split("</title>").next().unwrap());
            let reads: Vec<String> = reads.map(|read| htmlize::unescape(read).into_owned()).collect();
            // a ranking has one group at least, a chart several places
            assert!(
                reads.len() > 1 || (panel.contains("class=\"marks\"") && panel.contains("<tbody><tr>")),
                "{id}: {panel}"
            );
            assert_eq!(titles[1..], reads, "{id}: the values of each place, below the title of the file");
            let held = [("if-none-match", answer.header("etag"))];
            assert_eq!(api.send("GET", &link(panel, "SVG"), &held).await.status, 304);
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} charts");
}

#[tokio::test]
async fn a_caption_says_what_its_chart_says() {
    let api = world().await;
    let caption = |html: &str, id: &str| {
        let (_, rest) = part(html, id).split_once("<figcaption>").unwrap();
        let text = htmlize::unescape(rest.split("</figcaption>").next().unwrap()).into_owned();
        text.replace('\u{202f}', " ").split_once(", UTC. ").unwrap().1.to_owned()
    };
    // completed: two on the 3rd, both resolved; one on the 5th, which is not
    let state = "from=2026-11-01&to=2026-11-15&zone=UTC&source=konvo-lab";
    let html = page(&api, &format!("/conversations?{state}")).await;
    assert_eq!(
        caption(&html, "outcomes"),
        "Most on 2026-11-03 (2), least on 2026-11-01 (0). Greatest part: Resolved sessions, 66.7 %."
    );
    // the time to resolution of two chats, 24 hours and ten minutes, is that of the 3rd
    assert_eq!(
        caption(&html, "time-to-resolution"),
        "Time to resolution, median: highest 12 h 05 min on 2026-11-03. Time to resolution, 90th percentile: highest 21 h \
         37 min on 2026-11-03."
    );
    // begun: on Monday the 2nd at 10, Tuesday the 3rd at 8, and two Thursdays at 9 and at 10
    let html = page(&api, &format!("/?{state}")).await;
    assert_eq!(caption(&html, "week"), "Most on Mon at 10:00 (1). Thu has 50 % of all, Wed 0 %.");
    assert_eq!(
        caption(&html, "resolution"),
        "Highest webchat, 100 % on 2026-11-03, lowest whatsapp, 0 % on 2026-11-05."
    );
    // proven until midnight in Berlin: of 48 hours in quarters, the last 25 are not
    let html = page(&api, "/?from=2026-11-18&to=2026-11-20&zone=UTC&source=konpro-eu").await;
    assert!(caption(&html, "minutes").ends_with("100 of 192 parts are not fully known."), "{html}");
}

#[tokio::test]
async fn a_file_draws_each_value_at_its_height() {
    let api = Api::new().await;
    let week = "/charts/minutes.svg?range=last_7_days&zone=Europe/Berlin&source=rtk-prod";
    let svg = api.send("GET", week, &[]).await.text;
    // 140.75 of 150 minutes in 182 pixels; the fifth of seven days in 850 pixels, less a tenth at each side
    assert!(svg.contains("x=\"497.8\" width=\"97.2\" y=\"19.2\" height=\"170.8\""), "{svg}");
    assert!(svg.contains("2026-11-18: realtimekit 141\u{202f}min"), "{svg}");
    let none = api.send("GET", "/charts/minutes.svg?from=2026-11-01&to=2026-11-02&source=rtk-prod&zone=UTC", &[]).await;
    assert!(
        none.text.contains("No metered minutes in this period. Data complete to 2026-11-02 00:00 UTC."),
        "{}",
        none.text
    );
    assert_eq!(api.send("GET", "/charts/minutes.svg?range=lost_week", &[]).await.status, 422);
    for missing in ["/charts/minutes", "/charts/nothing.svg", "/charts/.svg"] {
        assert_eq!(api.send("GET", missing, &[]).await.status, 404, "{missing}");
    }
}

#[tokio::test]
async fn texts_of_providers_neither_break_a_file_nor_become_part_of_it() {
    let api = Api::new().await;
    run(&api, r"update core.sessions set channel = E'<script>&\x07]]>' where session_id in (31, 33)").await;
    let svg = api.send("GET", &format!("/charts/resolution.svg?{DAY}"), &[]).await.text;
    assert!(titles(&api, &svg).await.concat().contains("<script>&\u{fffd}]]>") && !svg.contains("<script"), "{svg}");
}

#[tokio::test]
async fn p14_a_file_is_for_keys_that_may_read_its_values() {
    let api = Api::with_keys("").await;
    let file = format!("/charts/minutes.svg?{DAY}");
    let (health, limited) =
        (api.key(&[Scope::HealthRead], &[]).await, api.key(&[Scope::MetricsRead], &["rtk-prod"]).await);
    let refused = api.send_as(&health, "GET", &file).await;
    assert!(refused.status == 403 && refused.text.contains("metrics:read"), "{} {}", refused.status, refused.text);
    assert_eq!(
        api.send("GET", &file, &[]).await.header("location"),
        "/sign-in?next=/charts/minutes.svg%3Ffrom%3D2026-11-18%26to%3D2026-11-19%26zone%3DEurope/Berlin"
    );
    let shown = api.send_as(&limited, "GET", &file).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    // 100.5 + 40.25 minutes of one source; all have 153.35
    assert!(shown.text.contains(": 141\u{202f}min;") && !shown.text.contains("153"), "{}", shown.text);
}
