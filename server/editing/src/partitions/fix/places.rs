//! Fixes of where a partition is and how large it is.

use fbuild_project::amount::amount;
use fbuild_project::partitions::csv::{Column, Row};
use fbuild_project::target::RegionKind;

use super::{Edit, Fix, Subject, alignment, one};
use crate::partitions::table::{Table, written};

impl Subject<'_> {
    pub(super) fn places(&self, code: &str) -> Vec<Option<Fix>> {
        let blank = || self.set("Leave the offset blank", Column::Offset, "");
        match code {
            "below-table-end" | "overlap" => vec![
                self.in_order(),
                self.next_free(),
                blank(),
                self.shrink_before(),
                self.blank_from(self.index),
            ],
            "align-app-offset" | "align-data-offset" => {
                let offset = self.row.offset.map(u64::from);
                let multiple = |at: Option<u64>| {
                    self.set(
                        format!("Move to {:#x}", at?),
                        Column::Offset,
                        &format!("{:#x}", at?),
                    )
                };
                vec![
                    multiple(offset.map(|at| at.next_multiple_of(self.alignment()))),
                    multiple(offset.map(|at| at - at % self.alignment())),
                    blank(),
                ]
            }
            "align-app-size" | "size-unaligned-data" => self.sizes_of(0x1000),
            "align-app-size-v1" => self.sizes_of(0x1_0000),
            "size-empty" | "flash-unused" => vec![fill(self.table, self.index)],
            "nvs-min-size" => {
                let flags = match self.row.text(Column::Flags) {
                    "" => "readonly".to_owned(),
                    flags => format!("{flags}:readonly"),
                };
                vec![
                    self.set("Make it 12 KiB", Column::Size, "0x3000"),
                    self.set("Make it read-only", Column::Flags, &flags),
                ]
            }
            "otadata-size" | "tee-otadata-size" => {
                vec![self.set("Make it 8 KiB", Column::Size, "0x2000")]
            }
            "flash-overflow" => vec![self.shrink_to_flash()],
            "gap" => {
                let mut before = self.table.rows[..self.index].iter();
                let before = before.rposition(|row| !row.is_fixed());
                vec![
                    before.and_then(|before| fill(self.table, before)),
                    self.next_free(),
                ]
            }
            "app-too-large" | "image-too-large" => self.grow_to_image(),
            "otadata-missing" => add_otadata(self.table),
            _ => Vec::new(),
        }
    }

    /// The offset right after everything before it.
    fn next_free(&self) -> Option<Fix> {
        let at = self
            .table
            .end_before(self.index)
            .next_multiple_of(self.alignment());
        let title = format!("Move to {at:#x}, the next free offset");
        self.set(title, Column::Offset, &format!("{at:#x}"))
    }

    /// The row moved up to where its offset belongs.
    fn in_order(&self) -> Option<Fix> {
        let (table, row) = (self.table, self.row);
        let is_behind = |other: &&Row| other.offset > row.offset && !other.is_fixed();
        let before = table.rows[..self.index].iter().find(is_behind)?;
        let at = table.line_span(before).start;
        let text = format!("{}{}", table.text.get(row.span.clone())?, table.line_end());
        Some(Fix {
            title: format!("Move the row up, before '{}'", before.name),
            edits: vec![
                Edit { span: at..at, text },
                Edit {
                    span: table.line_span(row),
                    text: String::new(),
                },
            ],
        })
    }

    /// The row before made to end where this one begins.
    fn shrink_before(&self) -> Option<Fix> {
        let before = self.table.rows[..self.index].iter();
        let before = before
            .filter(|row| !row.is_fixed())
            .max_by_key(|row| row.end())?;
        let size = u64::from(self.row.offset?.checked_sub(before.offset?)?);
        let edit = self.table.set(before, Column::Size, &written(size))?;
        let title = format!("Shrink '{}' to {}", before.name, amount(size));
        (size > 0).then(|| one(title, edit))
    }

    /// Offsets of this row and all after it left blank, so that they follow one another.
    fn blank_from(&self, index: usize) -> Option<Fix> {
        let edits = blanks_from(self.table, index).filter(|edits| edits.len() > 1)?;
        Some(Fix {
            title: "Leave the offsets from here on blank".to_owned(),
            edits,
        })
    }

    fn sizes_of(&self, unit: u64) -> Vec<Option<Fix>> {
        let Some(size) = self.row.size.map(u64::from) else {
            return Vec::new();
        };
        let sizes = [size.next_multiple_of(unit), size - size % unit];
        let sizes = sizes.into_iter().filter(|size| *size > 0);
        let fix = |size| {
            let title = format!("Change the size to {}", amount(size));
            self.set(title, Column::Size, &written(size))
        };
        sizes.map(fix).collect()
    }

    fn shrink_to_flash(&self) -> Option<Fix> {
        let room = self
            .table
            .options
            .flash_bytes?
            .checked_sub(self.row.offset?)?;
        let size = u64::from(room - room % 0x1000);
        let title = format!("Shrink to {}, up to the flash's end", amount(size));
        self.set(title, Column::Size, &written(size))
            .filter(|_| size > 0)
    }

    /// The size that what was built fits into, where later partitions stay and where they move.
    fn grow_to_image(&self) -> Vec<Option<Fix>> {
        let (table, row) = (self.table, self.row);
        let images = table.build.into_iter().flat_map(|build| &build.images);
        let is_app = row.kind == Some(0);
        let here = images.filter(|image| {
            let is_app = is_app && image.region.kind == RegionKind::App;
            is_app || row.offset == Some(image.region.offset)
        });
        let Some(needed) = here.filter_map(|image| image.len_bytes).max() else {
            return Vec::new();
        };
        let size = needed.next_multiple_of(self.alignment());
        let title = format!("Grow '{}' to {}", row.name, amount(size));
        let Some(edit) = table.set(row, Column::Size, &written(size)) else {
            return Vec::new();
        };
        let alone = one(title.clone(), edit.clone());
        let shifted = blanks_from(table, self.index + 1).map(|mut edits| {
            edits.push(edit);
            Fix {
                title: format!("{title} and leave later offsets blank"),
                edits,
            }
        });
        vec![Some(alone), shifted]
    }
}

