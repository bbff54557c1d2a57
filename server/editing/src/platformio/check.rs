//! What PlatformIO refuses, and what it ignores without a word that anybody reads.
//!
//! Source: what PlatformIO Core 6.2.0 says on the corpus in `tests/platformio` (`pio project config
//! --lint`); a test compares the two.

use std::collections::HashSet;

use fbuild_project::discover::glob;
use fbuild_project::discover::ini::{OptionText, SectionText};
use fbuild_project::discover::platformio_config::{
    ConfigProblem, Origin, ProblemKind, ProjectConfig, references,
};

use super::syntax::{self, sentence};
use super::{Project, add_new, replace};
use crate::{Diagnostic, Edit, Fix, Related, Severity, Span};

/// Environments that a message lists.
const ENVS_SHOWN: usize = 50;
/// Values that are told as wrong, and places in one of them. Nobody reads more.
const MAX_VALUES_TOLD: usize = 100;
const MAX_TOLD_OF_VALUE: usize = 50;
/// Environments whose name can be put right everywhere: each is looked for in the whole text.
const MAX_RENAMED: usize = 20;
/// What is told of one text.
const MAX_TOLD: usize = 1000;

pub(super) fn check(project: &Project<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if project.is_too_much {
        too_much(project, &mut found);
        return found;
    }
    syntax::check(project, &mut found);
    environments(project, &mut found);
    default_envs(project, &mut found);
    names(project, &mut found);
    super::misspelt::check(project, &mut found);
    extends(project, &mut found);
    if values(project, &mut found) {
        super::values::check(project, &mut found);
    }
    other_files(project, &mut found);
    too_much(project, &mut found);
    if found.len() > MAX_TOLD {
        found.truncate(MAX_TOLD);
        let message = format!("More than {MAX_TOLD} things are wrong here; the rest is not shown.");
        found.push(of_file(project, message));
    }
    found
}

/// Too much of something in the document as a whole: it is reported on its first line.
fn of_file(project: &Project<'_>, message: String) -> Diagnostic {
    let first = project.view.text.lines().next().unwrap_or_default();
    Diagnostic::new(0..first.len(), Severity::Error, "too-much", message)
}

fn environments(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    if project.is_main() && project.config.envs().next().is_none() {
        let first = project.ini().sections.first();
        let span = first.map_or(0..0, |section| section.header.clone());
        let message = "There is no environment: add a section [env:NAME].";
        found.push(Diagnostic::new(
            span,
            Severity::Error,
            "no-environment",
            message,
        ));
    }
    let mut renamed = 0;
    for (env, section) in project.envs() {
        let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !env.is_empty() && env.chars().all(is_fine) {
            continue;
        }
        let span = section.name_span.start + "env:".len()..section.name_span.end;
        let message = format!(
            "'{env}' is not an environment name: only letters, digits, _ and - are allowed."
        );
        let mut wrong = Diagnostic::new(span.clone(), Severity::Error, "environment-name", message);
        if !env.is_empty() && renamed < MAX_RENAMED {
            renamed += 1;
            let name: String = env
                .chars()
                .map(|c| if is_fine(c) { c } else { '_' })
                .collect();
            wrong.fixes.push(rename_env(project, env, &name, span));
        }
        found.push(wrong);
    }
}

/// Renames an environment where it is and where it is named.
fn rename_env(project: &Project<'_>, env: &str, name: &str, span: Span) -> Fix {
    let mut fix = replace(format!("Rename it to {name}"), span, name);
    for (section, option) in project.options() {
        let (old, new) = match (&*section.name, &*option.name) {
            ("platformio", "default_envs" | "env_default") => (env.to_owned(), name.to_owned()),
            (_, "extends") => (format!("env:{env}"), format!("env:{name}")),
            _ => continue,
        };
        let items = project.items(option).into_iter();
        fix.edits.extend(
            items
                .filter(|(item, _)| *item == old)
                .map(|(_, span)| Edit {
                    span,
                    text: new.clone(),
                }),
        );
    }
    fix
}

fn default_envs(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    let Some(option) = project.option_here("platformio", "default_envs") else {
        return;
    };
    let known: Vec<&str> = project.config.envs().collect();
    let set: HashSet<&str> = known.iter().copied().collect();
    if known.is_empty() || project.config.default_envs().is_err() {
        return;
    }
    for (item, span) in project.items(option) {
        if set.contains(&*item) || item.contains("${") {
            continue;
        }
        let pieces: Vec<&str> = item.split(',').map(str::trim).collect();
        // No environment's name has a comma, whether all of these are known or not.
        let is_list = pieces.len() > 1;
        let message = if is_list {
            format!("PlatformIO takes '{item}' as one name: put a space after the comma.")
        } else {
            let shown = known.get(..ENVS_SHOWN).unwrap_or(&known).join(", ");
            let more = if known.len() > ENVS_SHOWN {
                ", …"
            } else {
                ""
            };
            format!("There is no environment '{item}'. Known: {shown}{more}.")
        };
        let code = "unknown-environment";
        let mut wrong = Diagnostic::new(span.clone(), Severity::Error, code, message);
        let meant = if is_list {
            Some(pieces.join(", "))
        } else {
            project
                .closest(&item, known.iter().copied())
                .map(str::to_owned)
        };
        wrong
            .fixes
            .extend(meant.map(|meant| replace(format!("Change to {meant}"), span, meant)));
        found.push(wrong);
    }
}

