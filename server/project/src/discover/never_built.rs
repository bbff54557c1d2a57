//! Projects that nothing was built of yet: which tool builds them is known by their own files, and so is
//! what for. (PlatformIO's and cargo's say that while their builds are looked for.)
//!
//! Source: ESP-IDF's documentation, "Build System" (`project.cmake`; `idf.py` takes the chip from
//! IDF_TARGET, sdkconfig or sdkconfig.defaults, else esp32; `-D` for a variable of a preset); Zephyr's, "Building an Application"
//! (`find_package(Zephyr)`, BOARD); arduino-cli's, "Sketch project file"; pico-sdk's `pico_sdk_import.cmake`, of
//! which every project has a copy.

use std::path::Path;

use fbuild_chip::Chip;

use super::cmake::CMakeLists;
use super::environment::Environment;
use super::named::{self, Configured};
use super::sdkconfig::SdkConfig;
use super::zephyr::{BoardOf, board_of_west, soc_of};
use super::{Discovery, Look, Unbuilt, Unclear, arduino};
use crate::target::Tool;

const BOARDLESS: &str = "no file names its board";

/// Adds what the project in `root` could build, where nothing of it is known otherwise.
pub(super) fn add(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    let cmake = CMakeLists::read(root, look);
    if cmake.has("include", is_espidf) {
        espidf(root, environment, look, found);
    } else if cmake.has("find_package", |name| name == "Zephyr") {
        zephyr(root, &cmake, environment, look, found);
    } else if cmake.has("include", |file| file.ends_with("pico_sdk_import.cmake")) {
        let command = "cmake -S . -B build && cmake --build build";
        found.unclear(
            &root.join("CMakeLists.txt"),
            "it has no build directory",
            command,
        );
    } else if let Some(sketch) = arduino::own_sketch(root, look) {
        self::sketch(root, &sketch, look, found);
    }
}

/// `include($ENV{IDF_PATH}/tools/cmake/project.cmake)`, and the same of the build system's second version.
fn is_espidf(file: &str) -> bool {
    file.contains("/tools/cmake/project.cmake") || file.contains("/tools/cmakev2/idf.cmake")
}

fn espidf(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    let of_file = |name: &str| {
        let config = SdkConfig::read(&root.join(name), look);
        config.get("IDF_TARGET").map(str::to_owned)
    };
    let chip = environment.get("IDF_TARGET").map(str::to_owned);
    let chip = chip.filter(|chip| !chip.is_empty());
    let chip = chip.or_else(|| {
        ["sdkconfig", "sdkconfig.defaults"]
            .into_iter()
            .find_map(of_file)
    });
    let named = named::directories(root, environment, look);
    let mut configured = named.configured;
    configured.retain(|it| it.dir.starts_with(root));
    if configured.is_empty() {
        // Espressif's extension builds where its setting says.
        let set = named.dirs.into_iter().find(|named| {
            let by = named.by.file_name().and_then(|name| name.to_str());
            by == Some("settings.json") && named.dir.starts_with(root)
        });
        configured.push(Configured {
            dir: set.map_or_else(|| root.join("build"), |named| named.dir),
            by: root.join("CMakeLists.txt"),
            preset: None,
            variables: Some(Vec::new()),
        });
    }
    let none = Vec::new();
    let presets = super::espidf::presets(root, &configured, environment, look);
    for (at, it) in configured.iter().enumerate() {
        let preset = presets.iter().find(|(dir, _)| *dir == it.dir);
        let place = super::relative_name(root, &it.dir);
        let name = format!("espidf:{place}");
        let others = configured.iter().filter(|other| other.dir == it.dir);
        let mut others = others.filter(|other| other.variables != it.variables);
        // CMake itself reads what is not known here.
        let unknown = preset.map(|_| &none);
        let known = it.variables.as_ref().or(unknown);
        let Some(variables) = known.filter(|_| others.next().is_none()) else {
            let why =
                "is configured by what is not known here, or in several ways; build it as they say";
            found.pass(&it.by, format!("{name} {why}"));
            continue;
        };
        if configured[..at].iter().any(|other| other.dir == it.dir) {
            continue;
        }
        let own = variables
            .iter()
            .find_map(|it| it.strip_prefix("IDF_TARGET="));
        let other = own
            .or(chip.as_deref())
            .filter(|chip| chip.parse::<Chip>().is_err());
        if let Some(other) = other {
            found.pass_foreign(&it.by, &name, other);
            continue;
        }
        let mut words = super::espidf::build_words(&place);
        let definitions = variables.iter().flat_map(|variable| ["-D", variable]);
        let before_build = words.len() - 1;
        words.splice(before_build..before_build, definitions);
        if let Some((_, own)) = preset {
            words = own.iter().map(String::as_str).collect();
        }
        let looked_for = it.dir.join("flasher_args.json");
        let unbuilt = Unbuilt::new(name, looked_for, Tool::EspIdf, root, &words);
        found.unbuilt.push(unbuilt);
    }
}

