//! The page's *Sessions*: the list and the search are answers of the API, and texts are for keys that may read them.

use crate::harness::router::*;

const TEXTS: &str = "
delete from core.transcript_segments; delete from core.session_summaries; delete from core.messages where source_id = 6;
insert into core.messages (source_id, session_id, sent_at, position, sender_role, provider_message_id, body)
values (3, 31, '2026-11-17 12:01:00Z', 1, 'assistant', 'b', 'We refund <b>all</b> & more');
insert into core.transcript_segments (source_id, session_id, position, offset_ms, end_offset_ms, started_at, word_count, char_count,
                                      speaker_id, speaker_label, body)
values (6, 61, 0, 600000, 1200000, '2026-11-16 10:10Z', 3, 20, 'person-ada', 'Ada', 'About the <i>refund</i>'),
       (6, 61, 1, 3000000, 3060000, '2026-11-16 10:50Z', 1, 4, 'person-ben', 'Ben', 'Late');
update core.realtimekit_sessions set meeting_title = 'Weekly <script>alert(1)</script>' where session_id = 61";
const RANGE: &str = "from=2026-11-10&to=2026-11-21&zone=UTC";

async fn page(api: &Api, path: &str) -> String {
    let answer = api.send("GET", path, &[]).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
    for inline in [" style=", "<script>", " onclick="] {
        assert!(!answer.text.contains(inline), "{path} has {inline}");
    }
    answer.text
}

#[tokio::test]
async fn the_list_is_that_of_the_api_page_by_page() {
    let api = Api::in_depth().await;
    run(&api, TEXTS).await;
    for filter in ["", "&session_kind=chat", "&outcome=unresolved", "&source=rtk-eu&sort=-minutes_consumed"] {
        let html = page(&api, &format!("/sessions?{RANGE}{filter}")).await;
        let answer = api.get(&format!("/v1/sessions?{RANGE}{filter}")).await;
        let ids = answer["items"].as_array().unwrap().iter().map(|item| format!("\"/sessions/{}?", item["session_id"]));
        let mut rest = html.as_str();
        for id in ids {
            rest = rest.split_once(&id).unwrap_or_else(|| panic!("{filter}: {id} is missing, or out of order")).1;
        }
        assert!(!rest.contains("\"/sessions/6"), "{filter}: there is more than the API answers");
    }
    // a page of the list continues where the first ends
    run(
        &api,
        "insert into core.sessions (session_id, created_at, started_at, first_seen_at, last_changed_at, source_id, provider,
                                    session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash)
         select 1000 + i, timestamptz '2026-11-19Z' + i * interval '1 minute', timestamptz '2026-11-19Z' + i * interval '1 minute',
                now(), now(), 3, 'konvo', 'chat', 'ended', 'resolved', 'n' || i, '', '' from generate_series(1, 60) i",
    )
    .await;
    let first = page(&api, "/sessions?range=last_2_days&zone=UTC&source=konvo-eu").await;
    assert_eq!(first.matches("\"/sessions/10").count(), 50);
    let next = first.split_once("rel=\"next\"").unwrap().0.rsplit_once("href=\"").unwrap().1.trim_end_matches("\" ");
    let next = next.replace("&#38;", "&").replace("&amp;", "&");
    let second = page(&api, &next).await;
    assert_eq!(second.matches("\"/sessions/10").count(), 10);
    // another filter begins at the first page
    assert!(!second.contains("name=\"cursor\""), "{second}");
    let faulty = page(&api, "/sessions?range=soon").await;
    assert!(faulty.contains("empty error") && faulty.contains("The request is invalid"), "{faulty}");
    let empty = page(&api, "/sessions?from=2026-11-01&to=2026-11-02&zone=UTC&source=rtk-eu").await;
    assert!(empty.contains("No sessions in this period; data complete to 2026-11-20 11:50 UTC."), "{empty}");
}

#[tokio::test]
async fn a_session_leads_back_to_the_list_as_it_was() {
    let api = Api::in_depth().await;
    let state = "from=2026-11-10&to=2026-11-21&zone=Asia/Kathmandu&compare=none&source=rtk-eu&sort=-minutes_consumed";
    let list = page(&api, &format!("/sessions?{state}")).await;
    let one =
        htmlize::unescape(list.split_once("href=\"/sessions/").unwrap().1.split('"').next().unwrap()).into_owned();
    assert_eq!(one.split_once('?').unwrap().1, state);
    // the place among the events is the session's alone
    let html = page(&api, &format!("/sessions/{one}&at=2026-11-16T10:00:00Z")).await;
    let back = html.split_once(">All sessions</a>").unwrap().0.rsplit_once("href=\"").unwrap().1;
    assert_eq!(htmlize::unescape(back.trim_end_matches('"')), format!("/sessions?{state}"));
}

