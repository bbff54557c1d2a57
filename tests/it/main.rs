//! End to end: the real binary against a simulated board, and tools that others wrote.

mod boundaries;
mod example;
mod failures;
mod faults;
mod harness;
mod lsp_client;
mod main_job;
mod mock_board;
