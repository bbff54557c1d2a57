//! A success starts: the flash size in the boot loader's header, and the chain from boot ROM to app,
//! whatever of it is deployed and however it is named.

use fbuild_chip::Chip;
use fbuild_deploy::request::{Mode, Request};
use fbuild_loader::packet::op;
use fbuild_project::target::{Setting, Tool};
use fbuild_sim::Board;

use crate::bench::{Bench, Deployed};
use crate::firmware::{
    APP_AT, Build, FACTORY, NVS, OTA_0, OTA_1, Row, SECTOR, TABLE_AT, image_of_sectors, noise,
    otadata, sized, table,
};

const MB: u32 = 1 << 20;
/// Ends at 8 MB.
const LARGE: Row = ("fs", 1, 0x82, 0x20_0000, 0x60_0000);

/// A boot loader whose header says so many MB of flash.
fn boot_loader(chip: Chip, header_mb: u32) -> (u32, Vec<u8>) {
    let image = sized(image_of_sectors(chip, 1, 3), header_mb * MB);
    (chip.facts().bootloader_offset, image)
}

fn app(chip: Chip) -> (u32, Vec<u8>) {
    (APP_AT, image_of_sectors(chip, 2, 6))
}

fn build(chip: Chip, header_mb: u32, rows: &[Row]) -> Build {
    Build::new(&[
        boot_loader(chip, header_mb),
        (TABLE_AT, table(rows)),
        app(chip),
    ])
}

/// Everything from the boot loader to the app as one file's bytes.
fn merged(chip: Chip, header_mb: u32, rows: &[Row]) -> Vec<u8> {
    merged_with_table_at(TABLE_AT, chip, header_mb, rows)
}

fn merged_with_table_at(table_at: u32, chip: Chip, header_mb: u32, rows: &[Row]) -> Vec<u8> {
    let (at, boot_loader) = boot_loader(chip, header_mb);
    let mut bytes = vec![0xFF; (APP_AT - at) as usize];
    bytes[..boot_loader.len()].copy_from_slice(&boot_loader);
    let table = table(rows);
    let table_at = (table_at - at) as usize;
    bytes[table_at..table_at + table.len()].copy_from_slice(&table);
    bytes.extend(app(chip).1);
    bytes
}

fn blank(chip: Chip, len: u32) -> Bench {
    Bench::new(Board::builder(chip).flash_size(len))
}

fn holding(chip: Chip, build: &Build, len: u32) -> Bench {
    let board = Board::builder(chip).flash_size(len);
    Bench::new(board.flash_contents(build.flashed(len as usize)))
}

fn verify(request: Request) -> Request {
    Request {
        mode: Mode::Verify,
        ..request
    }
}

#[track_caller]
fn assert_refused(deployed: &Deployed, code: &str, words: &[&str]) {
    let error = deployed.report.error.as_ref();
    let error = error.unwrap_or_else(|| panic!("{:#?}", deployed.report));
    assert_eq!(error.code, code, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "no '{word}' in: {error}");
    }
    deployed.assert_untouched();
}

/// It succeeded, with one warning that has each of these words.
#[track_caller]
fn assert_warned(deployed: &Deployed, warnings: &[&str]) {
    assert!(deployed.report.error.is_none(), "{:#?}", deployed.report);
    let said = &deployed.report.warnings;
    assert_eq!(said.len(), warnings.len(), "{said:#?}");
    for (said, words) in said.iter().zip(warnings) {
        assert!(said.contains(words), "no '{words}' in: {said}");
    }
}

#[test]
fn a_table_that_ends_behind_the_headers_size_is_refused() {
    let chip = Chip::Esp32S3;
    let rows = [NVS, FACTORY, LARGE];
    let small = build(chip, 4, &rows);
    let bench = blank(chip, 8 * MB);
    let refused = bench.deploy(&small.request());
    assert_refused(
        &refused,
        "header-flash-size",
        &[
            "at-0.bin says 4 MB",
            "'fs' ends at 0x800000",
            "nothing starts",
        ],
    );
    let planned = small.with(|it| it.mode = Mode::Plan);
    assert_refused(&bench.deploy(&planned), "header-flash-size", &[]);
    // To compare does no harm, and who forces it is told.
    let verified = bench.deploy(&verify(small.request()));
    assert!(
        verified.report.warnings[0].contains("would be refused: the boot loader's header in"),
        "{:#?}",
        verified.report
    );
    let forced = small.with(|it| it.force = true);
    assert_warned(
        &bench.deploy(&forced),
        &["force overrides a refusal: the boot loader's header in"],
    );

    // What counts is the header as it is written.
    let mut patched = build(chip, 8, &rows);
    patched.target.flash.size = Setting::Set("4MB".to_owned());
    assert_refused(
        &bench.deploy(&patched.request()),
        "header-flash-size",
        &["4 MB"],
    );
    let mut patched = build(chip, 4, &rows);
    for size in [Setting::Set("8MB".to_owned()), Setting::Detect] {
        let bench = blank(chip, 8 * MB);
        patched.target.flash.size = size;
        assert_warned(&bench.deploy(&patched.request()), &[]);
        bench.assert_runs(APP_AT);
    }
}

