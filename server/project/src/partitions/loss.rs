//! What happens to the data on a board when its partition table is replaced.

use std::fmt;

use super::{Partition, PartitionTable};
use crate::amount::{amount, amount_in_kib};

/// A data partition that the firmware will not find again as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The partition in the old table.
    pub partition: Partition,
    /// What happens to it.
    pub fate: Fate,
}

/// What happens to a data partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The new table has none of its name and type.
    Gone,
    /// The new table has it elsewhere, where its data is not.
    Moved {
        /// Byte offset in flash.
        to: u32,
    },
    /// It keeps its place and ends earlier.
    Shrunk {
        /// Size in bytes.
        to: u32,
    },
}

/// The data partitions of `old` that `new` moves, shortens or does not have, in the order of `old`.
///
/// A partition that only gets another name, or grows, keeps what is in it. Otadata is left out: which
/// slot boots is settled anew with every deploy.
pub fn losses(old: &PartitionTable, new: &PartitionTable) -> Vec<Loss> {
    let data = old.partitions.iter().filter(|it| holds_data(it));
    data.filter_map(|partition| {
        let fate = fate(partition, new)?;
        Some(Loss {
            partition: partition.clone(),
            fate,
        })
    })
    .collect()
}

/// Apps, boot loaders and tables are written anew; what else is in a table belongs to the firmware.
fn holds_data(partition: &Partition) -> bool {
    let is_code = matches!(partition.kind, 0x00 | 0x02 | 0x03);
    !is_code && !partition.is_otadata() && partition.size > 0
}

fn fate(old: &Partition, new: &PartitionTable) -> Option<Fate> {
    let is_kind = |it: &&Partition| (it.kind, it.subtype) == (old.kind, old.subtype);
    let mut same_kind = new.partitions.iter().filter(is_kind);
    let named = same_kind.clone().find(|it| it.label == old.label);
    let at_its_place = || same_kind.find(|it| it.offset == old.offset);
    match named.or_else(at_its_place) {
        None => Some(Fate::Gone),
        Some(new) if new.offset != old.offset => Some(Fate::Moved { to: new.offset }),
        Some(new) if new.size < old.size => Some(Fate::Shrunk { to: new.size }),
        Some(_) => None,
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Partition {
            label,
            offset,
            size,
            ..
        } = &self.partition;
        let kib = |bytes: u32| amount_in_kib(bytes.into());
        match self.fate {
            Fate::Gone => write!(
                f,
                "'{label}' ({} at {offset:#x}) is removed",
                amount((*size).into())
            ),
            Fate::Moved { to } => write!(f, "'{label}' moves from {offset:#x} to {to:#x}"),
            Fate::Shrunk { to } => {
                write!(f, "'{label}' shrinks from {} to {}", kib(*size), kib(to))
            }
        }
    }
}

/// Losses in one sentence.
pub fn losses_text(losses: &[Loss]) -> String {
    let each: Vec<String> = losses.iter().map(Loss::to_string).collect();
    format!(
        "with the new partition table, {}; the firmware will no longer find what is stored \
         there",
        each.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::super::csv;
    use super::*;

    fn table(text: &str) -> PartitionTable {
        csv::compile(text, &csv::Options::default()).unwrap()
    }

    const OLD: &str = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\n\
                       app0,app,ota_0,0x10000,0x140000\napp1,app,ota_1,0x150000,0x140000\n\
                       spiffs,data,spiffs,0x290000,0x160000\ncoredump,data,coredump,0x3F0000,0x10000\n";

    fn told(new: &str) -> Vec<String> {
        let losses = losses(&table(OLD), &table(new));
        losses.iter().map(Loss::to_string).collect()
    }

    #[test]
    fn what_moves_shrinks_or_goes_is_told() {
        assert_eq!(
            told(
                "nvs,data,nvs,0x9000,0x4000\nphy,data,phy,0xd000,0x1000\n\
                 app0,app,factory,0x10000,0x300000\ncoredump,data,coredump,0x310000,0x10000\n"
            ),
            [
                "'nvs' shrinks from 20 KiB to 16 KiB",
                "'spiffs' (1408 KiB at 0x290000) is removed",
                "'coredump' moves from 0x3f0000 to 0x310000"
            ]
        );
    }

    #[test]
    fn what_keeps_its_data_is_not() {
        assert_eq!(told(OLD), [""; 0]);
        // Another name at the same place, a larger one, and a slot less.
        let kept = OLD
            .replace("spiffs,data", "storage,data")
            .replace("app1,app,ota_1,0x150000,0x140000\n", "");
        assert_eq!(told(&kept), [""; 0]);
        let larger = "nvs,data,nvs,0x9000,0x7000\napp0,app,factory,0x10000,0x140000\n\
                      spiffs,data,spiffs,0x290000,0x170000\n";
        assert_eq!(told(larger), ["'coredump' (64 KiB at 0x3f0000) is removed"]);
        // Another type at the same place is another thing.
        let other = OLD.replace("data,spiffs", "data,littlefs");
        assert_eq!(told(&other), ["'spiffs' (1408 KiB at 0x290000) is removed"]);
    }
}
