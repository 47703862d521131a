//! Files behind links.
