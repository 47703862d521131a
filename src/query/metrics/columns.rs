//! Column names in the SQL of a metric.
//!
//! Only the registry defines what a metric is made of. Other code that needs to know more (whether a plan can use one
//! table alone, whether the needed data were kept) reads it from the SQL and does not repeat it.

/// Returns the columns named in `sql`, each with the alias of its table; `s.outcome` gives `("s", "outcome")`.
pub(super) fn columns(sql: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named = sql.match_indices('.').map(move |(dot, _)| {
        let alias = sql[..dot].rsplit(|c: char| !is_word(c)).next().unwrap_or_default();
        let column = sql[dot + 1..].split(|c: char| !is_word(c)).next().unwrap_or_default();
        (alias, column)
    });
    // A number such as 0.5 is no column.
    named.filter(|(alias, _)| alias.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// Returns whether `sql` uses the alias `alias`.
pub(super) fn names(sql: &str, alias: &str) -> bool {
    columns(sql).any(|(own, _)| own == alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_and_numbers_are_not() {
        let found: Vec<_> = columns("0.5 * sum(s.a_b) filter (where m.c > t.now) + 1.5").collect();
        assert_eq!(found, [("s", "a_b"), ("m", "c"), ("t", "now")]);
        assert!(names("least(t.now, b.bucket_end)", "t") && !names("count.x + list.t", "t"));
    }
}
