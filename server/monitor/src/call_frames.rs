//! A program's call frame information (DWARF 5, section 6.4).

use gimli::{
    BaseAddresses, CieOrFde, DebugFrame, EhFrame, EndianArcSlice, LittleEndian, Register, Section,
    UnwindContext, UnwindSection, UnwindTableRow,
};

/// What a section's bytes are read by.
pub(crate) type Reader = EndianArcSlice<LittleEndian>;

/// A program's call frame information. Built when first needed: an index of every function's.
pub(crate) struct CallFrames {
    debug_frame: Option<DebugFrame<Reader>>,
    eh_frame: Option<EhFrame<Reader>>,
    bases: BaseAddresses,
    index: std::sync::OnceLock<Vec<Entry>>,
}

/// The code that one entry is about, and where the entry is.
struct Entry {
    start: u64,
    end: u64,
    offset: usize,
    is_eh_frame: bool,
}

impl CallFrames {
    pub(crate) fn new(
        debug_frame: Option<(Reader, u64)>,
        eh_frame: Option<(Reader, u64)>,
        text_address: u64,
    ) -> Self {
        let mut bases = BaseAddresses::default().set_text(text_address);
        if let Some((_, address)) = &eh_frame {
            bases = bases.set_eh_frame(*address);
        }
        let debug_frame = debug_frame.map(|(data, _)| {
            let mut section = DebugFrame::from(data);
            section.set_address_size(4);
            section
        });
        let eh_frame = eh_frame.map(|(data, _)| {
            let mut section = EhFrame::from(data);
            section.set_address_size(4);
            section
        });
        Self {
            debug_frame,
            eh_frame,
            bases,
            index: std::sync::OnceLock::new(),
        }
    }

    fn index(&self) -> &[Entry] {
        self.index.get_or_init(|| {
            let mut entries = Vec::new();
            if let Some(section) = &self.debug_frame {
                list(section, &self.bases, false, &mut entries);
            }
            if let Some(section) = &self.eh_frame {
                list(section, &self.bases, true, &mut entries);
            }
            entries.sort_by_key(|entry| entry.start);
            entries
        })
    }

    /// What it says at an address: the register that the return address is in at the entry, and the rules.
    pub(crate) fn row(&self, address: u32) -> Option<(Register, UnwindTableRow<usize>)> {
        let address = u64::from(address);
        let behind = self.index().partition_point(|entry| entry.start <= address);
        let entry = self.index()[..behind]
            .iter()
            .rev()
            .take(4)
            .find(|entry| address < entry.end)?;
        if entry.is_eh_frame {
            row(
                self.eh_frame.as_ref()?,
                &self.bases,
                entry.offset.into(),
                address,
            )
        } else {
            row(
                self.debug_frame.as_ref()?,
                &self.bases,
                entry.offset.into(),
                address,
            )
        }
    }
}

fn list<S>(section: &S, bases: &BaseAddresses, is_eh_frame: bool, found: &mut Vec<Entry>)
where
    S: UnwindSection<Reader> + Section<Reader>,
{
    let mut entries = section.entries(bases);
    // A damaged entry ends the list: what follows it cannot be found.
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let Ok(fde) = partial.parse(S::cie_from_offset) else {
            continue;
        };
        // Functions that the linker has dropped keep an entry at 0.
        if fde.initial_address() != 0 && fde.len() != 0 {
            found.push(Entry {
                start: fde.initial_address(),
                end: fde.initial_address().saturating_add(fde.len()),
                offset: fde.offset(),
                is_eh_frame,
            });
        }
    }
}

fn row<S>(
    section: &S,
    bases: &BaseAddresses,
    offset: S::Offset,
    address: u64,
) -> Option<(Register, UnwindTableRow<usize>)>
where
    S: UnwindSection<Reader>,
{
    let fde = section
        .fde_from_offset(bases, offset, S::cie_from_offset)
        .ok()?;
    let mut context = UnwindContext::new();
    let row = fde
        .unwind_info_for_address(section, bases, &mut context, address)
        .ok()?;
    Some((fde.cie().return_address_register(), row.clone()))
}
