//! What a board is asked to do, and which loader does it.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loader {
    Rom,
    Stub,
}

/// What is asked, and over which link: `Bare` ones have neither control lines nor a baud rate, as a
/// socket, and somebody else has put the board into download mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    Verify,
    Plan,
    Board,
    Selective,
    Full,
    KeepData,
    /// The board holds an older build, and gets the differences.
    InPlace,
    BareVerify,
    BarePlan,
    BareBoard,
    BareSelective,
}

impl Job {
    pub(super) const ALL: [Self; 11] = [
        Self::Verify,
        Self::Plan,
        Self::Board,
        Self::Selective,
        Self::Full,
        Self::KeepData,
        Self::InPlace,
        Self::BareVerify,
        Self::BarePlan,
        Self::BareBoard,
        Self::BareSelective,
    ];

    pub(super) fn is_bare(self) -> bool {
        matches!(
            self,
            Self::BareVerify | Self::BarePlan | Self::BareBoard | Self::BareSelective
        )
    }

    /// It promises to write nothing.
    pub(super) fn only_looks(self) -> bool {
        !matches!(
            self,
            Self::Selective | Self::Full | Self::KeepData | Self::InPlace | Self::BareSelective
        )
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Plan => "plan",
            Self::Board => "board",
            Self::Selective => "selective",
            Self::Full => "full",
            Self::KeepData => "keep-data",
            Self::InPlace => "in-place",
            Self::BareVerify => "bare-verify",
            Self::BarePlan => "bare-plan",
            Self::BareBoard => "bare-board",
            Self::BareSelective => "bare-selective",
        }
    }
}
