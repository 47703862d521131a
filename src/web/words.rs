//! The API's names in a reader's words: fields, values of closed lists, and warnings. The API keeps its own.
//!
//! Texts of providers are never changed: only a name that this service made is known to be one.

use crate::query::metrics::answer::Warning;
use crate::web::figure::reason_text;

/// Names of the days of the week.
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// Letters of an id that tell it from others on a page.
const LETTERS: usize = 8;

/// Returns the name of a field.
pub(crate) fn field(name: &str) -> String {
    match name {
        "sub_intent_type" => "intent".to_owned(),
        "skill_type" => "skill".to_owned(),
        "preset_name" => "role".to_owned(),
        "session_kind" => "kind".to_owned(),
        "session_state" => "state".to_owned(),
        "local_weekday" => "day of the week".to_owned(),
        "local_hour" => "hour of the day".to_owned(),
        "api_key_type" => "kind of key".to_owned(),
        "voice_name" => "voice".to_owned(),
        "minutes_basis" => "way of metering".to_owned(),
        "unexplained_minutes_class" => "reason".to_owned(),
        _ => name.strip_suffix("_id").unwrap_or(name).replace('_', " "),
    }
}

/// Returns the name of a field at the beginning of a line.
pub(crate) fn heading(name: &str) -> String {
    capitalized(&field(name))
}

/// Returns a text with its first letter in upper case.
pub(crate) fn capitalized(text: &str) -> String {
    let (first, rest) = text.split_at_checked(1).unwrap_or((text, ""));
    format!("{}{rest}", first.to_ascii_uppercase())
}

/// Returns the role of who wrote a message; `None`: it is not known.
pub(crate) fn role(role: &str) -> Option<&'static str> {
    match role {
        "user" => Some("Customer"),
        "assistant" => Some("Assistant"),
        "participant" => Some("Participant"),
        _ => None,
    }
}

/// Returns why a part of a session was not found.
pub(crate) fn absence(reason: &str) -> String {
    match reason {
        "zero_bytes" => "the file is empty so far".to_owned(),
        "not_found" => "the provider did not have it".to_owned(),
        "no_link" => "the provider gave no link to it".to_owned(),
        _ => reason.replace('_', " "),
    }
}

/// Returns a value of a field; `None`: the field holds texts of providers.
pub(crate) fn value(field: &str, value: &str) -> Option<String> {
    const CLOSED: [&str; 6] =
        ["outcome", "session_kind", "session_state", "minutes_basis", "unexplained_minutes_class", "transcript_state"];
    match field {
        "local_weekday" => {
            let day = value.parse::<usize>().ok()?.checked_sub(1)?;
            return DAYS.get(day).map(|day| (*day).to_owned());
        }
        "local_hour" => return Some(format!("{value}:00")),
        _ => {}
    }
    CLOSED.contains(&field).then(|| match value {
        "participant_time" => "the time of each participant".to_owned(),
        "session_time" => "the length of the session".to_owned(),
        _ => value.replace('_', " "),
    })
}

/// Returns the beginning of an id that says nothing to a reader: a long row of digits of base 16. Names stay whole.
pub(crate) fn brief(name: &str) -> String {
    let is_digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    let is_id = name.len() >= 24 && name.bytes().all(is_digit) && name.bytes().any(|byte| byte.is_ascii_digit());
    if is_id { format!("{}…", &name[..LETTERS]) } else { name.to_owned() }
}

/// Returns a text of this service without the form of its names: `unknown_count` is "unknown count".
pub(crate) fn plain(text: &str) -> String {
    let is_name = |word: &str| word.contains('_') && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let words = text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').map(|word| {
        let (name, end) = match word.char_indices().next_back() {
            Some((at, last)) if !last.is_ascii_alphanumeric() && last != '_' => word.split_at(at),
            _ => (word, ""),
        };
        if is_name(name) { format!("{}{end}", name.replace('_', " ")) } else { word.to_owned() }
    });
    words.collect()
}

/// Returns the rule of a metric about what is unknown, in a reader's words.
pub(crate) fn rule(text: &str) -> String {
    let text = plain(text).replace("are in unknown count", "count as unknown");
    let text =
        text.replace("is in unknown count", "counts as unknown").replace("the value is null", "there is no value");
    text.replace("; null ", "; no value ").replace("Null ", "No value ")
}

