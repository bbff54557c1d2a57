//! What could be typed.

use fbuild_project::discover::ini::{OptionText, SectionText};
use fbuild_project::discover::platformio_config::ProjectConfig;

use super::{Project, keys, values};
use crate::{Completion, CompletionKind, Span};

/// Options that decide a deploy come first.
const FIRST: [&str; 12] = [
    "platform",
    "board",
    "framework",
    "extends",
    "upload_port",
    "upload_speed",
    "upload_protocol",
    "board_build.partitions",
    "board_build.filesystem",
    "board_upload.flash_size",
    "board_build.flash_mode",
    "monitor_speed",
];

pub(super) fn completions(project: &Project<'_>, at: usize) -> Vec<Completion> {
    let text = project.view.text;
    let line_start = text[..at]
        .rfind(['\r', '\n'])
        .map_or(0, |newline| newline + 1);
    let before = &text[line_start..at];
    if let Some(open) = open_reference(before) {
        return references(project, line_start + open + 2, at);
    }
    let trimmed = before.trim_start();
    if trimmed.starts_with(['#', ';']) {
        return Vec::new();
    }
    if let Some(name) = trimmed.strip_prefix('[') {
        return sections(project, at - name.len(), at);
    }
    let Some(section) = project.ini().section_at(at) else {
        return Vec::new();
    };
    let is_value = before.contains(['=', ':']);
    let is_indented = before.starts_with([' ', '\t']);
    if is_value || is_indented {
        let mut options = section.options.iter().rev();
        let option = options.find(|option| option.name_span.end <= at);
        return option.map_or_else(Vec::new, |option| of_value(project, section, option, at));
    }
    of_key(project, section, line_start, at)
}

/// Where an unclosed `${` begins.
fn open_reference(before: &str) -> Option<usize> {
    let open = before.rfind("${")?;
    (!before[open..].contains('}')).then_some(open)
}

fn completion(span: &Span, text: impl Into<String>, kind: CompletionKind) -> Completion {
    Completion {
        span: span.clone(),
        text: text.into(),
        kind,
        detail: String::new(),
        documentation: None,
    }
}

/// Behind `${`: sections, then options.
fn references(project: &Project<'_>, start: usize, at: usize) -> Vec<Completion> {
    let text = project.view.text;
    let typed = &text[start..at];
    // What follows up to the brace is replaced, too.
    let rest = &text[at..];
    let ends = |c: char| c == '}' || c.is_whitespace() || "$,\"'".contains(c);
    let end = at + rest.find(ends).unwrap_or(rest.len());
    let close = if text[end..].starts_with('}') {
        ""
    } else {
        "}"
    };
    if let Some((from, _)) = typed.split_once('.') {
        let span = start + from.len() + 1..end;
        let current = project.ini().section_at(start);
        let current = current
            .map(|section| section.name.as_str())
            .unwrap_or_default();
        let section = if from == "this" { current } else { from };
        let Ok(values) = project.config.values(section) else {
            return Vec::new();
        };
        let mut found: Vec<Completion> = values
            .into_iter()
            .map(|(name, value)| {
                let mut option = completion(&span, format!("{name}{close}"), CompletionKind::Key);
                let value = value.ok().flatten().map(|it| it.to_text());
                option.detail = value.unwrap_or_default().replace('\n', " ");
                option
            })
            .collect();
        if from == "this" {
            found.push(completion(
                &span,
                format!("__env__{close}"),
                CompletionKind::Key,
            ));
        }
        return found;
    }
    let span = start..end;
    let names = project
        .config
        .sections()
        .chain(["platformio", "this", "sysenv"]);
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    let sections = seen
        .into_iter()
        .map(|name| completion(&span, format!("{name}."), CompletionKind::Section));
    let variables = ["PROJECT_DIR", "PROJECT_HASH", "UNIX_TIME"];
    let variables = variables
        .iter()
        .map(|name| completion(&span, format!("{name}{close}"), CompletionKind::Value));
    sections.chain(variables).collect()
}

/// Behind `[`.
fn sections(project: &Project<'_>, start: usize, at: usize) -> Vec<Completion> {
    let rest = &project.view.text[at..];
    let end = at + rest.find([']', '\r', '\n']).unwrap_or(rest.len());
    let close = if rest[end - at..].starts_with(']') {
        ""
    } else {
        "]"
    };
    let span = start..end;
    let mut names: Vec<String> = Vec::new();
    for plain in ["platformio", "env"] {
        if !project.config.has_section(plain) {
            names.push(plain.to_owned());
        }
    }
    // Environments that are named and not there.
    let wanted = project.config.default_envs().unwrap_or_default();
    let missing = wanted.iter().map(|env| format!("env:{env}"));
    names.extend(missing.filter(|name| !project.config.has_section(name)));
    let mut found: Vec<Completion> = names
        .iter()
        .map(|name| completion(&span, format!("{name}{close}"), CompletionKind::Section))
        .collect();
    found.push(completion(&span, "env:", CompletionKind::Section));
    found
}