#[tokio::test]
async fn a_session_that_runs_has_a_length_so_far() {
    let api = Api::new().await;
    // it is noon of the 20th, and the meeting began at half past eleven at night of the 18th
    let list = page(&api, "/sessions?from=2026-11-18&to=2026-11-20&zone=UTC&source=rtk-prod&session_state=live").await;
    assert!(list.contains("<td class=\"n\">1\u{202f}d 12\u{202f}h so far</td>"), "{list}");
    let one = page(&api, "/sessions/13").await;
    assert!(one.contains("1\u{202f}d 12\u{202f}h so far") && one.contains("from the start until now"), "{one}");
    let ended = page(&api, "/sessions/11").await;
    assert!(!ended.contains("so far"), "{ended}");
    // in the first minute, by the second
    api.clock.set("2026-11-18T23:30:42Z".parse().unwrap());
    assert!(page(&api, "/sessions/13").await.contains("42\u{202f}s so far"));
}

#[tokio::test]
async fn a_search_marks_words_and_links_to_the_second() {
    let api = Api::in_depth().await;
    run(&api, TEXTS).await;
    let html = page(&api, &format!("/sessions?{RANGE}&q=refund")).await;
    assert!(html.contains("<mark>refund</mark>"), "{html}");
    assert!(!html.contains("<b>all") && html.contains("&#60;b&#62;all&#60;/b&#62; &#38; more"), "{html}");
    let address =
        "/sessions/31?at=2026-11-17T12:01:00Z&#38;from=2026-11-10&#38;to=2026-11-21&#38;zone=UTC&#38;q=refund#at";
    assert!(html.contains(address), "{html}");
    let one = page(&api, "/sessions/31?at=2026-11-17T12:01:00Z&zone=UTC").await;
    let linked = one.split_once("<li id=\"at\" class=\"at\">").unwrap().1;
    assert!(linked.starts_with("<span>12:01:00</span>"), "{linked}");
    let none = page(&api, &format!("/sessions?{RANGE}&q=nothing-of-it")).await;
    assert!(none.contains("No texts with these words in this period"), "{none}");
    // that of 63 is pending, and those of 64 and 68 were never tried
    assert!(none.contains("class=\"empty unknown\"") && none.contains("3 transcripts are not there yet."), "{none}");
    let none = page(&api, &format!("/sessions?{RANGE}&q=nothing-of-it&kind=message")).await;
    assert!(none.contains("No texts with these words") && !none.contains("not there yet"), "{none}");
    let faulty = page(&api, &format!("/sessions?{RANGE}&q=-refund")).await;
    assert!(faulty.contains("no word to find"), "{faulty}");
}

#[tokio::test]
async fn one_session_shows_people_as_strips_and_where_its_figures_come_from() {
    let api = Api::in_depth().await;
    run(&api, TEXTS).await;
    let html = page(&api, "/sessions/61?zone=Asia/Kathmandu").await;
    // from 10:00 to 11:00: Ada in two halves, with ten minutes of speech; Ben from a quarter on
    for part in [
        "Weekly &#60;script&#62;",
        "2026-11-16 15:45:00",
        "<rect class=\"c0 pale\" x=\"0%\" width=\"50%\"",
        "<rect class=\"c0 pale\" x=\"50%\" width=\"50%\"",
        "<rect class=\"c1\" x=\"16.67%\" width=\"16.67%\"",
        "<rect class=\"c0 pale\" x=\"25%\" width=\"75%\"",
        "About the &#60;i&#62;refund",
        "metered by the provider, by participant time",
        "sum of the lengths of the presences",
        "3 people in 4 presences",
    ] {
        assert!(html.contains(part), "`{part}` is missing in {html}");
    }
    let chat = page(&api, "/sessions/35").await;
    assert!(chat.contains("the provider meters none"), "{chat}");
    assert_eq!(api.send("GET", "/sessions/999", &[]).await.status, 404);
    assert_eq!(api.send("GET", "/sessions/abc", &[]).await.status, 422);
}

