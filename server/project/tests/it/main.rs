//! Readers over whole corpora.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests: a failed unwrap is a failed test

mod corpus_partitions;
mod corpus_platformio;
mod fixtures;
mod west;
