//! What a workspace holds and says: the targets of its build tools, their files, and what the files mean.
//! Nothing here has a board or a port, and nothing writes or runs.
//!
//! Files of a workspace are read here, once, for deploying and for editing: [`discover`] finds the
//! [`target`]s and reads the build tools' files, [`partitions`] tables in both forms, [`esp_image`] and
//! [`elf`] what an image says of itself, [`mod@build`] which command builds a target, [`mod@file`] is the
//! one way to read any of them. [`input_error`] says what is wrong with them.

// Tests read files of their own making.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod amount;
pub mod build;
pub mod discover;
pub mod elf;
pub mod esp_image;
pub mod file;
pub mod flash_size;
pub mod input_error;
pub mod intel_hex;
pub mod otadata;
pub mod partitions;
pub mod password;
pub mod plain;
pub mod remedy;
pub mod target;
pub mod uf2;
pub mod whole_image;
