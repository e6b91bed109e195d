//! Chapters for those who use `nasbench`: what the commands and the library do, with measured figures and the commands that repeat them.
//!
//! A chapter is one Markdown file in `src/guide`, one line here and one row of the table in README.md; its `console` blocks are tested.

#[doc = include_str!("look_up.md")]
pub mod look_up {}

#[doc = include_str!("space.md")]
pub mod space {}

#[doc = include_str!("record.md")]
pub mod record {}

#[doc = include_str!("predict.md")]
pub mod predict {}

#[doc = include_str!("compare.md")]
pub mod compare {}

#[doc = include_str!("objectives.md")]
pub mod objectives {}

#[doc = include_str!("external.md")]
pub mod external {}

#[doc = include_str!("train.md")]
pub mod train {}
