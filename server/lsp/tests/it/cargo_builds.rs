//! A genuine cargo builds firmware for a RISC-V chip. The crate does without `core`, which a toolchain has
//! only for targets that were installed; the linker is the toolchain's own.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::fbuild_lsp;
use crate::stdio::Server;

const MANIFEST: &str =
    "[package]\nname = \"blink\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";

const CONFIG: &str = r#"
[build]
target = "riscv32imc-unknown-none-elf"

[target.riscv32imc-unknown-none-elf]
linker = "rust-lld"
runner = "espflash flash --chip esp32c3"
rustflags = ["-Clink-arg=-Tlink.x"]

[env]
RUSTC_BOOTSTRAP = "1"
"#;

/// What an ESP32-C3 has where, and the word that a description of an app begins with.
const LINKER_SCRIPT: &str = "
ENTRY(call_start_cpu0)
SECTIONS {
  .flash.appdesc 0x3C000020 : { LONG(0xABCD5432) . += 252; }
  .text 0x42010020 : { *(.text .text.*) }
  /DISCARD/ : { *(.eh_frame .comment) }
}
";

/// The names of these items are between rustc and `core`, and may be others in another release.
const MAIN: &str = r#"#![feature(no_core, lang_items)]
#![allow(internal_features)]
#![no_core]
#![no_main]

#[lang = "pointee_sized"]
trait PointeeSized {}
#[lang = "meta_sized"]
trait MetaSized: PointeeSized {}
#[lang = "sized"]
trait Sized: MetaSized {}
#[lang = "copy"]
trait Copy {}

#[unsafe(no_mangle)]
extern "C" fn call_start_cpu0() -> u32 {
    7
}
"#;

/// `li a0, N` and `ret`.
const RETURNS_7: [u8; 4] = [0x1D, 0x45, 0x82, 0x80];
const RETURNS_8: [u8; 4] = [0x21, 0x45, 0x82, 0x80];

fn holds(board: &Path, code: [u8; 4]) -> bool {
    let flash = fs::read(board).unwrap();
    flash.windows(code.len()).any(|it| it == code)
}

#[test]
fn an_edit_is_built_by_cargo_and_what_does_not_compile_is_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let blink = folder.path().join("blink");
    for (file, text) in [
        ("Cargo.toml", MANIFEST),
        (".cargo/config.toml", CONFIG),
        ("link.x", LINKER_SCRIPT),
        ("src/main.rs", MAIN),
    ] {
        let path = blink.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut command = fbuild_lsp(folder.path());
    // What is set for the build of this test is not for that one.
    for (name, _) in std::env::vars() {
        let is_ours = name.starts_with("CARGO_") && !matches!(&*name, "CARGO_HOME");
        if is_ours || name.starts_with("RUSTFLAGS") {
            command.env_remove(name);
        }
    }
    // rustup's programs look for the toolchain below the home that is not theirs here.
    if let Some(home) = std::env::home_dir() {
        for (name, place) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            if std::env::var_os(name).is_none() && home.join(place).is_dir() {
                command.env(name, home.join(place));
            }
        }
    }
    let main = blink.join("src/main.rs");
    let board = blink.join("board.bin");
    let mut server = Server::over(command, folder);
    server.initialize_trusted(blink);
    let argument = json!({"port": "sim:board.bin?chip=esp32c3"});

    let outcome = server.command(2, "deploy", &argument);
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    assert_eq!(outcome["build"]["command"], "cargo build --release");
    assert!(holds(&board, RETURNS_7));

    fs::write(&main, MAIN.replace("    7", "    seven")).unwrap();
    server.start_command(3, "deploy", &argument);
    let said = server.until_answer(3);
    let outcome = &said.last().unwrap()["result"];
    assert_eq!(outcome["error"]["code"], "build-failed", "{outcome}");
    let wrong: Vec<&Value> = said
        .iter()
        .filter(|it| it["method"] == "textDocument/publishDiagnostics")
        .flat_map(|it| it["params"]["diagnostics"].as_array().unwrap())
        .collect();
    let [found] = *wrong else { panic!("{said:?}") };
    assert_eq!(
        (&found["code"], &found["source"]),
        (&json!("E0425"), &json!("rustc"))
    );
    let line = MAIN.lines().position(|line| line == "    7").unwrap();
    assert_eq!(
        found["range"],
        json!({"start": {"line": line, "character": 4}, "end": {"line": line, "character": 9}})
    );
    assert!(holds(&board, RETURNS_7), "the board was not touched");

    fs::write(&main, MAIN.replace("    7", "    8")).unwrap();
    let outcome = server.command(4, "deploy", &argument);
    assert_eq!(outcome["outcome"], "selectiveFlash", "{outcome}");
    assert!(outcome["build"]["command"].is_string(), "{outcome}");
    assert!(holds(&board, RETURNS_8) && !holds(&board, RETURNS_7));
}