#[test]
fn what_is_deployed_has_to_go_with_what_the_board_keeps() {
    let chip = Chip::Esp32;
    let small = build(chip, 4, &[NVS, FACTORY]);
    let large = build(chip, 4, &[NVS, FACTORY, LARGE]);
    // A table for more flash than the board's own boot loader knows of.
    let bench = holding(chip, &small, 8 * MB);
    let refused = bench.deploy(&large.subset(&["partitions"]));
    let words = [
        "the header of the board's boot loader says 4 MB",
        "0x800000",
    ];
    assert_refused(&refused, "header-flash-size", &words);
    let verified = bench.deploy(&verify(large.subset(&["partitions"])));
    assert!(verified.report.warnings[0].contains("would be refused: the header of the board's"));
    // A boot loader for less flash than the board's own table needs.
    let flash = build(chip, 8, &[NVS, FACTORY, LARGE]);
    let bench = holding(chip, &flash, 8 * MB);
    let refused = bench.deploy(&small.subset(&["bootloader"]));
    assert_refused(&refused, "header-flash-size", &["says 4 MB", "0x800000"]);
    // The app alone makes nothing worse, and does not start: the board was like that before.
    let bench = holding(chip, &large, 8 * MB);
    assert_warned(
        &bench.deploy(&large.subset(&["firmware"])),
        &["the header of the board's boot loader says 4 MB"],
    );
    let fine = holding(chip, &small, 8 * MB);
    for part in ["bootloader", "partitions", "firmware"] {
        assert_warned(&fine.deploy(&small.subset(&[part])), &[]);
    }
}

#[test]
fn a_header_for_more_flash_than_there_is_is_a_warning() {
    let words = "says 16 MB of flash, and the board has 4 MB";
    for chip in [Chip::Esp32, Chip::Esp32S3] {
        let large = build(chip, 16, &[NVS, FACTORY]);
        assert_warned(&blank(chip, 4 * MB).deploy(&large.request()), &[words]);
        // Also where the deploy itself puts it there.
        let mut set = build(chip, 4, &[NVS, FACTORY]);
        set.target.flash.size = Setting::Set("16MB".to_owned());
        assert_warned(&blank(chip, 4 * MB).deploy(&set.request()), &[words]);
        // Also the board's own.
        let bench = holding(chip, &large, 4 * MB);
        assert_warned(&bench.deploy(&large.subset(&["firmware"])), &[words]);
    }
}

#[test]
fn nothing_is_put_behind_the_size_that_the_build_is_configured_for() {
    let chip = Chip::Esp32S3;
    let mut build = Build::new(&[
        boot_loader(chip, 4),
        (TABLE_AT, table(&[NVS, FACTORY])),
        app(chip),
        (0x3F_0000, noise(5, 0x2_0000)),
    ]);
    // The board has room for it.
    assert_warned(
        &blank(chip, 8 * MB).deploy(&build.request()),
        &["is outside every partition"],
    );
    build.target.flash.size = Setting::Set("4MB".to_owned());
    let refused = blank(chip, 8 * MB).deploy(&build.request());
    let words = [
        "0x410000",
        "that the build is configured for",
        "4 MiB",
        "Correct the flash size",
    ];
    assert_refused(&refused, "past-flash-end", &words);
}