/// Returns a text of the API with its backticks as quotation marks, and in the words of the forms.
pub(crate) fn quoted(text: &str) -> String {
    let text = text.replace("; the range is half-open", ": the end must be after the first day");
    let piece = |(at, piece): (usize, &str)| if at % 2 == 0 { piece.to_owned() } else { format!("“{piece}”") };
    text.split('`').enumerate().map(piece).collect()
}

/// Returns a warning.
pub(crate) fn warning(warning: &Warning) -> String {
    let detail = warning.detail.as_str();
    match warning.code {
        "mixed_minutes_basis" => {
            let ways: Vec<String> = warning.bases.iter().filter_map(|basis| value("minutes_basis", basis)).collect();
            format!("The total adds minutes that are metered in different ways: by {}.", ways.join(" and by "))
        }
        "previous_not_complete" => {
            let status = reason_text(detail.split('`').nth(1).unwrap_or("unknown"));
            format!("The earlier period is not fully known ({status}): missing data may cause the change.")
        }
        "unequal_elapsed" => {
            "The period is not over, but the one before it is: the change compares a part with a whole.".to_owned()
        }
        "unmatched_filter_value" => {
            // field, value, and the nearest values stand between backticks
            let mut pieces = detail.split('`').skip(1).step_by(2);
            let (name, text) = (field(pieces.next().unwrap_or_default()), pieces.next().unwrap_or_default());
            let near: Vec<String> = pieces.map(|near| format!("“{near}”")).collect();
            let hint = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
            format!("No session of the period has the {name} “{text}”.{hint}")
        }
        _ => detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words_and_other_texts_stay() {
        assert_eq!(plain("in unknown_count, and_so on."), "in unknown count, and so on.");
        assert_eq!(
            rule("Null if no window is known. Chats are in unknown_count; where these are all, the value is null."),
            "No value if no window is known. Chats count as unknown; where these are all, there is no value."
        );
        assert_eq!(quoted("`a` is no `b`: c"), "“a” is no “b”: c");
        assert_eq!(
            quoted("`b` must be before `a`; the range is half-open."),
            "“b” must be before “a”: the end must be after the first day."
        );
        assert_eq!(plain("crm_17 and Anna_public_3 stay (a_b)"), "crm_17 and Anna_public_3 stay (a b)");
        assert_eq!(value("channel", "web_chat"), None, "a text of a provider");
        assert_eq!(value("unexplained_minutes_class", "still_live").as_deref(), Some("still live"));
        assert_eq!(value("local_weekday", "7").as_deref(), Some("Sunday"));
        assert_eq!(brief("2f743d50-2776-4b97-a08d-3de1ddb84eca"), "2f743d50…");
        assert_eq!(
            (brief("atojra-ymdwxn").as_str(), brief("Facade-Bead-Added-Decade").as_str()),
            ("atojra-ymdwxn", "Facade-Bead-Added-Decade")
        );
        assert_eq!((field("avatar_id").as_str(), heading("sub_intent_type").as_str()), ("avatar", "Intent"));
    }

    #[test]
    fn a_warning_has_no_names_of_the_api() {
        let told = |code, detail: &str, bases: &[&str]| {
            let bases = bases.iter().map(|basis| (*basis).to_owned()).collect();
            warning(&Warning { code, metrics: vec!["sessions"], detail: detail.to_owned(), bases })
        };
        assert_eq!(
            told("mixed_minutes_basis", "…", &["participant_time", "session_time"]),
            "The total adds minutes that are metered in different ways: by the time of each participant and by the \
             length of the session."
        );
        assert_eq!(
            told(
                "unmatched_filter_value",
                "No session of the range has `skill_type` = `a_b`. Did you mean `a` or `b`?",
                &[]
            ),
            "No session of the period has the skill “a_b”. Did you mean “a” or “b”?"
        );
        assert_eq!(
            told("previous_not_complete", "The compared period is not proven complete (`has_gap`): missing …", &[]),
            "The earlier period is not fully known (gap, not proven): missing data may cause the change."
        );
    }
}
