//! What can be deployed, and where a board may be.

use std::path::Path;

use fbuild_deploy::discover::Discovery;
use fbuild_deploy::target::Target;
use fbuild_loader::link::serial::PortInfo;
use serde::Serialize;

use super::Problem;
use crate::port;

/// The targets of a workspace.
#[derive(Debug, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetList {
    targets: Vec<TargetEntry>,
    unbuilt: Vec<UnbuiltEntry>,
    problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetEntry {
    name: String,
    tool: &'static str,
    env: Option<String>,
    profile: Option<String>,
    chip: Option<&'static str>,
    root: String,
    found_in: String,
    port: Option<String>,
    baud: Option<u32>,
    regions: Vec<TargetRegion>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetRegion {
    name: String,
    offset: u32,
    file: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnbuiltEntry {
    name: String,
    looked_for: String,
    build_hint: String,
}

/// The ports of this machine.
#[derive(Debug, Serialize)]
pub(crate) struct PortList {
    ports: Vec<PortEntry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PortEntry {
    name: String,
    likely_board: bool,
    usb: Option<Usb>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Usb {
    vid: u16,
    pid: u16,
    serial_number: Option<String>,
    product: Option<String>,
}

impl TargetList {
    /// Adds what was found in one folder.
    pub(crate) fn add(&mut self, discovery: &Discovery) {
        self.targets
            .extend(discovery.targets.iter().map(TargetEntry::from));
        self.unbuilt
            .extend(discovery.unbuilt.iter().map(|unbuilt| UnbuiltEntry {
                name: unbuilt.name.clone(),
                looked_for: text(&unbuilt.looked_for),
                build_hint: unbuilt.build_hint.clone(),
            }));
        self.problems
            .extend(discovery.problems.iter().map(Problem::from));
    }
}

/// JSON has no other paths than text.
fn text(path: &Path) -> String {
    path.display().to_string()
}

impl From<&Target> for TargetEntry {
    fn from(target: &Target) -> Self {
        Self {
            name: target.name.clone(),
            tool: target.tool.name(),
            env: target.env.clone(),
            profile: target.profile.clone(),
            chip: target.chip.map(fbuild_loader::chip::Chip::name),
            root: text(&target.root),
            found_in: text(&target.found_in),
            port: target.port.clone(),
            baud: target.baud,
            regions: target
                .regions
                .iter()
                .map(|region| TargetRegion {
                    name: region.name.clone(),
                    offset: region.offset,
                    file: text(region.source.path()),
                })
                .collect(),
        }
    }
}

impl From<&[PortInfo]> for PortList {
    fn from(ports: &[PortInfo]) -> Self {
        let ports = ports
            .iter()
            .map(|info| PortEntry {
                name: info.name.clone(),
                likely_board: port::board_vendor(info).is_some(),
                usb: info.usb.as_ref().map(|usb| Usb {
                    vid: usb.vid,
                    pid: usb.pid,
                    serial_number: usb.serial_number.clone(),
                    product: usb.product.clone(),
                }),
            })
            .collect();
        Self { ports }
    }
}
