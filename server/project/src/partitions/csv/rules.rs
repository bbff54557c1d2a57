//! Which names and alignments a version of ESP-IDF knows, and what to say about those it does not.

use super::names::{
    APP, BOOTLOADER, DATA, DATA_UNDEFINED, ExtraSubtype, FLAGS, Known, Name, OTA_SLOTS,
    PARTITION_TABLE, SUBTYPES, TYPES, type_name,
};
use super::nearest::nearest;
use super::problem::Complaint;
use super::version::IdfVersion;
use super::{Options, number};

/// The rules of one version, with what a project adds to them.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'o> {
    version: Option<IdfVersion>,
    extra: &'o [ExtraSubtype],
}

impl<'o> Rules<'o> {
    /// The rules that a table is read by.
    pub fn of(options: &'o Options) -> Self {
        Self {
            version: options.version,
            extra: &options.extra_subtypes,
        }
    }

    /// Whether the version is this one or a newer one. Where it is not known, the newest counts.
    pub(super) fn since(&self, major: u16, minor: u16) -> bool {
        self.knows(IdfVersion::new(major, minor))
    }

    fn knows(&self, since: IdfVersion) -> bool {
        self.version.is_none_or(|version| version >= since)
    }

    /// LittleFS came to patch releases of 5.0 and 5.1, too; which ones is not known here.
    fn may_know(&self, known: &Known) -> bool {
        let is_patched =
            |version: IdfVersion| version >= IdfVersion::new(5, 0) && version.patch > 0;
        self.knows(known.since) || known.name == "littlefs" && self.version.is_some_and(is_patched)
    }

    /// What offsets of anything but apps have to be multiples of.
    pub(super) fn data_alignment(&self) -> u32 {
        if self.since(5, 0) { 0x1000 } else { 4 }
    }

    /// Names of types.
    pub fn types(&self) -> Vec<Name> {
        self.names(TYPES.iter())
    }

    /// Names of subtypes of a type.
    pub fn subtypes(&self, kind: u8) -> Vec<Name> {
        let mut names = self.names(SUBTYPES.iter().filter(|known| known.kind == kind));
        if kind == APP {
            let slot = |number| Name {
                name: format!("ota_{number}"),
                value: 0x10 + number,
                about: "an app that is updated over the air",
            };
            names.splice(1..1, (0..OTA_SLOTS).map(slot));
        }
        let extra = self.extra.iter().filter(|extra| extra.kind == kind);
        names.extend(extra.map(|extra| Name {
            name: extra.name.clone(),
            value: extra.value,
            about: "added by the project",
        }));
        names
    }

    /// Names of flags, with what they mean.
    pub fn flag_names(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let flags = FLAGS.iter().filter(|(_, _, since, _)| self.knows(*since));
        flags.map(|(_, name, _, about)| (*name, *about))
    }

    fn names(&self, known: impl Iterator<Item = &'static Known>) -> Vec<Name> {
        known
            .filter(|known| self.may_know(known))
            .map(|known| Name {
                name: known.name.to_owned(),
                value: known.value,
                about: known.about,
            })
            .collect()
    }

    /// Column 2.
    pub(super) fn kind(&self, text: &str) -> Result<u8, Complaint> {
        if text.is_empty() {
            let message = "Type is required (app, data, bootloader, partition_table or a number).";
            return Err(Complaint::new("type-empty", message));
        }
        let types = self.types();
        let value = number::parse(text, &|name| find(&types, name)).ok_or_else(|| {
            let message = format!(
                "Unknown type '{text}'. {}Known: {}, or a number.",
                Self::why_unknown(text, &TYPES.iter().collect::<Vec<_>>(), &types),
                listed(&types),
            );
            Complaint::new("type-unknown", message).replaced_by(nearest(text, &types))
        })?;
        byte("Type", value)
    }

