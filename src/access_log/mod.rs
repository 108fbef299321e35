//! The `access_log` room.