#[test]
fn an_image_of_the_whole_flash_is_looked_into() {
    let rows = [NVS, FACTORY];
    for chip in [Chip::Esp32, Chip::Esp32C3, Chip::Esp32C5, Chip::Esp32P4] {
        let right = chip.facts().bootloader_offset;
        let bytes = merged(chip, 4, &rows);
        for offset in [0, 0x1000, 0x2000, APP_AT] {
            let bench = blank(chip, 4 * MB);
            let deployed = bench.deploy(&Build::new(&[(offset, bytes.clone())]).request());
            if offset == right {
                assert_warned(&deployed, &[]);
                bench.assert_runs(APP_AT);
            } else {
                let words = [
                    &*format!("goes to {offset:#x}, but"),
                    &*format!("from {right:#x}"),
                ];
                assert_refused(&deployed, "bootloader-misplaced", &words);
            }
        }
    }
    // One that begins before the boot loader, as merging tools make them.
    let padded = [vec![0xFF; 0x1000], merged(Chip::Esp32, 4, &rows)].concat();
    let bench = blank(Chip::Esp32, 4 * MB);
    assert_warned(
        &bench.deploy(&Build::new(&[(0, padded.clone())]).request()),
        &[],
    );
    bench.assert_runs(APP_AT);
    // That is not a boot loader's place on another chip.
    let mut foreign = padded;
    foreign[0x1000 + 12] = 2;
    let deployed = blank(Chip::Esp32, 4 * MB).deploy(&Build::new(&[(0, foreign)]).request());
    assert_refused(&deployed, "chip-mismatch", &["ESP32-S2"]);
    // Its header and its table are compared, too.
    let small = Build::new(&[(0, merged(Chip::Esp32C3, 4, &[NVS, FACTORY, LARGE]))]);
    let deployed = blank(Chip::Esp32C3, 8 * MB).deploy(&small.request());
    assert_refused(&deployed, "header-flash-size", &["says 4 MB", "0x800000"]);
    // What covers the boot loader's place without one leaves none.
    let data = Build::new(&[(0, noise(3, 0x3000))]);
    let deployed = blank(Chip::Esp32, 4 * MB).deploy(&data.request());
    assert_refused(&deployed, "not-bootable", &["covers 0x1000", "ESP32"]);
}

/// Nothing but the image itself says where its table is.
#[test]
fn the_table_of_an_image_of_the_whole_flash_is_found_where_it_is() {
    let rows = [("nvs", 1, 2, 0xF000, 0x1000), FACTORY, LARGE];
    for (chip, table_at) in [
        (Chip::Esp32, 0x9000),
        (Chip::Esp32C3, 0xE000),
        (Chip::Esp32P4, 0xB000),
    ] {
        let bytes = |header_mb, rows| merged_with_table_at(table_at, chip, header_mb, rows);
        let at = chip.facts().bootloader_offset;
        let small = Build::new(&[(at, bytes(4, &rows))]);
        let deployed = blank(chip, 8 * MB).deploy(&small.request());
        assert_refused(&deployed, "header-flash-size", &["says 4 MB", "0x800000"]);
        let right = Build::new(&[(at, bytes(8, &rows))]);
        assert_warned(&blank(chip, 8 * MB).deploy(&right.request()), &[]);
        // At another place it is seen for what it is.
        let misplaced = Build::new(&[(APP_AT, bytes(8, &rows))]);
        let deployed = blank(chip, 8 * MB).deploy(&misplaced.request());
        assert_refused(&deployed, "bootloader-misplaced", &[]);
        // What names a place before its own end is data that looks like a table.
        let early = [("nvs", 1, 2, table_at, 0x1000), FACTORY, LARGE];
        let no_table = Build::new(&[(at, bytes(4, &early))]);
        let warned = "covers 0x8000, where the boot loader looks";
        assert_warned(&blank(chip, 8 * MB).deploy(&no_table.request()), &[warned]);
    }
    // As merging tools make them, from the flash's beginning.
    let padded = [
        vec![0xFF; 0x1000],
        merged_with_table_at(0x9000, Chip::Esp32, 4, &rows),
    ];
    let build = Build::new(&[(0, padded.concat())]);
    let deployed = blank(Chip::Esp32, 8 * MB).deploy(&build.request());
    assert_refused(&deployed, "header-flash-size", &["says 4 MB", "0x800000"]);
}

#[test]
fn a_boot_loader_at_another_chips_place_is_refused() {
    for (chip, offset) in [
        (Chip::Esp32S3, 0x1000),
        (Chip::Esp32, 0),
        (Chip::Esp32C5, 0x1000),
        (Chip::Esp32C6, 0x2000),
    ] {
        let build = Build::new(&[(offset, boot_loader(chip, 4).1)]);
        let deployed = blank(chip, 4 * MB).deploy(&build.request());
        assert_refused(&deployed, "bootloader-misplaced", &[]);
    }
}

