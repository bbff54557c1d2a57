//! Tables in, what an editor would show out.

mod any_text;
mod corpus;
mod features;
mod fixes;
mod lints;

use std::path::Path;

use fbuild_chip::Chip;
use fbuild_project::discover::configuration::Configuration;
use fbuild_project::target::{FlashParams, Region, RegionKind, Source, Target, Tool};

use super::Partitions;
use crate::facts::{Build, Facts, Image};
use crate::format::{Format, View};
use crate::{Diagnostic, Severity};

const PATH: &str = "/p/partitions.csv";

fn view<'a>(text: &'a str, facts: &'a Facts) -> View<'a> {
    View {
        path: Path::new(PATH),
        text,
        facts,
    }
}

fn diagnostics(text: &str, facts: &Facts) -> Vec<Diagnostic> {
    Partitions.diagnostics(view(text, facts))
}

/// `line error code 'text'`, one a line, in the order of the places.
fn listed(text: &str, found: &[Diagnostic]) -> String {
    let mut found: Vec<&Diagnostic> = found.iter().collect();
    found.sort_by_key(|d| (d.span.start, d.code));
    let line = |d: &&Diagnostic| {
        let number = text[..d.span.start].matches('\n').count() + 1;
        let severity = format!("{:?}", d.severity).to_lowercase();
        format!(
            "{number} {severity} {} '{}'\n",
            d.code,
            &text[d.span.clone()]
        )
    };
    found.iter().map(line).collect()
}

fn has_errors(found: &[Diagnostic]) -> bool {
    found.iter().any(|d| d.severity == Severity::Error)
}

/// An ESP-IDF project that uses the table, with a flash of this size.
fn configuration(flash_bytes: Option<u32>) -> Configuration {
    Configuration {
        env: None,
        file: "/p/sdkconfig".into(),
        table: Some(PATH.into()),
        is_arduino: false,
        fixed_app_offset: None,
        chip: None,
        flash_bytes,
        table_offset: None,
        recovery_offset: None,
        idf_version: None,
        secure_boot: None,
        has_md5: true,
        extra_subtypes: Some(Vec::new()),
    }
}

fn project(configuration: Configuration) -> Facts {
    Facts {
        root: "/p".into(),
        configurations: vec![configuration],
        ..Facts::default()
    }
}

/// The same project, with an app of this many bytes that was built for 0x10000.
fn built(len_bytes: u64) -> Facts {
    let region = Region {
        name: "firmware".to_owned(),
        offset: 0x1_0000,
        source: Source::File("/p/build/app.bin".into()),
        kind: RegionKind::App,
        encrypted: false,
    };
    let target = Target {
        name: "espidf:build".to_owned(),
        tool: Tool::EspIdf,
        env: Some("build".to_owned()),
        profile: None,
        chip: Some(Chip::Esp32),
        avr: None,
        usb: None,
        regions: vec![region.clone()],
        flash: FlashParams::default(),
        root: "/p".into(),
        found_in: "/p/build/flasher_args.json".into(),
        inputs: Vec::new(),
        partitions_csv: Some(PATH.into()),
        table_offset: 0x8000,
        baud: None,
        port: None,
        ota_password: None,
        flash_encryption: false,
        secure_boot: false,
        console: fbuild_project::target::Console::default(),
        esphome: None,
        spare_otadata: None,
        on_request: Vec::new(),
        for_others: Vec::new(),
        remarks: Vec::new(),
        build: vec!["build".to_owned()],
    };
    let image = Image {
        region,
        len_bytes: Some(len_bytes),
        built_ms: Some(2000),
    };
    Facts {
        default_target: Some(target.name.clone()),
        builds: vec![Build {
            target,
            images: vec![image],
        }],
        ..project(configuration(Some(4 << 20)))
    }
}
