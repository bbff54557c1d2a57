//! Root of a fuzz target of `tests/fuzz`, not of this package: any text as any document that there
//! is help with. It stands here because what it tests is private.
#![no_main]
#![allow(dead_code, unused_imports, missing_docs)] // most of the product is not called from here

mod boards;
mod cli;
mod editing;
mod explain;
mod json;
mod log;
mod order;
mod port;
mod progress;
mod remember;
mod server;
mod state_dir;

#[path = "editing/laws.rs"]
mod laws;

use std::path::Path;

use editing::facts::Facts;
use editing::format::View;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&which, bytes)) = data.split_first() else {
        return;
    };
    let names = ["partitions.csv", "platformio.ini", "sdkconfig", "flasher_args.json"];
    let path = Path::new("/p").join(names[usize::from(which & 3)]);
    let text = String::from_utf8_lossy(bytes);
    // A few places of each text: the next one asks elsewhere.
    let step = 1 + text.len() / 4 + usize::from(which >> 2);
    laws::hold(View { path: &path, text: &text, facts: &Facts::default() }, step);
});