#[tokio::test]
async fn p14_texts_and_names_are_shown_only_to_keys_that_may_read_them() {
    let api = Api::with_keys("").await;
    sqlx::raw_sql(include_str!("worlds/meetings_world.sql")).execute(api.pool()).await.unwrap();
    run(&api, TEXTS).await;
    let plain = api.key(&[Scope::SessionsRead], &[]).await;
    let reader = api.key(&[Scope::SessionsRead, Scope::ContentRead], &["rtk-eu"]).await;
    for path in ["/sessions/61", "/sessions?range=last_7_days", "/sessions?range=last_7_days&q=refund", "/sessions/31"]
    {
        let answer = api.send_as(&plain, "GET", path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        for secret in ["Ada", "refund</", "Weekly", "We refund", "crm-17"] {
            assert!(!answer.text.contains(secret), "{path} shows {secret}: {}", answer.text);
        }
    }
    let refused = api.send_as(&plain, "GET", "/sessions/61").await;
    assert!(refused.text.contains("<code>content:read</code>"), "{}", refused.text);
    let shown = api.send_as(&reader, "GET", "/sessions/61").await;
    assert!(shown.text.contains("Ada"), "{}", shown.text);
    assert_eq!(api.send_as(&reader, "GET", "/sessions/31").await.status, 404);
    let found = api.send_as(&reader, "GET", &format!("/sessions?{RANGE}&q=refund")).await;
    assert!(found.text.contains("About the") && !found.text.contains("We refund"), "{}", found.text);
    api.access_policy.audit.flush().await;
    let reads = "select count(*) from analytics.audit where kind = 'read' and status = 200 and target like '/sessions%'
                    and scope like '%content:read%'";
    assert_eq!(sqlx::query_scalar::<_, i64>(reads).fetch_one(api.pool()).await.unwrap(), 2);
}

#[tokio::test]
async fn an_id_leads_to_its_session_in_any_period() {
    let api = Api::in_depth().await;
    run(&api, TEXTS).await;
    let leads = async |text: &str| {
        let answer =
            api.send("GET", &format!("/sessions?range=today&source=rtk-eu&sort=-ended_at&q={text}"), &[]).await;
        (answer.status.as_u16(), answer.header("location").to_owned())
    };
    let to_31 = (303, "/sessions/31?range=today&source=rtk-eu&sort=-ended_at".to_owned());
    // by the provider's id, and by the number
    assert_eq!(leads("id-31").await, to_31);
    assert_eq!(leads("%20id-31%20").await, to_31);
    assert_eq!(leads("31").await, to_31);
    // one that the provider no longer lists is found, too
    run(&api, "update core.sessions set is_deleted_at_provider = true where session_id = 31").await;
    assert_eq!(leads("id-31").await, to_31);
    // words, a part of an id, and a number in quotation marks are texts
    for text in ["refund", "id-3", "%2231%22", "31&kind=message"] {
        assert_eq!(leads(text).await.0, 200, "{text}");
    }
    // two sources have this id, and another session has it as its number
    run(&api, "update core.sessions set provider_session_id = '35' where session_id in (32, 61)").await;
    let several = page(&api, "/sessions?range=today&q=35").await;
    assert_eq!(several.matches("\"/sessions/").count(), 3, "{several}");
    for one in ["32", "35", "61"] {
        assert!(several.contains(&format!("\"/sessions/{one}?range=today")), "{one}: {several}");
    }
}

#[tokio::test]
async fn p14_an_id_is_looked_up_within_the_scopes_and_sources_of_a_key() {
    let api = Api::with_keys("").await;
    sqlx::raw_sql(include_str!("worlds/meetings_world.sql")).execute(api.pool()).await.unwrap();
    let reader = api.key(&[Scope::SessionsRead], &["rtk-eu"]).await;
    let watcher = api.key(&[Scope::HealthRead], &[]).await;
    let found = api.send_as(&reader, "GET", "/sessions?q=id-61").await;
    assert_eq!((found.status.as_u16(), found.header("location")), (303, "/sessions/61"), "{}", found.text);
    assert!(api.send_as(&reader, "GET", "/sessions").await.text.contains("Id of a session <input"));
    for other in ["id-31", "31", "refund"] {
        let none = api.send_as(&reader, "GET", &format!("/sessions?q={other}")).await;
        assert!(none.status == 200 && none.text.contains("No stored session has this id."), "{other}: {}", none.text);
    }
    let refused = api.send_as(&watcher, "GET", "/sessions?q=id-61").await;
    assert!(refused.text.contains("<code>sessions:read</code>"), "{}", refused.text);
    // the page of a session needs what its answer in the API needs
    let refused = api.send_as(&watcher, "GET", "/sessions/61").await;
    assert!(refused.status == 403 && refused.text.contains("sessions:read"), "{}", refused.text);
}

#[tokio::test]
async fn an_empty_list_says_where_the_period_lies() {
    let api = Api::in_depth().await;
    for search in ["", "&q=refund"] {
        let past = page(&api, &format!("/sessions?from=2019-01-01&to=2019-01-08{search}")).await;
        assert!(past.contains("The period lies before the history of the sources; data complete to"), "{past}");
        let future = page(&api, &format!("/sessions?from=2099-01-01&to=2099-01-08{search}")).await;
        assert!(future.contains("The period has not begun."), "{future}");
    }
    let listed = page(&api, &format!("/sessions?{RANGE}")).await;
    assert!(listed.contains("2026-11-10 00:00 until 2026-11-21 00:00, UTC."), "{listed}");
}

#[tokio::test]
async fn a_chat_says_who_speaks_and_on_which_day() {
    let api = Api::in_depth().await;
    run(&api, TEXTS).await;
    run(&api, "insert into core.konvo_sessions (source_id, session_id, skill_type) values (3, 32, 'refund')").await;
    let html = page(&api, "/sessions/32?zone=UTC").await;
    for part in [
        "<b>Customer</b> Hello",
        "<b>Assistant</b> Hi",
        "<th scope=\"row\">Channel</th><td>webchat</td>",
        "<th scope=\"row\">Skill</th><td>refund</td>",
        "<title>Session id-32 · Tributary</title>",
    ] {
        assert!(html.contains(part), "`{part}` is missing in {html}");
    }
    let csv = api.send("GET", "/sessions/32?file=texts.csv", &[]).await.text;
    assert!(csv.contains(",Customer,\"\",Hello") && csv.contains(",Assistant,\"\",Hi"), "{csv}");
    // created on the 17th, completed on the 18th
    let html = page(&api, "/sessions/31?zone=UTC").await;
    for day in ["17", "18"] {
        assert_eq!(html.matches(&format!("<li class=\"day\"><b>2026-11-{day}</b></li>")).count(), 1, "{html}");
    }
    let open = page(&api, "/sessions/35?zone=UTC").await;
    assert!(open.contains("<th scope=\"row\">Ended</th><td>not yet</td>"), "{open}");
    let unnamed = page(&api, "/sessions/63?zone=UTC").await;
    assert!(unnamed.contains("<b>unnamed</b> <i>joined</i>"), "{unnamed}");
    assert!(unnamed.contains("(the provider did not have it); next try 2026-11-20 13:00 UTC."), "{unnamed}");
}

#[tokio::test]
async fn a_summary_in_markdown_is_shown_as_text_with_its_form() {
    let api = Api::in_depth().await;
    run(
        &api,
        "update core.session_summaries set body = E'## Key points\\n\\n- **Ada** said <script>x()</script>\\n- two'
          where session_id = 61",
    )
    .await;
    let html = page(&api, "/sessions/61").await;
    let list = "<h3>Key points</h3>\n<ul><li class=\"text\"><b>Ada</b> said &#60;script&#62;x()&#60;/script&#62;</li>\
                <li class=\"text\">two</li></ul>";
    assert!(html.contains(list), "{html}");
}

#[tokio::test]
async fn a_meeting_that_runs_is_drawn_until_now() {
    let api = Api::in_depth().await;
    let html = page(&api, "/sessions/64?zone=UTC").await;
    // from the 17th at 9 to the 20th at 12 are 4500 minutes; one is there, the other was for ten minutes
    for part in [
        "<rect class=\"c0 open\" x=\"0%\" width=\"100%\"",
        "<rect class=\"c0 pale\" x=\"0%\" width=\"0.22%\"",
        "from 2026-11-17 09:00:00 to 2026-11-20 12:00:00 UTC",
    ] {
        assert!(html.contains(part), "`{part}` is missing in {html}");
    }
}
