//! What to do about a failure.

use std::fmt;

/// What to do about a failure: words, and in them what each front end calls by a name of its own.
///
/// Its `Display` text is for programs that call this one; command line and editors have
/// [`Self::worded`] put their own names in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remedy(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    Way(Way),
}

/// Something that can be done in every front end, and is called something else in each.
///
/// Its `Display` text is an imperative that begins with a small letter and has no full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Choose a port among those that there are.
    ChoosePort,
    /// Use this port, which is used only where it is named.
    NamePort(String),
    /// Choose a target by its name.
    ChooseTarget,
    /// Say which files are meant, each with its offset.
    NameFiles,
    /// Deploy these regions and no others.
    OnlyRegions(Vec<String>),
    /// Deploy again although data is lost.
    AcceptLoss,
    /// Say which esptool to use.
    NameEsptool,
    /// Do without esptool.
    NativeBackend,
    /// Give the password of a device that takes firmware over the air.
    GiveOtaPassword,
    /// Have it built by something else than what its tool would use.
    NameBuild,
    /// Read what is too long for a message.
    ReadLog,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChoosePort => f.write_str("choose one of the ports that there are"),
            Self::NamePort(port) => write!(f, "name the port {port}"),
            Self::ChooseTarget => f.write_str("name one as the target"),
            Self::NameFiles => f.write_str("name each file with its offset"),
            Self::OnlyRegions(names) => {
                write!(f, "deploy only the regions {}", names.join(", "))
            }
            Self::AcceptLoss => f.write_str("deploy again and accept the loss (`force`)"),
            Self::NameEsptool => f.write_str("say which esptool to use"),
            Self::NativeBackend => f.write_str("use the native backend"),
            Self::GiveOtaPassword => f.write_str("set the variable FBUILD_OTA_PASSWORD"),
            Self::NameBuild => f.write_str("build it yourself"),
            Self::ReadLog => f.write_str("read the log at level debug"),
        }
    }
}

impl Remedy {
    /// Whether nothing can be done.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same, followed by a way.
    #[must_use]
    pub fn way(mut self, way: Way) -> Self {
        self.0.push(Part::Way(way));
        self
    }

    /// The same, followed by words.
    #[must_use]
    pub fn words(mut self, words: impl Into<String>) -> Self {
        let words = words.into();
        if !words.is_empty() {
            self.0.push(Part::Words(words));
        }
        self
    }

    /// The same, and a sentence after it.
    #[must_use]
    pub fn then(mut self, sentence: &str) -> Self {
        if let Some(Part::Words(words)) = self.0.last_mut() {
            words.truncate(words.trim_end_matches('.').len());
        }
        self.words(format!(". {sentence}"))
    }

    /// The same, followed by another.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// As one text, each way in the words of a front end.
    pub fn worded(&self, word: impl Fn(&Way) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Words(words) => words.clone(),
            Part::Way(way) => word(way),
        });
        parts.collect()
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.worded(Way::to_string))
    }
}

impl From<Way> for Remedy {
    fn from(way: Way) -> Self {
        Self::default().way(way)
    }
}

impl From<&Self> for Remedy {
    fn from(remedy: &Self) -> Self {
        remedy.clone()
    }
}

impl From<&str> for Remedy {
    fn from(words: &str) -> Self {
        Self::default().words(words)
    }
}

impl From<String> for Remedy {
    fn from(words: String) -> Self {
        Self::default().words(words)
    }
}
