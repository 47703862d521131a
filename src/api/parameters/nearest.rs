//! "Did you mean": the allowed words nearest to a given one.
//!
//! Names of metrics, sources and zones are long enough to be mistyped, and a refusal that names the right word
//! saves a look at the documentation. This module does not know what the words mean.

/// Returns up to three of `allowed` that are few edits from `given`, nearest first.
pub(crate) fn nearest(given: &str, allowed: &[String]) -> Vec<String> {
    let given: Vec<char> = given.to_lowercase().chars().take(64).collect();
    let reach = given.len() / 3 + 1;
    let mut near: Vec<(usize, &String)> = allowed.iter().map(|word| (distance(&given, word), word)).collect();
    near.retain(|(distance, _)| *distance <= reach);
    near.sort();
    near.into_iter().take(3).map(|(_, word)| word.clone()).collect()
}

/// Returns the Levenshtein distance.
fn distance(given: &[char], word: &str) -> usize {
    let mut row: Vec<usize> = (0..=given.len()).collect();
    for (line, letter) in word.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in given.iter().enumerate() {
            let replaced = diagonal + usize::from(*other != letter);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[given.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let allowed = ["resolution_rate", "resolved_sessions", "messages"].map(ToOwned::to_owned);
        assert_eq!(nearest("resolved_rate", &allowed), ["resolution_rate"]);
        assert_eq!(nearest("mesages", &allowed), ["messages"]);
        assert!(nearest("minutes_consumed_per_moon", &allowed).is_empty());
    }
}
