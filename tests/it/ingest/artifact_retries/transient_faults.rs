//! Each transient fault, with a young and an old meeting.

use tributary_simulator::faults::{Effect, Fault};

use super::*;

/// A transient fault.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    stream: &'static str,
    /// The class of the owed task.
    class: &'static str,
    /// It happens at the file host, not at the API.
    is_file: bool,
    /// Responses that one try takes.
    answers: u64,
    effect: fn(&str, DateTime<Utc>) -> Effect,
}

const fn row(name: &'static str, class: &'static str, answers: u64, effect: fn(&str, DateTime<Utc>) -> Effect) -> Row {
    Row { name, stream: "chat", class, is_file: false, answers, effect }
}

const fn file(name: &'static str, class: &'static str, answers: u64, effect: fn(&str, DateTime<Utc>) -> Effect) -> Row {
    Row { is_file: true, ..row(name, class, answers, effect) }
}

const fn of(stream: &'static str, row: Row) -> Row {
    Row { stream, ..row }
}

/// The table of faults. An API call is made four times before a 500 is final, a file is fetched three times, a dead
/// link is requested twice, and a list that is below its count ends with the second page without new records.
const ROWS: [Row; 20] = [
    file("file-short", "file_cut", 1, |_, _| Effect::ShortBody),
    file("file-html", "error_page", 1, |_, _| Effect::html()),
    file("file-400", "contract_error", 1, |_, _| Effect::json(400, "{}")),
    file("file-401", "contract_error", 1, |_, _| Effect::json(401, "{}")),
    file("file-403", "link_dead", 2, |_, _| Effect::forbidden_xml()),
    file("file-zero", "zero_bytes", 1, |_, _| Effect::zero_bytes()),
    file("file-500", "transient", 3, |_, _| Effect::json(500, "{}")),
    file("file-cut", "transient", 3, |_, _| Effect::CutBody),
    file("file-unsized", "transient", 3, |_, _| Effect::CutBodyOfUnknownLength),
    row("link-400", "contract_error", 1, |_, _| Effect::json(400, "{}")),
    row("link-html", "contract_error", 1, |_, _| Effect::html()),
    row("link-false", "contract_error", 1, |_, _| Effect::json(200, r#"{"success":false,"data":{}}"#)),
    row("link-404", "not_found", 1, |_, _| Effect::json(404, r#"{"success":false}"#)),
    row("link-none", "no_link", 1, |_, _| Effect::json(200, r#"{"success":true,"data":{}}"#)),
    row("link-null", "no_link", 1, |_, _| Effect::json(200, r#"{"success":true,"data":null}"#)),
    row("link-500", "transient", 4, |_, _| Effect::json(500, "{}")),
    of("participants", row("people-many", "incomplete", 3, one_too_many)),
    of("participants", row("people-404", "not_found", 1, |_, _| Effect::json(404, r#"{"success":false}"#))),
    of("quality", row("report-500", "transient", 4, |_, _| Effect::json(500, "{}"))),
    of("quality", row("report-404", "not_found", 1, |_, _| Effect::json(404, r#"{"success":false}"#))),
];

/// The list of participants with a total that is one too high.
pub(super) fn one_too_many(id: &str, began: DateTime<Utc>) -> Effect {
    let one = presence(id, began);
    let paging = r#"{"total_count":2,"start_offset":1,"end_offset":1}"#;
    Effect::json(200, &format!(r#"{{"success":true,"data":{{"participants":[{one}],"paging":{paging}}}}}"#))
}

impl Row {
    /// Its meetings: id, days ago, and whether the provider should still keep the artifact.
    fn meetings(&self) -> [(String, i64, bool); 2] {
        let old = if self.stream == "chat" { 12 } else { 40 };
        [(format!("{}-young", self.name), 2, true), (format!("{}-old", self.name), old, false)]
    }

    /// Returns the fault for `tries` tries at the meeting `id`.
    fn fault(&self, id: &str, days: i64, tries: u64) -> Fault {
        let part = match self.stream {
            "quality" => format!("/peer-report/{id}-p"),
            stream => format!("/{id}/{stream}"),
        };
        Fault::new((self.effect)(id, days_ago(days))).only(&part).times(self.answers * tries)
    }

    /// Whether the provider reports that the artifact does not exist.
    fn is_absence(&self) -> bool {
        matches!(self.class, "not_found" | "no_link" | "zero_bytes")
    }
}

/// Creates two meetings for each fault, which happens to so many tries.
async fn stage(tries: u64) -> (World, Simulator) {
    let meetings = ROWS.iter().flat_map(Row::meetings);
    let (world, simulator) = world_of(meetings.map(|(id, days, _)| (id, days))).await;
    let script = |is_file: bool| -> Vec<Fault> {
        let rows = ROWS.iter().filter(|row| row.is_file == is_file);
        rows.flat_map(|row| row.meetings().map(|(id, days, _)| row.fault(&id, days, tries))).collect()
    };
    simulator.script(script(false));
    simulator.file_script(script(true));
    (world, simulator)
}

/// Returns how many tasks of each class a stream owes by the table.
fn expected(stream: &str, is_owed: impl Fn(&Row, bool) -> bool) -> BTreeMap<&'static str, i64> {
    let mut expected = BTreeMap::new();
    for row in ROWS.iter().filter(|row| row.stream == stream) {
        for (_, _, is_kept) in row.meetings() {
            if is_owed(row, is_kept) {
                *expected.entry(row.class).or_default() += 1;
            }
        }
    }
    expected
}

const ALL_READ: &str = "40 available";

#[tokio::test]
async fn f85_p13_a_fault_that_happens_once_is_over_within_the_same_poll() {
    let (world, _simulator) = stage(1).await;
    let lines = world.poll().await;
    assert!(is_exit_0(&lines), "{lines:#?}");
    for stream in ["participants", "chat", "transcript", "summary", "quality"] {
        assert_eq!(world.states(stream).await, ALL_READ, "{stream}");
    }
    let twice = "select count(*) from ingest.artifact_tasks where attempts = 2";
    assert_eq!(world.number(twice).await, 40, "each fault has cost one try");
    assert!(world.health().await.values().all(|stream| stream["state"] == "idle"));
}

#[tokio::test]
async fn f85_p13_a_fault_that_outlasts_a_poll_is_owed_until_it_is_read() {
    let (world, _simulator) = stage(3).await;
    let first = world.poll().await;
    let health = world.health().await;
    for stream in ["participants", "chat", "quality"] {
        // what the provider may still make is pending and not owed
        let expected = expected(stream, |row, is_kept| !(row.is_absence() && is_kept));
        let line = line(&first, stream).expect("a line");
        assert_eq!((line.result, line.owed), ("incomplete", expected.values().sum()), "{line:?}");
        let detail = line.detail.as_deref().expect("a reason");
        let told = &health[stream];
        assert_eq!((&told["state"], &told["is_failing"]), (&json!("incomplete"), &json!(true)), "{told:#}");
        for (class, count) in &expected {
            assert!(detail.contains(&format!("{count} {class}")), "{class} in {detail}");
            let owed = json!({"class": class, "count": count});
            assert!(told["tasks"]["owed"].as_array().expect("a list").contains(&owed), "{owed} in {told:#}");
        }
        assert!(detail.contains("next try at 2026-03-1"), "{detail}");
    }
    for stream in ["transcript", "summary"] {
        assert_eq!(world.states(stream).await, ALL_READ, "{stream}");
    }
    let verdicts = "select count(*) from ingest.runs where stream = 'chat' and verdict = 'incomplete'
                       and reason like '%file_cut%'";
    assert!(world.number(verdicts).await > 0, "the journal says it too");
    // the next poll retries failed tasks before their next try; only tasks that a second reading settles wait
    let second = world.poll().await;
    assert!(!is_exit_0(&second), "{second:#?}");
    for stream in ["participants", "chat", "quality"] {
        let left = expected(stream, |row, is_kept| row.class == "link_dead" || (row.is_absence() && !is_kept));
        assert_eq!(line(&second, stream).map(|line| line.owed), Some(left.values().sum()), "{second:#?}");
    }
    let waiting = &world.health().await["quality"];
    assert_eq!((&waiting["state"], &waiting["is_failing"]), (&json!("incomplete"), &json!(false)), "{waiting:#}");
    world.wait(TimeDelta::hours(25));
    let last = world.poll().await;
    assert!(is_exit_0(&last), "{last:#?}");
    for stream in ["participants", "chat", "quality"] {
        assert_eq!(world.states(stream).await, ALL_READ, "{stream}");
    }
    assert!(world.health().await.values().all(|stream| stream["state"] == "idle"));
}

/// The case that decides about the promise.
#[tokio::test]
async fn f85_p13_a_chat_of_twelve_days_ago_that_is_cut_off_is_stored_by_a_later_poll() {
    // a poll tries three times; one that follows soon tries once more
    for (cuts, polls) in [(2, 1), (3, 2), (4, 3)] {
        let (world, simulator) = world_of([("cut".to_owned(), 12)]).await;
        simulator.file_script(vec![Fault::new(Effect::ShortBody).only("/cut/chat").times(cuts)]);
        for _ in 1..polls {
            let lines = world.poll().await;
            assert!(!is_exit_0(&lines), "{cuts} cuts: {lines:#?}");
            let chat = line(&lines, "chat").expect("a line");
            assert!(
                chat.detail.as_deref().is_some_and(|detail| detail.contains("1 chat owed: 1 file_cut")),
                "{chat:?}"
            );
            assert_eq!(world.health().await["chat"]["state"], "incomplete");
        }
        assert!(is_exit_0(&world.poll().await), "{cuts} cuts");
        assert_eq!(world.number("select count(*) from core.messages").await, 1);
        assert_eq!(world.health().await["chat"]["state"], "idle");
    }
}

/// A poll without due tasks reports owed tasks all the same.
#[tokio::test]
async fn f85_p13_owed_artifacts_are_reported_also_where_none_is_due() {
    let (world, simulator) = world_of([("gone".to_owned(), 12)]).await;
    simulator.script(vec![Fault::new(Effect::json(404, "{}")).only("/gone/chat").times(3)]);
    world.poll().await;
    let calls = simulator.requests().iter().filter(|call| call.path_and_query.contains("/chat")).count();
    assert_eq!(calls, 3);
    for _ in 0..2 {
        world.wait(TimeDelta::hours(2));
        let lines = world.poll().await;
        let chat = line(&lines, "chat").expect("a line");
        assert_eq!((chat.result, chat.pages, chat.owed), ("incomplete", 0, 1), "{chat:?}");
        assert!(
            chat.detail.as_deref().is_some_and(|detail| detail.contains("1 not_found; next try at 2026-03-11T12:00"))
        );
    }
    let asked = simulator.requests().iter().filter(|call| call.path_and_query.contains("/chat")).count();
    assert_eq!(asked, calls, "it waits for its second reading");
    // three passes of the first poll, and one run of each later one
    assert_eq!(
        world.number("select count(*) from ingest.runs where stream = 'chat' and verdict = 'incomplete'").await,
        5
    );
}
