//! Prices: the current rate cards, and what sessions would cost by others.
//!
//! Cards are read from bodies in one place, so that a what-if scenario follows the same rules as the prices
//! paid. The database computes what a session costs; this module never does.

pub(crate) mod card_body;
pub(crate) mod cards;
pub(crate) mod estimate;
pub(crate) mod replace;
