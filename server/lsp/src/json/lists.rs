//! What can be deployed, and where a board may be.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::UNIX_EPOCH;

use fbuild_link::serial::PortInfo;
use fbuild_project::build::{Machine, Recipe};
use fbuild_project::discover::{Discovery, Environment};
use fbuild_project::plain;
use fbuild_project::target::{Region, Target};
use schemars::JsonSchema;
use serde::Serialize;

use super::Problem;
use crate::explain::Next;
use crate::network::Device;
use crate::port;
use crate::remember::selections::Selection;

/// The targets of a workspace.
#[derive(Debug, Serialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetList {
    targets: Vec<TargetEntry>,
    unbuilt: Vec<UnbuiltEntry>,
    problems: Vec<Problem>,
    /// Only where somebody can choose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    selected: Option<Vec<SelectionEntry>>,
}

/// What was chosen for a folder.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SelectionEntry {
    root: String,
    target: Option<String>,
    port: Option<String>,
    /// Only for who shows it to a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
}

#[derive(Debug, Serialize, JsonSchema)]
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
    built_ms: Option<u64>,
    build: Option<BuildEntry>,
    regions: Vec<TargetRegion>,
    on_request: Vec<TargetRegion>,
    remarks: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TargetRegion {
    name: String,
    offset: u32,
    file: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UnbuiltEntry {
    name: String,
    looked_for: String,
    build_hint: String,
    build: BuildEntry,
}

/// How something is built on this machine.
#[derive(Debug, Serialize, JsonSchema)]
struct BuildEntry {
    line: String,
    directory: String,
    command: Option<Vec<String>>,
    variables: BTreeMap<String, String>,
    path: Vec<String>,
    missing: Option<String>,
}

impl BuildEntry {
    fn new(recipe: &Recipe, environment: &Environment) -> Self {
        let found = recipe.on(&Machine::this(environment));
        let (command, missing) = match found {
            Ok(command) => (Some(command), None),
            Err(missing) => (None, Some(plain::line(&missing.to_string()).into_owned())),
        };
        Self {
            line: recipe.line(),
            directory: recipe.directory.clone(),
            command: command
                .as_ref()
                .map(|command| command.words().map(str::to_owned).collect()),
            variables: command
                .iter()
                .flat_map(|command| command.variables.iter().cloned())
                .collect(),
            path: command.map_or_else(Vec::new, |command| command.path),
            missing,
        }
    }
}

/// The ports of this machine.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PortList {
    ports: Vec<PortEntry>,
    /// Only where somebody asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    network: Option<Vec<NetworkEntry>>,
}

/// A device that takes firmware over the air.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NetworkEntry {
    name: String,
    host: String,
    board: Option<String>,
    asks_password: bool,
}

impl PortList {
    /// The same with what the network was asked for.
    pub(crate) fn with_network(mut self, devices: Option<&[Device]>) -> Self {
        let entry = |device: &Device| NetworkEntry {
            name: device.name.clone(),
            host: device.host.clone(),
            board: device.board.clone(),
            asks_password: device.asks_password,
        };
        self.network = devices.map(|devices| devices.iter().map(entry).collect());
        self
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PortEntry {
    name: String,
    likely_board: bool,
    description: String,
    usb: Option<Usb>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Usb {
    vid: u16,
    pid: u16,
    serial_number: Option<String>,
    /// The socket that it is in, where the system tells.
    location: Option<String>,
    product: Option<String>,
}

impl TargetList {
    /// Adds what was found in one folder.
    pub(crate) fn add(&mut self, discovery: &Discovery, environment: &Environment) {
        let targets = discovery.targets.iter();
        self.targets
            .extend(targets.map(|target| TargetEntry::new(target, environment)));
        self.unbuilt
            .extend(discovery.unbuilt.iter().map(|unbuilt| UnbuiltEntry {
                name: unbuilt.name.clone(),
                looked_for: plain::line(&text(&unbuilt.looked_for)).into_owned(),
                build_hint: plain::line(&unbuilt.build_hint).into_owned(),
                build: BuildEntry::new(&unbuilt.recipe, environment),
            }));
        self.problems
            .extend(discovery.problems.iter().map(Problem::from));
    }

    /// Adds what was chosen for one folder.
    pub(crate) fn add_selection(&mut self, entry: SelectionEntry) {
        self.selected.get_or_insert_default().push(entry);
    }
}

impl SelectionEntry {
    pub(crate) fn new(root: &Path, selection: &Selection, next: Option<Next>) -> Self {
        Self {
            root: text(root),
            target: selection.target.clone(),
            port: selection.board.as_ref().map(|board| board.name.clone()),
            next,
        }
    }
}

/// When a target's app was written, in milliseconds since 1970.
fn built_ms(target: &Target) -> Option<u64> {
    let file = target.firmware()?.source.path().metadata().ok()?;
    let since = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

/// JSON has no other paths than text.
fn text(path: &Path) -> String {
    path.display().to_string()
}

impl TargetEntry {
    fn new(target: &Target, environment: &Environment) -> Self {
        let recipe = target.recipe();
        Self {
            name: target.name.clone(),
            tool: target.tool.name(),
            env: target.env.clone(),
            profile: target.profile.clone(),
            chip: target.device().map(fbuild_chip::Device::name),
            root: text(&target.root),
            found_in: text(&target.found_in),
            port: target.port.clone(),
            baud: target.baud,
            built_ms: built_ms(target),
            build: recipe.map(|recipe| BuildEntry::new(&recipe, environment)),
            regions: target.regions.iter().map(TargetRegion::from).collect(),
            on_request: target.on_request.iter().map(TargetRegion::from).collect(),
            remarks: target.remarks.clone(),
        }
    }
}

impl From<&Region> for TargetRegion {
    fn from(region: &Region) -> Self {
        Self {
            name: region.name.clone(),
            offset: region.offset,
            file: text(region.source.path()),
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
                description: port::describe(info)
                    .map_or_else(String::new, |it| plain::line(&it).into_owned()),
                usb: info.usb.as_ref().map(|usb| Usb {
                    vid: usb.vid,
                    pid: usb.pid,
                    serial_number: usb.serial_number.clone(),
                    location: port::usb_location(&info.name),
                    product: usb.product.clone(),
                }),
            })
            .collect();
        Self {
            ports,
            network: None,
        }
    }
}
