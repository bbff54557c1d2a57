//! `targets`.

use std::path::PathBuf;

use clap::Args;
use fbuild_deploy::outcome::Failure;
use fbuild_project::build::Machine;
use fbuild_project::discover::{Discovery, Environment, discover};
use fbuild_project::target::Target;

use super::terminal::Terminal;
use super::{SUCCESS, USAGE};
use crate::json::TargetList;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's directory; else this one, or the project around it
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Say what was looked at and not taken, and why
    #[arg(short, long)]
    verbose: bool,
}

impl Arguments {
    /// Runs `targets`. A project without any is wrong input.
    pub(crate) fn run(self, terminal: Terminal) -> u8 {
        let directory = super::directory(self.directory, terminal);
        let environment = Environment::from_process();
        let discovery = discover(&directory, &environment);
        if self.json {
            let mut targets = TargetList::default();
            targets.add(&discovery, &environment);
            terminal.json(&targets);
        } else {
            tell(&discovery, &environment, terminal);
            if self.verbose {
                tell_passed(&discovery, terminal);
            }
        }
        if discovery.targets.is_empty() {
            USAGE
        } else {
            SUCCESS
        }
    }
}

fn tell_passed(discovery: &Discovery, terminal: Terminal) {
    for passed in &discovery.passed {
        let place = passed.place.strip_prefix(&discovery.root);
        let place = place.unwrap_or(&passed.place).display().to_string();
        let place = if place.is_empty() {
            ".".to_owned()
        } else {
            place
        };
        terminal.note(format!("not taken: {place}: {}", passed.why));
    }
}

fn tell(discovery: &Discovery, environment: &Environment, terminal: Terminal) {
    for target in &discovery.targets {
        let chip = target
            .device()
            .map(|chip| format!("  {chip}"))
            .unwrap_or_default();
        terminal.result(format!("{}{chip}", target.name));
        for region in &target.regions {
            let file = region.source.path();
            let file = file.strip_prefix(&discovery.root).unwrap_or(file).display();
            terminal.result(format!(
                "  {:#010x} {:<12} {file}",
                region.offset, region.name
            ));
        }
        if let Some(recipe) = target.recipe() {
            terminal.result(format!("  {:<10} {}", "built by", recipe.line()));
        }
        for region in &target.on_request {
            let name = &region.name;
            terminal.result(format!(
                "  {:#010x} {name:<12} only with --regions {name}",
                region.offset
            ));
        }
    }
    let recipes = discovery.targets.iter().filter_map(Target::recipe);
    let unbuilt = discovery.unbuilt.iter().map(|it| it.recipe.clone());
    let mut missing: Vec<String> = recipes
        .chain(unbuilt)
        .filter_map(|recipe| recipe.on(&Machine::this(environment)).err())
        .map(|missing| missing.to_string())
        .collect();
    missing.sort();
    missing.dedup();
    for target in &discovery.targets {
        for remark in &target.remarks {
            let text = format!("{}: {remark}", target.name);
            terminal.note(terminal.warning_line(&text));
        }
    }
    for unbuilt in &discovery.unbuilt {
        terminal.note(format!(
            "{} is not built yet: {}",
            unbuilt.name, unbuilt.build_hint
        ));
    }
    for missing in missing {
        terminal.note(terminal.warning_line(&missing));
    }
    for problem in &discovery.problems {
        terminal.failure(&Failure::from(problem.clone()));
    }
    let said_nothing = discovery.targets.is_empty()
        && discovery.unbuilt.is_empty()
        && discovery.problems.is_empty();
    if said_nothing && let Err(error) = discovery.default_target() {
        terminal.failure(&Failure::from(error));
    }
}
