//! The end of a list: wrong or missing counts, and responses after the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tributary_simulator::Platform;

use crate::harness::{World, noon, records};
use crate::providers::conformance::over_all_providers;
use crate::providers::scripted_server::{Call, Reply, Server, json, status};

over_all_providers!(
    f45_a_count_that_is_the_size_of_a_page_ends_nothing,
    f45_a_count_of_the_records_so_far_ends_nothing,
    f45_a_count_that_stops_at_a_limit_ends_nothing,
    f51_a_refused_page_ends_a_list_without_a_count,
    f51_a_refusal_of_the_first_page_is_an_error,
    f51_a_refusal_below_the_count_proves_nothing,
    f51_a_list_that_is_refused_at_a_limit_is_read_in_parts,
    f51_a_repeated_page_ends_a_list_without_a_count,
    f51_no_list_after_the_end_is_an_end,
    f51_readings_that_hold_other_records_prove_nothing,
);

/// The stated count.
#[derive(Debug, Clone, Copy)]
enum Count {
    Right,
    Missing,
    /// The rows of the page.
    OfPage,
    /// The rows up to this page.
    SoFar,
    /// The right count, up to this limit.
    UpTo(usize),
}

/// The response to a page after the end.
#[derive(Debug, Clone, Copy)]
enum PastEnd {
    Empty,
    Refused(u16),
    LastPage,
    FirstPage,
    Null,
}

/// A provider whose list is paged by number.
#[derive(Clone)]
struct Canned {
    platform: Platform,
    records: Vec<(DateTime<Utc>, String)>,
    count: Count,
    past_end: PastEnd,
    base: usize,
    /// Pages are cut to this size silently.
    largest_page: usize,
    /// At most this many records of one list are shown.
    reachable: usize,
}

impl Canned {
    /// `count` records, half a minute apart, the last three hours before noon, so that no list reads them again.
    fn of(platform: Platform, count: usize) -> Self {
        let record = |number: usize| {
            let at = noon() - TimeDelta::hours(3) - TimeDelta::seconds(30) * i32::try_from(number).expect("few");
            (at, records::record(platform, &format!("end-{number:05}"), at).json)
        };
        Self {
            platform,
            records: (0..count).map(record).collect(),
            count: Count::Missing,
            past_end: PastEnd::Empty,
            base: 1,
            largest_page: 200,
            reachable: usize::MAX,
        }
    }

