//! Real files, damaged at random: what [`laws`] says holds of them, too.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

use super::facts::Facts;
use super::format::View;
use super::laws;
use crate::facts::Port;

/// As much of a file as is asked about at every place in reasonable time.
const TEXT_BYTES_MAX: usize = 900;

/// Files of our own in the repository, under the names that they are helped with as.
fn corpus() -> Vec<(&'static str, String)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let mut found = Vec::new();
    let mut waiting = vec![tests.join("platformio"), tests.join("partitions-own")];
    while let Some(dir) = waiting.pop() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(&dir)
            .expect("the corpus")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        entries.sort();
        for path in entries {
            let name = match path.extension().and_then(|it| it.to_str()) {
                _ if path.is_dir() => {
                    waiting.push(path);
                    continue;
                }
                Some("ini") => "platformio.ini",
                Some("csv") => "partitions.csv",
                _ => continue,
            };
            let bytes = std::fs::read(&path).expect("a file");
            found.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    let sdkconfig = "# Automatically generated file. DO NOT EDIT.\n\
        CONFIG_IDF_TARGET=\"esp32\"\n# CONFIG_ESPTOOLPY_FLASHSIZE_2MB is not set\n\
        CONFIG_ESPTOOLPY_FLASHSIZE_4MB=y\nCONFIG_ESPTOOLPY_FLASHSIZE=\"4MB\"\n\
        CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"p.csv\"\n\
        CONFIG_PARTITION_TABLE_OFFSET=0x8000\nCONFIG_SECURE_BOOT=y\n";
    let flasher_args = r#"{"flash_settings": {"flash_mode": "dio", "flash_size": "2MB"},
        "flash_files": {"0x8000": "table.bin", "0x10000": "app.bin"},
        "app": {"offset": "0x10000", "file": "app.bin", "encrypted": "true"},
        "extra_esptool_args": {"chip": "esp32s3"}}"#;
    found.push(("sdkconfig", sdkconfig.to_owned()));
    found.push(("flasher_args.json", flasher_args.to_owned()));
    assert!(found.len() > 40, "only {} files", found.len());
    found
}

/// One thing that goes wrong with a text.
#[derive(Debug, Clone)]
enum Damage {
    Cut(Index, usize),
    Insert(Index, &'static str),
    Double(Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    const PIECES: &[&str] = &[
        "\r",
        "\n",
        "\t",
        "\u{feff}",
        "\u{b}",
        "\u{a0}",
        "\u{2028}",
        "\0",
        "分😀",
        ",",
        "=",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\\",
        "#",
        "$X",
        "${",
        "${this.",
        "%",
        "-1",
        "0x",
        "9999999999M",
        "env:",
    ];
    prop_oneof![
        (any::<Index>(), 1..9usize).prop_map(|(at, len)| Damage::Cut(at, len)),
        (any::<Index>(), prop::sample::select(PIECES))
            .prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (any::<Index>(), 1..40usize).prop_map(|(at, len)| Damage::Double(at, len)),
    ]
}

fn damaged(text: &str, damages: &[Damage]) -> String {
    let mut text = text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned();
    for damage in damages {
        let (Damage::Cut(at, _) | Damage::Insert(at, _) | Damage::Double(at, _)) = damage;
        let start = text.floor_char_boundary(at.index(text.len() + 1));
        let end = |len: usize| text.ceil_char_boundary((start + len).min(text.len()));
        match damage {
            Damage::Cut(_, len) => text.replace_range(start..end(*len), ""),
            Damage::Insert(_, piece) => text.insert_str(start, piece),
            Damage::Double(_, len) => {
                let piece = text[start..end(*len)].to_owned();
                text.insert_str(start, &piece);
            }
        }
    }
    text
}

fn facts() -> Facts {
    let mut facts = Facts {
        root: "/p".into(),
        ports: vec![Port {
            name: "COM1".to_owned(),
            product: None,
        }],
        ..Facts::default()
    };
    facts.files.tables.insert("/p/tables/mine.csv".into());
    facts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_laws_hold_of_damaged_files(
        file in any::<Index>(),
        damages in prop::collection::vec(damage(), 0..6),
        step in 7..40usize,
    ) {
        let files = corpus();
        let (name, text) = file.get(&files);
        let path = Path::new("/p").join(name);
        let text = damaged(text, &damages);
        laws::hold(View { path: &path, text: &text, facts: &facts() }, step);
    }
}
