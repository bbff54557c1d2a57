use fbuild_chip::security::BoardSecurity;
use fbuild_project::target::{Region, RegionKind, Source, Target};
use proptest::prelude::*;

use super::super::facts::{Facts, Image};
use super::super::project_files::{Judged, Refusal};
use super::*;
use crate::{Edit, Severity, laws};

const MARK: char = '‸';

fn view<'v>(name: &'v str, text: &'v str, facts: &'v Facts) -> View<'v> {
    View {
        path: Path::new(name),
        text,
        facts,
    }
}

fn diagnostics(name: &str, text: &str, facts: &Facts) -> Vec<Diagnostic> {
    let mut found = SdkConfig.diagnostics(view(name, text, facts));
    found.sort_by_key(|it| it.span.start);
    found
}

fn marked<'t>(text: &'t str, found: &[Diagnostic]) -> Vec<(&'static str, &'t str)> {
    let each = found.iter().map(|it| (it.code, &text[it.span.clone()]));
    each.collect()
}

fn check<'t>(text: &'t str, facts: &Facts) -> Vec<(&'static str, &'t str)> {
    marked(text, &diagnostics("/p/sdkconfig", text, facts))
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let mut text = text.to_owned();
    for edit in edits.iter().rev() {
        text.replace_range(edit.span.clone(), &edit.text);
    }
    text
}

/// An ESP32 with 4 MB, that was deployed to from here.
fn board() -> Board {
    Board {
        mac: Some("24:0a:c4:00:01:10".to_owned()),
        port: "COM7".to_owned(),
        chip: Some("esp32".to_owned()),
        flash_bytes: Some(4 << 20),
        security: None,
        deploys: Vec::new(),
    }
}

fn with_board() -> Facts {
    Facts {
        boards: vec![board()],
        ..Facts::default()
    }
}

/// A build of ESP-IDF with a boot loader of so many bytes, and its table at 0x8000.
fn build(bootloader_len: u64) -> Build {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bootloader.bin");
    std::fs::write(&path, [0]).unwrap();
    let mut target = Target::from_files(&[(0x1000, path.clone())]).unwrap();
    target.tool = fbuild_project::target::Tool::EspIdf;
    target.name = "espidf:build".to_owned();
    target.env = Some("build".to_owned());
    target.chip = Some(Chip::Esp32);
    target.table_offset = 0x8000;
    let region = Region {
        name: "bootloader".to_owned(),
        offset: 0x1000,
        source: Source::File(path),
        kind: RegionKind::Bootloader,
        encrypted: false,
    };
    Build {
        target,
        images: vec![Image {
            region,
            len_bytes: Some(bootloader_len),
            built_ms: None,
        }],
    }
}

#[test]
fn a_usual_file_is_fine() {
    let text = "#\n# Automatically generated file. DO NOT EDIT.\n\
                # Espressif IoT Development Framework (ESP-IDF) 5.3.1 Project Configuration\n#\n\
                CONFIG_IDF_TARGET=\"esp32\"\n# CONFIG_ESPTOOLPY_FLASHSIZE_2MB is not set\n\
                CONFIG_ESPTOOLPY_FLASHSIZE_4MB=y\nCONFIG_ESPTOOLPY_FLASHSIZE=\"4MB\"\n\
                CONFIG_PARTITION_TABLE_SINGLE_APP=y\n# CONFIG_PARTITION_TABLE_CUSTOM is not set\n\
                CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"partitions.csv\"\n\
                CONFIG_PARTITION_TABLE_OFFSET=0x8000\n# CONFIG_SECURE_BOOT is not set\n\
                CONFIG_ESP_REV_MIN_FULL=0\nCONFIG_NO_MATTER=whatever\n";
    let facts = Facts {
        builds: vec![build(0x6000)],
        ..with_board()
    };
    assert_eq!(check(text, &facts), []);
}

