//! Text rules shared by both programs.
//!
//! Owns one rule for each: which characters deceive a reader. It decides nothing about who shows a text, and
//! uses no other module.

mod deceptive;

pub use deceptive::is_deceptive;
