//! "Did you mean": the allowed words nearest to a given one.
//!
//! Names of metrics, sources and zones are long enough to be mistyped, and a refusal that names the right word
//! saves a look at the documentation. This module does not know what the words mean.

/// Returns up to three of `allowed` that are few edits from `given`, nearest first.
pub(crate) fn nearest(given: &str, allowed: &[String]) -> Vec<String> {
    let given: String = given.to_lowercase().chars().take(64).collect();
    let reach = given.chars().count() / 3 + 1;
    let mut near: Vec<(usize, &String)> =
        allowed.iter().map(|word| (strsim::levenshtein(&given, word), word)).collect();
    near.retain(|(distance, _)| *distance <= reach);
    near.sort();
    near.into_iter().take(3).map(|(_, word)| word.clone()).collect()
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
