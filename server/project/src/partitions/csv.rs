//! Partition tables as people write them: `partitions.csv`.
//!
//! The rules are those of `gen_esp32part.py` of ESP-IDF v4.4.8 to v6.0.2, tested against what the
//! genuine tool makes of a corpus of tables. Where the version is not known, the newest counts.
//!
//! There is one reader, [`read`]: it takes any text, finds everything that is wrong with it, and
//! knows where that is. [`compile`] takes its first problem for the whole answer, as the genuine
//! tool does, so that what is reported while editing and what is reported when deploying agree.

mod lines;
mod names;
mod nearest;
mod number;
mod places;
mod problem;
mod row;
mod rules;
mod verify;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

pub use self::lines::{Cell, lines};
pub use self::names::{ExtraSubtype, Name, type_name};
pub use self::problem::{Problem, Stage};
pub use self::row::{Column, Row, SEPARATORS};
pub use self::rules::Rules;
pub use self::version::IdfVersion;
use super::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, TABLE_SECTOR_BYTES};

/// How a build signs apps, as far as tables are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecureBoot {
    /// The ESP32's first scheme. `short_apps`: app partitions need not be multiples of 64 KiB.
    #[allow(missing_docs)]
    V1 { short_apps: bool },
    /// Every later scheme.
    V2,
}

/// What the build adds to the CSV.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the table is in flash.
    pub table_offset: u32,
    /// Where the boot loader is; needed by `bootloader` rows only.
    pub bootloader_offset: Option<u32>,
    /// Where the recovery boot loader is; needed by `recovery` rows only.
    pub recovery_offset: Option<u32>,
    /// Size of the flash, to check against.
    pub flash_bytes: Option<u32>,
    /// Whether an MD5 row follows.
    pub md5: bool,
    /// Variables for `$NAME` and `${NAME}`.
    pub variables: BTreeMap<String, String>,
    /// The version of ESP-IDF whose rules count; `None`: the newest.
    pub version: Option<IdfVersion>,
    /// How the build signs apps.
    pub secure_boot: Option<SecureBoot>,
    /// Subtypes that the project adds.
    pub extra_subtypes: Vec<ExtraSubtype>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            table_offset: DEFAULT_TABLE_OFFSET,
            bootloader_offset: None,
            recovery_offset: None,
            flash_bytes: None,
            md5: true,
            variables: BTreeMap::new(),
            version: None,
            secure_boot: None,
            extra_subtypes: Vec::new(),
        }
    }
}

/// What is wrong with a CSV table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|n| format!("line {n}: ")).unwrap_or_default())]
pub struct CsvError {
    /// Line, from 1; `None` where the whole table is meant.
    pub line: Option<usize>,
    /// Stable code of the rule that is broken.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

/// A table as far as it can be read, and everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Its rows, in the order of the lines.
    pub rows: Vec<Row>,
    /// What is wrong, in the order in which the genuine tool would notice.
    pub problems: Vec<Problem>,
}

/// Reads any text.
pub fn read(text: &str, options: &Options) -> Reading {
    let mut reading = read_as_written(text, options);
    decimal_offsets(text, &mut reading, options);
    reading
}

fn read_as_written(text: &str, options: &Options) -> Reading {
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for (index, line) in lines(text).enumerate() {
        let number = index + 1;
        let line = if index == 0 {
            after_bom(text, line, options, &mut problems)
        } else {
            line
        };
        if let Some(problem) = unknown_variable(text, number, line.clone(), options) {
            problems.push(problem);
            continue;
        }
        let row = lines::row_line(text, number, line, &options.variables);
        if let Some(row) = row {
            let index = rows.len();
            rows.push(row::read(row, index, options, &mut problems));
        }
    }
    places::fill(&mut rows, options, &mut problems);
    verify::verify(&rows, text.len(), options, &mut problems);
    // Stable: within a stage they are in the order of the checks.
    problems.sort_by_key(|problem| problem.stage);
    Reading { rows, problems }
}

