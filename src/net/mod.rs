//! The `net` room.
