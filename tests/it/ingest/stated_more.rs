//! Lists that go on by the provider's own word, and then do not: their readings prove nothing.

use chrono::TimeDelta;
use tributary_simulator::Platform;

use crate::harness::{World, noon, records};
use crate::providers::conformance::over_all_providers;
use crate::providers::scripted_server::{Server, json, status};

over_all_providers!(
    a_list_that_goes_on_does_not_end_with_an_empty_page,
    a_list_that_goes_on_does_not_end_with_a_refusal,
    a_list_that_goes_on_does_not_end_with_a_repeated_page,
    a_list_goes_on_in_other_words,
    a_list_that_says_nothing_of_more_may_end_so,
);

/// A response to a page after the first.
#[derive(Debug, Clone, Copy)]
enum Later {
    Empty,
    Refused,
    FirstPage,
}

/// Polls a provider without a count, whose page of thirty records says `flag`; returns the verdict and its reason.
async fn verdict(platform: Platform, flag: &str, later: Later) -> (&'static str, String) {
    let at = noon() - TimeDelta::hours(3);
    let rows: Vec<String> = (0..30).map(|n| records::record(platform, &format!("r-{n}"), at).json).collect();
    let list = |rows: &str, flag: &str| match platform {
        Platform::Konpro => format!(r#"{{{flag}"data":[{rows}]}}"#),
        Platform::Konvo => format!(r#"{{{flag}"result":[{rows}]}}"#),
        Platform::Realtimekit => format!(r#"{{{flag}"success":true,"data":{{"sessions":[{rows}]}}}}"#),
    };
    let (first, empty) = (list(&rows.join(","), flag), list("", ""));
    let mut world = World::new().await.with_settings("history_from = \"2026-03-10T00:00:00Z\"");
    let server = Server::start(move |call| {
        let number = call.query("page").or_else(|| call.query("page_no"));
        match (number, later) {
            (None | Some("0" | "1"), _) | (_, Later::FirstPage) => json(first.clone()),
            (_, Later::Empty) => json(empty.clone()),
            (_, Later::Refused) => status(400, r#"{"message":"no such page"}"#),
        }
    })
    .await;
    world.poll_elsewhere(platform.as_str(), &server.url);
    let line = world.poll_one().await;
    assert_eq!(world.number("select count(*) from core.sessions").await, 30);
    (line.result, line.detail.unwrap_or_default())
}

async fn proves_nothing(platform: Platform, later: Later, reason: &str) {
    let flags = [
        r#""has_more":true,"#,
        r#""hasNextPage":true,"#,
        r#""meta":{"total_pages":3,"has_next":true},"#,
        r#""pagination":{"hasMore":"true"},"#,
    ];
    for flag in flags {
        let (result, detail) = verdict(platform, flag, later).await;
        assert!(result == "incomplete" && detail.contains(reason), "{flag} {later:?}: {result}, {detail}");
    }
}

async fn a_list_that_goes_on_does_not_end_with_an_empty_page(platform: Platform) {
    proves_nothing(platform, Later::Empty, "says that the list goes on, and sends an empty page").await;
}

async fn a_list_that_goes_on_does_not_end_with_a_refusal(platform: Platform) {
    proves_nothing(platform, Later::Refused, "says that the list goes on, then refused the next page").await;
}

async fn a_list_that_goes_on_does_not_end_with_a_repeated_page(platform: Platform) {
    proves_nothing(platform, Later::FirstPage, "keeps repeating a page").await;
}

/// Other words for more: a last page, a link, a number of pages or of records.
async fn a_list_goes_on_in_other_words(platform: Platform) {
    let flags = [
        r#""isLast":false,"#,
        r#""links":{"self":"/a?page=1","next":"/a?page=2"},"#,
        r#""paging":{"cursor":"ab:0"},"#,
        r#""meta":{"pagination":{"current_page":1,"total_pages":2}},"#,
        r#""meta":{"page":1,"total":31},"#,
    ];
    for flag in flags {
        let (result, detail) = verdict(platform, flag, Later::FirstPage).await;
        assert!(result == "incomplete" && detail.contains("keeps repeating a page"), "{flag}: {result}, {detail}");
    }
}

async fn a_list_that_says_nothing_of_more_may_end_so(platform: Platform) {
    for later in [Later::Empty, Later::Refused, Later::FirstPage] {
        let ended = r#""has_more":false,"links":{"next":null},"is_last":true,"total_pages":1,"next_cursor":"","#;
        let (result, detail) = verdict(platform, ended, later).await;
        assert_eq!(result, "complete", "{later:?}: {detail}");
    }
}