    fn answer(&self, call: &Call) -> Reply {
        if let Some((_, id)) = call.path.split_once("/sessions/end-") {
            let (_, session) = &self.records[id.parse::<usize>().expect("a number")];
            return json(format!(r#"{{"success":true,"data":{session}}}"#));
        }
        let (number, size, from, to) = match self.platform {
            Platform::Konpro => ("page", "page_size", "date_from", "date_to"),
            Platform::Konvo => ("page", "limit", "updated_at_min", "updated_at_max"),
            Platform::Realtimekit => ("page_no", "per_page", "start_time", "end_time"),
        };
        let at = |name: &str| call.query(name).map(|text| text.parse::<DateTime<Utc>>().expect("an instant"));
        let (from, to) = (at(from), at(to));
        let listed = |(created, _): &&(DateTime<Utc>, String)| {
            from.is_none_or(|from| *created >= from) && to.is_none_or(|to| *created <= to)
        };
        let list: Vec<&str> = self.records.iter().filter(listed).map(|(_, json)| json.as_str()).collect();
        let total = list.len();
        let list = &list[..total.min(self.reachable)];
        let size: usize = call.query(size).expect("a size").parse().expect("a number");
        let pages: Vec<&[&str]> = list.chunks(size.min(self.largest_page)).collect();
        let number: usize = call.query(number).map_or(self.base, |page| page.parse().expect("a number"));
        let index = number.checked_sub(self.base);
        let rows: &[&str] = match (index.and_then(|index| pages.get(index)), self.past_end) {
            (Some(rows), _) => rows,
            // an empty list has an empty first page
            (None, _) if pages.is_empty() && index == Some(0) => &[],
            (None, PastEnd::Refused(code)) => return status(code, r#"{"message":"no such page"}"#),
            (None, PastEnd::Null) => return json(self.envelope("null", None, 0)),
            (None, PastEnd::Empty) => &[],
            // a number below the first is treated as the first
            (None, _) if index.is_none() => pages.first().copied().unwrap_or_default(),
            (None, PastEnd::LastPage) => pages.last().copied().unwrap_or_default(),
            (None, PastEnd::FirstPage) => pages.first().copied().unwrap_or_default(),
        };
        let count = match self.count {
            Count::Right => Some(total),
            Count::Missing => None,
            Count::OfPage => Some(rows.len()),
            Count::SoFar => Some(pages.iter().take(index.unwrap_or(0) + 1).map(|page| page.len()).sum()),
            Count::UpTo(most) => Some(total.min(most)),
        };
        json(self.envelope(&format!("[{}]", rows.join(",")), count, index.unwrap_or(0) * size))
    }

    fn envelope(&self, list: &str, count: Option<usize>, offset: usize) -> String {
        let field = |name: &str| count.map(|count| format!(r#""{name}":{count},"#)).unwrap_or_default();
        match self.platform {
            Platform::Konpro => format!(r#"{{{}"next_pagination_token":null,"data":{list}}}"#, field("total")),
            Platform::Konvo => format!(r#"{{{}"result":{list}}}"#, field("count")),
            Platform::Realtimekit => {
                let count = count.map(|count| format!(r#""total_count":{count},"start_offset":{}"#, offset + 1));
                let paging = count.unwrap_or_default();
                format!(r#"{{"success":true,"data":{{"sessions":{list}}},"paging":{{{paging}}}}}"#)
            }
        }
    }
}

async fn stored(world: &World) -> i64 {
    world.number("select count(*) from core.sessions").await
}

/// Creates a world that polls this provider by pages of `page_size`.
async fn polled(canned: &Canned, page_size: usize) -> (World, Server) {
    let canned = canned.clone();
    let settings = format!("page_size = {page_size}\nhistory_from = \"2026-03-09T00:00:00Z\"");
    let mut world = World::new().await.with_settings(&settings);
    let platform = canned.platform;
    let server = Server::start(move |call| canned.answer(call)).await;
    world.poll_elsewhere(platform.as_str(), &server.url);
    (world, server)
}

/// Asserts that one poll stores and proves everything, and the next one finds nothing new.
async fn is_read_to_its_end(canned: &Canned, page_size: usize) {
    let what = format!(
        "{:?}, then {:?}, {} records from page {}",
        canned.count,
        canned.past_end,
        canned.records.len(),
        canned.base
    );
    let (world, server) = polled(canned, page_size).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{what}: {line:?}");
    assert_eq!(stored(&world).await, i64::try_from(canned.records.len()).expect("few"), "{what}");
    let calls = server.calls().len();
    let (pages, readings) = (canned.records.len() / page_size.min(canned.largest_page) + 1, 2);
    assert!(calls <= (pages + 4) * readings, "{what}: {calls} calls for {pages} pages");
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 0, "{what}: {line:?}");
}

/// The possible numbers of a first page.
fn bases(platform: Platform) -> &'static [usize] {
    if platform == Platform::Konpro { &[1] } else { &[0, 1] }
}

async fn f45_a_count_that_is_the_size_of_a_page_ends_nothing(platform: Platform) {
    let of = |count, past_end| Canned { count: Count::OfPage, past_end, ..Canned::of(platform, count) };
    is_read_to_its_end(&of(450, PastEnd::Empty), 200).await;
    // of 45 the last page is short, of 40 it is full
    is_read_to_its_end(&of(40, PastEnd::Empty), 20).await;
    is_read_to_its_end(&of(45, PastEnd::Refused(404)), 20).await;
    is_read_to_its_end(&of(40, PastEnd::LastPage), 20).await;
    // the provider may cut pages silently
    for (largest_page, count) in [(10, 45), (37, 150), (64, 150)] {
        is_read_to_its_end(&Canned { largest_page, ..of(count, PastEnd::Empty) }, 200).await;
    }
}

async fn f45_a_count_of_the_records_so_far_ends_nothing(platform: Platform) {
    for past_end in [PastEnd::Empty, PastEnd::Refused(400), PastEnd::FirstPage] {
        for count in [50, 60] {
            let canned = Canned { count: Count::SoFar, past_end, ..Canned::of(platform, count) };
            is_read_to_its_end(&canned, 20).await;
        }
    }
}

async fn f45_a_count_that_stops_at_a_limit_ends_nothing(platform: Platform) {
    for (count, most, page_size) in [(1_250, 1_000, 100), (450, 400, 200), (57, 40, 10), (25, 20, 10)] {
        let canned = Canned { count: Count::UpTo(most), ..Canned::of(platform, count) };
        is_read_to_its_end(&canned, page_size).await;
    }
}

async fn f51_a_refused_page_ends_a_list_without_a_count(platform: Platform) {
    for base in bases(platform) {
        for code in [400, 404] {
            // with one full page, with several, and with a short last one
            for count in [20, 40, 30] {
                let past_end = PastEnd::Refused(code);
                let canned = Canned { past_end, base: *base, ..Canned::of(platform, count) };
                is_read_to_its_end(&canned, 20).await;
            }
        }
    }
}

async fn f51_a_refusal_of_the_first_page_is_an_error(platform: Platform) {
    for (code, class) in [(400, "config_error"), (404, "not_found")] {
        let mut world = World::new().await;
        let server = Server::start(move |_| status(code, r#"{"message":"no such page"}"#)).await;
        world.poll_elsewhere(platform.as_str(), &server.url);
        let line = world.poll_one().await;
        let detail = line.detail.unwrap_or_default();
        assert!(line.result == "failed" && detail.starts_with(class), "{code}: {detail}");
        assert_eq!(line.complete_through, None);
    }
}

async fn f51_a_refusal_below_the_count_proves_nothing(platform: Platform) {
    // all in one minute, so that no split can separate them
    let at = noon() - TimeDelta::minutes(20);
    let record = |n: usize| (at, records::record(platform, &format!("end-{n:05}"), at).json);
    let canned = Canned {
        records: (0..60).map(record).collect(),
        count: Count::Right,
        past_end: PastEnd::Refused(400),
        reachable: 40,
        ..Canned::of(platform, 0)
    };
    let (world, _server) = polled(&canned, 20).await;
    let line = world.poll_one().await;
    assert_eq!((line.result, stored(&world).await), ("incomplete", 40), "{line:?}");
    let detail = line.detail.unwrap_or_default();
    assert!(detail.contains("counts 60 records") && detail.contains("no such page"), "{detail}");
}

async fn f51_a_list_that_is_refused_at_a_limit_is_read_in_parts(platform: Platform) {
    let canned = Canned { past_end: PastEnd::Refused(400), reachable: 1_000, ..Canned::of(platform, 1_300) };
    let (world, _server) = polled(&canned, 100).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 1_300);
}

async fn f51_a_repeated_page_ends_a_list_without_a_count(platform: Platform) {
    for base in bases(platform) {
        for past_end in [PastEnd::LastPage, PastEnd::FirstPage] {
            for count in [20, 40, 30] {
                let canned = Canned { past_end, base: *base, ..Canned::of(platform, count) };
                is_read_to_its_end(&canned, 20).await;
            }
        }
    }
}

async fn f51_no_list_after_the_end_is_an_end(platform: Platform) {
    for count in [Count::Missing, Count::OfPage] {
        let canned = Canned { count, past_end: PastEnd::Null, ..Canned::of(platform, 60) };
        is_read_to_its_end(&canned, 20).await;
    }
    let mut world = World::new().await;
    let no_list = Canned::of(platform, 0).envelope("null", None, 0);
    let server = Server::start(move |_| json(no_list.clone())).await;
    world.poll_elsewhere(platform.as_str(), &server.url);
    let line = world.poll_one().await;
    assert!(line.result == "failed" && line.detail.unwrap_or_default().starts_with("contract_error"));
}

/// Each reading leaves out another record: the number of records is the same, the records are not.
async fn f51_readings_that_hold_other_records_prove_nothing(platform: Platform) {
    let canned = Canned { past_end: PastEnd::Refused(404), ..Canned::of(platform, 61) };
    let settings = "page_size = 20\nhistory_from = \"2026-03-09T00:00:00Z\"";
    let mut world = World::new().await.with_settings(settings);
    let readings = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&readings);
    let server = Server::start(move |call| {
        let number = call.query("page").or_else(|| call.query("page_no"));
        let is_first = number.is_none_or(|number| number == "1") && !call_is_probe(platform, call);
        let reading =
            if is_first { counted.fetch_add(1, Ordering::Relaxed) } else { counted.load(Ordering::Relaxed) - 1 };
        let mut shown = canned.clone();
        shown.records.remove(reading % 50);
        shown.answer(call)
    })
    .await;
    world.poll_elsewhere(platform.as_str(), &server.url);
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    assert!(line.detail.unwrap_or_default().contains("no second reading returned the same records"));
    assert!(readings.load(Ordering::Relaxed) >= 3);
}

/// Konvo's first page has no number; page 1 is fetched to compare it.
fn call_is_probe(platform: Platform, call: &Call) -> bool {
    platform == Platform::Konvo && call.query("page").is_some()
}
