//! Baud rates: the ladder, and what is remembered about each adapter.
//!
//! The memory is one small JSON file. It is replaced atomically, carries a version, and is ignored
//! (with a log line) when it cannot be read: it only saves time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fbuild_loader::link::UsbId;
use serde::{Deserialize, Serialize};

use crate::file::ReadError;
use crate::own_file;

/// Rates that are tried, slowest first. What bridges on boards can do lies between: CP2102 921600,
/// CH340 2 M, CP2102N, CH343 and FT232R 3 M.
pub const LADDER: [u32; 7] = [
    115_200, 230_400, 460_800, 921_600, 1_500_000, 2_000_000, 3_000_000,
];
/// Where to begin with an adapter that nothing is known of.
pub const START: u32 = 921_600;

/// The next rate above, if there is one.
#[must_use]
pub fn step_up(baud: u32) -> Option<u32> {
    LADDER.into_iter().find(|&rate| rate > baud)
}

/// The next rate below, if there is one.
#[must_use]
pub fn step_down(baud: u32) -> Option<u32> {
    LADDER.into_iter().rev().find(|&rate| rate < baud)
}

const VERSION: u32 = 1;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    version: u32,
    adapters: BTreeMap<String, Adapter>,
}

/// What is known of one adapter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Highest rate that worked.
    pub works: Option<u32>,
    /// Lowest rate that did not.
    pub fails: Option<u32>,
}

/// What is remembered of adapters, in a file.
#[derive(Debug, Clone)]
pub struct RateMemory {
    path: Option<PathBuf>,
    adapter: Option<String>,
}

impl RateMemory {
    /// Memory for the adapter behind a link. Without a path, or without a USB identity that tells
    /// the adapter from others, nothing is remembered.
    #[must_use]
    pub fn new(path: Option<&Path>, usb_id: Option<&UsbId>) -> Self {
        let name = |usb: &UsbId| {
            let serial_number = usb.serial_number.as_deref().unwrap_or("-");
            format!("{:04x}:{:04x}:{serial_number}", usb.vid, usb.pid)
        };
        Self {
            path: path.map(Path::to_owned),
            adapter: usb_id.map(name),
        }
    }

    /// What is known of the adapter.
    #[must_use]
    pub fn recall(&self) -> Adapter {
        let (Some(path), Some(adapter)) = (&self.path, &self.adapter) else {
            return Adapter::default();
        };
        read(path)
            .adapters
            .get(adapter)
            .copied()
            .unwrap_or_default()
    }

    /// A rate worked.
    pub fn worked(&self, baud: u32) {
        self.change(|adapter| {
            adapter.works = Some(adapter.works.map_or(baud, |known| known.max(baud)));
            adapter.fails = adapter.fails.filter(|&fails| fails > baud);
        });
    }

    /// A rate did not work, or is about to be tried and may leave nobody to say so.
    pub fn failed(&self, baud: u32) {
        self.change(|adapter| {
            adapter.fails = Some(adapter.fails.map_or(baud, |known| known.min(baud)));
            adapter.works = adapter.works.filter(|&works| works < baud);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Adapter)) {
        let (Some(path), Some(name)) = (&self.path, &self.adapter) else {
            return;
        };
        let mut contents = read(path);
        let adapter = contents.adapters.entry(name.clone()).or_default();
        let before = *adapter;
        change(adapter);
        if *adapter == before {
            return;
        }
        if let Err(error) = write(path, &contents) {
            tracing::warn!(path = %path.display(), %error, "baud rates are not remembered");
        }
    }
}

fn read(path: &Path) -> Contents {
    let fresh = Contents {
        version: VERSION,
        ..Contents::default()
    };
    let text = match own_file::read(path) {
        Ok(text) => text,
        Err(ReadError::NotFound) => return fresh,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "remembered baud rates are ignored");
            return fresh;
        }
    };
    match serde_json::from_slice::<Contents>(&text) {
        Ok(contents) if contents.version == VERSION => contents,
        Ok(contents) => {
            let version = contents.version;
            tracing::warn!(path = %path.display(), version, "remembered baud rates are ignored");
            fresh
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "remembered baud rates are ignored");
            fresh
        }
    }
}

fn write(path: &Path, contents: &Contents) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        own_file::directory(folder)?;
    }
    own_file::replace(path, &serde_json::to_vec_pretty(contents)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(serial_number: &str) -> UsbId {
        UsbId {
            vid: 0x10C4,
            pid: 0xEA60,
            serial_number: Some(serial_number.to_owned()),
            product: None,
        }
    }

    #[test]
    fn what_worked_is_remembered_per_adapter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/rates.json");
        let (one, other) = (adapter("0001"), adapter("0002"));
        let memory = RateMemory::new(Some(&path), Some(&one));
        assert_eq!(memory.recall(), Adapter::default());
        memory.worked(2_000_000);
        memory.failed(3_000_000);
        let known = Adapter {
            works: Some(2_000_000),
            fails: Some(3_000_000),
        };
        assert_eq!(RateMemory::new(Some(&path), Some(&one)).recall(), known);
        assert_eq!(
            RateMemory::new(Some(&path), Some(&other)).recall(),
            Adapter::default()
        );
        // Later errors at a rate that had worked.
        memory.failed(2_000_000);
        assert_eq!(
            memory.recall(),
            Adapter {
                works: None,
                fails: Some(2_000_000)
            }
        );
    }

    #[test]
    fn a_damaged_or_newer_file_is_ignored_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rates.json");
        for text in [
            "",
            "{",
            "[]",
            r#"{"version":2,"adapters":{}}"#,
            "\u{0}\u{1}",
        ] {
            std::fs::write(&path, text).unwrap();
            let memory = RateMemory::new(Some(&path), Some(&adapter("1")));
            assert_eq!(memory.recall(), Adapter::default(), "{text:?}");
            memory.worked(921_600);
            assert_eq!(memory.recall().works, Some(921_600), "{text:?}");
        }
    }

    #[test]
    fn ports_without_a_usb_identity_are_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rates.json");
        RateMemory::new(Some(&path), None).worked(921_600);
        assert!(!path.exists());
    }

    #[test]
    fn the_ladder_goes_both_ways() {
        assert_eq!(step_up(921_600), Some(1_500_000));
        assert_eq!(step_up(3_000_000), None);
        assert_eq!(step_down(500_000), Some(460_800));
        assert_eq!(step_down(115_200), None);
    }
}
