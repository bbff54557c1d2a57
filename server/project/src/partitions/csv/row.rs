//! A row: what its cells say, each on its own.

use std::ops::Range;

use super::lines::{Cell, RowLine};
use super::names::{self, APP, BOOTLOADER, PARTITION_TABLE};
use super::number;
use super::problem::{Complaint, Problem, Stage};
use super::rules::Rules;
use super::{Options, Partition, TABLE_SECTOR_BYTES};

/// Columns of a table, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Column {
    Name,
    Type,
    Subtype,
    Offset,
    Size,
    Flags,
}

/// A row of a table. What could not be told is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Line, from 1.
    pub line: usize,
    /// The whole row, without the space around it.
    pub span: Range<usize>,
    /// As many cells as it has.
    pub cells: Vec<Cell>,
    /// First column, uncut.
    pub name: String,
    /// Second column.
    pub kind: Option<u8>,
    /// Third column.
    pub subtype: Option<u8>,
    /// Where it is, filled in where the cell is blank.
    pub offset: Option<u32>,
    /// Bytes, counted where the cell gives an end address.
    pub size: Option<u32>,
    /// Sixth column.
    pub flags: Option<u32>,
    /// Offset and size as written.
    pub(super) written_offset: Written,
    pub(super) written_size: Written,
}

/// A number as a cell has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Blank,
    /// Could not be read.
    Unknown,
    Number(i128),
}

impl Row {
    /// The cell of a column, if the row goes that far.
    pub fn cell(&self, column: Column) -> Option<&Cell> {
        self.cells.get(column as usize)
    }

    /// What is in a column; nothing where the row ends before it.
    pub fn text(&self, column: Column) -> &str {
        self.cell(column).map_or("", |cell| &cell.text)
    }

    /// Where a column is: an empty place at the row's end if the row ends before it.
    pub fn place(&self, column: Column) -> Range<usize> {
        self.cell(column)
            .map_or(self.span.end..self.span.end, |cell| cell.span.clone())
    }

    /// First byte after it.
    pub fn end(&self) -> Option<u64> {
        Some(u64::from(self.offset?) + u64::from(self.size?))
    }

    /// The partition that it describes, if all of it is known.
    pub fn partition(&self) -> Option<Partition> {
        Some(Partition {
            label: self.name.clone(),
            kind: self.kind?,
            subtype: self.subtype?,
            offset: self.offset?,
            size: self.size?,
            flags: self.flags?,
        })
    }

    /// Rows that describe what the build places anyway; they take no part in filling blanks.
    pub fn is_fixed(&self) -> bool {
        matches!(self.kind, Some(BOOTLOADER | PARTITION_TABLE)) && self.subtype == Some(0)
    }

    /// Whether the cell of an offset or a size counts; of some rows the build knows better.
    pub fn is_read(&self, column: Column) -> bool {
        match (self.kind, self.subtype) {
            (Some(BOOTLOADER | PARTITION_TABLE), Some(names::OTA)) => column == Column::Offset,
            (Some(BOOTLOADER | PARTITION_TABLE), _) => false,
            _ => true,
        }
    }

    pub(super) fn is(&self, kind: u8, subtype: u8) -> bool {
        self.kind == Some(kind) && self.subtype == Some(subtype)
    }

    /// What an offset has to be a multiple of.
    pub(super) fn alignment(&self, rules: &Rules) -> i128 {
        if self.kind == Some(APP) {
            0x1_0000
        } else {
            rules.data_alignment().into()
        }
    }

    /// A problem with one of its columns.
    pub(super) fn problem(
        &self,
        index: usize,
        stage: Stage,
        column: Column,
        complaint: Complaint,
    ) -> Problem {
        let mut span = self.place(column);
        if span.is_empty() {
            // An empty cell cannot be seen; the row can.
            span = self.span.clone();
        } else if let Some(part) = complaint.part
            && self
                .cell(column)
                .is_some_and(|cell| cell.text.len() == span.len())
        {
            span = span.start + part.start..span.start + part.end;
        }
        Problem {
            stage,
            code: complaint.code,
            is_refused: true,
            span,
            row: Some(index),
            line: Some(self.line),
            message: complaint.message,
            related: None,
            replacement: complaint.replacement,
        }
    }
}

