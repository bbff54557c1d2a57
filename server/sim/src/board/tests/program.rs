use std::sync::{Arc, Mutex};

use fbuild_link::memory::{MemoryLink, Time};
use fbuild_link::{Lines, Link as _};

use super::*;
use crate::Program;
use crate::boot::tests::{Flash, image, table_entry};

/// A board with an application, and a link to it.
fn link(program: Program) -> MemoryLink<Board> {
    let flash = Flash::blank()
        .with(0x1000, &image(1))
        .with(0x8000, &table_entry(0, 0, 0x1_0000))
        .with(0x1_0000, &image(2));
    let board = Board::builder(Chip::Esp32)
        .flash_size(1 << 20)
        .flash_contents(flash.0)
        .program(program)
        .build()
        .unwrap();
    MemoryLink::new("", Arc::new(Mutex::new(board)), Time::Accounted)
}

fn reset(link: &mut MemoryLink<Board>, download: bool) {
    let lines = |dtr, rts| Lines { dtr, rts };
    link.set_lines(lines(false, true)).unwrap();
    link.pause(Duration::from_millis(100));
    link.set_lines(lines(download, false)).unwrap();
}

fn read_for(link: &mut MemoryLink<Board>, millis: u64) -> String {
    let end = link.now() + Duration::from_millis(millis);
    let mut text = Vec::new();
    let mut buffer = [0; 100];
    while let Some(rest) = end.checked_sub(link.now()).filter(|rest| !rest.is_zero()) {
        let n = link.read(&mut buffer, rest).unwrap();
        text.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8(text).unwrap()
}

fn log(dir: &tempfile::TempDir) -> Program {
    let path = dir.path().join("log");
    std::fs::write(&path, "I (50) a: first\r\nI (900) a: second\r\n").unwrap();
    Program::Log(path)
}

#[test]
fn a_log_is_played_after_a_reset_and_only_then() {
    let dir = tempfile::tempdir().unwrap();
    let mut link = link(log(&dir));
    assert_eq!(read_for(&mut link, 2000), "", "it was started long ago");
    reset(&mut link, false);
    let text = read_for(&mut link, 500);
    assert!(
        text.contains("Loaded app") && text.ends_with("first\r\n"),
        "{text}"
    );
    assert_eq!(read_for(&mut link, 500), "I (900) a: second\r\n");
    assert_eq!(read_for(&mut link, 5000), "");
}

#[test]
fn a_reset_ends_what_a_program_prints() {
    let dir = tempfile::tempdir().unwrap();
    let mut link = link(log(&dir));
    reset(&mut link, false);
    read_for(&mut link, 500);
    reset(&mut link, true);
    let text = read_for(&mut link, 5000);
    assert!(text.ends_with("waiting for download\r\n"), "{text}");
    assert!(!text.contains("second"), "{text}");
}

#[test]
fn a_program_that_crashes_does_so_again_and_again() {
    let mut link = link(Program::LoadProhibited);
    reset(&mut link, false);
    let text = read_for(&mut link, 7000);
    assert!(text.matches("Guru Meditation").count() >= 3, "{text}");
    assert!(text.contains("Rebooting...\r\nets Jul 29 2019"), "{text}");
    assert!(text.contains("rst:0xc (SW_CPU_RESET)"), "{text}");
}

#[test]
fn a_log_that_cannot_be_read_is_named() {
    let build = |path: &std::path::Path| {
        let program = Program::Log(path.to_owned());
        let board = Board::builder(Chip::Esp32).program(program).build();
        board.unwrap_err().to_string()
    };
    let missing = build(std::path::Path::new("no-such.log"));
    assert!(missing.starts_with("log no-such.log: "), "{missing}");
    let dir = tempfile::tempdir().unwrap();
    assert!(build(dir.path()).ends_with("not a regular file"));
}
