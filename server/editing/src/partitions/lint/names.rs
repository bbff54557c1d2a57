//! Names that are cut, missing, or those of something else.

use std::collections::HashMap;

use fbuild_project::partitions::csv::{Column, Row, Rules, type_name};

use super::{Diagnostic, Severity, Table, related, visible};

/// What the binary table keeps of a name.
pub(in crate::partitions) const NAME_BYTES_MAX: usize = 16;

pub(super) fn lint(table: &Table<'_>, found: &mut Vec<Diagnostic>) {
    let rules = Rules::of(&table.options);
    let types = rules.types();
    let subtypes = [0, 1, 2, 3].map(|kind| rules.subtypes(kind));
    let mut by_cut_name: HashMap<&[u8], &Row> = HashMap::new();
    for row in &table.rows {
        let mut say = |code, message: String| {
            found.push(Diagnostic::new(
                visible(row.place(Column::Name), row),
                Severity::Warning,
                code,
                message,
            ));
        };
        let name = row.name.as_str();
        if name.is_empty() {
            say(
                "name-empty",
                "The partition has no name; firmware cannot find it by name.".into(),
            );
        }
        if name.len() > NAME_BYTES_MAX {
            let kept = cut(name);
            let message =
                format!("The name is longer than {NAME_BYTES_MAX} bytes and is cut to '{kept}'.");
            say("name-too-long", message);
        }
        let is_type = types.iter().find(|known| known.name == name);
        if let (Some(known), Some(kind)) = (is_type, row.kind)
            && known.value != kind
        {
            let kind = type_name(kind);
            say(
                "name-is-type",
                format!("The name '{name}' is a type, but this row has type {kind}."),
            );
        }
        let mut is_subtype = subtypes.iter().enumerate().flat_map(|(kind, names)| {
            names
                .iter()
                .filter(|known| known.name == name)
                .map(move |known| (kind, known.value))
        });
        if let (Some(kind), Some(subtype)) = (row.kind, row.subtype) {
            let is_own = |(k, value): (usize, u8)| k == usize::from(kind) && value == subtype;
            if is_subtype.clone().next().is_some() && !is_subtype.any(is_own) {
                let written = row.text(Column::Subtype);
                say(
                    "name-is-subtype",
                    format!("The name '{name}' is a subtype, but this row has subtype {written}."),
                );
            }
        }
        let kept = &name.as_bytes()[..name.len().min(NAME_BYTES_MAX)];
        match by_cut_name.get(kept) {
            Some(first) if first.name != row.name => {
                let message = format!(
                    "The names on lines {} and {} are the same in their first {NAME_BYTES_MAX} bytes, which are kept.",
                    first.line, row.line
                );
                let mut diagnostic = Diagnostic::new(
                    row.place(Column::Name),
                    Severity::Warning,
                    "name-duplicate-after-cut",
                    message,
                );
                diagnostic
                    .related
                    .push(related(first, format!("'{}' is cut, too", first.name)));
                found.push(diagnostic);
            }
            Some(_) => {}
            None => {
                by_cut_name.insert(kept, row);
            }
        }
    }
}

/// The whole characters of what is kept of a name.
pub(in crate::partitions) fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_BYTES_MAX)]
}