fn zephyr(
    root: &Path,
    cmake: &CMakeLists,
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    let set = cmake.set("BOARD", root, environment);
    let set = set.and_then(|mut list| list.pop());
    let board = environment.get("BOARD").map(str::to_owned);
    let board = board
        .or(set)
        .or_else(|| board_of_west(root, look))
        .filter(|it| !it.is_empty());
    let file = root.join("CMakeLists.txt");
    let Some(board) = board else {
        return found.unclear(&file, BOARDLESS, "west build -d build -b BOARD");
    };
    match soc_of(&board, root, environment, look) {
        BoardOf::Esp => {}
        BoardOf::Another => return found.pass_foreign(&file, "zephyr:build", &board),
        BoardOf::Unknown => {
            let why = format!("no file here says what chip its board {board} has");
            let command = format!("west build -d build -b {board}");
            return found.unclear(&file, &why, &command);
        }
    }
    let looked_for = root.join("build/zephyr/runners.yaml");
    let words = ["build", "-d", "build", "-b", &board];
    let name = "zephyr:build".to_owned();
    let unbuilt = Unbuilt::new(name, looked_for, Tool::Zephyr, root, &words);
    found.unbuilt.push(unbuilt);
}

/// The build of a sketch for the board that it asks for.
pub(super) fn sketch(root: &Path, sketch: &str, look: &Look, found: &mut Discovery) {
    let file = root.join(sketch);
    let Some(board) = arduino::board(root, look) else {
        let command = "arduino-cli compile --export-binaries --fqbn";
        let command = format!("{command} {}", arduino::SOME_BOARD);
        return found.unclear(&file, BOARDLESS, &command);
    };
    let parts: Vec<&str> = board.fqbn.split(':').take(3).collect();
    let place = parts.join(".");
    let other = arduino::Other::of_fqbn(&board.fqbn);
    match parts.as_slice() {
        [_, "esp32", _] => {}
        [_, _, _] if other.is_some() => {}
        [_, architecture, _] => return found.pass_foreign(&file, &place, architecture),
        _ => return,
    }
    let end = other.map_or("bin", arduino::Other::extension);
    let looked_for = root
        .join("build")
        .join(&place)
        .join(format!("{sketch}.{end}"));
    let mut words = vec!["compile", "--export-binaries"];
    match &board.profile {
        Some(profile) => words.extend(["--profile", profile]),
        None => words.extend(["--fqbn", &board.fqbn]),
    }
    let name = format!("arduino:{place}");
    let unbuilt = Unbuilt::new(name, looked_for, Tool::Arduino, root, &words);
    found.unbuilt.push(unbuilt);
}

impl Discovery {
    /// Remembers a project that is not built and for which it is not clear what to build it for.
    fn unclear(&mut self, place: &Path, why: &str, command: &str) {
        self.pass(place, format!("is not built, and {why}: {command}"));
        self.unclear.push(Unclear {
            place: place.to_owned(),
            why: why.to_owned(),
            command: command.to_owned(),
        });
    }
}
