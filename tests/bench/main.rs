//! The benchmark against other tools: `cargo run --release -p fbuild-tests --bin bench`.
//!
//! Everybody deploys the same firmware onto the same simulated board, which answers on a pty in real
//! time; the time is that of whole processes. The parameters of the board are in `parameters.rs`,
//! what is deployed in `scenario.rs`, who takes part and how in `contestant.rs`, what is to be
//! reached in `rows.rs`, and what nobody could beat in `limit.rs`.
//!
//! Each run begins with a fresh board that holds the old build and is in download mode, and
//! counts only if the flash holds the new build afterwards, byte for byte, and nothing else changed.
//! Runs are interleaved, so that a slow minute of this machine does not hit one contestant alone.
//! Results, table and chart go to `tests/bench/results/`, figures to the README. Everything is made by
//!
//! ```sh
//! bench='cargo run --release -p fbuild-tests --bin bench --'
//! $bench && $bench --merge --sensitivity && $bench --merge --slow-flash
//! ```
//!
//! in eight to nine hours, and the rows of deploys in place alone (`$bench --merge --rows 9,10,11 --runs 1`) in
//! two hours. On a machine that has something else to do, run it with the scheduler's precedence (`chrt -r
//! 10`): a program that waits for a CPU looks slower than it is. With two CPUs and a load of five that
//! gave the figures of an idle machine to a hundredth, but for rows 9 to 11, where a thread of ours
//! looks for differences and gets in the way of the board's; `nice -n -15` was up to a tenth off. The
//! figures of rows 9 to 11 are of such a machine, at nice -15 beside builds at nice 10: everybody's times
//! are a little longer than on an idle one. Ours of rows 1 to 3, 7 and 12 are of one at `chrt -r 10`.

// Results go to standard output; this is not a language server.
#![allow(clippy::print_stdout)]
// What the benchmark reads is its own.
#![allow(clippy::disallowed_methods)]

mod breakdown;
mod chart;
mod contestant;
mod limit;
mod lsp;
mod namespace;
mod parameters;
mod readme;
mod result;
mod rows;
mod run;
mod scenario;
mod table;
mod timeline;
mod tools;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use fbuild_chip::Chip;

use crate::contestant::contestants;
use crate::parameters::{CHIPS, Conditions, HASH_FACTORS, LINKS, Link, Rates};
use crate::result::{Entry, Measurement, Results};
use crate::rows::{Against, ROWS};
use crate::run::Bench;
use crate::scenario::{Case, Scenario};
use crate::tools::{ESPFLASH_VERSION, ESPTOOL_VERSION, Tools};

/// Compare fbuild-lsp with esptool and espflash on a simulated board, in real time
#[derive(Debug, Parser)]
#[command(name = "bench")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
struct Arguments {
    /// One run each, rows 1, 2 and 6 on the main link with an ESP32
    #[arg(long)]
    quick: bool,

    /// Only these rows
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    rows: Option<Vec<u32>>,

    /// Only these links
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    links: Option<Vec<String>>,

    /// Only these chips
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    chips: Option<Vec<String>>,

    /// Only contestants whose name contains one of these
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    only: Option<Vec<String>>,

    /// Runs of each contestant; 5 on most links, fewer on the slow ones
    #[arg(long)]
    runs: Option<usize>,

    /// Measure the sensitivity to the loaders' hash rates instead: rows 1 and 2 at a quarter and at
    /// four times the estimate
    #[arg(long, conflicts_with = "slow_flash")]
    sensitivity: bool,

    /// Measure with a flash chip that takes as long as its data sheet allows instead: rows 9 and 11 at 460800 baud
    #[arg(long)]
    slow_flash: bool,

    /// Add to the results that are there, in place of older ones of the same
    #[arg(long)]
    merge: bool,

    /// Take in the results in this folder as well; may be repeated
    #[arg(long, value_name = "DIR")]
    with: Vec<PathBuf>,

    /// Where results go
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,

    /// Write each run's timeline there
    #[arg(long, value_name = "DIR")]
    timelines: Option<PathBuf>,

    /// Measure this binary of ours instead of building one
    #[arg(long, value_name = "FILE")]
    ours: Option<PathBuf>,

    /// Measure nothing: make the table and the chart again from the results
    #[arg(long)]
    render: bool,
}

/// Where they are in the repository.
fn default_folder() -> PathBuf {
    tools::root().join("tests/bench/results")
}