/// Reads a row's cells. Every problem goes to `problems`, in the order in which the genuine tool
/// looks at the columns.
pub(super) fn read(
    line: RowLine,
    index: usize,
    options: &Options,
    problems: &mut Vec<Problem>,
) -> Row {
    let name = line.cells.first().map(|cell| cell.text.clone());
    let mut row = Row {
        line: line.number,
        span: line.span,
        cells: line.cells,
        name: name.unwrap_or_default(),
        kind: None,
        subtype: None,
        offset: None,
        size: None,
        flags: None,
        written_offset: Written::Unknown,
        written_size: Written::Unknown,
    };
    let rules = Rules::of(options);
    let before = problems.len();
    let mut take = |row: &Row, column, complaint| {
        problems.push(row.problem(index, Stage::Line, column, complaint));
    };
    match rules.kind(row.text(Column::Type)) {
        Ok(kind) => row.kind = Some(kind),
        Err(complaint) => take(&row, Column::Type, complaint),
    }
    if let Some(kind) = row.kind {
        match rules.subtype(kind, row.text(Column::Subtype)) {
            Ok(subtype) => row.subtype = Some(subtype),
            Err(complaint) => take(&row, Column::Subtype, complaint),
        }
    }
    for column in [Column::Offset, Column::Size] {
        let written = match number(row.text(column)) {
            Ok(written) => written,
            Err(complaint) => {
                if row.is_read(column) {
                    take(&row, column, complaint);
                }
                Written::Unknown
            }
        };
        match column {
            Column::Offset => row.written_offset = written,
            _ => row.written_size = written,
        }
    }
    if let Err(complaint) = fix_places(&mut row, options) {
        take(&row, Column::Subtype, complaint);
        row.written_size = Written::Unknown;
    }
    if row.written_size == Written::Blank && row.kind.is_some() {
        take(
            &row,
            Column::Size,
            Complaint::new("size-empty", "Size is required."),
        );
    }
    match rules.flags(row.text(Column::Flags)) {
        Ok(flags) => row.flags = Some(flags),
        Err(complaints) => {
            for complaint in complaints {
                take(&row, Column::Flags, complaint);
            }
        }
    }
    let misread = heading(&row).or_else(|| quoted(&row));
    let misread = misread.or_else(|| separated(&row));
    if let Some(message) = misread.or_else(|| missing_comma(&row)) {
        // Cells that are in the wrong column say nothing more.
        problems.truncate(before + 1);
        if let Some(first) = problems.get_mut(before) {
            first.span = row.span.clone();
            first.message = message;
            first.replacement = None;
            let name = row
                .name
                .split(|c: char| c.is_whitespace() || SEPARATORS.contains(&c))
                .next()
                .unwrap_or_default()
                .to_owned();
            row.name = name;
            row.written_offset = Written::Unknown;
            row.written_size = Written::Unknown;
        }
    }
    row
}

/// What is reported of the names of the columns.
fn heading(row: &Row) -> Option<String> {
    const NAMES: [&str; 5] = ["name", "type", "subtype", "offset", "size"];
    let mut cells = row.cells.iter().map(|cell| cell.text.to_lowercase());
    let is_heading = NAMES
        .iter()
        .all(|name| cells.next().as_deref() == Some(*name));
    is_heading.then(|| "This row names the columns: begin it with #.".to_owned())
}

/// What is reported of a row as other programs write theirs.
fn quoted(row: &Row) -> Option<String> {
    let is_quoted = |text: &str| text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    let count = row
        .cells
        .iter()
        .filter(|cell| is_quoted(&cell.text))
        .count();
    (count > 1)
        .then(|| "Quotes are a part of the text here: write the cells without them.".to_owned())
}

/// What other programs put between cells.
pub const SEPARATORS: [char; 3] = [';', '\t', '|'];

