//! What is looked at on the board before it is written to: which slot starts, and what a new
//! partition table costs. Both backends find and say the same; esptool is run once more for it, and
//! only where there is something to find out.

#![cfg(unix)] // scripts wrap or replace esptool

use std::path::{Path, PathBuf};
use std::process::Command;

use fbuild_chip::Chip;
use fbuild_deploy::deploy::deploy;
use fbuild_deploy::outcome::{Backend, OutcomeKind, Report};
use fbuild_deploy::request::{Mode, Request};
use fbuild_link::error::OpenError;
use fbuild_loader::cancel::CancelToken;
use fbuild_project::target::Setting;
use fbuild_sim::Board;
use tempfile::TempDir;

use super::side_by_side::Pair;
use super::{esptools, newer};
use crate::firmware::{
    APP_AT, Build, FACTORY, NEW_LAYOUT, NVS, OLD_LAYOUT, OTA_0, OTA_1, OTADATA, OTADATA_AT, Row,
    STORAGE, TABLE_AT, image_of_sectors, noise, otadata, sized, table,
};

const CHIP: Chip = Chip::Esp32;
const FLASH_LEN: usize = 4 << 20;
const TWO_SLOTS: &[Row] = &[NVS, OTADATA, OTA_0, OTA_1];

fn build(rows: &[Row], more: &[(u32, Vec<u8>)]) -> Build {
    let mut files = vec![
        (CHIP.facts().bootloader_offset, image_of_sectors(CHIP, 1, 2)),
        (TABLE_AT, table(rows)),
        (APP_AT, image_of_sectors(CHIP, 2, 4)),
    ];
    files.extend_from_slice(more);
    files.sort_by_key(|(offset, _)| *offset);
    Build::new(&files)
}

fn put(flash: &mut [u8], offset: u32, bytes: &[u8]) {
    flash[offset as usize..][..bytes.len()].copy_from_slice(bytes);
}

/// Flash of a board that has the project's files and once updated itself: its second slot starts.
fn updated(build: &Build) -> Vec<u8> {
    let mut flash = build.flashed(FLASH_LEN);
    put(&mut flash, APP_AT, &image_of_sectors(CHIP, 10, 4));
    put(&mut flash, OTA_1.3, &image_of_sectors(CHIP, 11, 4));
    put(&mut flash, OTADATA_AT, &otadata(Some(1), Some(2)));
    flash
}

/// Flash of a board that runs the old build and has stored something.
fn used() -> Vec<u8> {
    let mut flash = build(OLD_LAYOUT, &[]).flashed(FLASH_LEN);
    for at in [NVS.3, STORAGE.3] {
        put(&mut flash, at, &noise(7, 100));
    }
    flash
}

/// esptool gives up on a board after 3 s; on a machine with much else to do that is not long.
const PATIENT: &str = "[esptool]\ntimeout = 60\nsync_timeout = 1\nmem_end_rom_timeout = 5\n";

/// Boards with this flash, and an esptool that is counted.
struct Watched {
    pair: Pair,
    calls: PathBuf,
    _folder: TempDir,
}

impl Watched {
    fn new(flash: Vec<u8>, program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("esptool.cfg"), PATIENT).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> \"$0.calls\"\nESPTOOL_CFGFILE=\"$0.cfg\" exec '{}' \"$@\"\n",
            program.display()
        );
        let program = written(folder.path(), &script);
        Self {
            pair: Pair::new(&Board::builder(CHIP).flash_contents(flash), &program),
            calls: folder.path().join("esptool.calls"),
            _folder: folder,
        }
    }

    /// Deploys by both backends, which have to agree in everything. The esptool backend's report, and
    /// the looks that it took: `read`, or `verify` after it.
    #[track_caller]
    fn deploy(&self, request: &Request) -> (Report, Vec<&'static str>) {
        let _ = std::fs::remove_file(&self.calls);
        let report = self.pair.deploy(request);
        let calls = std::fs::read_to_string(&self.calls).unwrap();
        let calls = calls.replace('_', "-");
        let calls = calls.lines().filter_map(|call| {
            let words = ["read-flash", "verify-flash"];
            words.into_iter().find(|word| call.contains(word))
        });
        let is_compared = request.mode != Mode::Full;
        (report, calls.skip(usize::from(is_compared)).collect())
    }
}

/// By a process of its own: what any process has open for writing cannot be run.
fn written(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("esptool");
    let write = r#"printf %s "$1" > "$2" && chmod 755 "$2""#;
    let status = Command::new("sh")
        .args(["-c", write, "sh", script])
        .arg(&path)
        .status();
    assert!(status.unwrap().success());
    path
}

#[track_caller]
fn assert_one_warning(report: &Report, words: &[&str]) {
    let [warning] = &report.warnings[..] else {
        panic!("{:#?}", report.warnings);
    };
    for word in words {
        assert!(warning.contains(word), "no '{word}' in: {warning}");
    }
}