/// Options that are ignored or have a new name.
fn names(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    for (section, option) in project.options() {
        if found.len() > MAX_TOLD {
            return;
        }
        let span = option.name_span.clone();
        if let Some(name) = ProjectConfig::renamed(&section.name, &option.name) {
            let message = format!("'{}' is now called {name}.", option.name);
            let mut old =
                Diagnostic::new(span.clone(), Severity::Warning, "renamed-option", message);
            old.is_deprecated = true;
            old.fixes
                .push(replace(format!("Rename it to {name}"), span, name));
            found.push(old);
        } else if !ProjectConfig::is_known(&section.name, &option.name) {
            let message = format!(
                "PlatformIO ignores '{}' in [{}].",
                option.name, section.name
            );
            let mut unknown =
                Diagnostic::new(span.clone(), Severity::Warning, "unknown-option", message);
            let meant = project.closest(&option.name, ProjectConfig::known_options(&section.name));
            unknown
                .fixes
                .extend(meant.map(|name| replace(format!("Change to {name}"), span, name)));
            found.push(unknown);
        }
    }
}

/// Names in `extends` without a section.
fn extends(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    for (section, option) in project.options() {
        if found.len() > MAX_TOLD {
            return;
        }
        if option.name != "extends" {
            continue;
        }
        for (item, span) in project.items(option) {
            if project.config.has_section(&item) || item.contains('%') {
                continue;
            }
            let message =
                format!("There is no section [{item}], and PlatformIO silently ignores it.");
            let code = "extends-nothing";
            let mut wrong = Diagnostic::new(span.clone(), Severity::Warning, code, message);
            let others = project.config.sections().filter(|s| *s != section.name);
            wrong.fixes.extend(
                project
                    .closest(&item, others)
                    .map(|s| replace(format!("Change to {s}"), span, s)),
            );
            found.push(wrong);
        }
    }
}

/// Values that cannot be read, each where it is written. `false`: they are too much to read, and
/// those that follow were left out.
fn values(project: &Project<'_>, found: &mut Vec<Diagnostic>) -> bool {
    let config = &project.config;
    let mut problems = Vec::new();
    let mut is_all = true;
    let is_too_much = |problem: &ConfigProblem| problem.kind == ProblemKind::TooMuch;
    for section in config.sections() {
        match config.values(section) {
            Ok(values) => problems.extend(values.into_iter().filter_map(|(_, value)| value.err())),
            Err(problem) => problems.push(problem),
        }
        if let Some(at) = problems.iter().position(is_too_much) {
            problems.truncate(at + 1);
            is_all = false;
        }
        // What is too much may come after thousands that cannot be read.
        let are_many = problems.len() > MAX_VALUES_TOLD;
        if are_many {
            problems.truncate(MAX_VALUES_TOLD);
            let message = format!(
                "More than {MAX_VALUES_TOLD} values cannot be read; the rest is not shown."
            );
            found.push(of_file(project, message));
        }
        if are_many || !is_all {
            break;
        }
    }
    let new = problems.iter().flat_map(|it| located(project, it));
    add_new(new.collect(), found);
    is_all
}

fn located(project: &Project<'_>, problem: &ConfigProblem) -> Vec<Diagnostic> {
    let Some((section, option)) = &problem.place else {
        return Vec::new();
    };
    let Some(text) = project.option_here(section, option) else {
        return Vec::new();
    };
    let value = text.value(project.view.text);
    let code = match problem.kind {
        ProblemKind::Percent => "percent",
        ProblemKind::Interpolation => "unresolved",
        ProblemKind::ExtendsCycle => "extends-cycle",
        ProblemKind::TooMuch => "too-much",
        _ => "bad-value",
    };
    let message = sentence(&problem.message);
    match problem.kind {
        ProblemKind::Percent => percents(&value)
            .into_iter()
            .take(MAX_TOLD_OF_VALUE)
            .map(|span| {
                let span = text.place(span);
                let mut wrong =
                    Diagnostic::new(span.clone(), Severity::Error, code, message.clone());
                wrong.fixes.push(replace("Double it", span, "%%"));
                wrong
            })
            .collect(),
        ProblemKind::Interpolation => references(&value)
            .filter_map(|reference| {
                let problem = project
                    .config
                    .resolve(section, option, reference.name)
                    .err()?;
                let span = text.place(reference.span.clone());
                Some(unresolved(project, &reference, span, &problem))
            })
            .take(MAX_TOLD_OF_VALUE)
            .collect(),
        _ => vec![Diagnostic::new(
            text.value_span(),
            Severity::Error,
            code,
            message,
        )],
    }
}

