//! Lines that PlatformIO cannot read, and so reads none of the file.

use std::collections::HashMap;

use fbuild_project::discover::ini::{IniError, IniFault, OptionText};

use super::{Project, replace};
use crate::{Diagnostic, Edit, Fix, Related, Severity, Span};

/// Characters of a message that quotes a value.
const MAX_MESSAGE: usize = 500;

pub(super) fn check(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    const BOM: &str = "\u{feff}";
    if project.view.text.starts_with(BOM) {
        let message = "The text begins with a byte order mark; PlatformIO takes it for text before \
                       the first section and reads none of the file.";
        let span = 0..BOM.len();
        let mut mark = Diagnostic::new(span.clone(), Severity::Error, "byte-order-mark", message);
        mark.fixes.push(replace("Remove it", span, ""));
        found.push(mark);
    }
    let options = project.options();
    let options: HashMap<usize, &OptionText> = options
        .map(|(_, option)| (option.name_span.start, option))
        .collect();
    let faults = project.ini().faults.iter();
    found.extend(faults.map(|fault| {
        let twice = options.get(&fault.span.start).copied();
        syntax_fault(project, fault, twice)
    }));
}

/// `option` is what the fault is in.
fn syntax_fault(
    project: &Project<'_>,
    fault: &IniFault,
    option: Option<&OptionText>,
) -> Diagnostic {
    let code = match fault.error {
        IniError::DuplicateSection { .. } => "duplicate-section",
        IniError::DuplicateOption { .. } => "duplicate-option",
        IniError::MissingSectionHeader { .. } => "text-before-section",
        IniError::Parsing { .. } => "not-an-option",
    };
    let message = match fault.error {
        IniError::Parsing { .. } | IniError::MissingSectionHeader { .. } => {
            sentence(&fault.error.to_string())
        }
        IniError::DuplicateSection { ref section, .. } => {
            format!("[{section}] is already in this file; PlatformIO refuses the whole file.")
        }
        IniError::DuplicateOption { ref option, .. } => {
            format!("'{option}' is already in this section; PlatformIO refuses the whole file.")
        }
    };
    let mut found = Diagnostic::new(fault.span.clone(), Severity::Error, code, message);
    found
        .related
        .extend(fault.first.clone().map(|span| Related {
            path: None,
            span,
            message: "here".to_owned(),
        }));
    if matches!(fault.error, IniError::DuplicateOption { .. }) {
        found.fixes.extend(option.map(|option| Fix {
            title: "Remove this one".to_owned(),
            edits: vec![Edit {
                span: whole_lines(project.view.text, &option.span),
                text: String::new(),
            }],
        }));
    }
    found
}

/// A span with its lines up to their ends, so that nothing of them stays.
fn whole_lines(text: &str, span: &Span) -> Span {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..]
        .find('\n')
        .map_or(text.len(), |at| span.end + at + 1);
    start..end
}

/// A message as a sentence, and no longer than anybody reads.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    let first: String = first.collect();
    match rest.as_str().char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{first}{} …", &rest.as_str()[..end]),
        None => format!("{first}{}.", rest.as_str()),
    }
}