#[test]
fn lines_that_do_nothing_or_hold_the_wrong_thing_are_marked() {
    let text = "\u{feff}# 漢字 😀\r\nnoise\r\nCONFIG_SECURE_BOOT=n\r\n\
                CONFIG_PARTITION_TABLE_MD5=yes\r\nCONFIG_IDF_TARGET=esp32\r\n\
                CONFIG_PARTITION_TABLE_OFFSET=0xZZ\r\nCONFIG_SECURE_BOOT=n\r\n";
    let found = diagnostics("/p/sdkconfig", text, &Facts::default());
    assert_eq!(
        marked(text, &found),
        [
            ("no-option", "noise"),
            ("set-twice", "CONFIG_SECURE_BOOT=n"),
            ("bad-value", "yes"),
            ("bad-value", "esp32"),
            ("bad-value", "0xZZ"),
        ]
    );
    let mut text = text.to_owned();
    for found in found.iter().rev() {
        if let Some(fix) = found.fixes.first() {
            text = apply(&text, &fix.edits);
        }
    }
    assert_eq!(
        text,
        "\u{feff}# 漢字 😀\r\nnoise\r\nCONFIG_PARTITION_TABLE_MD5=y\r\n\
         CONFIG_IDF_TARGET=\"esp32\"\r\nCONFIG_PARTITION_TABLE_OFFSET=0xZZ\r\n\
         CONFIG_SECURE_BOOT=n\r\n"
    );
}

/// As IDEs save an offset, and as people write assignments.
#[test]
fn what_kconfig_reads_in_another_way_than_it_looks_has_a_fix() {
    let text = "CONFIG_PARTITION_TABLE_OFFSET=c000\nCONFIG_PARTITION_TABLE_MD5 = y\n\
                \tCONFIG_IDF_TARGET=\"esp32\"\n";
    let found = diagnostics("/p/sdkconfig.defaults", text, &Facts::default());
    assert_eq!(
        marked(text, &found),
        [
            ("hex-without-0x", "c000"),
            ("no-option", "CONFIG_PARTITION_TABLE_MD5 = y"),
            ("no-option", "\tCONFIG_IDF_TARGET=\"esp32\""),
        ]
    );
    let severities: Vec<_> = found.iter().map(|it| it.severity).collect();
    let expected = [Severity::Hint, Severity::Warning, Severity::Warning];
    assert_eq!(severities, expected);
    assert!(
        found[0].message.contains("this is 0xc000"),
        "{}",
        found[0].message
    );
    let mut fixed = text.to_owned();
    for found in found.iter().rev() {
        fixed = apply(&fixed, &found.fixes[0].edits);
    }
    assert_eq!(
        fixed,
        "CONFIG_PARTITION_TABLE_OFFSET=0xc000\nCONFIG_PARTITION_TABLE_MD5=y\n\
         CONFIG_IDF_TARGET=\"esp32\"\n"
    );
    let found = diagnostics("/p/sdkconfig.defaults", &fixed, &Facts::default());
    assert_eq!(marked(&fixed, &found), []);
}

#[test]
fn the_board_that_was_deployed_to_last_is_compared() {
    let text = "CONFIG_IDF_TARGET=\"esp32s3\"\nCONFIG_ESPTOOLPY_FLASHSIZE_8MB=y\n";
    let found = diagnostics("/p/sdkconfig", text, &with_board());
    assert_eq!(
        marked(text, &found),
        [
            ("chip-of-board", "\"esp32s3\""),
            ("flash-of-board", "CONFIG_ESPTOOLPY_FLASHSIZE_8MB=y")
        ]
    );
    assert!(
        found[0].message.contains("24:0a:c4:00:01:10 on COM7"),
        "{found:?}"
    );
    assert!(found[1].message.contains("has 4 MB"), "{found:?}");
    // The size is taken from the board while deploying.
    let updated = "CONFIG_ESPTOOLPY_FLASHSIZE_8MB=y\nCONFIG_ESPTOOLPY_HEADER_FLASHSIZE_UPDATE=y\n";
    assert_eq!(check(updated, &with_board()), []);
    let small = "CONFIG_ESPTOOLPY_FLASHSIZE=\"2MB\"\n";
    let found = diagnostics("/p/sdkconfig", small, &with_board());
    assert_eq!(
        (found[0].code, found[0].severity),
        ("flash-unused", Severity::Hint)
    );
    let unknown = "CONFIG_IDF_TARGET=\"esp8285\"\n";
    assert_eq!(
        check(unknown, &with_board()),
        [("unknown-chip", "\"esp8285\"")]
    );
}

