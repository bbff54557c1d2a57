//! The target that is meant, by name or without one, and what is reported where there is none.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use super::{Discovery, Unbuilt, modified, project_around};
use crate::input_error::InputError;
use crate::remedy::{Remedy, Way};
use crate::target::{Target, Tool};

/// What to do with a build for something else.
const ELSEWHERE: &str = "Deploy it with the tool that built it. fbuild-lsp deploys to chips of the ESP32 family, \
                         ESP8266, AVR boards with a serial boot loader (STK500), Teensy, RP2040 and RP2350.";

/// Other targets that one tells of.
const MAX_KNOWN: usize = 20;

impl Discovery {
    /// Whether there is no project: nothing that is built, could be, or is broken.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.unbuilt.is_empty() && self.problems.is_empty()
    }

    /// The target to deploy where none was named: the one whose app was built last. Where that does
    /// not decide, the stronger tool; where that does not either, an error with the names.
    ///
    /// # Errors
    /// Nothing is built, or several targets could be meant; the error lists them, so that one can be named.
    pub fn default_target(&self) -> Result<&Target, InputError> {
        let wanted = |target: &&Target| !self.not_default.contains(&target.name);
        let by_tool: Vec<_> = self.targets.iter().filter(wanted).collect();
        if by_tool.is_empty() && !self.targets.is_empty() {
            if let Some(unbuilt) = self.default_unbuilt().next() {
                return Err(self.default_is_missing(unbuilt));
            }
            if let Some(foreign) = &self.default_foreign {
                let names = self.names();
                let what = format!("{foreign}, and is the default; there are {names}");
                return Err(InputError::new("no-target", what, Way::ChooseTarget));
            }
        }
        let candidates = if by_tool.is_empty() {
            self.targets.iter().collect()
        } else {
            by_tool
        };
        let is_of_files = |target: &&&Target| target.tool == Tool::Files;
        let of_files: Vec<_> = candidates.iter().filter(is_of_files).copied().collect();
        let newest = candidates
            .iter()
            .filter_map(|target| built_at(target))
            .max();
        let last: Vec<_> = candidates
            .into_iter()
            .filter(|target| built_at(target) == newest)
            .collect();
        let strongest = last.first().map(|target| target.tool);
        let last: Vec<_> = last
            .into_iter()
            .filter(|target| Some(target.tool) == strongest)
            .collect();
        // Nobody builds a release: when its files were written decides nothing.
        if strongest == Some(Tool::Files) && of_files.len() > 1 {
            return Err(ambiguous(&of_files));
        }
        match last.as_slice() {
            [target] => Ok(target),
            [] => Err(self.nothing_found()),
            several => Err(ambiguous(several)),
        }
    }

    /// The target of this name, or of which this is an unambiguous part: its environment, or its
    /// name without the tool.
    ///
    /// # Errors
    /// There is no such target, or the name fits several; the error lists the targets.
    pub fn target(&self, name: &str) -> Result<&Target, InputError> {
        if let Some(target) = self.targets.iter().find(|target| target.name == name) {
            return Ok(target);
        }
        let after_tool = |target: &Target| {
            target
                .name
                .split_once(':')
                .is_some_and(|(_, rest)| rest == name)
        };
        let is_meant = |target: &&Target| after_tool(target) || target.env.as_deref() == Some(name);
        let meant: Vec<_> = self.targets.iter().filter(is_meant).collect();
        match meant.as_slice() {
            [target] => Ok(target),
            [] => Err(self.unknown(name)),
            several => Err(ambiguous(several)),
        }
    }

    /// [`Self::target`] of a name, [`Self::default_target`] without one.
    ///
    /// # Errors
    /// As these two.
    pub fn choose(&self, name: Option<&str>) -> Result<&Target, InputError> {
        name.map_or_else(|| self.default_target(), |name| self.target(name))
    }

    /// What is not built and what its tool would choose.
    fn default_unbuilt(&self) -> impl Iterator<Item = &Unbuilt> {
        let by_default = |unbuilt: &&Unbuilt| !self.not_default.contains(&unbuilt.name);
        self.unbuilt.iter().filter(by_default)
    }

    /// Others are built, and deploying one of them is nobody's default.
    fn default_is_missing(&self, unbuilt: &Unbuilt) -> InputError {
        let names = self.names();
        let what = format!(
            "{} is the default and is not built; there are {names}",
            unbuilt.name
        );
        let remedy = Remedy::from(format!("Build it: {}; or ", unbuilt.build_hint));
        InputError::new("no-target", what, remedy.way(Way::ChooseTarget))
    }

    /// Names of the targets, as a list.
    fn names(&self) -> String {
        let names = self.targets.iter().map(|target| target.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// What can be built and is not: the one of this name; without a name the only one, where there is
    /// no target that could be meant instead.
    pub fn unbuilt(&self, name: Option<&str>) -> Option<&Unbuilt> {
        let Some(name) = name else {
            let mut targets = self.targets.iter();
            let is_none_meant = targets.all(|target| self.not_default.contains(&target.name));
            let mut found = self.default_unbuilt();
            let only = found.next().filter(|_| is_none_meant)?;
            return found.next().is_none().then_some(only);
        };
        let after_tool = |full: &str| full.split_once(':').is_some_and(|(_, rest)| rest == name);
        let mut all = self.unbuilt.iter();
        all.find(|unbuilt| unbuilt.name == name || after_tool(&unbuilt.name))
    }

    fn unknown(&self, name: &str) -> InputError {
        let unbuilt = self.unbuilt(Some(name));
        let is_meant = |what: &&String| {
            let of = what.split(" is for ").next().unwrap_or_default();
            of == name || of.split_once(':').is_some_and(|(_, rest)| rest == name)
        };
        if let Some(foreign) = self
            .foreign
            .iter()
            .find(is_meant)
            .filter(|_| unbuilt.is_none())
        {
            let remedy = ELSEWHERE;
            return InputError::new("unknown-target", foreign.clone(), remedy);
        }
        let names = self.names();
        let remedy = match unbuilt {
            Some(unbuilt) => format!(
                "It has not been built ({} is missing): {}",
                unbuilt.looked_for.display(),
                unbuilt.build_hint
            )
            .into(),
            None if names.is_empty() => self.nothing_found().remedy().clone(),
            None => Remedy::from(format!("Known: {names}.")),
        };
        let what = format!("there is no target '{name}'");
        InputError::new("unknown-target", what, remedy)
    }

    fn nothing_found(&self) -> InputError {
        if let Some(problem) = self.problems.first() {
            return problem.clone();
        }
        let others = self.foreign.join(", ");
        let remedy = match self.unbuilt.first() {
            Some(unbuilt) if !others.is_empty() => format!(
                "Build {}: {}; what is for another chip is deployed with the tool that built it",
                unbuilt.name, unbuilt.build_hint
            )
            .into(),
            Some(unbuilt) => format!("Build it first: {}", unbuilt.build_hint).into(),
            None if self.root.is_file() => {
                Remedy::from("This is a file: use the project's directory, or ").way(Way::NameFiles)
            }
            None if !self.root.is_dir() => "There is no such directory: check the path.".into(),
            // It is named and not taken: in a shared directory it may be somebody else's.
            None => match self
                .root
                .parent()
                .and_then(|outer| project_around(outer, |_| true))
            {
                Some(project) => {
                    format!("The project is in {}: use that.", project.display()).into()
                }
                None => "Open the directory of the project, and build it first.".into(),
            },
        };
        if self.unbuilt.is_empty() && !self.foreign.is_empty() {
            return InputError::new(
                "no-target",
                format!(
                    "nothing to deploy was found in {}: {others}",
                    self.root.display()
                ),
                ELSEWHERE,
            );
        }
        if let Some(project) = self.unclear.first().filter(|_| self.unbuilt.is_empty()) {
            let place = project.place.display();
            let what = format!("nothing is built of {place}, and {}", project.why);
            let remedy = format!("Build it once for its board: {}", project.command);
            return InputError::new("no-target", what, remedy);
        }
        if let Some(images) = self.images.first().filter(|_| self.unbuilt.is_empty()) {
            let place = images.place.display();
            let what = format!(
                "nothing says what is to be deployed from {place}: {}",
                images.why
            );
            return InputError::new("no-target", what, Way::NameFiles);
        }
        let looked_for = if self.unbuilt.is_empty() {
            "build*/flasher_args.json (ESP-IDF), .fbuild/build (fbuild), platformio.ini with \
             .pio/build (PlatformIO), build/zephyr/runners.yaml (Zephyr), Cargo.toml with a target for \
             an ESP, RP2040 or RP2350 (cargo), build/*/*.ino.bin, *.ino.hex (AVR, Teensy) or *.ino.uf2 \
             (Arduino), build*/CMakeCache.txt with a *.uf2 (pico-sdk), and for builds of these tools in the directories up to three levels below"
                .to_owned()
        } else {
            let places = self
                .unbuilt
                .iter()
                .map(|u| u.looked_for.display().to_string());
            places.collect::<Vec<_>>().join(", ")
        };
        let others = if others.is_empty() {
            others
        } else {
            let names: Vec<_> = self.unbuilt.iter().map(|it| it.name.as_str()).collect();
            format!(": {others}; not built: {}", names.join(", "))
        };
        let what = format!(
            "nothing to deploy was found in {}{others}; looked for {looked_for}",
            self.root.display()
        );
        InputError::new("no-target", what, remedy)
    }
}

fn ambiguous(several: &[&Target]) -> InputError {
    let names: Vec<_> = several.iter().map(|target| target.name.as_str()).collect();
    let what = format!("several targets could be meant: {}", names.join(", "));
    InputError::new("ambiguous-target", what, Way::ChooseTarget)
}

/// When a target's app was written; `None` if it is not there.
fn built_at(target: &Target) -> Option<SystemTime> {
    modified(target.firmware()?.source.path())
}

/// Two targets of one name (two triples of one cargo project) get their place appended.
pub(super) fn make_names_unique(targets: &mut [Target]) {
    let mut taken = HashSet::new();
    let mut next: HashMap<String, usize> = HashMap::new();
    for target in targets {
        let plain = target.name.clone();
        while !taken.insert(target.name.clone()) {
            let number = next.entry(plain.clone()).or_insert(2);
            target.name = format!("{plain}#{number}");
            *number += 1;
        }
    }
}

/// Tells each target which others of its project are for other chips.
pub(super) fn make_known(targets: &mut [Target]) {
    let known: Vec<_> = targets
        .iter()
        .filter_map(|it| Some((it.root.clone(), it.chip?, it.name.clone())))
        .collect();
    for target in targets {
        let others = known.iter().filter(|(root, chip, _)| {
            *root == target.root && target.chip.is_some_and(|own| own != *chip)
        });
        target.for_others = others
            .map(|(_, chip, name)| (*chip, name.clone()))
            .take(MAX_KNOWN)
            .collect();
    }
}