fn of_key(
    project: &Project<'_>,
    section: &SectionText,
    start: usize,
    at: usize,
) -> Vec<Completion> {
    let text = project.view.text;
    let rest = &text[at..];
    let ends = |c: char| c.is_whitespace() || c == '=' || c == ':';
    let end = at + rest.find(ends).unwrap_or(rest.len());
    let line_end = end + text[end..].find(['\r', '\n']).unwrap_or(text.len() - end);
    let has_sign = text[end..line_end].contains(['=', ':']);
    let sign = if has_sign { "" } else { " = " };
    let span = start..end;
    let is_env = section.name == "env" || section.name.starts_with("env:");
    // A section that environments extend may hold what they may.
    let scope = match section.name.as_str() {
        "platformio" => "platformio",
        _ => "env",
    };
    let mut names: Vec<&str> = Vec::new();
    if scope == "env" {
        names.extend(FIRST);
        names.extend(keys::of_boards());
    }
    names.extend(ProjectConfig::known_options(scope));
    let is_there = |name: &str| {
        let mut options = section.options.iter();
        options.any(|option| option.name == name && option.name_span != span)
    };
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) && !is_there(name) {
            seen.push(name);
        }
    }
    seen.into_iter()
        .map(|name| {
            let mut key = completion(&span, format!("{name}{sign}"), CompletionKind::Key);
            key.documentation = keys::find(name).map(|key| key.text.to_owned());
            let value = project.text(&section.name, name).filter(|_| is_env);
            key.detail = value.unwrap_or_default().replace('\n', " ");
            key
        })
        .collect()
}

fn of_value(
    project: &Project<'_>,
    section: &SectionText,
    option: &OptionText,
    at: usize,
) -> Vec<Completion> {
    let name = ProjectConfig::renamed(&section.name, &option.name).unwrap_or(&option.name);
    let is_list = matches!(name, "default_envs" | "extends" | "framework");
    let span = word(project.view.text, option, at, is_list);
    let with = |kind, names: Vec<String>| -> Vec<Completion> {
        names
            .into_iter()
            .map(|name| completion(&span, name, kind))
            .collect()
    };
    match name {
        "default_envs" => with(
            CompletionKind::Section,
            project.config.envs().map(str::to_owned).collect(),
        ),
        "extends" => {
            let others = project.config.sections();
            let others =
                others.filter(|it| *it != section.name && *it != "platformio" && *it != "env");
            with(CompletionKind::Section, others.map(str::to_owned).collect())
        }
        "upload_port" | "monitor_port" | "test_port" => ports(project, &span),
        "board_build.partitions" => {
            let mut found = with(CompletionKind::File, values::project_tables(project));
            let framework = values::framework_tables(project).into_iter();
            found.extend(framework.map(|name| {
                let mut table = completion(&span, name, CompletionKind::Value);
                "of the framework".clone_into(&mut table.detail);
                table
            }));
            found
        }
        "board" => {
            let known = &project.files().board_names;
            let names = if known.is_empty() {
                COMMON_BOARDS
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect()
            } else {
                known.iter().cloned().collect()
            };
            with(CompletionKind::Value, names)
        }
        _ => {
            let words = ProjectConfig::choices(&section.name, name).iter();
            let known = keys::find(name).map_or(&[][..], |key| key.values);
            let words = words.chain(known).map(|word| (*word).to_owned());
            with(CompletionKind::Value, words.collect())
        }
    }
}

/// Offered where no platform is installed. Source: board files of platform-espressif32 6.13.0.
const COMMON_BOARDS: &[&str] = &[
    "esp32dev",
    "esp32-c3-devkitm-1",
    "esp32-c6-devkitc-1",
    "esp32-s2-saola-1",
    "esp32-s3-devkitc-1",
    "esp32-s3-devkitm-1",
    "esp-wrover-kit",
    "lolin_d32",
    "m5stack-core-esp32",
    "seeed_xiao_esp32c3",
    "seeed_xiao_esp32s3",
];

fn ports(project: &Project<'_>, span: &Span) -> Vec<Completion> {
    let ports = project.view.facts.ports.iter();
    ports
        .map(|port| {
            let mut found = completion(span, port.name.clone(), CompletionKind::Port);
            found.detail = port.product.clone().unwrap_or_default();
            found
        })
        .collect()
}

/// The word of a value that is being typed: all of it, or an item of a list.
fn word(text: &str, option: &OptionText, at: usize, is_list: bool) -> Span {
    let line_start = text[..at]
        .rfind(['\r', '\n'])
        .map_or(0, |newline| newline + 1);
    let sign = text[option.name_span.end..at]
        .find(['=', ':'])
        .map_or(line_start, |sign| option.name_span.end + sign + 1);
    let start = line_start.max(sign);
    let before = &text[start..at];
    let separator = if is_list { before.rfind(',') } else { None };
    let from = separator.map_or(0, |comma| comma + 1);
    let from = start + from + before[from..].len() - before[from..].trim_start().len();
    let rest = &text[at..];
    let ends = |c: char| c.is_whitespace() || c == ',';
    from..at + rest.find(ends).unwrap_or(rest.len())
}