/// What is reported of a row in which something else stands for commas.
fn separated(row: &Row) -> Option<String> {
    const NEEDED: usize = 5;
    let mut cells = row.cells.iter();
    let is_one = row.cells.len() < NEEDED && cells.any(|cell| cell.text.contains(SEPARATORS));
    is_one.then(|| "Columns are separated by commas.".to_owned())
}

/// What is reported of a row in which spaces stand for commas.
fn missing_comma(row: &Row) -> Option<String> {
    const NEEDED: usize = 5;
    let count = row.cells.len();
    if row.kind.is_some() || count >= NEEDED {
        return None;
    }
    let mut cells = row.cells.iter().map(|cell| cell.text.split_whitespace());
    let first = cells.find_map(|mut words| Some((words.next()?, words.next()?)).map(|it| it.0))?;
    let cells = if count == 1 {
        "one cell".to_owned()
    } else {
        format!("{count} cells")
    };
    Some(format!(
        "This row has {cells}; a comma is missing after '{first}'."
    ))
}

fn number(text: &str) -> Result<Written, Complaint> {
    if text.is_empty() {
        return Ok(Written::Blank);
    }
    let Some(value) = number::parse(text, &|_| None) else {
        let replacement = number::meant(text);
        let message = match &replacement {
            Some(meant) if text.contains('.') => {
                format!("'{text}' is not a whole number; write {meant}.")
            }
            Some(meant) if text.starts_with('0') => {
                format!(
                    "'{text}' is not a number: decimal numbers do not begin with 0; write {meant}."
                )
            }
            Some(meant) => format!("'{text}' is not a number; write {meant}."),
            None if text.contains('$') => format!(
                "'{text}' is not a number (variables of the environment count only where they are set)."
            ),
            None if text.contains('#') => {
                format!("'{text}' is not a number: only a whole line can be a comment.")
            }
            None => {
                format!("'{text}' is not a number. Use decimal, 0x hex, or a K or M suffix.")
            }
        };
        return Err(Complaint::new("number-invalid", message).replaced_by(replacement));
    };
    // Far more than 32 bits, and sums of such numbers cannot overflow.
    if value.unsigned_abs() > 1 << 64 {
        let message = format!("{text} does not fit in 32 bits.");
        return Err(Complaint::new("offset-range", message));
    }
    Ok(Written::Number(value))
}

/// Offset and size of rows that describe the boot loader or the table: the build fixes them.
fn fix_places(row: &mut Row, options: &Options) -> Result<(), Complaint> {
    let (Some(kind), Some(subtype)) = (row.kind, row.subtype) else {
        return Ok(());
    };
    let table = i128::from(options.table_offset);
    let bootloader = options.bootloader_offset.map(i128::from).ok_or_else(|| {
        let message = "The offset of the boot loader is set by the ESP-IDF build, not by \
                       PlatformIO or Arduino.";
        Complaint::new("primary-offset-undefined", message)
    });
    let (offset, size) = match (kind, subtype) {
        (BOOTLOADER, names::PRIMARY) => {
            let bootloader = bootloader?;
            (Some(bootloader), table - bootloader)
        }
        (BOOTLOADER, names::OTA) => (None, table - bootloader?),
        (BOOTLOADER, names::RECOVERY) => {
            let recovery = options.recovery_offset.ok_or_else(|| {
                let message = "A 'recovery' row needs CONFIG_BOOTLOADER_RECOVERY_OFFSET, which the \
                               ESP-IDF build sets and PlatformIO or Arduino does not.";
                Complaint::new("recovery-offset-undefined", message)
            })?;
            (Some(i128::from(recovery)), table - bootloader?)
        }
        (PARTITION_TABLE, names::PRIMARY) => (Some(table), i128::from(TABLE_SECTOR_BYTES)),
        (PARTITION_TABLE, names::OTA) => (None, TABLE_SECTOR_BYTES.into()),
        _ => return Ok(()),
    };
    if let Some(offset) = offset {
        row.written_offset = Written::Number(offset);
    }
    row.written_size = Written::Number(size);
    Ok(())
}
