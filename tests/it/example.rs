//! The README's first command, and what it says about itself.

use crate::harness::{self, assert_holds_example, assert_in_flash, edited_example, example};

#[test]
fn the_example_goes_onto_a_board_and_then_matches() {
    let folder = tempfile::tempdir().unwrap();
    let flash = folder.path().join("board.bin");
    let port = format!("sim:{}", flash.display());
    let project = example();

    let first = harness::deploy(&project, &port, &[]).json();
    assert_eq!(first["outcome"], "fullFlash", "{first:#}");
    assert_holds_example(&flash, &project);
    let second = harness::deploy(&project, &port, &[]).json();
    assert_eq!(second["outcome"], "verifySkip", "{second:#}");
    let verify = harness::run(&[
        "verify",
        project.to_str().unwrap(),
        "--port",
        &port,
        "--json",
    ]);
    assert_eq!(verify.code, Some(0));
}

/// An edited string changes three sectors: build time and ELF hash, the string, the checksum.
#[test]
fn an_edited_string_rewrites_three_sectors() {
    let folder = tempfile::tempdir().unwrap();
    let port = format!("sim:{}", folder.path().join("board.bin").display());
    let first = harness::deploy(&example(), &port, &[]).json();
    assert_eq!(first["outcome"], "fullFlash", "{first:#}");

    let edited = folder.path().join("edited");
    edited_example(&edited);
    let second = harness::deploy(&edited, &port, &[]).json();
    assert_eq!(
        second["message"], "deploy succeeded (selective flash: firmware; 3 of 61 sectors)",
        "{second:#}"
    );
    assert_in_flash(
        &folder.path().join("board.bin"),
        0x1_0000,
        &edited.join("build/example.bin"),
    );
}

/// The committed images are the ones that the script makes.
#[test]
fn the_example_can_be_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("python3")
        .arg(example().join("make.py"))
        .arg("--out")
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(status.success());
    for file in [
        "bootloader/bootloader.bin",
        "partition_table/partition-table.bin",
        "example.bin",
        "flasher_args.json",
        "project_description.json",
    ] {
        let committed = std::fs::read(example().join("build").join(file)).unwrap();
        assert!(
            committed == std::fs::read(folder.path().join(file)).unwrap(),
            "{file}"
        );
    }
}
