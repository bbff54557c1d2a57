//! What a person asked for, and what it resolves to.
//!
//! An [`Order`] is as typed: most of it may be missing. [`Order::choose_target`] looks at the
//! workspace, [`crate::port::choose`] at the ports, and [`Order::request`] names everything.

use std::path::PathBuf;
use std::time::Duration;

use fbuild_deploy::outcome::{Backend, Failure, OutcomeKind, Report};
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_link::port_name::PortName;
use fbuild_link::serial::PortInfo;
use fbuild_loader::reset::{After, Before};
use fbuild_project::discover::{Environment, discover};
use fbuild_project::password::Password;
use fbuild_project::target::Target;

use crate::build::Subject;
use crate::port::{self, Chosen, Wishes};

/// Variable with the password for updates over the air.
const OTA_PASSWORD: &str = "FBUILD_OTA_PASSWORD";

/// A deploy, verify or plan as it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// What to do.
    pub(crate) mode: Mode,
    /// Where to look for targets.
    pub(crate) roots: Vec<PathBuf>,
    /// Offsets and files to use instead of a target of the workspace.
    pub(crate) files: Vec<(u32, PathBuf)>,
    /// Target name, or what follows its colon.
    pub(crate) target: Option<String>,
    /// Port name.
    pub(crate) port: Option<String>,
    /// Names of the regions to look at; all if `None`.
    pub(crate) regions: Option<Vec<String>>,
    /// Baud rate.
    pub(crate) baud: Baud,
    /// How to get the board into download mode.
    pub(crate) before: Before,
    /// What to do with it at the end.
    pub(crate) after: After,
    /// Write where it is not safe, and said to be so.
    pub(crate) force: bool,
    /// Who talks to the board.
    pub(crate) backend: Backend,
    /// The esptool that a person named.
    pub(crate) esptool: Option<PathBuf>,
}

impl Order {
    /// What is asked for where nothing else is said.
    pub(crate) fn new(mode: Mode, roots: Vec<PathBuf>) -> Self {
        Self {
            mode,
            roots,
            files: Vec::new(),
            target: None,
            port: None,
            regions: None,
            baud: Baud::Auto,
            before: Before::Reset,
            after: After::Reset,
            force: false,
            backend: Backend::Native,
            esptool: None,
        }
    }

    /// `deploy`, `verify` or `plan`, as messages say it.
    pub(crate) fn verb(&self) -> &'static str {
        match self.mode {
            Mode::Verify => "verify",
            Mode::Plan => "plan",
            Mode::Auto | Mode::Full => "deploy",
        }
    }

    /// Names everything that the order left open, where nobody can be asked.
    pub(crate) fn resolve(
        &self,
        ports: &[PortInfo],
        environment: &Environment,
    ) -> Result<Request, Failure> {
        let target = self.choose_target(self.target.as_deref(), environment)?;
        self.resolve_target(target, ports)
    }

    /// What is to be built for it.
    pub(crate) fn subject(&self, environment: &Environment) -> Result<Subject, Failure> {
        subject(&self.roots, self.target.as_deref(), environment)
    }

    /// [`Self::resolve`] after the subject was built.
    pub(crate) fn resolve_built(
        &self,
        built: &Subject,
        ports: &[PortInfo],
        environment: &Environment,
    ) -> Result<Request, Failure> {
        let target = self.choose_built(built, self.target.as_deref(), environment)?;
        self.resolve_target(target, ports)
    }

    /// For who does not deploy: the port, and the target where there is one. Only who names a target needs it.
    pub(crate) fn board(
        &self,
        ports: &[PortInfo],
        environment: &Environment,
    ) -> Result<(Chosen, Option<Target>), Failure> {
        let target = match self.choose_target(self.target.as_deref(), environment) {
            Ok(target) => Some(target),
            Err(failure) if self.target.is_some() => return Err(failure),
            Err(_) => None,
        };
        let wishes = Wishes {
            asked: self.port.as_deref(),
            project: target.as_ref().and_then(|target| target.port.as_deref()),
            ..Wishes::default()
        };
        Ok((port::choose(&wishes, ports)?, target))
    }

    /// The target that a subject has become. cargo's is named after its profile, too.
    pub(crate) fn choose_built(
        &self,
        built: &Subject,
        name: Option<&str>,
        environment: &Environment,
    ) -> Result<Target, Failure> {
        self.choose_target(Some(&built.name), environment)
            .or_else(|_| self.choose_target(name, environment))
    }

    /// Finds the port for a target; why it is another than might be expected is among the target's remarks.
    pub(crate) fn resolve_target(
        &self,
        mut target: Target,
        ports: &[PortInfo],
    ) -> Result<Request, Failure> {
        let wishes = Wishes {
            asked: self.port.as_deref(),
            project: target.port.as_deref(),
            ..Wishes::default()
        }
        .of(&target);
        let chosen = port::choose(&wishes, ports)?;
        target.remarks.extend(chosen.warning);
        Ok(self.request(target, chosen.name))
    }

    /// The order for a target and a port.
    pub(crate) fn request(&self, target: Target, port: String) -> Request {
        Request {
            ota_password: ota_password(None, &target, &port),
            regions: self.regions.clone(),
            mode: self.mode,
            baud: self.baud,
            before: self.before,
            after: self.after,
            force: self.force,
            backend: self.backend,
            esptool: self.esptool.clone(),
            ..Request::new(target, port)
        }
    }

    /// The target of this name, or of which this is an unambiguous part; without a name the one
    /// that was built last.
    pub(crate) fn choose_target(
        &self,
        name: Option<&str>,
        environment: &Environment,
    ) -> Result<Target, Failure> {
        if !self.files.is_empty() {
            return Ok(Target::from_files(&self.files)?);
        }
        choose(&self.roots, name, environment)
    }

    /// What can be built and is not, where no target was found.
    pub(crate) fn unbuilt(&self, name: Option<&str>, environment: &Environment) -> Option<Subject> {
        unbuilt(&self.roots, name, environment)
    }

    /// The report of a deploy that ended before a board was touched.
    pub(crate) fn refused(&self, failure: Failure, took: Duration) -> Report {
        let message = format!("{} failed: {}", self.verb(), failure.what);
        Report {
            error: Some(failure),
            ..self.untouched(OutcomeKind::Failed, message, took)
        }
    }

    /// The report of a deploy that was cancelled before a board was touched.
    pub(crate) fn cancelled(&self, took: Duration) -> Report {
        let message = format!("{} cancelled before the board was touched", self.verb());
        self.untouched(OutcomeKind::Cancelled, message, took)
    }

    fn untouched(&self, outcome: OutcomeKind, message: String, duration: Duration) -> Report {
        Report {
            outcome,
            message,
            backend: self.backend,
            target: self.target.clone().unwrap_or_default(),
            port: self.port.clone().unwrap_or_default(),
            chip: None,
            mac: None,
            duration,
            regions: Vec::new(),
            plan: None,
            warnings: Vec::new(),
            error: None,
        }
    }
}