#[test]
fn the_slot_that_is_written_is_the_one_that_starts() {
    for program in esptools() {
        let build = build(TWO_SLOTS, &[(OTADATA_AT, otadata(Some(1), None))]);
        let boards = Watched::new(updated(&build), &program);
        let (first, looks) = boards.deploy(&build.subset(&["firmware"]));
        assert_one_warning(&first, &["ota_1", "ota_0", "otadata is written"]);
        assert_eq!(looks, ["read-flash"], "the board has the project's table");
        let (again, looks) = boards.deploy(&build.subset(&["firmware"]));
        assert_eq!(again.outcome, OutcomeKind::VerifySkip);
        assert_eq!(again.warnings, [""; 0]);
        assert_eq!(looks, ["read-flash"]);
        // What is deployed needs no look.
        let (whole, looks) = boards.deploy(&build.request());
        assert_eq!(whole.outcome, OutcomeKind::VerifySkip);
        assert_eq!(looks, [""; 0]);
    }
}

#[test]
fn what_cannot_be_put_right_is_said() {
    let Some(program) = newer() else { return };
    let plain = build(TWO_SLOTS, &[]);
    let boards = Watched::new(updated(&plain), &program);
    let verify = plain.with(|it| it.mode = Mode::Verify);
    for request in [verify, plain.request(), plain.subset(&["firmware"])] {
        let (report, looks) = boards.deploy(&request);
        assert_one_warning(&report, &["ota_0", "ota_1", "erase otadata", "0xd000"]);
        assert_eq!(
            looks, ["read-flash"; 2],
            "otadata, and the slot that it selects"
        );
    }
    // Otadata that is deployed, and selects the other slot.
    let wrong = build(TWO_SLOTS, &[(OTADATA_AT, otadata(Some(1), Some(2)))]);
    let (report, _) = boards.deploy(&wrong.request());
    assert_one_warning(&report, &["ota_0", "ota_1"]);
}

#[test]
fn a_table_that_stays_on_the_board() {
    let Some(program) = newer() else { return };
    let project = build(&[NVS, FACTORY], &[]);
    // The board has the project's table: that is found out along with the comparison.
    let boards = Watched::new(project.flashed(FLASH_LEN), &program);
    let (same, looks) = boards.deploy(&project.subset(&["firmware"]));
    assert_eq!(same.warnings, [""; 0]);
    assert_eq!(looks, ["read-flash"], "the boot loader's header");
    // Another one, with slots; its otadata comes along with it.
    let mut flash = updated(&build(TWO_SLOTS, &[]));
    let boards = Watched::new(flash.clone(), &program);
    let (other, looks) = boards.deploy(&project.subset(&["firmware"]));
    let warnings = other.warnings.join("\n");
    assert!(
        warnings.contains("is not the project's") && warnings.contains("keeps running"),
        "{warnings}"
    );
    assert_eq!(looks, ["read-flash"; 2]);
    // A file of which nothing is known but its place.
    let file = Build::new(&[(APP_AT, image_of_sectors(CHIP, 5, 4))]);
    let (alone, looks) = boards.deploy(&file.request());
    assert_one_warning(&alone, &["ota_0", "ota_1", "erase otadata"]);
    assert_eq!(looks, ["read-flash"; 2]);
    // None.
    put(&mut flash, TABLE_AT, &[0xFF; 0xC00]);
    let boards = Watched::new(flash, &program);
    let (none, _) = boards.deploy(&project.subset(&["firmware"]));
    assert_one_warning(&none, &["no partition table at 0x8000"]);
}

#[test]
fn what_a_new_table_costs() {
    for program in esptools() {
        let new = build(NEW_LAYOUT, &[]);
        let boards = Watched::new(used(), &program);
        let keep = |mode| Request {
            mode,
            keep_data: true,
            ..new.request()
        };
        let lost = ["'nvs' moves from 0x9000", "'storage' shrinks from 1024 KiB"];
        let (planned, looks) = boards.deploy(&keep(Mode::Plan));
        assert_one_warning(&planned, &lost);
        assert_eq!(looks, ["read-flash", "verify-flash"]);
        // Also where nothing was compared.
        let (kept, looks) = boards.deploy(&keep(Mode::Full));
        assert_eq!(looks, ["read-flash", "verify-flash"]);
        let error = kept.error.unwrap();
        assert_eq!(error.code, "data-loss");
        assert!(error.what.contains(lost[0]), "{error:?}");
        assert!(error.board_state.contains("nothing was written"));
        assert!(boards.pair.flash() == used());
        let (warned, _) = boards.deploy(&new.request());
        assert_one_warning(&warned, &lost);
        let (again, looks) = boards.deploy(&keep(Mode::Auto));
        assert_eq!(again.outcome, OutcomeKind::VerifySkip);
        assert_eq!(looks, [""; 0], "the table is not replaced");
    }
}

