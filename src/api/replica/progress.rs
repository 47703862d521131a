//! The instant up to which a replica holds everything, from positions of the primary's log.
//!
//! Each look notes the primary's position, and the time before it was asked: what was committed before that time lies
//! before that position. Once the replica has replayed a position, it holds all of that.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

/// Most positions kept: an hour of looks. Beyond, every other one is dropped, which makes the instant coarser.
const MAX_SAMPLES: usize = 3_600;

/// Positions of the primary that the replica has not reached, and the instant of the last that it has.
#[derive(Debug, Default)]
pub(super) struct Progress {
    waiting: VecDeque<(DateTime<Utc>, i64)>,
    as_of: Option<DateTime<Utc>>,
}

impl Progress {
    /// Notes that everything committed before `at` lies before `lsn`.
    pub(super) fn note_primary(&mut self, at: DateTime<Utc>, lsn: i64) {
        // nothing was written since the last look
        self.waiting.pop_back_if(|(_, last)| *last == lsn);
        if self.waiting.len() >= MAX_SAMPLES {
            let mut is_kept = false;
            self.waiting.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
        self.waiting.push_back((at, lsn));
    }

    /// Returns the instant up to which a replica holds everything that has replayed up to `lsn`; `None`: unknown yet.
    pub(super) fn reached(&mut self, lsn: i64) -> Option<DateTime<Utc>> {
        while let Some((at, _)) = self.waiting.pop_front_if(|(_, position)| *position <= lsn) {
            self.as_of = Some(at);
        }
        self.as_of
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(second)
    }

    #[test]
    fn a_replica_is_as_old_as_the_last_position_that_it_has_replayed() {
        let mut progress = Progress::default();
        progress.note_primary(at(1), 100);
        assert_eq!(progress.reached(99), None);
        progress.note_primary(at(2), 200);
        progress.note_primary(at(3), 300);
        assert_eq!(progress.reached(100), Some(at(1)));
        assert_eq!(progress.reached(299), Some(at(2)));
        assert_eq!(progress.reached(299), Some(at(2)), "it does not move by itself");
        assert_eq!(progress.reached(300), Some(at(3)));
    }

    #[test]
    fn an_idle_primary_makes_no_replica_late() {
        let mut progress = Progress::default();
        progress.note_primary(at(1), 100);
        assert_eq!(progress.reached(100), Some(at(1)));
        progress.note_primary(at(60), 100);
        assert_eq!(progress.reached(100), Some(at(60)));
        progress.note_primary(at(61), 101);
        progress.note_primary(at(90), 101);
        assert_eq!((progress.reached(100), progress.waiting.len()), (Some(at(60)), 1));
        assert_eq!(progress.reached(101), Some(at(90)));
    }

    #[test]
    fn a_paused_replica_takes_bounded_memory_and_claims_no_more_than_it_has() {
        let mut progress = Progress::default();
        for second in 0..20_000 {
            progress.note_primary(at(second), second * 10);
        }
        assert!(progress.waiting.len() <= MAX_SAMPLES, "{}", progress.waiting.len());
        let found = progress.reached(15_000 * 10).expect("known");
        assert!(found <= at(15_000) && found > at(14_000), "{found}");
    }
}
