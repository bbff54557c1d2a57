//! Panics and exceptions of Rust programs.

use super::open::Open;
use crate::crash::{Kind, MAX_TEXT};
use crate::said::Said;
use crate::text::shortened;

/// Lines of `{:#?}` of a panic before its message.
const AROUND_MESSAGE: [&str; 3] = ["PanicInfo {", "payload: Any { .. },", "message: Some("];

impl Open {
    /// Takes a line that belongs to this crash; gives back one that begins another.
    pub(super) fn rust(&mut self, said: Said) -> Option<Said> {
        // An exception's handler panics, which a reader of defmt shows after it.
        let has_come_first =
            self.is_rust && self.is_certain_with_dump && !self.crash.dump.has_trace();
        match said {
            Said::RustBanner | Said::RustPanic { .. } if has_come_first => {}
            Said::RustPanic { .. } if !self.is_certain && self.crash.kind == Kind::RustPanic => {
                self.is_certain = true;
                self.rust_panic(said);
            }
            Said::RustException {
                core,
                cause,
                pc,
                address,
            } if self.crash.kind == Kind::RustPanic => {
                self.rust_exception(core, cause, pc, address);
            }
            said => return Some(said),
        }
        None
    }

    pub(super) fn rust_panic(&mut self, said: Said) {
        if let Said::RustPanic {
            thread,
            source,
            message,
        } = said
        {
            self.is_rust = true;
            self.crash.task = thread;
            self.crash.source = source;
            match message {
                Some(message) => self.crash.cause = message,
                None => self.wants_message = true,
            }
        }
    }

    /// esp-hal panics in its own handler: that place is not the fault's.
    fn rust_exception(
        &mut self,
        core: Option<u32>,
        cause: String,
        pc: Option<u32>,
        address: Option<u32>,
    ) {
        // Alone, and without an address, it may be any program's word.
        self.is_certain |= !self.is_certain_with_dump || pc.is_some();
        self.wants_message = false;
        let is_stack = cause.starts_with("Stack overflow") || cause.contains(" guard value");
        self.crash.kind = if is_stack {
            Kind::StackOverflow
        } else {
            Kind::RustException
        };
        self.crash.cause = cause;
        self.crash.core = core;
        self.crash.source = None;
        self.crash.fault_address = address;
        if let Some(pc) = pc {
            self.crash.dump.registers.push(("MEPC", pc));
        }
    }

    /// Takes the message of a panic.
    pub(super) fn takes_text(&mut self, text: &str) -> bool {
        let text = text.trim();
        if !self.wants_message || AROUND_MESSAGE.contains(&text) {
            return self.wants_message;
        }
        self.wants_message = false;
        let text = shortened(text.trim_end_matches(','), MAX_TEXT);
        if text.starts_with("Stack overflow detected") {
            self.crash.kind = Kind::StackOverflow;
        }
        self.crash.cause = text;
        true
    }
}