#[test]
fn the_build_that_is_there_is_compared() {
    let facts = Facts {
        builds: vec![build(0x6000)],
        ..Facts::default()
    };
    let text = "CONFIG_IDF_TARGET=\"esp32c3\"\nCONFIG_PARTITION_TABLE_OFFSET=0x9000\n";
    assert_eq!(
        check(text, &facts),
        [
            ("chip-of-build", "\"esp32c3\""),
            ("table-offset-of-build", "0x9000")
        ]
    );
    let grown = Facts {
        builds: vec![build(0x7001)],
        ..Facts::default()
    };
    let text = "CONFIG_PARTITION_TABLE_OFFSET=0x8000\n";
    let found = diagnostics("/p/sdkconfig", text, &grown);
    assert_eq!(marked(text, &found), [("table-in-boot-loader", "0x8000")]);
    assert!(found[0].message.contains("0x9000"), "{found:?}");
    assert_eq!(
        check("CONFIG_PARTITION_TABLE_OFFSET=0x8800\n", &grown),
        [("table-offset", "0x8800")]
    );
}

#[test]
fn a_custom_table_must_be_there_and_fit() {
    let text = "CONFIG_PARTITION_TABLE_CUSTOM=y\n\
                CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"mine.csv\"\n\
                CONFIG_ESPTOOLPY_FLASHSIZE_2MB=y\n";
    let mut facts = Facts::default();
    facts.files.tables.insert("/p/partitions.csv".into());
    let found = diagnostics("/p/sdkconfig", text, &facts);
    assert_eq!(marked(text, &found), [("table-missing", "\"mine.csv\"")]);
    let repaired = apply(text, &found[0].fixes[0].edits);
    assert_eq!(check(&repaired, &facts), []);
    // It is there, and ends beyond the flash.
    facts.files.tables.insert("/p/mine.csv".into());
    let csv = "nvs,data,nvs,,0x4000\napp,app,factory,,2M\n";
    facts
        .files
        .texts
        .insert("/p/mine.csv".into(), csv.to_owned());
    assert_eq!(
        check(text, &facts),
        [("flash-overflow", "CONFIG_ESPTOOLPY_FLASHSIZE_2MB=y")]
    );
    let larger = text.replace("_2MB", "_4MB");
    assert_eq!(check(&larger, &facts), []);
}

#[test]
fn an_app_that_outgrew_a_table_of_esp_idf_is_said_where_that_is_chosen() {
    let refusal = Refusal {
        code: "app-exceeds-partition",
        message: "firmware: build/app.bin is 1100 KiB, and its partition 1024 KiB".to_owned(),
        remedy: String::new(),
        path: None,
    };
    let mut facts = Facts {
        builds: vec![build(0x6000)],
        ..Facts::default()
    };
    let judged = Judged {
        refusal: Some(refusal),
        ..Judged::default()
    };
    facts.files.judged.insert("espidf:build".to_owned(), judged);
    let text = "CONFIG_PARTITION_TABLE_SINGLE_APP=y\n";
    let expected = [(
        "app-exceeds-partition",
        "CONFIG_PARTITION_TABLE_SINGLE_APP=y",
    )];
    assert_eq!(check(text, &facts), expected);
    assert_eq!(check("CONFIG_PARTITION_TABLE_CUSTOM=n\n", &facts), []);
}

