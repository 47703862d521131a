//! Keys of API callers: list, make, rotate, revoke. The command line does the same.

pub(crate) mod change;
pub(crate) mod list;
