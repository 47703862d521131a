//! Whose clock is off, by the clocks that a poll compared: the provider's, that of the process that polls, and the
//! database's. Of three, the two that agree are taken as right.

/// Skew above this is a fault, seconds: proofs are then cut to the earlier clock.
pub const SKEW_BORNE_SECONDS: i64 = 30;

/// Seconds by which two clocks were ahead of the database's; negative: behind. `None`: not known.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadClocks {
    pub(super) provider: Option<i32>,
    pub(super) poller: Option<i32>,
}

impl ReadClocks {
    /// Returns whose clock is off and by how much, in a sentence; `None`: none, as far as is known.
    pub(super) fn fault(self) -> Option<String> {
        let off = |skew: Option<i32>| skew.map(i64::from).filter(|skew| is_off(*skew));
        match (off(self.provider), off(self.poller)) {
            (None, None) => None,
            (Some(provider), None) => Some(format!("The provider's clock is {} the database's.", distance(provider))),
            // no third clock says which of the two is right
            (None, Some(poller)) if self.provider.is_none() => Some(format!(
                "The clock of the database and that of the machine that polls differ by {} s.",
                poller.abs()
            )),
            (None, Some(poller)) => {
                Some(format!("The clock of the machine that polls is {} the database's.", distance(poller)))
            }
            (Some(provider), Some(poller)) if !is_off(provider - poller) => Some(format!(
                "The clock of the database is {} the provider's and that of the machine that polls.",
                distance(-poller)
            )),
            (Some(provider), Some(poller)) => Some(format!(
                "The provider's clock is {} the database's, that of the machine that polls {} it.",
                distance(provider),
                distance(poller)
            )),
        }
    }
}

/// Returns whether a skew is a fault.
pub fn is_off(skew_seconds: i64) -> bool {
    skew_seconds.abs() > SKEW_BORNE_SECONDS
}

/// Describes a skew: so many seconds ahead of, or behind.
pub(super) fn distance(skew_seconds: i64) -> String {
    format!("{} s {}", skew_seconds.abs(), if skew_seconds < 0 { "behind" } else { "ahead of" })
}