/// The results, to be read again.
const RESULT_FILE: &str = "result.json";

/// One thing to measure.
#[derive(Debug, Clone, Copy)]
struct Job {
    chip: Chip,
    link: &'static Link,
    scenario: Scenario,
    conditions: Conditions,
}

fn main() -> ExitCode {
    match run_all(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(arguments: &Arguments) -> Result<(), String> {
    let folder = arguments.results.clone().unwrap_or_else(default_folder);
    let keep = arguments.merge || (arguments.render && arguments.with.is_empty());
    let mut results = if keep {
        read_results(&folder)?
    } else {
        Results::default()
    };
    for other in &arguments.with {
        let other = read_results(other)?;
        results.versions.extend(other.versions);
        other
            .measurements
            .into_iter()
            .for_each(|measurement| results.put(measurement));
    }
    if !arguments.render {
        measure(arguments, &mut results, &folder)?;
    }
    write_results(&results, &folder)?;
    println!("{}", table::targets(&results));
    Ok(())
}

fn measure(arguments: &Arguments, results: &mut Results, folder: &Path) -> Result<(), String> {
    let jobs = jobs(arguments)?;
    let fixtures = tools::fixtures()?;
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let state = scratch.path().join("state");
    fs::create_dir_all(&state).map_err(|error| error.to_string())?;
    let tools = Tools::find(&state, arguments.ours.as_deref())?;
    if let Some(folder) = &arguments.timelines {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    results.versions = [("esptool", ESPTOOL_VERSION), ("espflash", ESPFLASH_VERSION)]
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .into();
    results.versions.insert(
        "fbuild-lsp".to_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
    );
    timeline::listen();
    for (n, job) in jobs.iter().enumerate() {
        eprintln!(
            "[{}/{}] {} {}: {}{}",
            n + 1,
            jobs.len(),
            job.chip.name(),
            job.link.name,
            job.scenario.about(),
            match job.conditions {
                Conditions::USUAL => String::new(),
                Conditions::SLOW_FLASH => ", slow flash".to_owned(),
                Conditions { hash_factor, .. } => format!(", hash rates x {hash_factor}"),
            },
        );
        let case = Case::prepare(&fixtures, scratch.path(), job.chip, job.scenario)
            .map_err(|error| format!("firmware: {error}"))?;
        let measurement = measure_job(arguments, job, &case, &tools, scratch.path())
            .map_err(|error| format!("{} {}: {error}", job.link.name, job.scenario.name()))?;
        results.put(measurement);
        // What is there is kept if somebody interrupts this.
        write_results(results, folder)?;
    }
    Ok(())
}

fn measure_job(
    arguments: &Arguments,
    job: &Job,
    case: &Case,
    tools: &Tools,
    scratch: &Path,
) -> std::io::Result<Measurement> {
    let mut bench = Bench {
        tools,
        link: job.link,
        conditions: job.conditions,
        case,
        server: lsp::Server::start(tools, &case.new.folder)?,
        scratch,
        timelines: arguments.timelines.as_deref(),
    };
    bench.warm_up()?;
    let limit = limit::limit(case, job.link, job.conditions);
    eprintln!("    {:<44} {:7.2} s", "limit", limit.total_s);
    let taking_part: Vec<_> = contestants(job.link, job.scenario)
        .into_iter()
        .filter(|c| {
            arguments
                .only
                .as_ref()
                .is_none_or(|texts| texts.iter().any(|text| c.name.contains(text.as_str())))
        })
        .collect();
    let mut entries: Vec<Entry> = taking_part
        .iter()
        .map(|c| Entry {
            name: c.name.to_owned(),
            ours: c.way.is_ours(),
            runs: Vec::new(),
        })
        .collect();
    let is_short = arguments.quick || arguments.slow_flash;
    let usual = if is_short { 1 } else { job.link.runs };
    let runs = arguments.runs.unwrap_or(usual);
    for _ in 0..runs {
        for (contestant, entry) in taking_part.iter().zip(&mut entries) {
            if entry.failure().is_some() {
                continue;
            }
            let run = bench.run(contestant)?;
            eprintln!(
                "    {:<44} {:7.2} s, link {:7.2} s, {:7} bytes, {:4} round trips, {:3} sectors{}",
                contestant.name,
                run.wall_s,
                run.link_s,
                run.sent_bytes,
                run.round_trips,
                run.sectors_erased,
                run.failure
                    .as_ref()
                    .map_or_else(String::new, |why| format!("  FAILED: {why}")),
            );
            entry.runs.push(run);
        }
    }
    Ok(Measurement {
        chip: job.chip.name().to_owned(),
        link: job.link.name.to_owned(),
        hash_factor: job.conditions.hash_factor,
        slow_flash: job.conditions.slow_flash,
        scenario: job.scenario.name().to_owned(),
        limit,
        contestants: entries,
    })
}

/// What the arguments ask for.
fn jobs(arguments: &Arguments) -> Result<Vec<Job>, String> {
    let links: Vec<&'static Link> = match &arguments.links {
        Some(names) => names
            .iter()
            .map(|name| {
                Link::named(name).ok_or_else(|| unknown("link", name, LINKS.map(|l| l.name)))
            })
            .collect::<Result<_, _>>()?,
        None if arguments.quick || arguments.sensitivity => vec![&LINKS[0]],
        None if arguments.slow_flash => Link::named("cp2102n-460800").into_iter().collect(),
        None => LINKS.iter().collect(),
    };
    let chips: Vec<Chip> = match &arguments.chips {
        Some(names) => names
            .iter()
            .map(|name| {
                let chip = CHIPS.into_iter().find(|chip| chip.name() == name);
                chip.ok_or_else(|| unknown("chip", name, CHIPS.map(Chip::name)))
            })
            .collect::<Result<_, _>>()?,
        None if arguments.quick || arguments.sensitivity || arguments.slow_flash => vec![CHIPS[0]],
        None => CHIPS.to_vec(),
    };
    let rows = match &arguments.rows {
        Some(rows) => rows.clone(),
        None if arguments.quick => vec![1, 2, 6],
        None if arguments.sensitivity => vec![1, 2],
        None if arguments.slow_flash => vec![9, 11],
        None => ROWS.iter().map(|row| row.number).collect(),
    };
    if let Some(row) = rows
        .iter()
        .find(|number| !ROWS.iter().any(|row| row.number == **number))
    {
        return Err(format!("there is no row {row}"));
    }
    let scaled = |hash_factor| Conditions {
        hash_factor,
        ..Conditions::USUAL
    };
    let all_conditions = match (arguments.sensitivity, arguments.slow_flash) {
        (true, _) => HASH_FACTORS.map(scaled).to_vec(),
        (_, true) => vec![Conditions::SLOW_FLASH],
        _ => vec![Conditions::USUAL],
    };
    let mut jobs = Vec::new();
    for &link in &links {
        let named = arguments.chips.is_some();
        let measured = |chip: Chip| {
            if named {
                link.suits(chip)
            } else {
                link.is_usual_for(chip)
            }
        };
        for &chip in chips.iter().filter(|chip| measured(**chip)) {
            let suited = |it: &Scenario| it.suits(chip) && link.carries(*it);
            for scenario in Scenario::ALL.into_iter().filter(suited) {
                let out_of_the_box = link.rates == Rates::OutOfTheBox;
                let wanted = ROWS.iter().any(|row| {
                    rows.contains(&row.number)
                        && row.scenario == scenario
                        && (row.against == Against::OutOfTheBox) == out_of_the_box
                });
                if wanted {
                    let job = |&conditions| Job {
                        chip,
                        link,
                        scenario,
                        conditions,
                    };
                    jobs.extend(all_conditions.iter().map(job));
                }
            }
        }
    }
    if jobs.is_empty() {
        return Err("no such row on such a link (row 8 is for cp2102n-auto alone)".to_owned());
    }
    Ok(jobs)
}

fn unknown<const N: usize>(what: &str, name: &str, known: [&str; N]) -> String {
    format!(
        "there is no {what} '{name}'; there are {}",
        known.join(", ")
    )
}

fn read_results(folder: &Path) -> Result<Results, String> {
    let path = folder.join(RESULT_FILE);
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
    serde_json::from_str(&text).map_err(|error| failed(&error))
}

fn write_results(results: &Results, folder: &Path) -> Result<(), String> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    write(
        RESULT_FILE,
        results.to_json().map_err(|error| error.to_string())?,
    )?;
    write("table.md", table::table(results))?;
    write("chart.svg", chart::chart(results))?;
    if *folder != default_folder() {
        return Ok(());
    }
    readme::write(results)
}
