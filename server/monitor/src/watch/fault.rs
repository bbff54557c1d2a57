//! What the panic handler's words and registers say of the kind of a fault.

use crate::crash::{Dump, Kind};
use crate::said::xtensa_cause;

/// The kind that the panic handler's reason says.
pub(super) fn kind_of(reason: &str) -> Kind {
    if reason == "Double exception" {
        Kind::DoubleException
    } else if reason.starts_with("Interrupt wdt timeout") {
        Kind::IntWdt
    } else if reason.starts_with("Stack protection fault") || reason.starts_with("Stack canary") {
        Kind::StackOverflow
    } else if reason.starts_with("Memory protection fault") {
        Kind::MemProt
    } else if reason.starts_with("Cache") || reason.starts_with("Cached") {
        Kind::CacheError
    } else {
        Kind::Fault
    }
}

/// The cause's name, and the address that it is about, from the registers.
pub(super) fn fault(dump: &Dump) -> (Option<&'static str>, Option<u32>) {
    if let Some(cause) = dump.register("MCAUSE") {
        // RISC-V privileged specification, mcause: the code of an interrupt is no fault's. Chips with a CLIC (ESP32-P4,
        // C5, C61, H4) have the state before the fault in the bits between. MTVAL of an illegal instruction may be the
        // instruction itself.
        let (name, has_address) = match cause & (1 << 31 | 0xfff) {
            0 => ("Instruction address misaligned", true),
            1 => ("Instruction access fault", true),
            2 => ("Illegal instruction", false),
            3 => ("Breakpoint", false),
            4 => ("Load address misaligned", true),
            5 => ("Load access fault", true),
            6 => ("Store address misaligned", true),
            7 => ("Store access fault", true),
            12 => ("Instruction page fault", true),
            13 => ("Load page fault", true),
            15 => ("Store page fault", true),
            _ => return (None, None),
        };
        return (Some(name), dump.register("MTVAL").filter(|_| has_address));
    }
    let address = dump.register("EXCVADDR");
    match dump.register("EXCCAUSE") {
        Some(cause) => {
            // 2: fetch, 3: load or store; 9: alignment; 12 and up: translation and access rights.
            let has_address = matches!(cause, 2 | 3 | 9 | 12..32);
            (xtensa_cause(cause), address.filter(|_| has_address))
        }
        None => (None, address.filter(|_| dump.is_esp8266())),
    }
}