fn blanks_from(table: &Table<'_>, index: usize) -> Option<Vec<Edit>> {
    let rows = table.rows.get(index..)?.iter();
    let written = rows.filter(|row| !row.is_fixed() && !row.text(Column::Offset).is_empty());
    written
        .map(|row| table.set(row, Column::Offset, ""))
        .collect()
}

/// A size up to the next partition that is at a given offset, or to the end of the flash.
fn fill(table: &Table<'_>, index: usize) -> Option<Fix> {
    let row = table.rows.get(index)?;
    let start = match row.offset {
        Some(offset) => offset.into(),
        None => table.end_before(index).next_multiple_of(alignment(row)),
    };
    let room = table.limit_after(index)?.checked_sub(start)?;
    let size = room - room % 0x1000;
    let edit = table.set(row, Column::Size, &written(size))?;
    let title = format!("Give '{}' all that is free: {}", row.name, amount(size));
    (size > 0).then(|| one(title, edit))
}

/// A row for otadata, wherever there is room for it.
fn add_otadata(table: &Table<'_>) -> Vec<Option<Fix>> {
    let end = table.line_end();
    let row = |offset: &str| format!("otadata, data, ota, {offset}, 0x2000,{end}");
    let before = table
        .rows
        .iter()
        .enumerate()
        .filter(|(_, row)| !row.is_fixed());
    let before = before.map(|(index, other)| {
        let free = table.end_before(index).next_multiple_of(0x1000);
        // Where the others' offsets are written, this one's is, too.
        let is_blank = other.text(Column::Offset).is_empty();
        let offset = if is_blank {
            String::new()
        } else {
            format!("{free:#x}")
        };
        let at = table.line_span(other).start;
        let edit = Edit {
            span: at..at,
            text: row(&offset),
        };
        Some(one(format!("Add otadata before '{}'", other.name), edit))
    });
    let last = table.rows.last().map(|last| {
        let at = table.line_span(last).end;
        let is_open = !table.text[..at].ends_with(['\n', '\r']);
        let text = if is_open {
            format!("{end}{}", row(""))
        } else {
            row("")
        };
        one("Add otadata at the end", Edit { span: at..at, text })
    });
    before.chain(std::iter::once(last)).collect()
}