/// The password for an update over the air: the environment's, that of the user's settings, or the project's
/// own for the very device that it names.
pub(crate) fn ota_password(
    setting: Option<&Password>,
    target: &Target,
    port: &str,
) -> Option<Password> {
    let name = PortName::of(port);
    if !name.is_over_the_air() {
        return None;
    }
    let of_environment = ota_password_of_environment();
    let is_its_own = |port: &String| PortName::of(port).identity() == name.identity();
    let of_project = target.ota_password.as_ref();
    let of_project = of_project.filter(|_| target.port.as_ref().is_some_and(is_its_own));
    of_environment.or_else(|| setting.or(of_project).cloned())
}

/// What wins over every other password.
pub(crate) fn ota_password_of_environment() -> Option<Password> {
    std::env::var(OTA_PASSWORD).ok().and_then(Password::new)
}

fn choose(
    roots: &[PathBuf],
    name: Option<&str>,
    environment: &Environment,
) -> Result<Target, Failure> {
    let mut found: Vec<Target> = Vec::new();
    let mut refused: Option<Failure> = None;
    for root in roots {
        match discover(root, environment).choose(name) {
            Ok(target) => found.push(target.clone()),
            Err(error) => {
                let failure = Failure::from(error);
                // A folder without any target says nothing about what is wrong in another.
                if refused
                    .as_ref()
                    .is_none_or(|earlier| earlier.code == "no-target")
                {
                    refused = Some(failure);
                }
            }
        }
    }
    match (found.pop(), refused) {
        (Some(only), _) if found.is_empty() => Ok(only),
        (Some(last), _) => {
            found.push(last);
            let names: Vec<String> = found
                .iter()
                .map(|target| format!("{} in {}", target.name, target.root.display()))
                .collect();
            Err(Failure::of_input(
                "ambiguous-target",
                format!("several folders have such a target: {}", names.join(", ")),
                "say which folder is meant",
            ))
        }
        (None, Some(refused)) => Err(refused),
        (None, None) => Err(Failure::of_input(
            "no-folder",
            "no folder is open, so there is no target to be found",
            "open the project's folder",
        )),
    }
}

fn unbuilt(roots: &[PathBuf], name: Option<&str>, environment: &Environment) -> Option<Subject> {
    let mut found = roots.iter().filter_map(|root| {
        let found = discover(root, environment);
        found.unbuilt(name).map(Subject::from)
    });
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// What is to be built: a target, or what will be one.
pub(crate) fn subject(
    roots: &[PathBuf],
    name: Option<&str>,
    environment: &Environment,
) -> Result<Subject, Failure> {
    choose(roots, name, environment)
        .map(|target| Subject::from(&target))
        .or_else(|failure| unbuilt(roots, name, environment).ok_or(failure))
}
