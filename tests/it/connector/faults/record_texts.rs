//! F26, F28, F39 and F40: records with arbitrary texts and ids, among plain ones.

use std::fmt::Write;

use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedRecord;

use super::Rig;
use super::record_values::{id_name, keep, odd, with};

/// The free text of a record, with its quotes.
pub(super) fn text(platform: Platform) -> &'static str {
    match platform {
        Platform::Konpro => "\"anna\"",
        Platform::Konvo => "\"Hello there\"",
        Platform::Realtimekit => "\"Standup\"",
    }
}

/// Returns the free texts of the odd records, by provider.
async fn texts(rig: &Rig) -> Vec<String> {
    let sql = "select avatar_id from core.konpro_sessions where avatar_id <> 'anna'
               union all select body from core.messages where body not in ('Hello there', 'How can I help?')
               union all select meeting_title from core.realtimekit_sessions where meeting_title <> 'Standup'";
    sqlx::query_scalar(sql).fetch_all(&rig.world.db.pool).await.expect("the texts")
}

/// One record with this text, a JSON literal, is stored as `kept`.
async fn text_is_kept(json: &str, kept: &str) {
    let rig = keep(|platform| vec![with(odd(platform, "odd"), text(platform), json)], 1, 0).await;
    assert_eq!(texts(&rig).await, [kept; 3]);
}

#[tokio::test]
async fn f26_nul_in_a_text() {
    text_is_kept(r#""a\u0000b""#, "a\u{fffd}b").await;
}

#[tokio::test]
async fn f28_half_a_surrogate_pair_in_a_text() {
    let rig = keep(|platform| vec![with(odd(platform, "odd"), text(platform), r#""a\ud800b""#)], 1, 0).await;
    for text in texts(&rig).await {
        assert!(text.starts_with("a\u{fffd}") && text.ends_with('b'), "{text:?}");
    }
}

#[tokio::test]
async fn f28_half_a_surrogate_pair_in_a_name() {
    // nothing of such a record can be read: it is a reject, and the page is not lost
    let named = |platform| {
        let record = odd(platform, "odd");
        vec![FixedRecord { json: record.json.replacen('{', r#"{"\ud800":1,"#, 1), ..record }]
    };
    keep(named, 0, 1).await;
}

#[tokio::test]
async fn f28_a_whole_surrogate_pair() {
    text_is_kept(r#""a\ud83d\ude00b""#, "a😀b").await;
}

#[tokio::test]
async fn f39_ids_of_every_kind_are_kept_to_the_letter() {
    let ids = ["a b", " padded ", "a'b", "a/b", "..", "a%2Fb", "a?b#c", "naïve-日本", "ABC", "abc", "null-1", "0"];
    let records = |platform| {
        let longest = "x".repeat(512);
        let ids = ids.iter().copied().chain([longest.as_str()]);
        ids.map(|id| odd(platform, id)).chain([with(odd(platform, "quote"), "\"quote\"", r#""quo\"te\\""#)]).collect()
    };
    let rig = keep(records, ids.len() + 2, 0).await;
    for id in ids.into_iter().chain([r#"quo"te\"#]) {
        let count = sqlx::query_scalar::<_, i64>("select count(*) from core.sessions where provider_session_id = $1");
        assert_eq!(count.bind(id).fetch_one(&rig.world.db.pool).await.expect("a count"), 3, "{id}");
    }
}

#[tokio::test]
async fn f39_a_record_without_a_usable_id_is_kept_as_a_reject() {
    let long = "x".repeat(4_096);
    let bad = ["\"\"", "null", "{}", "[\"a\"]", r#""a\u0001b""#, &format!("\"{long}\"")].map(str::to_owned);
    let records = |platform| {
        let records = bad.iter().map(|json| {
            let name = id_name(platform);
            let record = odd(platform, "odd");
            let old = format!("{name}:\"odd\"");
            FixedRecord { json: record.json.replacen(&old, &format!("{name}:{json}"), 1), ..record }
        });
        records.collect()
    };
    keep(records, 0, 6).await;
}

#[tokio::test]
async fn f40_texts_that_mean_something_elsewhere() {
    let texts = [
        "'); drop table core.sessions; --",
        "%s%n%x {} {0} ${jndi:ldap://x.test/a} $1 \\copy",
        "\u{202e}gnp.exe \u{200f}שלום",
        "👩‍👩‍👧‍👦 e\u{301} ﷽",
        "<script>alert(1)</script>",
    ];
    let records = |platform| {
        let record = |(index, kept): (usize, &&str)| {
            let json = serde_json::to_string(kept).expect("JSON");
            with(odd(platform, &format!("odd-{index}")), text(platform), &json)
        };
        texts.iter().enumerate().map(record).collect()
    };
    let rig = keep(records, texts.len(), 0).await;
    let stored = self::texts(&rig).await;
    for text in texts {
        assert_eq!(stored.iter().filter(|stored| *stored == text).count(), 3, "{text:?} in {stored:?}");
    }
}

#[tokio::test]
async fn f40_a_text_of_a_megabyte() {
    // all words are different, so that compression does not help
    let mut long = String::new();
    for number in 0_u64.. {
        if long.len() > 1_500_000 {
            break;
        }
        write!(long, "{:x} ", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).expect("text");
    }
    let long = long.trim_end().to_owned();
    let rig = keep(|platform| vec![with(odd(platform, "odd"), text(platform), &format!("\"{long}\""))], 1, 0).await;
    for text in texts(&rig).await {
        assert!(text == long, "{} characters of {}", text.len(), long.len());
    }
}
