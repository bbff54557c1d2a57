//! `fbuild-lsp`: a language server that puts firmware onto boards, and the same work from a shell. This
//! knows people, editors and agents: what they ask for, and how they are told. It never hears of what goes
//! over the wire to a board, or of how a plan is made.
//!
//! Read in this order: [`order`] is what a person asked for and what it resolves to, [`boards`] the
//! way to the boards ([`holding`] tells others who has one, [`giving_way`] asks for it), [`progress`]
//! the words for what is going on, [`mod@build`] how a target is built, [`json`] the shapes that leave
//! this process, [`remember`] what is kept between runs, [`monitor`] what a board prints. [`cli`],
//! [`server`] and [`mcp`] are the front ends; none decides what is written, that is `fbuild-deploy`'s.

// Tests read files of their own making.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod boards;
mod build;
mod cli;
mod explain;
mod giving_way;
mod holding;
mod json;
mod locked;
mod log;
mod mcp;
mod monitor;
mod network;
mod order;
mod plain;
mod port;
mod progress;
mod remember;
mod server;
mod state_dir;
mod stop;

fn main() -> std::process::ExitCode {
    cli::main()
}
