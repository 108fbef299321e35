//! The `files` room.
