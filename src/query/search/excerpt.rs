//! Excerpts of found texts: the part around the first matches, cut into pieces that are matches or not.
//!
//! Pieces need no markup, so a text can never become part of a page's markup. The database marks words by the rules of
//! the language, in a copy of the text that has the same number of characters.

use serde::Serialize;
use utoipa::ToSchema;

use crate::query::search::terms::Term;

/// Marks around a match, from the private use area; a text that has them has spaces instead.
pub(super) const MARKS: [char; 2] = ['\u{e000}', '\u{e001}'];

/// Most characters of an excerpt.
const LENGTH: usize = 240;
/// Characters before the first match.
const BEFORE: usize = 60;

/// A piece of an excerpt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExcerptPiece {
    /// Its text, as stored. Personal.
    pub text: String,
    /// Whether it matches the search.
    pub is_match: bool,
}

/// Returns the excerpt of a text; `marked` is its copy with marks.
pub(super) fn of(body: &str, marked: &str, terms: &[Term]) -> Vec<ExcerptPiece> {
    let body: Vec<char> = body.chars().collect();
    let mut is_match = marked_characters(marked, body.len());
    for term in terms.iter().filter(|term| !term.is_excluded) {
        for run in paired_runs(&term.text) {
            let starts = body.windows(run.len()).enumerate().filter(|(_, text)| **text == run[..]);
            for (at, _) in starts {
                is_match[at..at + run.len()].fill(true);
            }
        }
    }
    let first = is_match.iter().position(|is| *is).unwrap_or(0);
    let is_space = |at: &usize| body.get(*at).is_some_and(|c| c.is_whitespace());
    let earliest = first.saturating_sub(BEFORE);
    // a word is cut only where none begins nearby
    let from = if earliest == 0 { 0 } else { (earliest..first).find(is_space).map_or(earliest, |at| at + 1) };
    let latest = (from + LENGTH).min(body.len());
    let to =
        if latest == body.len() { latest } else { (from + LENGTH / 2..latest).rev().find(is_space).unwrap_or(latest) };
    pieces(&body, &is_match, from, to)
}

fn pieces(body: &[char], is_match: &[bool], from: usize, to: usize) -> Vec<ExcerptPiece> {
    let mut pieces: Vec<ExcerptPiece> = Vec::new();
    let ellipsis = |is_needed: bool| is_needed.then_some(('…', false));
    let shown = body[from..to].iter().copied().zip(is_match[from..to].iter().copied());
    for (c, is_match) in ellipsis(from > 0).into_iter().chain(shown).chain(ellipsis(to < body.len())) {
        match pieces.last_mut().filter(|last| last.is_match == is_match) {
            Some(last) => last.text.push(c),
            None => pieces.push(ExcerptPiece { text: c.into(), is_match }),
        }
    }
    pieces
}

/// Returns for each character of a text whether it is between marks.
fn marked_characters(marked: &str, count: usize) -> Vec<bool> {
    let (mut is_match, mut is_marked) = (Vec::with_capacity(count), false);
    for c in marked.chars() {
        match MARKS.iter().position(|mark| *mark == c) {
            Some(mark) => is_marked = mark == 0,
            None => is_match.push(is_marked),
        }
    }
    is_match.resize(count, false);
    is_match
}

/// Returns the runs of characters that the database cuts into pairs, which it does not mark.
fn paired_runs(text: &str) -> Vec<Vec<char>> {
    let chars: Vec<char> = text.chars().collect();
    let runs = chars.chunk_by(|a, b| is_paired(*a) == is_paired(*b)).filter(|run| is_paired(run[0]));
    runs.map(<[char]>::to_vec).collect()
}

/// Returns whether the database cuts runs of such characters into pairs: `core.paired_characters`.
fn is_paired(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str, marked: &str, words: &[&str]) -> String {
        let terms: Vec<Term> = words.iter().map(|word| Term { text: (*word).to_owned(), is_excluded: false }).collect();
        let pieces = of(body, marked, &terms);
        pieces
            .iter()
            .map(|piece| if piece.is_match { format!("[{}]", piece.text) } else { piece.text.clone() })
            .collect()
    }

    #[test]
    fn marks_are_carried_to_the_stored_text() {
        assert_eq!(shown("a <b>-c", "a  \u{e000}b\u{e001}  c", &["b"]), "a <[b]>-c");
        assert_eq!(shown("京都と東京都", "京都と東京都", &["東京"]), "京都と[東京]都");
        assert_eq!(shown("", "", &["b"]), "");
    }

    #[test]
    fn a_long_text_is_cut_at_words_around_the_first_match() {
        let body = format!("{}needle {}", "hay ".repeat(50), "straw ".repeat(50));
        let marked = body.replace("needle", "\u{e000}needle\u{e001}");
        let text = shown(&body, &marked, &["needle"]);
        assert!(text.starts_with("…hay hay") && text.ends_with("straw…"), "{text}");
        assert_eq!(text.find("[needle]"), Some("…".len() + 14 * 4), "{text}");
    }
}
