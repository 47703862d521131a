//! Answers from memory: an answer that was computed once is given again, as long as it would be computed the same.
//!
//! Two keys lead to a kept answer. The entity tag is made from the canonical question and everything that the answer
//! depends on, and costs one look-up in the database. The request as it was spelt, with the version of the data, costs
//! none: the version is known in memory and at most a moment old. Nothing here knows what is asked.

mod answers;
mod kept;
mod recall;
mod version;

pub use self::answers::Memory;
pub(crate) use self::answers::View;
pub(crate) use self::recall::{Recall, recall};
