//! Decide what should be on a board, and put it there. This knows images, what a board holds, and the ways
//! to write to it; it never hears of LSP, an editor or a command line, whose words a remedy leaves open.
//!
//! Read in this order: [`image`] is a target's bytes as they will be in flash (checked before any
//! board is touched), [`plan`] the decision, [`deploy`] the whole story of one deploy, [`outcome`] what
//! it says at the end.

// Tests read files of their own making.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod avr;
mod backend;
pub mod cost;
mod delta;
pub mod deploy;
pub mod espota;
pub mod esptool;
pub mod event;
pub mod failure;
pub mod image;
mod job;
pub mod kept_elfs;
pub mod native;
mod old_images;
pub mod outcome;
pub mod own_file;
pub mod plan;
pub mod process_group;
pub mod program;
pub mod rates;
pub mod request;
pub mod search;
pub mod store;
pub mod usb;
