//! Ports by name: which one is meant, whether two names mean the same one, and opening it.

mod described;
mod remembered;

use std::io;
use std::path::Path;

use fbuild_deploy::outcome::Failure;
use fbuild_deploy::own_file;
use fbuild_link::error::OpenError;
use fbuild_link::memory::Time;
use fbuild_link::port_name::PortName;
use fbuild_link::serial::{self, PortInfo};
use fbuild_link::{ESPRESSIF_VID, Link};
use fbuild_project::discover::glob;
use fbuild_project::remedy::Way;
use fbuild_project::target::Target;
use fbuild_sim::Timing;
use fbuild_sim::port::{self as sim, Model, SimPort};
use fbuild_sim::serve::{Served, Server};

pub(crate) use remembered::{Remembered, usb_location};

/// USB vendors of boards and of the serial adapters on them, with the name that people know. Source: the
/// USB ID repository (usb.ids) and the boards' schematics. Arduino has two, one from its years in two halves.
const BOARD_VENDORS: [(u16, &str); 6] = [
    (ESPRESSIF_VID, "Espressif"),
    (0x10C4, "CP210x"),
    (0x1A86, "CH34x"),
    (0x0403, "FTDI"),
    (0x2341, "Arduino"),
    (0x2A03, "Arduino"),
];

/// The adapter's usual name, if it is used on such boards.
pub(crate) fn board_vendor(port: &PortInfo) -> Option<&'static str> {
    let vid = port.usb.as_ref()?.vid;
    BOARD_VENDORS
        .iter()
        .find(|(known, _)| *known == vid)
        .map(|(_, name)| *name)
}

/// What points to a port, strongest first.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wishes<'w> {
    /// The one that was asked for.
    pub(crate) asked: Option<&'w str>,
    /// The board that a person chose for this folder.
    pub(crate) remembered: Option<&'w Remembered>,
    /// The user's setting.
    pub(crate) setting: Option<&'w str>,
    /// What the project's own files say.
    pub(crate) project: Option<&'w str>,
    /// The board is found by its boot loader on USB.
    pub(crate) needs_none: bool,
}

impl Wishes<'_> {
    /// The same for a target: a board whose boot loader is on USB is on no port that was chosen for others.
    pub(crate) fn of(self, target: &Target) -> Self {
        if target.usb.is_none() {
            return self;
        }
        Self {
            remembered: None,
            setting: None,
            needs_none: true,
            ..self
        }
    }
}

/// A port, and what to say about the choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    /// Why it is not the one that might be expected.
    pub(crate) warning: Option<String>,
}

impl From<String> for Chosen {
    fn from(name: String) -> Self {
        Self {
            name,
            warning: None,
        }
    }
}

/// The port that is meant: by the strongest wish that leads to one, else the only plausible board.
///
/// A project file may name any port; only one that this machine lists is taken from it, so that a
/// downloaded project cannot make this program connect somewhere.
pub(crate) fn choose(wishes: &Wishes<'_>, ports: &[PortInfo]) -> Result<Chosen, Failure> {
    let resolve = |name: &str| described::resolve(name, ports, &usb_location);
    if let Some(asked) = wishes.asked {
        return Ok(resolve(asked)?.into());
    }
    let mut warning = None;
    if let Some(remembered) = wishes.remembered {
        if let Some(name) = remembered.find(ports, &remembered::usb_location) {
            return Ok(name.into());
        }
        warning = Some(remembered.name.clone());
    }
    let listed = |name: &str| ports.iter().find(|port| port.name == name);
    // Of a pattern the first port that matches, as PlatformIO has it.
    let matching = |wish: &str| {
        let mut matching = ports.iter().filter(|port| glob::matches(wish, &port.name));
        let described = || resolve(wish).ok().and_then(|name| listed(&name));
        let is_pattern = glob::is_pattern(wish);
        listed(wish)
            .or_else(|| matching.next().filter(|_| is_pattern))
            .or_else(described)
    };
    let name = match (wishes.setting, wishes.project.and_then(matching)) {
        (Some(setting), _) => resolve(setting)?,
        (None, Some(port)) => port.name.clone(),
        (None, None) if wishes.needs_none => PortName::USB_LOADER.to_owned(),
        (None, None) => only_plausible(ports).map_err(|none| with_wish(none, wishes.project))?,
    };
    let warning = warning.map(|missing| {
        format!("the board chosen for this folder ({missing}) is not plugged in; used {name}")
    });
    // Such a project has a serial line only for the first time.
    let over_the_air = wishes
        .project
        .filter(|project| wishes.setting.is_none() && PortName::of(project).is_over_the_air());
    let passed_over = over_the_air.map(|project| {
        format!("the project asks for {project}, which is used only if it is named; used {name}")
    });
    let warning = warning.or(passed_over);
    Ok(Chosen { name, warning })
}