    /// Column 3.
    pub(super) fn subtype(&self, kind: u8, text: &str) -> Result<u8, Complaint> {
        if text.is_empty() {
            if kind == APP {
                let message = "An app partition needs a subtype (factory, ota_0 to ota_15, test).";
                return Err(Complaint::new("subtype-empty-app", message));
            }
            return Ok(DATA_UNDEFINED);
        }
        let names = self.subtypes(kind);
        let value = number::parse(text, &|name| find(&names, name)).ok_or_else(|| {
            let message = match kind {
                APP | DATA | BOOTLOADER | PARTITION_TABLE => {
                    let every: Vec<_> = SUBTYPES.iter().filter(|known| known.kind == kind).collect();
                    let known = match kind {
                        APP => format!("factory, ota_0 to ota_15, {}", listed(&names[17..])),
                        _ => listed(&names),
                    };
                    format!(
                        "Unknown {} subtype '{text}'. {}Known: {known}.",
                        type_name(kind),
                        Self::why_unknown(text, &every, &names),
                    )
                }
                _ => format!(
                    "Unknown subtype '{text}': a type of your own takes numbers from 0 to 0xfe only."
                ),
            };
            Complaint::new("subtype-unknown", message).replaced_by(nearest(text, &names))
        })?;
        byte("Subtype", value)
    }

    /// Column 6.
    pub(super) fn flags(&self, text: &str) -> Result<u32, Vec<Complaint>> {
        let mut bits = 0;
        let mut complaints = Vec::new();
        let mut start = 0;
        for flag in text.split(':').filter(|_| !text.is_empty()) {
            let known = FLAGS
                .iter()
                .find(|(_, name, since, _)| *name == flag && self.knows(*since));
            match known {
                Some((bit, ..)) => bits |= bit,
                None => complaints.push(Complaint {
                    part: Some(start..start + flag.len()).filter(|_| !flag.is_empty()),
                    ..self.unknown_flag(flag)
                }),
            }
            start += flag.len() + 1;
        }
        if complaints.is_empty() {
            Ok(bits)
        } else {
            Err(complaints)
        }
    }

    fn unknown_flag(&self, flag: &str) -> Complaint {
        let names: Vec<&str> = self.flag_names().map(|(name, _)| name).collect();
        let known = format!("Known: {} (separated by ':').", names.join(", "));
        let complaint = |message| Complaint::new("flag-unknown", message);
        let is_known = |word: &str| names.contains(&word);
        if flag.contains('#') {
            let message = "A comment must be on a line of its own; this is read as a flag.";
            return complaint(message.to_owned());
        }
        let words: Vec<&str> = flag
            .split([' ', '\t', '|', '+'])
            .filter(|word| !word.is_empty())
            .collect();
        if words.len() > 1 && words.iter().all(|word| is_known(word)) {
            let meant = words.join(":");
            let message = format!("Flags are separated by ':'; write {meant}.");
            return complaint(message).replaced_by(Some(meant));
        }
        let lower = flag.trim().to_ascii_lowercase();
        if is_known(&lower) {
            let message = format!("Unknown flag '{flag}': case counts; write {lower}.");
            return complaint(message).replaced_by(Some(lower));
        }
        if flag == "readonly" {
            let message = format!("The flag 'readonly' exists since ESP-IDF 5.2. {known}");
            return complaint(message);
        }
        let names: Vec<Name> = names
            .iter()
            .map(|name| Name {
                name: (*name).to_owned(),
                value: 0,
                about: "",
            })
            .collect();
        let meant = nearest(flag, &names);
        let hint = meant
            .as_ref()
            .map(|meant| format!("Did you mean '{meant}'? "))
            .unwrap_or_default();
        complaint(format!("Unknown flag '{flag}'. {hint}{known}")).replaced_by(meant)
    }

    /// What to say about a name besides the known names.
    fn why_unknown(text: &str, every: &[&Known], names: &[Name]) -> String {
        let newer = every
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(text));
        match (newer, nearest(text, names)) {
            (Some(known), _) => format!("It exists since ESP-IDF {}. ", known.since),
            (None, Some(meant)) => format!("Did you mean '{meant}'? "),
            (None, None) => String::new(),
        }
    }
}

fn find(names: &[Name], name: &str) -> Option<i128> {
    let found = names
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(name));
    found.map(|known| known.value.into())
}

fn listed(names: &[Name]) -> String {
    let names: Vec<_> = names.iter().map(|known| known.name.as_str()).collect();
    names.join(", ")
}

fn byte(what: &str, value: i128) -> Result<u8, Complaint> {
    u8::try_from(value).map_err(|_| {
        let message = format!(
            "{what} {} does not fit in one byte; 0x40 to 0xfe are free for your own types.",
            number::signed_hex(value)
        );
        Complaint::new("type-range", message)
    })
}
