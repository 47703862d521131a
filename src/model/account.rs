//! One account under two slugs: advice to the operator.

/// Returns the advice for a configuration that would count an account twice: `stored` is the slug of its data,
/// `wanted` the configured one.
pub fn way_out(stored: &str, wanted: &str) -> String {
    format!(
        "keep the slug `{stored}`, or run `tributary sources rename {stored} {wanted}`, which keeps everything under the \
         new name; where both hold data, `tributary sources merge {stored} {wanted}`; or `tributary sources remove \
         {stored}`, which deletes the stored data. Each prints its changes, and makes them with --yes"
    )
}