/// Rules that let who sits at a Linux machine open such adapters, and keep ModemManager from talking to them.
pub(crate) fn udev_rules() -> String {
    let head = "\
# Serial ports of ESP32, ESP8266 and AVR boards, for whoever sits at this machine; ModemManager leaves them alone.
# fbuild-lsp ports --udev | sudo tee /etc/udev/rules.d/70-fbuild-lsp.rules
# sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=tty
";
    let rule = |(vid, name): (u16, &str)| {
        format!(
            "\n# {name}\nSUBSYSTEM==\"tty\", ATTRS{{idVendor}}==\"{vid:04x}\", TAG+=\"uaccess\", \
             ENV{{ID_MM_PORT_IGNORE}}=\"1\"\n"
        )
    };
    let rules = BOARD_VENDORS.map(rule).concat();
    format!("{head}{rules}")
}

/// Ports that a board may be on: adapters that are used on such boards, else anything on USB.
pub(crate) fn candidates(ports: &[PortInfo]) -> Vec<&PortInfo> {
    let likely: Vec<&PortInfo> = ports
        .iter()
        .filter(|port| board_vendor(port).is_some())
        .collect();
    if likely.is_empty() {
        return ports.iter().filter(|port| port.usb.is_some()).collect();
    }
    likely
}

/// The same with the port that the project asks for, which is not there.
fn with_wish(mut failure: Failure, project: Option<&str>) -> Failure {
    let Some(project) = project else {
        return failure;
    };
    let name = PortName::of(project);
    let is_address = !name.is_device() && !name.is_described() && !name.is_sim();
    let why = if is_address {
        "is used only if it is named"
    } else {
        "is not there"
    };
    failure.what = format!(
        "{}; the project asks for {project}, which {why}",
        failure.what
    );
    if is_address {
        failure.remedy = Way::NamePort(project.to_owned()).into();
    }
    failure
}

fn only_plausible(ports: &[PortInfo]) -> Result<String, Failure> {
    let likely: Vec<&PortInfo> = ports
        .iter()
        .filter(|port| board_vendor(port).is_some())
        .collect();
    match likely[..] {
        [only] => Ok(only.name.clone()),
        [] => Err(Failure::of_input(
            "no-port",
            match ports {
                [] => "no board found: this machine has no serial port".to_owned(),
                _ => format!(
                    "no board found: none of these ports looks like one: {}",
                    listed(ports.iter())
                ),
            },
            "plug the board in with a data cable, or name the port",
        )),
        _ => Err(Failure::of_input(
            "several-ports",
            format!("several boards found: {}", listed(likely.into_iter())),
            "name the port",
        )),
    }
}

/// A port as a person tells it from others.
pub(crate) fn label(port: &PortInfo) -> String {
    match describe(port) {
        Some(what) => format!("{} ({what})", port.name),
        None => port.name.clone(),
    }
}

fn listed<'p>(ports: impl Iterator<Item = &'p PortInfo>) -> String {
    ports.map(label).collect::<Vec<_>>().join(", ")
}

/// What a person can tell a port by, besides its name.
pub(crate) fn describe(port: &PortInfo) -> Option<String> {
    let usb = port.usb.as_ref()?;
    let product = usb
        .product
        .as_deref()
        .or_else(|| board_vendor(port))
        .unwrap_or("USB");
    Some(match &usb.serial_number {
        Some(serial) => format!("{product}, {serial}"),
        None => product.to_owned(),
    })
}