#[test]
fn options_that_burn_fuses_say_what_deploys_will_do_afterwards() {
    let text = "CONFIG_SECURE_FLASH_ENC_ENABLED=y\nCONFIG_SECURE_FLASH_ENCRYPTION_MODE_RELEASE=y\n\
                CONFIG_SECURE_BOOT=y\nCONFIG_SECURE_BOOT_V1_ENABLED=y\n\
                # CONFIG_SECURE_BOOT_BUILD_SIGNED_BINARIES is not set\n\
                CONFIG_SECURE_ENABLE_SECURE_ROM_DL_MODE=y\n";
    let codes: Vec<_> = check(text, &Facts::default())
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    assert_eq!(
        codes,
        [
            "flash-encryption",
            "release-mode",
            "secure-boot",
            "secure-boot-v1",
            "unsigned",
            "secure-download-mode"
        ]
    );
    // An option of flash encryption without flash encryption does nothing.
    let idle = "CONFIG_SECURE_FLASH_ENCRYPTION_MODE_RELEASE=y\n";
    assert_eq!(check(idle, &Facts::default()), []);
}

#[test]
fn defaults_that_do_not_count_are_told() {
    let text = "CONFIG_ESPTOOLPY_FLASHSIZE=\"8MB\"\nCONFIG_PARTITION_TABLE_OFFSET=0x9000\n\
                CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"p.csv\"\nCONFIG_ANY=y\n";
    let mut facts = Facts::default();
    let complete =
        "CONFIG_IDF_TARGET=\"esp32\"\nCONFIG_PARTITION_TABLE_OFFSET=0x8000\nCONFIG_ANY=n\n";
    let path = std::path::PathBuf::from("/p/sdkconfig");
    facts.files.texts.insert(path.clone(), complete.to_owned());
    let found = diagnostics("/p/sdkconfig.defaults", text, &facts);
    assert_eq!(
        marked(text, &found),
        [
            ("not-read", "CONFIG_ESPTOOLPY_FLASHSIZE=\"8MB\""),
            ("overruled", "CONFIG_PARTITION_TABLE_OFFSET=0x9000"),
            (
                "table-not-chosen",
                "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"p.csv\""
            ),
        ]
    );
    let written = &complete[found[1].related[0].span.clone()];
    assert_eq!(written, "CONFIG_PARTITION_TABLE_OFFSET=0x8000");
    assert_eq!(found[1].related[0].path, Some(path));
    let fixed = apply(text, &found[0].fixes[0].edits);
    assert!(
        fixed.starts_with("CONFIG_ESPTOOLPY_FLASHSIZE_8MB=y\n"),
        "{fixed}"
    );
    let fixed = apply(text, &found[2].fixes[0].edits);
    assert!(fixed.contains("CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_F"));
    // Defaults for another chip take no part.
    let other = diagnostics("/p/sdkconfig.defaults.esp32c3", text, &facts);
    assert!(other.iter().all(|it| it.code != "overruled"), "{other:?}");
}

#[test]
fn baud_rates_that_nobody_reads_are_struck_through() {
    let found = diagnostics(
        "/p/sdkconfig",
        "CONFIG_ESPTOOLPY_BAUD=921600\n",
        &Facts::default(),
    );
    assert_eq!(
        (found[0].code, found[0].is_deprecated),
        ("baud-unused", true)
    );
}

fn hover(text: &str, facts: &Facts) -> Option<String> {
    let at = text.find(MARK)?;
    let text = text.replace(MARK, "");
    let hover = SdkConfig.hover(view("/p/sdkconfig", &text, facts), at);
    hover.map(|it| it.markdown)
}