#[test]
fn an_app_alone_on_a_blank_board_is_told_what_is_missing() {
    let chip = Chip::Esp32;
    let whole = build(chip, 4, &[NVS, FACTORY]);
    let no_boot_loader = "no boot loader at 0x1000, where an ESP32 starts it (the flash is blank)";
    let no_table = "no partition table at 0x8000";
    let alone = Build::new(&[app(chip)]);
    for request in [alone.request(), whole.subset(&["firmware"])] {
        let deployed = blank(chip, 4 * MB).deploy(&request);
        assert_warned(&deployed, &[no_boot_loader, no_table]);
    }
    let deployed = blank(chip, 4 * MB).deploy(&whole.subset(&["firmware", "partitions"]));
    assert_warned(&deployed, &[no_boot_loader]);
    let deployed = blank(chip, 4 * MB).deploy(&whole.subset(&["bootloader", "partitions"]));
    assert_warned(&deployed, &["no app on the board ('factory' at 0x10000)"]);
    let deployed = blank(chip, 4 * MB).deploy(&whole.subset(&["bootloader", "firmware"]));
    assert_warned(&deployed, &[no_table]);
    // What is there is named.
    let mut flash = whole.flashed(4 << 20);
    flash[0x1000..0x2000].fill(0);
    let bench = Bench::new(Board::builder(chip).flash_contents(flash.clone()));
    let firmware = whole.subset(&["firmware"]);
    assert_warned(&bench.deploy(&firmware), &["(there is no image)"]);
    let foreign = image_of_sectors(Chip::Esp32S3, 1, 3);
    flash[0x1000..0x1000 + foreign.len()].copy_from_slice(&foreign);
    let bench = Bench::new(Board::builder(chip).flash_contents(flash));
    let warning = "(there is an image for ESP32-S3)";
    assert_warned(&bench.deploy(&verify(firmware)), &[warning]);
}

/// All of a build that lists no boot loader, as with secure boot.
#[test]
fn a_whole_build_without_a_boot_loader_needs_one_on_the_board() {
    let chip = Chip::Esp32C3;
    let whole = build(chip, 4, &[NVS, FACTORY]);
    let mut rest = Build::new(&[(TABLE_AT, table(&[NVS, FACTORY])), app(chip)]);
    rest.target.tool = Tool::EspIdf;
    let bench = blank(chip, 4 * MB);
    let refused = bench.deploy(&rest.request());
    assert_refused(
        &refused,
        "not-bootable",
        &["no boot loader at 0x0", "Deploy what is missing"],
    );
    let forced = rest.with(|it| it.force = true);
    assert_warned(
        &bench.deploy(&forced),
        &["force overrides a refusal: the board has no boot loader"],
    );
    assert_warned(&bench.deploy(&whole.subset(&["bootloader"])), &[]);
    assert_warned(&bench.deploy(&rest.request()), &[]);
    bench.assert_runs(APP_AT);
}

/// A deploy that brings everything asks nothing more of the board; the app alone costs a few requests.
#[test]
fn only_what_is_not_deployed_is_looked_at() {
    let chip = Chip::Esp32;
    let whole = build(chip, 4, &[NVS, FACTORY]);
    let bench = holding(chip, &whole, 4 * MB);
    assert_eq!(bench.deploy(&whole.request()).count(op::READ_FLASH_SLOW), 0);
    let part = bench.deploy(&whole.subset(&["firmware"]));
    let looks = part.count(op::READ_FLASH_SLOW) + part.count(op::READ_FLASH);
    assert_eq!(looks, 1, "the boot loader's header");
}

