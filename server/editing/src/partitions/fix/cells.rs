//! Fixes of what is in a cell: names, subtypes, flags, comments, separators.

use fbuild_project::partitions::csv::{Column, Rules};

use super::{Edit, Fix, Subject, one};
use crate::partitions::diagnose::has_no_commas;
use crate::partitions::lint::names::{NAME_BYTES_MAX, cut};

const APP: u8 = 0;

impl Subject<'_> {
    pub(super) fn cells(&self, code: &str) -> Vec<Option<Fix>> {
        match code {
            "type-empty" => vec![self.with_commas()],
            "subtype-empty-app" => vec![self.free_app_subtype()],
            "flag-unknown" => vec![
                self.comment_above(),
                self.set("Remove the flags", Column::Flags, ""),
            ],
            "readonly-forbidden" | "readonly-app" => {
                let flags = self.row.text(Column::Flags).split(':');
                let others: Vec<&str> = flags.filter(|flag| *flag != "readonly").collect();
                vec![self.set("Remove 'readonly'", Column::Flags, &others.join(":"))]
            }
            "name-duplicate" | "name-duplicate-after-cut" | "name-is-type" | "name-is-subtype" => {
                let name = self.free_name(&self.row.name);
                vec![self.set(format!("Rename to '{name}'"), Column::Name, &name)]
            }
            "name-too-long" => {
                let name = cut(&self.row.name);
                vec![self.set(format!("Shorten to '{name}'"), Column::Name, name)]
            }
            "name-empty" => {
                let name = self.free_name(self.row.text(Column::Subtype));
                vec![self.set(format!("Name it '{name}'"), Column::Name, &name)]
            }
            "otadata-multiple" | "tee-otadata-multiple" | "otadata-without-ota" => {
                vec![Some(self.remove())]
            }
            "extra-columns" => vec![self.without_extra_columns()],
            _ => Vec::new(),
        }
    }

    fn with_commas(&self) -> Option<Fix> {
        let span = self.row.span.clone();
        let text = self.table.text.get(span.clone())?;
        let text = text.replace([';', '\t', '|'], ",");
        has_no_commas(self.row).then(|| one("Separate with commas", Edit { span, text }))
    }

    fn free_app_subtype(&self) -> Option<Fix> {
        let is_used = |value| {
            let mut rows = self.table.rows.iter();
            rows.any(|row| row.kind == Some(APP) && row.subtype == Some(value))
        };
        let names = Rules::of(&self.table.options).subtypes(APP);
        let name = names.into_iter().find(|known| !is_used(known.value))?.name;
        self.set(format!("Make it {name}"), Column::Subtype, &name)
    }

    /// A comment after the row moved to a line of its own.
    fn comment_above(&self) -> Option<Fix> {
        let table = self.table;
        let flags = self.row.cell(Column::Flags)?.span.clone();
        let at = flags.start + table.text.get(flags)?.find('#')?;
        let span = self.row.span.clone();
        let (kept, comment) = (&table.text[span.start..at], &table.text[at..span.end]);
        let text = format!("{comment}{}{}", table.line_end(), kept.trim_end());
        Some(one(
            "Put the comment on a line of its own",
            Edit { span, text },
        ))
    }

    fn without_extra_columns(&self) -> Option<Fix> {
        let (flags, last) = (self.row.cell(Column::Flags)?, self.row.cells.last()?);
        let edit = Edit {
            span: flags.whole.end..last.whole.end,
            text: String::new(),
        };
        Some(one("Remove what is ignored", edit))
    }

    /// A name like `name` that no row has and that is none of something else.
    fn free_name(&self, name: &str) -> String {
        let name = if name.is_empty() { "part" } else { name };
        let rules = Rules::of(&self.table.options);
        let mut known = rules.types();
        known.extend(
            [0, 1, 2, 3]
                .into_iter()
                .flat_map(|kind| rules.subtypes(kind)),
        );
        let is_free = |name: &String| {
            let rows = &self.table.rows;
            known.iter().all(|known| known.name != *name)
                && rows.iter().all(|row| row.name != *name)
        };
        let numbered = (2..).map(|number| {
            let number = format!("_{number}");
            let stem = &name[..name.floor_char_boundary(NAME_BYTES_MAX - number.len())];
            format!("{stem}{number}")
        });
        // As many names as there are rows and known names are taken at most.
        let mut numbered = numbered.take(self.table.rows.len() + known.len() + 1);
        numbered.find(is_free).unwrap_or_else(|| name.to_owned())
    }
}