/// A simulated board's flash file is looked for in `base` if its path is relative; every other
/// name stays as it is.
pub(crate) fn anchored(port: &str, base: &Path) -> String {
    let PortName::Sim { file, options } = PortName::of(port) else {
        return port.to_owned();
    };
    if file.is_empty() || Path::new(file).is_absolute() {
        return port.to_owned();
    }
    format!("sim:{}{options}", base.join(file).display())
}

/// Whether the name of a simulated board says which file its flash is in.
fn names_file(port: &str) -> bool {
    !matches!(PortName::of(port), PortName::Sim { file: "", .. })
}

/// Whether a simulated board is gone when its port is closed, although nobody asked for that.
pub(crate) fn is_lost(port: &str, state_dir: Option<&Path>) -> bool {
    state_dir.is_none() && !names_file(port) && !port.contains("file=0")
}

/// A simulated board by its name. One without a file has its flash in the state directory, and in
/// memory where there is none.
pub(crate) fn sim_port(port: &str, state_dir: Option<&Path>) -> Result<SimPort, sim::ParseError> {
    let names_file = names_file(port);
    match state_dir {
        Some(dir) => {
            if !names_file && let Err(error) = own_file::directory(dir) {
                // Opening the flash in it fails.
                tracing::warn!(path = %dir.display(), %error, "the state directory");
            }
            SimPort::parse(port, dir)
        }
        None if names_file => SimPort::parse(port, Path::new("")),
        None => {
            let sign = if port.contains('?') { '&' } else { '?' };
            SimPort::parse(&format!("{port}{sign}file=0"), Path::new(""))
        }
    }
}

/// Opens any port by its name.
pub(crate) fn open(port: &str, state_dir: Option<&Path>) -> Result<Box<dyn Link>, OpenError> {
    if PortName::of(port).is_described() {
        let found = described::resolve(port, &serial::list(), &usb_location);
        let found = found.map_err(|failure| OpenError::BadName {
            port: port.to_owned(),
            why: failure.what,
        })?;
        return fbuild_link::open(&found);
    }
    if !PortName::of(port).is_sim() {
        return fbuild_link::open(port);
    }
    let sim = sim_port(port, state_dir).map_err(|error| OpenError::BadName {
        port: port.to_owned(),
        why: error.to_string(),
    })?;
    sim.open().map_err(|source| match source.kind() {
        io::ErrorKind::ResourceBusy | io::ErrorKind::WouldBlock => OpenError::Busy {
            port: port.to_owned(),
            holders: Vec::new(),
        },
        // What no such board has: a mode, a size.
        io::ErrorKind::InvalidInput => OpenError::BadName {
            port: port.to_owned(),
            why: source.to_string(),
        },
        _ => OpenError::Other {
            port: port.to_owned(),
            source,
        },
    })
}

/// Serves a simulated board as a device that other programs can open.
pub(crate) fn serve(port: &str, state_dir: Option<&Path>) -> Result<Server, OpenError> {
    let bad = |why: String| OpenError::BadName {
        port: port.to_owned(),
        why,
    };
    let sim = sim_port(port, state_dir).map_err(|error| bad(error.to_string()))?;
    let Model::Esp(builder) = sim.model() else {
        return Err(bad("esptool is for boards with an ESP32".to_owned()));
    };
    // Nothing can reset a board on a pty.
    let mut builder = builder.start_in_download_mode();
    if sim.time() == Time::Accounted {
        builder = builder.timing(Timing::instant());
    }
    let board = builder.build().map_err(|error| bad(error.to_string()))?;
    on_pty(board).map_err(|source| OpenError::Other {
        port: port.to_owned(),
        source,
    })
}

/// Serves a board on a pty, where the system has such a thing.
#[cfg(unix)]
pub(crate) fn on_pty<B: Served>(board: B) -> io::Result<Server<B>> {
    use fbuild_sim::serve::{PtyOptions, pty};

    pty(board, PtyOptions::default())
}

/// Serves a board on a pty, where the system has such a thing.
#[cfg(not(unix))]
pub(crate) fn on_pty<B: Served>(_: B) -> io::Result<Server<B>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this system has no ptys; serve the board with `fbuild-lsp sim --listen 127.0.0.1:0`",
    ))
}

#[cfg(test)]
mod tests;
