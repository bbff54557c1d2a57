//! Symbols and code lenses.

use serde_json::json;

use super::Project;
use crate::{Lens, Symbol, SymbolKind};

/// Sections with their options.
pub(super) fn symbols(project: &Project<'_>) -> Vec<Symbol> {
    let text = project.view.text;
    let sections = project.ini().sections.iter();
    let symbol = |section: &fbuild_project::discover::ini::SectionText| {
        let env = section.name.strip_prefix("env:");
        let board = env.and_then(|_| project.text(&section.name, "board"));
        let options = section.options.iter().map(|option| Symbol {
            name: option.name.clone(),
            detail: one_line(&option.value(text)),
            kind: SymbolKind::Key,
            span: option.span.clone(),
            name_span: option.name_span.clone(),
            children: Vec::new(),
        });
        Symbol {
            name: env
                .filter(|env| !env.is_empty())
                .unwrap_or(&section.name)
                .to_owned(),
            detail: board.unwrap_or_default(),
            kind: SymbolKind::Section,
            span: section.span.clone(),
            name_span: section.header.clone(),
            children: options.collect(),
        }
    };
    sections.map(symbol).collect()
}

/// The first line of a value, and a sign that there are more.
fn one_line(value: &str) -> String {
    let mut lines = value.lines().filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    match lines.next() {
        Some(_) => format!("{first} …"),
        None => first.to_owned(),
    }
}

/// Deploy, Verify and Plan over each environment of an ESP32 board.
pub(super) fn lenses(project: &Project<'_>) -> Vec<Lens> {
    const COMMANDS: [(&str, &str); 3] = [
        ("Deploy", "fbuild.server.deploy"),
        ("Verify", "fbuild.server.verify"),
        ("Plan", "fbuild.server.plan"),
    ];
    let root = project.config.project();
    let envs = project.envs().filter(|(env, _)| project.is_for_esp32(env));
    envs.flat_map(|(env, section)| {
        COMMANDS.map(|(title, command)| Lens {
            span: section.header.clone(),
            title: title.to_owned(),
            command,
            arguments: json!({"root": root, "target": format!("platformio:{env}")}),
        })
    })
    .collect()
}
