//! A table with what the project says around it.

use fbuild_project::discover::configuration::Configuration;
use fbuild_project::partitions::DEFAULT_TABLE_OFFSET;
use fbuild_project::partitions::csv::{self, Column, Options, Problem, Row};

use crate::facts::{Board, Build, Deploy, Facts, Image};
use crate::format::View;
use crate::{Edit, Span};

/// Where most chips have their boot loader; used if the project does not name its chip.
const USUAL_BOOTLOADER_OFFSET: u32 = 0x1000;

/// A table that is being edited.
pub(super) struct Table<'a> {
    pub(super) text: &'a str,
    pub(super) rows: Vec<Row>,
    /// What is wrong with it by ESP-IDF's rules.
    pub(super) problems: Vec<Problem>,
    pub(super) options: Options,
    /// What the project says of itself, if it is known.
    pub(super) configuration: Option<&'a Configuration>,
    /// What was built with this table.
    pub(super) build: Option<&'a Build>,
    pub(super) facts: &'a Facts,
}

impl<'a> Table<'a> {
    pub(super) fn of(view: View<'a>) -> Self {
        let facts = view.facts;
        let configuration = configuration(view);
        let build = build(view);
        let mut options = options(configuration, build);
        if view.text.contains('$') {
            // The build fills in what its environment has, which is likely to be the same.
            let environment = &facts.files.environment;
            options.variables.clone_from(environment.variables());
        }
        let csv::Reading { rows, problems } = csv::read(view.text, &options);
        Self {
            text: view.text,
            rows,
            problems,
            options,
            configuration,
            build,
            facts,
        }
    }

    /// Whether the project is of the Arduino kind, which looks at tables less than ESP-IDF does.
    pub(super) fn is_arduino(&self) -> bool {
        self.configuration.is_some_and(|known| known.is_arduino)
    }

    /// Images that were built for a partition.
    pub(super) fn images_in(&self, row: &Row) -> impl Iterator<Item = &'a Image> {
        let (start, end) = (row.offset.map(u64::from), row.end());
        let images = self.build.into_iter().flat_map(|build| &build.images);
        images.filter(move |image| {
            let at = u64::from(image.region.offset);
            start.is_some_and(|start| start <= at) && end.is_some_and(|end| at < end)
        })
    }

    /// The last deploy of the build that this table belongs to, and the board it went to.
    pub(super) fn last_deploy(&self) -> Option<(&'a Board, &'a Deploy)> {
        let target = &self.build?.target.name;
        let deploys = self.facts.boards.iter().filter_map(|board| {
            let mut deploys = board.deploys.iter();
            Some((board, deploys.find(|deploy| deploy.target == *target)?))
        });
        deploys.max_by_key(|(_, deploy)| deploy.when_ms)
    }

    /// The edit that makes a row's cell say `text`; `None` where a variable is in the row.
    pub(super) fn set(&self, row: &Row, column: Column, text: &str) -> Option<Edit> {
        if self.text.get(row.span.clone())?.contains('$') {
            return None;
        }
        Some(match row.cell(column) {
            // After what is empty no space is needed, before it one looks better.
            Some(cell) if column != Column::Name && cell.whole.is_empty() && !text.is_empty() => {
                Edit {
                    span: cell.span.clone(),
                    text: format!(" {text}"),
                }
            }
            Some(cell) => Edit {
                span: cell.span.clone(),
                text: text.to_owned(),
            },
            None => Edit {
                span: row.span.end..row.span.end,
                text: format!(
                    "{}{text}",
                    ", ".repeat(column as usize + 1 - row.cells.len())
                ),
            },
        })
    }

    /// The row's line with what ends it.
    pub(super) fn line_span(&self, row: &Row) -> Span {
        let starts = csv::lines(self.text).map(|line| line.start);
        let (mut start, mut end) = (0, self.text.len());
        for at in starts {
            if at <= row.span.start {
                start = at;
            } else {
                end = at;
                break;
            }
        }
        start..end
    }

    /// What ends lines here.
    pub(super) fn line_end(&self) -> &'static str {
        if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        }
    }

    /// Where the first partition may begin.
    pub(super) fn first_free(&self) -> u64 {
        u64::from(self.options.table_offset) + 0x1000
    }

    /// The highest end of the rows before `index`, or of the table itself.
    pub(super) fn end_before(&self, index: usize) -> u64 {
        let before = self.rows[..index].iter().filter(|row| !row.is_fixed());
        before
            .filter_map(Row::end)
            .fold(self.first_free(), u64::max)
    }

    /// The first offset after `index` that is known, or the end of the flash.
    pub(super) fn limit_after(&self, index: usize) -> Option<u64> {
        let after = self
            .rows
            .iter()
            .skip(index + 1)
            .filter(|row| !row.is_fixed());
        let next = after
            .filter(|row| !row.text(Column::Offset).is_empty())
            .find_map(|row| row.offset);
        next.or(self.options.flash_bytes).map(u64::from)
    }
}

/// The configuration that decides: the one of the default build among those that use this table;
/// else the one with the smallest flash, since the table has to fit there, too. For a table that no
/// configuration names, the project's only one.
fn configuration(view: View<'_>) -> Option<&Configuration> {
    let facts = view.facts;
    let using: Vec<_> = facts.configurations_of(view.path).collect();
    let env = facts
        .default_build()
        .and_then(|build| build.target.env.as_ref());
    let is_default = |known: &&&Configuration| known.env.is_some() && known.env.as_ref() == env;
    let smallest = || {
        using
            .iter()
            .min_by_key(|known| known.flash_bytes.unwrap_or(u32::MAX))
    };
    let only = || {
        facts
            .configurations
            .first()
            .filter(|_| facts.configurations.len() == 1)
    };
    let chosen = using.iter().find(is_default).or_else(smallest);
    chosen.copied().or_else(only)
}

fn build(view: View<'_>) -> Option<&Build> {
    let default = view.facts.default_build().map(|build| &build.target.name);
    let mut using = view.facts.builds_of(view.path).peekable();
    let first = using.peek().copied();
    using
        .find(|build| Some(&build.target.name) == default)
        .or(first)
}

fn options(configuration: Option<&Configuration>, build: Option<&Build>) -> Options {
    let target = build.map(|build| &build.target);
    let chip = target
        .and_then(|target| target.chip)
        .or_else(|| configuration.and_then(|known| known.chip));
    let is_idf = configuration.is_none_or(|known| known.env.is_none() && !known.is_arduino);
    let bootloader = chip.map_or(USUAL_BOOTLOADER_OFFSET, |chip| {
        chip.facts().bootloader_offset
    });
    let table_offset = target
        .map(|target| target.table_offset)
        .or_else(|| configuration.and_then(|known| known.table_offset));
    Options {
        table_offset: table_offset.unwrap_or(DEFAULT_TABLE_OFFSET),
        // Only ESP-IDF's own build says where the boot loader is.
        bootloader_offset: is_idf.then_some(bootloader),
        recovery_offset: configuration.and_then(|known| known.recovery_offset),
        flash_bytes: configuration.and_then(|known| known.flash_bytes),
        md5: configuration.is_none_or(|known| known.has_md5),
        version: configuration.and_then(|known| known.idf_version),
        secure_boot: configuration.and_then(|known| known.secure_boot),
        extra_subtypes: configuration
            .and_then(|known| known.extra_subtypes.clone())
            .unwrap_or_default(),
        ..Options::default()
    }
}

/// A size as tables have it: `4M`, `24K`, `0x1234`.
pub(super) fn written(bytes: u64) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{}M", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{}K", bytes >> 10),
        _ => format!("{bytes:#x}"),
    }
}
