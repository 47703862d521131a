//! Writing in bulk: transactions for data that can be fetched again, and the size of their statements.
//!
//! A transaction of a page or of artifacts does not wait for the disk (`synchronous_commit = off`). After a crash of
//! the server the last of them may be missing, each as a whole and always the newest ones: rows, proof and progress
//! are lost together, and the data is fetched again. Any other commit waits for the disk and makes all earlier ones
//! durable. Leases, claims, launches, keys and operators' commands never use this mode.
//!
//! A statement's values are in memory several times on their way to the server, so the size of its statements
//! determines the memory that a large page needs.

use sqlx::{PgPool, Postgres, Transaction};

/// Settings and begin in one round trip. The statements look rows up by key. A plan made while a table was small or
/// without statistics would persist for the life of the connection, so sequential scans are off.
const BEGIN: &str = "begin; set local synchronous_commit = off; set local enable_seqscan = off";

/// Begins such a transaction.
pub(super) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with(BEGIN).await
}

/// Begins a transaction of an operator's command, which waits for the disk.
pub(super) async fn begin_durable(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with("begin; set local enable_seqscan = off").await
}

/// Bytes of values in one statement, unless a single row is larger.
const MAX_BYTES: usize = 1024 * 1024;

/// Splits `rows` into runs of at most `max_rows` rows and about [`MAX_BYTES`] bytes, by the size of each row.
pub(super) fn batches<T>(rows: &[T], max_rows: usize, bytes: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut left = rows;
    std::iter::from_fn(move || {
        let mut weight = 0_usize;
        let fitting = left.iter().take(max_rows).take_while(|row| {
            weight = weight.saturating_add(bytes(row));
            weight <= MAX_BYTES
        });
        let count = fitting.count().max(1).min(left.len());
        let (batch, rest) = left.split_at(count);
        left = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Whether one statement can carry all of `rows`.
pub(super) fn is_one<T>(rows: &[T], bytes: impl Fn(&T) -> usize) -> bool {
    rows.iter().map(bytes).fold(0, usize::saturating_add) <= MAX_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_batch_and_no_batch_is_too_heavy() {
        let sizes = [300_000, 900_000, 2_000_000, 10, 10, 10, 10, 10];
        let cut: Vec<Vec<usize>> = batches(&sizes, 3, |size| *size).map(<[usize]>::to_vec).collect();
        assert_eq!(cut, [vec![300_000], vec![900_000], vec![2_000_000], vec![10, 10, 10], vec![10, 10]]);
        assert_eq!(batches(&[0_usize; 0], 3, |size| *size).count(), 0);
    }
}
