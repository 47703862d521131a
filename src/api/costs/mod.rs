//! Prices: the rate cards that stand, and what sessions would cost by others.
//!
//! Cards are read from bodies in one place, so that a what-if is held to the same rules as what is paid. What a session
//! costs is worked out in the database and never here.

pub(crate) mod card_body;
pub(crate) mod cards;
pub(crate) mod estimate;