#[test]
fn nothing_is_said_where_nothing_is_lost() {
    let Some(program) = newer() else { return };
    let new = build(NEW_LAYOUT, &[]);
    let keep = new.with(|it| it.keep_data = true);
    let blank = vec![0xFF; FLASH_LEN];
    let unused = build(OLD_LAYOUT, &[]).flashed(FLASH_LEN);
    for (flash, expected) in [
        (blank, &["read-flash"][..]),
        (unused, &["read-flash", "verify-flash"]),
    ] {
        let (report, looks) = Watched::new(flash, &program).deploy(&keep);
        assert_eq!(report.warnings, [""; 0]);
        assert!(report.error.is_none(), "{:?}", report.error);
        assert_eq!(looks, expected);
    }
}

/// An esptool that finds the app as it should be and the table another one, and cannot read.
const UNABLE: &str = r#"#!/bin/sh
case " $* " in
*" version "*) echo "esptool v5.6.0" ;;
*" flash-id "*)
    echo "Detecting chip type... ESP32"
    echo "Detected flash size: 4MB" ;;
*" dump-mem "*) head -c 28 /dev/zero > efuses.bin ;;
*" verify-flash "*) echo "ERROR: A fatal error occurred: Verification failed."; exit 2 ;;
*" write-flash "*) exit 2 ;;
*) echo "ERROR: A fatal error occurred: Something new."; exit 2 ;;
esac
"#;

/// Then the message says what is not known; where data is to be kept, nothing is written.
#[test]
fn what_esptool_cannot_read_is_not_claimed_to_be_known() {
    let folder = tempfile::tempdir().unwrap();
    let program = written(folder.path(), UNABLE);
    let build = build(TWO_SLOTS, &[]);
    let report = |mode, keep_data| {
        let request = Request {
            mode,
            keep_data,
            backend: Backend::Esptool,
            esptool: Some(program.clone()),
            port: "/dev/none".to_owned(),
            ..build.request()
        };
        let mut open = || {
            let port = request.port.clone();
            Err(OpenError::NotFound { port })
        };
        deploy(&request, &mut open, &mut |_| {}, &CancelToken::new())
    };
    let planned = report(Mode::Plan, true);
    assert_eq!(planned.outcome, OutcomeKind::Planned, "{planned:#?}");
    let warnings = planned.warnings.join("\n");
    for words in [
        "Something new.",
        "may no longer find its stored data",
        "whether the new firmware is the one that starts",
    ] {
        assert!(warnings.contains(words), "no '{words}' in {warnings}");
    }
    let kept = report(Mode::Auto, true).error.unwrap();
    assert_eq!(kept.code, "data-loss", "{kept:?}");
    assert!(kept.what.contains("may no longer find"), "{kept:?}");
    assert!(kept.board_state.contains("nothing was written"), "{kept:?}");
    // Without that wish it goes on, to where this one fails.
    let failed = report(Mode::Auto, false).error.unwrap();
    assert_eq!(failed.code, "esptool-failed", "{failed:?}");
}

/// What keeps a board from starting is refused, or told, in the same words by both.
#[test]
fn whether_it_starts() {
    let Some(program) = newer() else { return };
    let blank = || vec![0xFF; FLASH_LEN];
    let project = build(&[NVS, FACTORY], &[]);
    let boards = Watched::new(blank(), &program);
    let (alone, looks) = boards.deploy(&project.subset(&["firmware"]));
    let warnings = alone.warnings.join("\n");
    for words in ["no boot loader at 0x1000", "no partition table at 0x8000"] {
        assert!(warnings.contains(words), "no '{words}' in {warnings}");
    }
    assert_eq!(looks, ["read-flash"]);
    // The board's own boot loader, and a table that it refuses.
    let (boot_loader_at, small) = (CHIP.facts().bootloader_offset, 2 << 20);
    let small = sized(image_of_sectors(CHIP, 1, 2), small);
    let mut flash = project.flashed(FLASH_LEN);
    put(&mut flash, boot_loader_at, &small);
    let mut beyond = build(&[NVS, FACTORY, STORAGE], &[]);
    beyond.target.flash.size = Setting::Set("2MB".to_owned());
    let boards = Watched::new(flash.clone(), &program);
    for (request, header) in [
        (beyond.subset(&["partitions"]), "the board's boot loader"),
        (beyond.request(), "the boot loader's header in"),
    ] {
        let (refused, _) = boards.deploy(&request);
        let error = refused.error.unwrap();
        assert_eq!(error.code, "header-flash-size");
        assert!(error.what.contains(header), "{error}");
        assert!(boards.pair.flash() == flash);
    }
}
