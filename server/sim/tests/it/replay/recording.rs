//! Reading recordings; the format is described in `tests/recordings/README.md`.

use std::path::Path;

use serde_json::Value;

pub(super) enum Item {
    Note(String),
    /// A frame from the host, at this time. `cut`: the SHA-256 of the payload after the 24 bytes
    /// that are here.
    HostFrame {
        t: f64,
        bytes: Vec<u8>,
        cut: Option<String>,
    },
    /// An upload's header without its payload.
    Redacted {
        t: f64,
        header: Vec<u8>,
        len: usize,
    },
    HostRaw {
        t: f64,
        bytes: Vec<u8>,
    },
    ChipFrame(Vec<u8>),
    ChipRaw(Vec<u8>),
    Lines {
        t: f64,
        dtr: bool,
        rts: bool,
    },
    /// The chip left reset: into download mode?
    Reset {
        download: bool,
    },
}

pub(super) struct Recording {
    pub(super) name: String,
    pub(super) chip: String,
    pub(super) items: Vec<Item>,
}

impl Recording {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let meta: Value = lines.next().unwrap();
        Self {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            chip: meta["meta"]["chip"].as_str().unwrap().to_owned(),
            items: lines.map(|line| item(&line)).collect(),
        }
    }
}

fn item(line: &Value) -> Item {
    let t = line["t"].as_f64().unwrap_or(0.0);
    if let Some(note) = line["note"].as_str() {
        return Item::Note(note.to_owned());
    }
    match line["dir"].as_str() {
        Some("host") => {
            if line["redacted"].is_string() {
                Item::Redacted {
                    t,
                    header: hex(&line["header"]),
                    len: line["len"].as_u64().unwrap() as usize,
                }
            } else if line["raw"].is_string() {
                Item::HostRaw {
                    t,
                    bytes: hex(&line["raw"]),
                }
            } else {
                Item::HostFrame {
                    t,
                    bytes: hex(&line["hex"]),
                    cut: line["cut"]["payload_sha256"].as_str().map(str::to_owned),
                }
            }
        }
        Some("chip") => {
            if let Some(boot) = line["boot"].as_str() {
                Item::Reset {
                    download: boot == "download",
                }
            } else if line["raw"].is_string() {
                Item::ChipRaw(hex(&line["raw"]))
            } else if line["partial"].is_string() {
                Item::ChipRaw(hex(&line["partial"]))
            } else {
                Item::ChipFrame(hex(&line["hex"]))
            }
        }
        Some("lines") => Item::Lines {
            t,
            dtr: line["dtr"] == 1,
            rts: line["rts"] == 1,
        },
        other => panic!("unknown direction {other:?} in {line}"),
    }
}

pub(super) fn hex(value: &Value) -> Vec<u8> {
    from_hex(value.as_str().unwrap_or_else(|| panic!("no hex: {value}")))
}

pub(super) fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
