//! Speakers that only the text of an utterance names: `Ana Souza: Good morning`.
//!
//! Sentences have colons too, so a text before a colon counts as a name only on evidence: a participant of the
//! session has it, a voice of the same file has it, or it precedes a colon more than once. While no participant
//! of the session is known, a text in the form of a full name counts as well. All other text stays text. Names in
//! brackets or before other colons need a participant or a voice.

use std::collections::{HashMap, HashSet};

use crate::model::transcript::TranscriptSegment;

/// The separator between a name and the utterance.
const MARK: &str = ": ";
/// A longer text before a colon is no name.
const LONGEST_NAME_CHARS: usize = 80;
/// A text of more words is no name.
const MOST_WORDS: usize = 5;
/// Placeholders of programs for a speaker without a name, with or without a number.
const PLACEHOLDERS: [&str; 4] = ["unknown", "unknown speaker", "speaker", "guest"];
/// Words of a name that begin with a lower-case letter.
const PARTICLES: [&str; 22] = [
    "al", "bin", "da", "das", "de", "del", "den", "der", "di", "dos", "du", "e", "el", "ibn", "la", "le", "ten", "ter",
    "van", "von", "y", "zu",
];
/// Words that often introduce a sentence.
const INTRODUCTIONS: [&str; 20] = [
    "action",
    "also",
    "answer",
    "example",
    "finally",
    "first",
    "fyi",
    "important",
    "note",
    "option",
    "ps",
    "question",
    "reminder",
    "second",
    "so",
    "summary",
    "third",
    "tip",
    "update",
    "warning",
];
/// Words of a name that end with a period, besides single letters.
const ABBREVIATIONS: [&str; 9] = ["dr.", "jr.", "mr.", "mrs.", "ms.", "mx.", "prof.", "sr.", "st."];

/// Reduces the spaces after a name to one, so that a name can be removed from a text and put back.
pub fn with_plain_mark(text: &str) -> String {
    let split = text.split_once(':').filter(|(name, said)| is_possible(name) && said.starts_with(char::is_whitespace));
    split.map_or_else(|| text.to_owned(), |(name, said)| [name.trim_end(), MARK, said.trim_start()].concat())
}

/// Returns whether a text begins with what may be a name.
pub fn may_begin_with_name(text: &str) -> bool {
    text.split_once(MARK).is_some_and(|(name, _)| is_plausible(name))
}

/// Decides which texts of a transcript begin with a name, even if that was decided before with other
/// `participants`: the names of those who were in the session, empty where unknown.
pub fn name_speakers(segments: &mut [TranscriptSegment], participants: &[String]) {
    let texts: Vec<Option<String>> = segments.iter().map(whole_text).collect();
    let voices = segments.iter().filter(|segment| !segment.is_speaker_in_text);
    let voices = voices.filter_map(|segment| segment.speaker_label.as_deref());
    let known: HashSet<String> = participants.iter().map(String::as_str).chain(voices).map(key).collect();
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (name, _) in texts.iter().flatten().filter_map(|text| text.split_once(MARK)) {
        if is_plausible(name) {
            *counts.entry(key(name)).or_default() += 1;
        }
    }
    let is_believed = |name: &str| {
        let key = key(name);
        let recurs = || counts.get(&key).is_some_and(|count| *count > 1);
        let has_form = || is_placeholder(&key) || (participants.is_empty() && is_full_name(name));
        is_possible(name) && (known.contains(&key) || is_plausible(name) && (recurs() || has_form()))
    };
    for (segment, text) in segments.iter_mut().zip(texts) {
        let Some(text) = text else { continue };
        let named = text.split_once(MARK).filter(|(name, _)| is_believed(name));
        let is_known = |name: &str| is_possible(name) && known.contains(&key(name));
        let named = named.or_else(|| with_other_mark(&text).filter(|(name, _)| is_known(name)));
        segment.is_speaker_in_text = named.is_some();
        segment.speaker_label = named.map(|(name, _)| name.to_owned());
        segment.body = named.map_or_else(|| text.clone(), |(_, said)| said.to_owned());
    }
}

/// Splits a text at a mark that only a known name precedes, because sentences have it too: a colon without a space, a
/// full-width one, or brackets around the name.
fn with_other_mark(text: &str) -> Option<(&str, &str)> {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (name, said) = bracketed.or_else(|| text.split_once([':', '\u{ff1a}']))?;
    let said = said.trim_start_matches([':', '\u{ff1a}']).trim_start();
    (!said.is_empty()).then_some((name.trim(), said))
}

/// Returns the text including a removed name; `None` where the file names the speaker beside the text.
fn whole_text(segment: &TranscriptSegment) -> Option<String> {
    match &segment.speaker_label {
        None => Some(segment.body.clone()),
        Some(name) if segment.is_speaker_in_text => Some([name, MARK, &segment.body].concat()),
        Some(_) => None,
    }
}

/// Returns a name without case, extra spaces and parentheses: `Ben Okafor (he/him)` is Ben Okafor.
pub fn key(name: &str) -> String {
    let outside = without_parentheses(name);
    let words = if outside.trim().is_empty() { name } else { &outside };
    words.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

fn without_parentheses(name: &str) -> String {
    let mut depth = 0_usize;
    let outside = name.chars().filter(|c| match c {
        '(' => {
            depth += 1;
            false
        }
        ')' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    });
    outside.collect()
}

/// Returns whether `name` is short enough, and on one line.
fn is_possible(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains('\n') && name.chars().count() <= LONGEST_NAME_CHARS
}

/// Returns whether `name` can be a name at all, and not the beginning of a sentence.
fn is_plausible(name: &str) -> bool {
    let outside = without_parentheses(name);
    let words: Vec<&str> = outside.split_whitespace().collect();
    let begins_well = |first: &char| first.is_alphabetic() || matches!(first, '+' | '"' | '\'' | '“' | '@');
    let first = words.first().copied().unwrap_or_default();
    let begins_sentence = words.len() > 1 && first.starts_with(char::is_lowercase) && !is_particle(first);
    is_possible(name)
        && (1..=MOST_WORDS).contains(&words.len())
        && first.chars().next().as_ref().is_some_and(begins_well)
        && !begins_sentence
        && !(words.len() == 1 && INTRODUCTIONS.contains(&first.to_lowercase().as_str()))
        && !name.contains(['?', '!', ';', ':', '…', '。', '？', '！', '、', '،', '؟'])
        && words.iter().all(|word| !word.ends_with('.') || is_abbreviation(word))
}

/// Returns whether `name` has the form of a given name and a family name: at least two capitalized words.
fn is_full_name(name: &str) -> bool {
    let outside = without_parentheses(name);
    let bare = |word: &'_ str| word.trim_matches(|c: char| c.is_ascii_punctuation() || c == '“' || c == '”').to_owned();
    let words: Vec<String> = outside.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect();
    words.len() > 1 && words.iter().all(|word| word.starts_with(char::is_uppercase) || is_particle(word))
}

fn is_placeholder(key: &str) -> bool {
    PLACEHOLDERS.contains(&key.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' '))
}

fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word)
}

fn is_abbreviation(word: &str) -> bool {
    word.chars().count() == 2 || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}
