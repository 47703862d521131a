//! The fault list from F41 on: wrong and moving lists, clocks, and faults on our side.
//!
//! A test's name begins with the number of its fault; `docs/faults.md` lists all of them.

mod drift;
pub(crate) mod dump;
mod ends;
mod ends_of_participants;
mod own_faults;
mod own_side;
mod own_sockets;
mod pagination;
mod proof;
mod time;
mod walks;
