//! Looks at everything around the documents of a project. Reads disks and asks the system for its
//! ports; to be called on a thread that may wait.

mod project_files;

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use fbuild_link::serial::PortInfo;
use fbuild_project::discover::configuration::configurations;
use fbuild_project::discover::{Discovery, Environment, discover};
use fbuild_project::target::{Region, Source, Target};

use crate::boards::Boards;
use crate::remember::history::{self, History};
use crate::remember::selections::Selections;
use crate::server::session::Session;
use fbuild_editing::facts::{Board, Build, Deploy, Deployed, Facts, Image, Port};

/// What marks the directory of a project. A CMakeLists.txt does not: every component has one.
const MARKERS: [&str; 5] = [
    "platformio.ini",
    "sdkconfig",
    "sdkconfig.defaults",
    "Cargo.toml",
    "build/flasher_args.json",
];

/// The directory of the project that a document belongs to: the nearest one around it that looks
/// like a project's, not above the open folder.
pub(super) fn root_of(session: &Session, path: &Path) -> PathBuf {
    let folder = session.folder_of(path);
    let own = path.parent().unwrap_or(path);
    let nearest = around(path, folder.as_deref()).next().map(Path::to_owned);
    nearest.or(folder).unwrap_or_else(|| own.to_owned())
}

/// The directories around a document that look like a project's, the nearest first, not above `folder`.
pub(crate) fn around<'p>(
    path: &'p Path,
    folder: Option<&'p Path>,
) -> impl Iterator<Item = &'p Path> {
    let own = path.parent().unwrap_or(path);
    let inside = move |dir: &&Path| folder.is_none_or(|folder| dir.starts_with(folder));
    let is_sketch = |dir: &Path| {
        let name = dir.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| dir.join(format!("{name}.ino")).is_file())
    };
    let marked =
        move |dir: &&Path| MARKERS.iter().any(|name| dir.join(name).is_file()) || is_sketch(dir);
    own.ancestors().take_while(inside).filter(marked)
}

/// Everything known around the documents of the project in `root`.
pub(super) fn gather(
    selections: &Selections,
    history: &History,
    reach: &dyn Boards,
    root: &Path,
) -> Facts {
    let environment = Environment::from_process();
    let found = discover(root, &environment);
    let chosen = selections.of(root).target;
    let mut boards = history.read().boards;
    for board in &mut boards {
        board
            .deploys
            .retain(|deploy| Path::new(&deploy.root).starts_with(root));
    }
    boards.retain(|board| !board.deploys.is_empty());
    let files = project_files::gather(root, &environment, &found, &boards);
    Facts {
        root: root.to_owned(),
        configurations: configurations(root, &environment),
        default_target: default_target(&found, chosen.as_deref()),
        builds: found.targets.into_iter().map(build).collect(),
        boards: boards.into_iter().map(Board::from).collect(),
        ports: reach.ports().into_iter().map(port).collect(),
        files,
    }
}

fn default_target(found: &Discovery, chosen: Option<&str>) -> Option<String> {
    let target = found.choose(chosen).ok()?;
    Some(target.name.clone())
}

fn build(target: Target) -> Build {
    let images = target.regions.iter().map(image).collect();
    Build { target, images }
}

fn image(region: &Region) -> Image {
    let metadata = region.source.path().metadata().ok();
    let modified = metadata
        .as_ref()
        .and_then(|metadata| metadata.modified().ok());
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Image {
        region: region.clone(),
        len_bytes: match region.source {
            Source::File(_) => metadata.map(|metadata| metadata.len()),
            Source::Elf(_) => None,
        },
        built_ms: since.and_then(|since| u64::try_from(since.as_millis()).ok()),
    }
}

fn port(info: PortInfo) -> Port {
    Port {
        name: info.name,
        product: info.usb.and_then(|usb| usb.product),
    }
}

impl From<history::Board> for Board {
    fn from(board: history::Board) -> Self {
        Self {
            mac: board.mac,
            port: board.port,
            chip: board.chip,
            flash_bytes: board.flash_bytes,
            security: board.security,
            deploys: board.deploys.into_iter().map(Deploy::from).collect(),
        }
    }
}

impl From<history::Deploy> for Deploy {
    fn from(deploy: history::Deploy) -> Self {
        let region = |region: history::Region| Deployed {
            name: region.name,
            verdict: region.verdict,
            written: region.written,
        };
        Self {
            when_ms: deploy.when_ms,
            target: deploy.target,
            outcome: deploy.outcome,
            regions: deploy.regions.into_iter().map(region).collect(),
        }
    }
}