/// An offset whose digits were meant as hexadecimal, where that is a place for it: that is all there is to
/// say about it.
fn decimal_offsets(text: &str, reading: &mut Reading, options: &Options) {
    const OF_OFFSETS: [&str; 4] = [
        "below-table-end",
        "overlap",
        "align-app-offset",
        "align-data-offset",
    ];
    let Reading { rows, problems } = reading;
    let is_meant = |index: usize| {
        let digits = rows[index].text(Column::Offset);
        digits.len() > 3 && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let of_offsets = problems.iter().filter(|it| OF_OFFSETS.contains(&it.code));
    let meant: BTreeSet<usize> = of_offsets
        .filter_map(|it| it.row.filter(|index| is_meant(*index)))
        .collect();
    if meant.is_empty() {
        return;
    }
    let mut changed = text.to_owned();
    for index in meant.iter().rev() {
        changed.insert_str(rows[*index].place(Column::Offset).start, "0x");
    }
    let after = read_as_written(&changed, options);
    let flash_bytes = options.flash_bytes.map_or(u64::MAX, u64::from);
    let taken = |row: &Row| Some(row.offset?.into()..row.end()?);
    let is_place = |index: usize| {
        let Some(own) = after.rows.get(index).and_then(taken) else {
            return false;
        };
        let mut wrong = after.problems.iter();
        let mut others = after.rows.iter().enumerate();
        // Of two that overlap, the problem is told of the later one.
        let is_apart = |other: Range<u64>| other.end <= own.start || own.end <= other.start;
        own.end <= flash_bytes
            && wrong.all(|it| it.row != Some(index))
            && others.all(|(at, row)| at == index || taken(row).is_none_or(is_apart))
    };
    let mut told = BTreeSet::new();
    problems.retain_mut(|problem| {
        let of_place = problem.row.filter(|index| {
            OF_OFFSETS.contains(&problem.code) && meant.contains(index) && is_place(*index)
        });
        let Some(index) = of_place else {
            return true;
        };
        let digits = rows[index].text(Column::Offset);
        problem.message = format!("Offset {digits} is decimal; write 0x{digits}.");
        problem.replacement = Some(format!("0x{digits}"));
        problem.related = None;
        told.insert(index)
    });
}

/// The first line without a byte order mark, which is read since 5.4.
fn after_bom(
    text: &str,
    line: Range<usize>,
    options: &Options,
    problems: &mut Vec<Problem>,
) -> Range<usize> {
    const BOM: char = '\u{feff}';
    if !text.starts_with(BOM) {
        return line;
    }
    let rest = BOM.len_utf8()..line.end;
    if !Rules::of(options).since(5, 4) {
        let is_row = lines::row_line(text, 1, rest.clone(), &options.variables).is_some();
        let consequence = if is_row {
            "it becomes a part of the first name"
        } else {
            "the first line is then not a comment"
        };
        problems.push(Problem {
            stage: Stage::Line,
            code: "byte-order-mark",
            is_refused: !is_row,
            span: 0..rest.start,
            row: None,
            line: Some(1),
            message: format!(
                "The text begins with a byte order mark, which ESP-IDF reads since 5.4; before, {consequence}."
            ),
            related: None,
            replacement: Some(String::new()),
        });
    }
    rest
}

/// The genuine tool takes a variable that is not set for a mistake only at the start of a line.
fn unknown_variable(
    text: &str,
    number: usize,
    line: Range<usize>,
    options: &Options,
) -> Option<Problem> {
    let name = lines::variable_at(text[line.clone()].strip_prefix('$')?);
    if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || options.variables.contains_key(name)
    {
        return None;
    }
    Some(Problem {
        stage: Stage::Line,
        code: "unknown-variable",
        is_refused: true,
        span: line.start..line.start + 1 + name.len(),
        row: None,
        line: Some(number),
        message: format!("Unknown variable '{name}'."),
        related: None,
        replacement: None,
    })
}

/// Compile a table, and check it as the build does.
///
/// # Errors
/// The first problem, as the genuine tool would report it, with its line.
pub fn compile(text: &str, options: &Options) -> Result<PartitionTable, CsvError> {
    compile_until(text, options, Stage::Table)
}

/// Compile a table without the checks that only some versions of ESP-IDF make. For comparing with a
/// table that a build has accepted already.
///
/// # Errors
/// As [`compile`], but only what every version refuses.
pub fn compile_unverified(text: &str, options: &Options) -> Result<PartitionTable, CsvError> {
    compile_until(text, options, Stage::Place)
}

fn compile_until(text: &str, options: &Options, last: Stage) -> Result<PartitionTable, CsvError> {
    let Reading { rows, problems } = read(text, options);
    let mut refused = problems.into_iter().filter(|problem| problem.is_refused);
    if let Some(problem) = refused.next().filter(|problem| problem.stage <= last) {
        return Err(CsvError {
            line: problem.line,
            code: problem.code,
            message: problem.message,
        });
    }
    Ok(PartitionTable {
        // Without a problem of the first two stages every row is known.
        partitions: rows.iter().filter_map(Row::partition).collect(),
        has_md5: options.md5,
    })
}

#[cfg(test)]
mod tests;
