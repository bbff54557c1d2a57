//! What is shown under the pointer: values as they come out, and where they come from.

use std::fmt::Write as _;

use fbuild_project::amount::amount;
use fbuild_project::discover::glob;
use fbuild_project::discover::ini::{OptionText, SectionText};
use fbuild_project::discover::platformio_config::{Origin, ProjectConfig, references};
use fbuild_project::plain::{self, cell, code, markdown};

use super::check::origin_text;
use super::{Project, keys};
use crate::{Hover, Span};

pub(super) fn hover(project: &Project<'_>, at: usize) -> Option<Hover> {
    let ini = project.ini();
    let section = ini.section_at(at)?;
    if touches(&section.header, at) {
        let text = of_section(project, &section.name)?;
        let span = section.header.clone();
        return Some(Hover {
            span,
            markdown: text,
        });
    }
    let option = section.options.iter().find(|it| touches(&it.span, at))?;
    if touches(&option.name_span, at) {
        let span = option.name_span.clone();
        let text = of_option(project, section, option);
        return Some(Hover {
            span,
            markdown: text,
        });
    }
    of_reference(project, section, option, at)
        .or_else(|| of_item(project, option, at))
        .or_else(|| {
            let span = option.value_span();
            touches(&span, at).then(|| Hover {
                span,
                markdown: of_option(project, section, option),
            })
        })
}

fn touches(span: &Span, at: usize) -> bool {
    span.start <= at && at <= span.end
}

/// `${…}`.
fn of_reference(
    project: &Project<'_>,
    section: &SectionText,
    option: &OptionText,
    at: usize,
) -> Option<Hover> {
    let value = option.value(project.view.text);
    let (reference, span) = references(&value)
        .map(|reference| {
            let span = option.place(reference.span.clone());
            (reference, span)
        })
        .find(|(_, span)| touches(span, at))?;
    let name = reference.name;
    let resolved = project.config.resolve(&section.name, &option.name, name);
    let mut text = match &resolved {
        Ok(_) if is_secret(name) => {
            format!(
                "{} is a variable of the environment that this program runs in.",
                code(&format!("${{{name}}}"))
            )
        }
        Ok(value) if *value == format!("${{{name}}}") => {
            format!(
                "{} is filled in by the build.",
                code(&format!("${{{name}}}"))
            )
        }
        Ok(value) => shown(&format!("${{{name}}}"), value),
        Err(problem) => markdown(&problem.to_string()),
    };
    let from = reference.parts().map(|(from, wanted)| match from {
        "this" => (section.name.as_str(), wanted),
        from => (from, wanted),
    });
    let origin = from.and_then(|(from, wanted)| project.config.origin(from, wanted));
    if let Some(origin) = origin.filter(|_| resolved.is_ok()) {
        let _ = write!(
            text,
            "\n\nFrom {}.",
            markdown(&origin_text(project, &origin))
        );
    }
    Some(Hover {
        span,
        markdown: text,
    })
}

/// Values of environment variables can be passwords.
fn is_secret(name: &str) -> bool {
    name.starts_with("sysenv.")
}

/// A name in `default_envs` or `extends`.
fn of_item(project: &Project<'_>, option: &OptionText, at: usize) -> Option<Hover> {
    let items = project.items(option).into_iter();
    let (item, span) = items.into_iter().find(|(_, span)| touches(span, at))?;
    let section = match option.name.as_str() {
        "default_envs" | "env_default" => format!("env:{item}"),
        "extends" => item,
        _ => return None,
    };
    let text = of_section(project, &section)?;
    Some(Hover {
        span,
        markdown: text,
    })
}

/// What a section says about a deploy.
fn of_section(project: &Project<'_>, name: &str) -> Option<String> {
    const SHOWN: [&str; 10] = [
        "platform",
        "board",
        "framework",
        "upload_port",
        "upload_speed",
        "upload_protocol",
        "board_build.partitions",
        "board_build.filesystem",
        "board_upload.flash_size",
        "board_build.flash_mode",
    ];
    if !project.config.has_section(name) {
        return None;
    }
    let mut text = format!("**\\[{}\\]**\n", markdown(name));
    let mut rows = String::new();
    for option in SHOWN {
        let Some(value) = project.text(name, option) else {
            continue;
        };
        let from = match project.config.origin(name, option) {
            Some(Origin::File { section, .. }) if section.name == name => String::new(),
            Some(Origin::File { section, .. }) => markdown(&format!("[{}]", section.name)),
            Some(Origin::Variable(variable)) => markdown(variable),
            Some(Origin::Default) | None => "default".to_owned(),
        };
        let value = cell(&value.replace('\n', ", "));
        let _ = writeln!(rows, "| {option} | {value} | {from} |");
    }
    if !rows.is_empty() {
        let _ = write!(
            text,
            "\n| option | value | from |\n| --- | --- | --- |\n{rows}"
        );
    }
    if let Some(env) = name.strip_prefix("env:") {
        let _ = write!(text, "\n{}", build_text(project, env));
    }
    Some(text)
}

