//! One account under two names: what an operator reads about it.

/// The way out of a configuration that would count an account twice: `stored` is the slug that holds its data, `wanted`
/// the configured one.
pub fn way_out(stored: &str, wanted: &str) -> String {
    format!(
        "keep the slug `{stored}`, or run `tributary sources rename {stored} {wanted}`, which keeps everything under the \
         new name; where both hold data, `tributary sources merge {stored} {wanted}`; or `tributary sources remove \
         {stored}`, which deletes what is stored. Each prints what it would do, and does it with --yes"
    )
}