fn unresolved(
    project: &Project<'_>,
    reference: &fbuild_project::discover::platformio_config::Reference<'_>,
    span: Span,
    problem: &ConfigProblem,
) -> Diagnostic {
    let message = sentence(&problem.message);
    let mut wrong = Diagnostic::new(span, Severity::Error, "unresolved", message);
    let Some((from, wanted)) = reference.parts().filter(|(from, _)| *from != "this") else {
        return wrong;
    };
    let start = wrong.span.start + "${".len();
    let meant = if project.config.has_section(from) {
        let names = project.config.option_names(from).unwrap_or_default();
        // One that is there and cannot be read itself is not a misspelling.
        let names = names.into_iter().filter(|name| *name != wanted);
        let option = start + from.len() + 1;
        project
            .closest(wanted, names)
            .map(|name| (option..option + wanted.len(), name.to_owned()))
    } else {
        project
            .closest(from, project.config.sections())
            .map(|name| (start..start + from.len(), name.to_owned()))
    };
    wrong
        .fixes
        .extend(meant.map(|(span, name)| replace(format!("Change to {name}"), span, name)));
    wrong
}

/// Where a `%` is in a value that is neither doubled nor followed by `(`.
fn percents(value: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = value[at..].find('%') {
        let start = at + next;
        let after = &value[start + 1..];
        if after.starts_with('%') {
            at = start + 2;
        } else {
            if !after.starts_with('(') {
                found.push(start..start + 1);
            }
            at = start + 1;
        }
    }
    if found.is_empty() {
        // `%(name)s` of an option that is not there.
        found.extend(value.find("%(").map(|at| at..at + 1));
    }
    found
}

/// What is wrong with files that this one includes.
fn other_files(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    let Some(option) = project.option_here("platformio", "extra_configs") else {
        return;
    };
    for (item, span) in project.items(option) {
        let looked_for = project.files().patterns.get(&item);
        let is_missing = |found: &Result<Vec<_>, _>| found.as_ref().is_ok_and(Vec::is_empty);
        if glob::is_pattern(&item) || !looked_for.is_some_and(is_missing) {
            continue;
        }
        let message =
            format!("There is no file '{item}' in the project; PlatformIO silently ignores it.");
        let code = "extra-config-missing";
        found.push(Diagnostic::new(span, Severity::Information, code, message));
    }
    let of_files = |fault: &&ConfigProblem| {
        matches!(fault.kind, ProblemKind::Unreadable | ProblemKind::TooMuch)
            && fault.file != project.view.path
    };
    for fault in project.config.faults().iter().filter(of_files) {
        let name = fault.file.strip_prefix(project.config.project());
        let name = name.unwrap_or(&fault.file).display();
        let message = format!("{name}: {fault}.");
        let span = option.value_span();
        found.push(Diagnostic::new(
            span,
            Severity::Error,
            "extra-config",
            message,
        ));
    }
    let others = project.config.texts().iter().skip(1);
    for file in others.filter(|file| file.path != project.view.path) {
        let Some(fault) = file.ini.fatal() else {
            continue;
        };
        let name = file.path.strip_prefix(project.config.project());
        let name = name.unwrap_or(&file.path).display();
        let message = file.what_is_wrong(&fault.error);
        let message = format!("{name}, line {}: {message}.", fault.error.line());
        let span = option.value_span();
        let mut wrong = Diagnostic::new(span, Severity::Error, "extra-config", message);
        wrong.related.push(Related {
            path: Some(file.path.clone()),
            span: fault.span.clone(),
            message: "here".to_owned(),
        });
        found.push(wrong);
    }
}

/// What of this document is not read, because it is more than belongs to a project.
fn too_much(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    let is_here = |fault: &&ConfigProblem| {
        fault.kind == ProblemKind::TooMuch && fault.file == project.view.path
    };
    for fault in project.config.faults().iter().filter(is_here) {
        let located = located(project, fault);
        if located.is_empty() {
            found.push(of_file(project, sentence(&fault.message)));
        }
        add_new(located, found);
    }
}

/// The section and the option that a value is written in, in words.
pub(super) fn origin_text(project: &Project<'_>, origin: &Origin<'_>) -> String {
    match origin {
        Origin::File {
            file,
            section,
            option,
        } => place_text(project, file, section, option),
        Origin::Variable(name) => format!("the environment variable {name}"),
        Origin::Default => "PlatformIO's default".to_owned(),
    }
}

fn place_text(
    project: &Project<'_>,
    file: &fbuild_project::discover::platformio_config::ConfigFile,
    section: &SectionText,
    option: &OptionText,
) -> String {
    let before = file.text.get(..option.name_span.start).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    let name = file.path.strip_prefix(project.config.project());
    let name = name.unwrap_or(&file.path).display();
    format!("[{}], {name} line {line}", section.name)
}