/// What is known of the build of an environment.
fn build_text(project: &Project<'_>, env: &str) -> String {
    let target = format!("platformio:{env}");
    let mut builds = project.view.facts.builds.iter();
    let Some(build) = builds.find(|build| build.target.name == target) else {
        return if project.is_for_esp32(env) {
            format!("Not built yet: {}", code(&format!("pio run -e {env}")))
        } else {
            "Not for an ESP32 board: there is nothing to deploy.".to_owned()
        };
    };
    let mut text = String::new();
    if let Some(chip) = build.target.chip {
        let _ = writeln!(text, "Chip: {chip}  ");
    }
    for image in &build.images {
        let size = image
            .len_bytes
            .map_or_else(|| "not built".to_owned(), amount);
        let region = &image.region;
        let name = markdown(&region.name);
        let _ = writeln!(text, "{name} at {:#x}: {size}  ", region.offset);
    }
    text
}

/// An option: its value, where that comes from, and what it is for.
fn of_option(project: &Project<'_>, section: &SectionText, option: &OptionText) -> String {
    let name = ProjectConfig::renamed(&section.name, &option.name).unwrap_or(&option.name);
    let mut text = match project.config.get(&section.name, &option.name) {
        Ok(value) => shown(name, &value.map(|it| it.to_text()).unwrap_or_default()),
        Err(problem) => format!("**{}**: {}", markdown(name), markdown(&problem.to_string())),
    };
    let value = option.value(project.view.text);
    if references(&value).any(|reference| is_secret(reference.name)) {
        text = format!(
            "**{}** depends on the environment that PlatformIO runs in.",
            markdown(name)
        );
    }
    match project.config.origin(&section.name, &option.name) {
        Some(Origin::File {
            file, option: from, ..
        }) if file.path == project.view.path && from.span == option.span => {}
        Some(origin) => {
            let _ = write!(
                text,
                "\n\nFrom {}.",
                markdown(&origin_text(project, &origin))
            );
        }
        None => {}
    }
    if let Some(key) = keys::find(name) {
        let _ = write!(text, "\n\n{}", key.text);
    }
    if name == "upload_port" {
        ports(project, &section.name, &mut text);
    }
    inheritors(project, section, &option.name, &mut text);
    text
}

fn shown(name: &str, value: &str) -> String {
    let name = markdown(name);
    if value.contains('\n') {
        // Indented by four: no line of the value can end such a block.
        let lines = value
            .trim()
            .lines()
            .map(|line| format!("    {}", plain::line(line)));
        format!("**{name}**\n\n{}", lines.collect::<Vec<_>>().join("\n"))
    } else if value.is_empty() {
        format!("**{name}** is empty")
    } else {
        format!("**{name}** = {}", code(value))
    }
}

/// The environments that take this value from a section that is none.
fn inheritors(project: &Project<'_>, section: &SectionText, option: &str, text: &mut String) {
    if section.name.starts_with("env:") || section.name == "platformio" {
        return;
    }
    let takes = |env: &&str| {
        let origin = project.config.origin(&format!("env:{env}"), option);
        matches!(origin, Some(Origin::File { file, section: from, .. })
            if file.path == project.view.path && from.header == section.header)
    };
    let envs: Vec<&str> = project.config.envs().filter(takes).collect();
    if !envs.is_empty() {
        let _ = write!(text, "\n\nUsed by {}.", markdown(&envs.join(", ")));
    }
}

/// Which ports there are for it.
fn ports(project: &Project<'_>, section: &str, text: &mut String) {
    let Some(wanted) = project.text(section, "upload_port") else {
        return;
    };
    let ports = &project.view.facts.ports;
    let matching: Vec<&str> = ports
        .iter()
        .map(|port| &*port.name)
        .filter(|name| *name == wanted || glob::matches(&wanted, name))
        .collect();
    let _ = match matching.as_slice() {
        [] => write!(text, "\n\nNot plugged in."),
        names => write!(text, "\n\nPlugged in: {}.", markdown(&names.join(", "))),
    };
}
