//! Filling blank offsets, counting sizes from end addresses, and the order of the rows.

use super::number::signed_hex;
use super::problem::{Complaint, Problem, Stage};
use super::row::{Column, Row, Written};
use super::rules::Rules;
use super::{Options, TABLE_SECTOR_BYTES};

/// What the rows so far take up.
struct Taken {
    /// First byte that is free; wrong for filling once a row's size is unknown.
    end: i128,
    /// Whether every row so far is known.
    is_certain: bool,
    /// The row that ends there; `None`: the table itself.
    by: Option<usize>,
}

/// Gives every row its place, as far as that can be told. A row that cannot be read makes blank
/// offsets after it unknown, and is not a reason to complain about them.
pub(super) fn fill(rows: &mut [Row], options: &Options, problems: &mut Vec<Problem>) {
    let rules = Rules::of(options);
    let mut taken = Taken {
        end: i128::from(options.table_offset) + i128::from(TABLE_SECTOR_BYTES),
        is_certain: true,
        by: None,
    };
    for index in 0..rows.len() {
        let row = &rows[index];
        if row.is_fixed() {
            let (offset, size) = (number(row.written_offset), number(row.written_size));
            place(&mut rows[index], index, offset, size, problems);
            continue;
        }
        let start = match row.written_offset {
            Written::Number(offset) => {
                if offset < taken.end {
                    problems.push(too_early(rows, index, offset, &taken, &rules));
                }
                Some(offset)
            }
            Written::Blank if taken.is_certain && row.kind.is_some() => {
                let alignment = row.alignment(&rules);
                Some((taken.end + alignment - 1) / alignment * alignment)
            }
            Written::Blank | Written::Unknown => None,
        };
        let size = match (number(row.written_size), start) {
            (Some(size), Some(start)) if size < 0 => Some(-size - start),
            (Some(size), None) if size < 0 => None,
            (size, _) => size,
        };
        match (start, size) {
            (Some(start), Some(size)) => {
                if start + size > taken.end {
                    taken.end = start + size;
                    taken.by = Some(index);
                }
                // What is placed here is certain again, whatever is above.
                taken.is_certain = true;
            }
            _ => taken.is_certain = false,
        }
        place(&mut rows[index], index, start, size, problems);
    }
}

fn number(written: Written) -> Option<i128> {
    match written {
        Written::Number(value) => Some(value),
        Written::Blank | Written::Unknown => None,
    }
}

fn too_early(
    rows: &[Row],
    index: usize,
    offset: i128,
    taken: &Taken,
    rules: &Rules<'_>,
) -> Problem {
    let row = &rows[index];
    let free = taken.end;
    let alignment = row.alignment(rules);
    let next = (free + alignment - 1) / alignment * alignment;
    let shown = signed_hex(offset);
    let complaint = match taken.by {
        None => Complaint::new(
            "below-table-end",
            format!(
                "Offset {shown} is inside or before the partition table; the first free offset is {free:#x}."
            ),
        ),
        Some(before) => {
            let before = &rows[before];
            let ends_first = number(row.written_size).is_some_and(|size| {
                size >= 0 && before.offset.is_some_and(|o| offset + size <= o.into())
            });
            let message = if ends_first {
                format!(
                    "Rows must be in ascending order: '{}' at {shown} comes after '{}', which ends at {free:#x}.",
                    row.name, before.name
                )
            } else {
                format!(
                    "'{}' at {shown} overlaps '{}' ({:#x} to {:#x}).",
                    row.name,
                    before.name,
                    before.offset.unwrap_or_default(),
                    free - 1
                )
            };
            Complaint::new("overlap", message)
        }
    };
    let complaint = complaint.replaced_by(Some(format!("{next:#x}")));
    let mut problem = row.problem(index, Stage::Place, Column::Offset, complaint);
    problem.related = taken.by.map(|before| {
        let name = &rows[before].name;
        (before, format!("'{name}' ends at {free:#x}"))
    });
    problem
}

/// Enters a row's place, if it fits in 32 bits.
fn place(
    row: &mut Row,
    index: usize,
    offset: Option<i128>,
    size: Option<i128>,
    problems: &mut Vec<Problem>,
) {
    let mut word = |column, value: Option<i128>| {
        let value = value?;
        let complaint = match u32::try_from(value) {
            Ok(value) => return Some(value),
            // Before the table's end, which has been said.
            Err(_) if column == Column::Offset && value < 0 => return None,
            Err(_) if column == Column::Size && value < 0 => {
                let start = offset.map(signed_hex).unwrap_or_default();
                let message = format!("The end address is before the start {start}.");
                Complaint::new("size-negative", message)
            }
            Err(_) => {
                let message = format!("{} does not fit in 32 bits.", signed_hex(value));
                Complaint::new("offset-range", message)
            }
        };
        problems.push(row.problem(index, Stage::Place, column, complaint));
        None
    };
    let (offset, size) = (word(Column::Offset, offset), word(Column::Size, size));
    row.offset = offset;
    row.size = size;
}