#[test]
fn what_the_last_board_refuses_stands_on_the_line_that_decides() {
    let with = |security: BoardSecurity| Facts {
        boards: vec![Board {
            security: Some(security),
            ..board()
        }],
        ..Facts::default()
    };
    let locked = with(BoardSecurity {
        secure_boot: true,
        ..BoardSecurity::default()
    });
    let encrypted = BoardSecurity {
        flash_encryption: true,
        ..BoardSecurity::default()
    };
    let release = with(BoardSecurity {
        encrypted_download_disabled: true,
        ..encrypted
    });
    let encrypted = with(encrypted);
    let plain = "CONFIG_IDF_TARGET=\"esp32\"\n# CONFIG_SECURE_BOOT is not set\n";
    let off = "# CONFIG_SECURE_BOOT is not set";
    assert_eq!(check(plain, &locked), [("secure-boot-of-board", off)]);
    let target = "CONFIG_IDF_TARGET=\"esp32\"";
    assert_eq!(check(plain, &encrypted), [("encryption-of-board", target)]);
    assert_eq!(check(plain, &with(BoardSecurity::default())), []);
    assert_eq!(check(plain, &with_board()), []);
    // A build that signs and encrypts is what those boards take, but for release mode.
    let secure = "CONFIG_SECURE_BOOT_BUILD_SIGNED_BINARIES=y\nCONFIG_SECURE_FLASH_ENC_ENABLED=y\n";
    let enabled = "CONFIG_SECURE_FLASH_ENC_ENABLED=y";
    let always = ("flash-encryption", enabled);
    assert_eq!(check(secure, &locked), [always]);
    assert_eq!(check(secure, &encrypted), [always]);
    let both = [always, ("encryption-of-board", enabled)];
    assert_eq!(check(secure, &release), both);
    // Defaults do not say everything.
    assert_eq!(diagnostics("/p/sdkconfig.defaults", plain, &locked), []);
    let shown = hover("# CONFIG_SECURE_BOOT is ‸not set\n", &locked).unwrap();
    let words = "Its secure boot is on, its flash encryption is off.";
    assert!(shown.contains(words), "{shown}");
}

#[test]
fn hover_says_what_an_option_means_for_a_deploy() {
    let facts = with_board();
    let shown = hover("CONFIG_IDF_T‸ARGET=\"esp32\"\n", &facts).unwrap();
    assert!(
        shown.starts_with("**CONFIG_IDF_TARGET** = `esp32`"),
        "{shown}"
    );
    assert!(
        shown.contains("24:0a:c4:00:01:10 on COM7 (esp32, 4 MB of flash)"),
        "{shown}"
    );
    assert!(
        hover("# CONFIG_SECURE_BOOT is ‸not set\n", &facts)
            .unwrap()
            .contains("= `n`")
    );
    assert_eq!(hover("CONFIG_ANYTHING=‸y\n", &facts), None);
}

#[test]
fn completions_replace_what_was_typed() {
    let mut facts = Facts::default();
    facts.files.tables.insert("/p/a/漢.csv".into());
    for (text, wanted, expected) in [
        (
            "CONFIG_PART‸\r\n",
            "CONFIG_PARTITION_TABLE_CUSTOM=y",
            "CONFIG_PARTITION_TABLE_CUSTOM=y\r\n",
        ),
        ("CONFIG_SECURE_BOOT=‸\n", "n", "CONFIG_SECURE_BOOT=n\n"),
        (
            "CONFIG_IDF_TARGET=\"es‸p32\"\n",
            "\"esp32s3\"",
            "CONFIG_IDF_TARGET=\"esp32s3\"\n",
        ),
        (
            "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=‸\n",
            "\"a/漢.csv\"",
            "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"a/漢.csv\"\n",
        ),
    ] {
        let at = text.find(MARK).unwrap();
        let text = text.replace(MARK, "");
        let found = SdkConfig.completions(view("/p/sdkconfig", &text, &facts), at);
        let it = found.iter().find(|it| it.text == wanted).expect(wanted);
        let edit = Edit {
            span: it.span.clone(),
            text: it.text.clone(),
        };
        assert_eq!(apply(&text, &[edit]), expected);
    }
    assert!(
        SdkConfig
            .completions(view("/p/sdkconfig", "# CONFIG", &facts), 8)
            .is_empty()
    );
}

proptest! {
    #[test]
    fn any_text_will_do(text in "(\u{feff}|)((# ?|\t)?CONFIG_(IDF_TARGET|ESPTOOLPY_FLASHSIZE(_8MB)?|PARTITION_TABLE_(OFFSET|CUSTOM|CUSTOM_FILENAME)|SECURE_BOOT|漢)?( is not set|=(\"?[a-z0-9漢]{0,3}\"?|y|0x[0-9a-f]{0,9}))?😀?(\n|\r\n)){0,9}") {
        let facts = with_board();
        for name in ["/p/sdkconfig", "/p/sdkconfig.defaults"] {
            let view = view(name, &text, &facts);
            laws::hold(view, 7);
        }
    }
}