#[test]
fn what_starts_without_a_table_is_left_alone() {
    // Zephyr and NuttX without a boot loader: one image that is larger than any boot loader.
    let simple = Build::new(&[(0, image_of_sectors(Chip::Esp32C3, 1, 20))]);
    assert_warned(&blank(Chip::Esp32C3, 4 * MB).deploy(&simple.request()), &[]);
    // Direct boot, which has no header at all.
    let mut direct = noise(3, 0x9000);
    direct[..8].copy_from_slice(&[0x1D, 0x04, 0xDB, 0xAE, 0x1D, 0x04, 0xDB, 0xAE]);
    let direct = Build::new(&[(0, direct)]);
    let deployed = blank(Chip::Esp32C3, 4 * MB).deploy(&direct.request());
    assert_warned(&deployed, &[]);
    deployed.assert_holds(&direct);
    // An app in its place does not.
    let mut payload = noise(4, 0x4000);
    payload[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    let app = Build::new(&[(0, crate::firmware::image(Chip::Esp32C3, &payload))]);
    let deployed = blank(Chip::Esp32C3, 4 * MB).deploy(&app.request());
    assert!(
        deployed.report.warnings[0].contains("looks like an app"),
        "{:#?}",
        deployed.report
    );
}

/// Files that are put by offset over what a board starts.
#[test]
fn what_goes_over_the_table_or_into_an_apps_partition_is_said() {
    let chip = Chip::Esp32;
    let whole = build(chip, 4, &[NVS, FACTORY, OTA_1]);
    let over = |at: u32, sectors: usize| {
        let other = Build::new(&[(at, noise(7, sectors * SECTOR))]);
        holding(chip, &whole, 4 * MB).deploy(&other.request())
    };
    let no_table =
        "covers 0x8000, where the boot loader looks for the partition table, and has none there";
    assert_warned(&over(TABLE_AT, 1), &[no_table]);
    for at in [APP_AT, APP_AT + 0x1_0000] {
        let words = "the partition 'factory' (0x10000 to 0x110000), where the board has an app, and is none";
        assert_warned(&over(at, 2), &[words]);
    }
    // NVS, a slot without an app, and what no partition is for.
    for at in [0x9000, 0x11_0000, 0x21_0000] {
        assert_warned(&over(at, 1), &[]);
    }
    // Boot loader and app in one file, and nothing where the table should be.
    let mut merged = merged(chip, 4, &[NVS, FACTORY]);
    let (at, _) = boot_loader(chip, 4);
    merged[(TABLE_AT - at) as usize..][..SECTOR].fill(0xFF);
    let merged = Build::new(&[(at, merged)]);
    assert_warned(&blank(chip, 4 * MB).deploy(&merged.request()), &[no_table]);
}

/// An image of the whole flash that ends before otadata.
#[test]
fn otadata_behind_an_image_of_the_whole_flash_selects_what_starts() {
    let chip = Chip::Esp32;
    let late: Row = ("otadata", 1, 0, 0x30_0000, 0x2000);
    let rows = [NVS, OTA_0, OTA_1, late];
    let image = Build::new(&[(0x1000, merged(chip, 4, &rows))]);
    let mut flash = image.flashed(4 << 20);
    let other = image_of_sectors(chip, 9, 6);
    let (slot, selects) = (OTA_1.3 as usize, late.3 as usize);
    flash[slot..slot + other.len()].copy_from_slice(&other);
    let selected = otadata(Some(1), Some(2));
    flash[selects..selects + selected.len()].copy_from_slice(&selected);
    let bench = Bench::new(Board::builder(chip).flash_contents(flash));
    let deployed = bench.deploy(&image.request());
    assert_warned(&deployed, &["but otadata selects ota_1 (0x110000)"]);
    bench.assert_runs(OTA_1.3);
}

/// Rows for the boot loader, the table itself and a boot loader for recovery, as since ESP-IDF 5.4 and 6.
#[test]
fn a_table_that_names_what_starts_it_is_deployed() {
    let chip = Chip::Esp32C3;
    let rows = [
        ("boot", 2, 0, 0, 0x8000),
        ("table", 3, 0, TABLE_AT, 0x1000),
        NVS,
        FACTORY,
        ("recovery", 2, 2, 0x3F_0000, 0x8000),
    ];
    let build = build(chip, 4, &rows);
    let bench = blank(chip, 4 * MB);
    let deployed = bench.deploy(&build.request());
    assert_warned(&deployed, &[]);
    deployed.assert_holds(&build);
    bench.assert_runs(APP_AT);
}

#[test]
fn of_a_secured_board_it_is_said_what_is_not_known() {
    let chip = Chip::Esp32C3;
    let whole = build(chip, 4, &[NVS, FACTORY]);
    let board = Board::builder(chip).flash_contents(whole.flashed(4 << 20));
    let bench = Bench::new(board.secure_download());
    let deployed = bench.deploy(&whole.subset(&["firmware"]));
    let warning = "whether it has the boot loader and the partition table that this app needs";
    assert!(
        deployed
            .report
            .warnings
            .iter()
            .any(|said| said.contains(warning)),
        "{:#?}",
        deployed.report
    );
    assert!(deployed.report.error.is_none(), "{:#?}", deployed.report);
}
