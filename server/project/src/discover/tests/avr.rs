//! AVR environments of PlatformIO's: which board is meant, and what of their upload is not done.

use super::files::{Files, names};
use crate::target::Target;

const END: &str = ":00000001FF\n";

/// A project with a program that was built, for a board that is not installed.
fn project(board: &str, lines: &str) -> Files {
    let ini = format!("[env:it]\nplatform = atmelavr\nboard = {board}\n{lines}");
    Files::new(&[
        ("platformio.ini", &ini),
        (".pio/build/it/firmware.hex", END),
    ])
}

fn only(files: &Files) -> Target {
    let found = files.found_in("");
    let [target] = found.targets.as_slice() else {
        panic!("{found:?}")
    };
    target.clone()
}

#[test]
fn a_programmer_is_no_boot_loader() {
    for protocol in ["arduino", "wiring"] {
        let files = project("uno", &format!("upload_protocol = {protocol}\n"));
        assert!(only(&files).avr.is_some(), "{protocol}");
    }
    for protocol in ["stk500v1", "stk500v2", "usbasp"] {
        let files = project("uno", &format!("upload_protocol = {protocol}\n"));
        let found = files.found_in("");
        assert_eq!(names(&found), [""; 0]);
        let expected = format!("env:it is for atmelavr (board uno, upload_protocol {protocol})");
        assert_eq!(found.foreign, [expected]);
    }
}

#[test]
fn a_board_without_such_a_boot_loader_is_told_with_what_programs_it() {
    for (board, file, expected) in [
        ("leonardo", None, "board leonardo, programmed by avr109"),
        ("trinket5", None, "board trinket5, programmed by usbtiny"),
        ("mine", None, "board mine"),
        (
            "mine",
            Some(r#"{"build": {"mcu": "atmega32u4"}, "upload": {"protocol": "avr910"}}"#),
            "board mine, programmed by avr910",
        ),
    ] {
        let files = project(board, "");
        if let Some(file) = file {
            let place = format!("core/platforms/atmelavr/boards/{board}.json");
            files.write(&place, file.as_bytes());
            let described = r#"{"name": "atmelavr", "version": "5.1.0"}"#;
            files.write(
                "core/platforms/atmelavr/platform.json",
                described.as_bytes(),
            );
        }
        let found = files.found_with(&[("PLATFORMIO_CORE_DIR", "@/core")]);
        assert_eq!(
            found.foreign,
            [format!("env:it is for atmelavr ({expected})")]
        );
    }
}

#[test]
fn a_board_of_the_platform_is_as_its_file_says() {
    let files = project("mine", "");
    for (name, text) in [
        (
            "boards/mine.json",
            r#"{"build": {"mcu": "atmega1284p"}, "upload": {"protocol": "arduino", "speed": 57600,
                "maximum_size": 130048}}"#,
        ),
        (
            "platform.json",
            r#"{"name": "atmelavr", "version": "5.1.0"}"#,
        ),
    ] {
        files.write(&format!("core/platforms/atmelavr/{name}"), text.as_bytes());
    }
    let found = files.found_with(&[("PLATFORMIO_CORE_DIR", "@/core")]);
    let board = found.targets[0].avr.unwrap();
    assert_eq!((board.part.name, board.baud), ("atmega1284p", 57_600));
}

#[test]
fn version_1_has_no_addresses_for_all_of_a_large_part() {
    let files = project("megaatmega2560", "upload_protocol = arduino\n");
    assert_eq!(names(&files.found_in("")), [""; 0]);
    let smaller = "upload_protocol = arduino\nboard_upload.maximum_size = 131072\n";
    let board = only(&project("megaatmega2560", smaller)).avr.unwrap();
    assert_eq!(board.boot_start, 0x2_0000);
}

#[test]
fn what_is_uploaded_in_another_way_is_told() {
    const SERIAL: &str = "a deploy writes over the serial line, by the board's boot loader";
    for (lines, port, expected) in [
        ("upload_port = /dev/ttyX\n", Some("/dev/ttyX"), None),
        (
            "upload_port = /dev/ttyX\nupload_command = make burn\n",
            Some("/dev/ttyX"),
            Some("upload_command is not run"),
        ),
        (
            "upload_port = kiln.local\n",
            None,
            Some("upload_port kiln.local is not used"),
        ),
    ] {
        let target = only(&project("uno", lines));
        assert_eq!(target.port.as_deref(), port, "{lines}");
        let expected = expected.map(|what| format!("{what}: {SERIAL}"));
        assert_eq!(target.remarks, Vec::from_iter(expected), "{lines}");
    }
}
