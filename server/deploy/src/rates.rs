//! Baud rates: the ladder, and what is remembered about each adapter.

use std::collections::BTreeMap;
use std::path::Path;

use fbuild_link::UsbId;
use serde::{Deserialize, Serialize};

use crate::store::Store;

/// Rates that are tried, slowest first. What bridges on boards can do lies between: CP2102 921600,
/// CH340 2 M, CP2102N, CH343 and FT232R 3 M.
pub const LADDER: [u32; 7] = [
    115_200, 230_400, 460_800, 921_600, 1_500_000, 2_000_000, 3_000_000,
];
/// Where to begin with an adapter that nothing is known of.
pub const START: u32 = 921_600;

/// The next rate above, if there is one.
pub fn step_up(baud: u32) -> Option<u32> {
    LADDER.into_iter().find(|&rate| rate > baud)
}

/// The next rate below, if there is one.
pub fn step_down(baud: u32) -> Option<u32> {
    LADDER.into_iter().rev().find(|&rate| rate < baud)
}

/// After so many deploys that ended well below a rate that had failed, it may be tried again: a bad
/// cable is not for ever.
const FORGIVEN_AFTER: u32 = 20;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Rates {
    adapters: BTreeMap<String, Adapter>,
}

/// What is known of one adapter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// Highest rate that worked.
    pub works: Option<u32>,
    /// Lowest rate that did not.
    pub fails: Option<u32>,
    /// Deploys that ended well since then.
    #[serde(default)]
    pub good_since: u32,
}

impl Adapter {
    /// The rate to begin with, where `usual` is that of an adapter that nothing is known of.
    pub fn start(&self, usual: u32) -> u32 {
        let start = self.works.unwrap_or(usual);
        match self.fails {
            Some(fails) if start >= fails => step_down(fails).unwrap_or(start.min(fails)),
            _ => start,
        }
    }
}

/// What is remembered of adapters, in a file.
#[derive(Debug)]
pub struct RateMemory {
    store: Store<Rates>,
    adapter: Option<String>,
}

impl RateMemory {
    /// Memory for the adapter behind a link. Without a path, or without a USB identity that tells
    /// the adapter from others, nothing is remembered.
    pub fn new(path: Option<&Path>, usb_id: Option<&UsbId>) -> Self {
        let name = |usb: &UsbId| {
            let serial_number = usb.serial_number.as_deref().unwrap_or("-");
            format!("{:04x}:{:04x}:{serial_number}", usb.vid, usb.pid)
        };
        Self {
            store: Store::new(path.map(Path::to_owned)),
            adapter: usb_id.map(name),
        }
    }

    /// What is known of the adapter.
    pub fn recall(&self) -> Adapter {
        let known = |name| self.store.read().adapters.get(name).copied();
        self.adapter.as_ref().and_then(known).unwrap_or_default()
    }

    /// A rate carried full blocks.
    pub fn worked(&self, baud: u32) {
        self.change(|adapter| {
            adapter.works = Some(adapter.works.map_or(baud, |known| known.max(baud)));
            adapter.fails = adapter.fails.filter(|&fails| fails > baud);
        });
    }

    /// A deploy that wrote something ended well at this rate.
    pub fn ended_well(&self, baud: u32) {
        self.worked(baud);
        self.change(|adapter| {
            if adapter.fails.is_some() {
                adapter.good_since += 1;
            }
            if adapter.good_since >= FORGIVEN_AFTER {
                (adapter.fails, adapter.good_since) = (None, 0);
            }
        });
    }

    /// A rate did not work, or is about to be tried and may leave nobody to say so.
    pub fn failed(&self, baud: u32) {
        self.change(|adapter| {
            adapter.fails = Some(adapter.fails.map_or(baud, |known| known.min(baud)));
            adapter.works = adapter.works.filter(|&works| works < baud);
            adapter.good_since = 0;
        });
    }

    fn change(&self, change: impl FnOnce(&mut Adapter)) {
        if let Some(name) = &self.adapter {
            self.store
                .change(|rates| change(rates.adapters.entry(name.clone()).or_default()));
        }
    }
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
            good_since: 0,
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
                fails: Some(2_000_000),
                good_since: 0,
            }
        );
    }

    #[test]
    fn it_begins_below_what_failed_and_tries_that_again_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rates.json");
        let memory = RateMemory::new(Some(&path), Some(&adapter("1")));
        assert_eq!(memory.recall().start(START), START);
        memory.failed(921_600);
        for _ in 1..FORGIVEN_AFTER {
            assert_eq!(memory.recall().start(START), 460_800);
            memory.ended_well(460_800);
        }
        assert_eq!(memory.recall().fails, Some(921_600));
        memory.ended_well(460_800);
        assert_eq!(
            (memory.recall().fails, memory.recall().works),
            (None, Some(460_800))
        );
    }

    #[test]
    fn boards_that_are_deployed_to_at_once_are_all_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rates.json");
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let adapter = adapter(&n.to_string());
                    RateMemory::new(Some(path), Some(&adapter)).worked(2_000_000);
                });
            }
        });
        for n in 0..8 {
            let adapter = adapter(&n.to_string());
            let known = RateMemory::new(Some(&path), Some(&adapter)).recall();
            assert_eq!(known.works, Some(2_000_000), "{n}");
        }
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
