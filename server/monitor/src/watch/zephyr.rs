//! Fatal errors of Zephyr.

use super::open::Open;
use crate::crash::Kind;
use crate::said::{Registers, Zephyr};

impl Zephyr {
    /// Whether a line begins a crash, and is certain by itself. RISC-V prints these two registers first; what it says of a
    /// cause may be any program's word.
    pub(super) fn begins(&self) -> Option<bool> {
        match self {
            Self::Exception { .. } | Self::Fatal { .. } => Some(true),
            Self::Cause { core, .. } => Some(core.is_some()),
            Self::Registers(values) => {
                let has = |name| values.iter().any(|(other, _)| *other == name);
                (has("A0") && has("T0")).then_some(false)
            }
            Self::Thread(_) | Self::Ends => None,
        }
    }
}

impl Open {
    /// Whether a line may be of this crash, or begins another.
    pub(super) fn is_its_zephyr(&self, said: &Zephyr) -> bool {
        match said {
            Zephyr::Registers(_) => self.takes_zephyr(),
            Zephyr::Thread(_) => self.is_panic,
            Zephyr::Ends => {
                let may_be = matches!(
                    self.crash.kind,
                    Kind::Fault
                        | Kind::DoubleException
                        | Kind::Assert
                        | Kind::StackOverflow
                        | Kind::Abort
                );
                may_be && self.is_certain && !self.wants_message
            }
            _ => true,
        }
    }

    /// Takes a line that belongs to this crash; gives back one that begins another.
    pub(super) fn zephyr(&mut self, said: Zephyr) -> Option<Zephyr> {
        match said {
            Zephyr::Registers(values) => {
                let is_dump = values.iter().any(|(name, _)| *name != "MTVAL");
                self.is_certain |= self.is_certain_with_dump && is_dump;
                self.zephyr_registers(values);
            }
            Zephyr::Thread(name) => self.crash.task = self.crash.task.take().or(name),
            Zephyr::Ends => {
                self.end();
                self.is_complete = true;
            }
            said if !self.takes_zephyr() => return Some(said),
            Zephyr::Exception { is_double } => {
                self.is_certain = true;
                if is_double {
                    self.crash.kind = Kind::DoubleException;
                    "Double exception".clone_into(&mut self.crash.cause);
                }
            }
            Zephyr::Cause {
                core,
                words,
                registers,
            } => {
                self.is_certain |= core.is_some();
                self.crash.core = self.crash.core.or(core);
                if let Some(words) = words.filter(|_| self.crash.kind == Kind::Fault) {
                    self.crash.cause = words;
                }
                self.zephyr_registers(registers);
            }
            Zephyr::Fatal {
                reason,
                words,
                core,
            } => {
                self.is_certain = true;
                self.is_panic = true;
                self.crash.core = self.crash.core.or(core);
                self.fatal(reason, words);
            }
        }
        None
    }

    /// An exception comes before its fatal error, an assertion before both.
    fn takes_zephyr(&self) -> bool {
        !self.is_panic
            && matches!(
                self.crash.kind,
                Kind::Fault | Kind::DoubleException | Kind::Assert
            )
    }

    fn zephyr_registers(&mut self, values: Vec<(&'static str, u32)>) {
        self.registers(Registers {
            values,
            damaged: false,
        });
    }

    fn fatal(&mut self, reason: u32, words: String) {
        let kind = match (reason, self.crash.kind) {
            (_, Kind::Assert) => return,
            (2, _) => Kind::StackOverflow,
            (3 | 4, _) => Kind::Abort,
            // What the processor has said of it says more.
            _ if !self.crash.dump.is_empty() => return,
            (_, kind) => kind,
        };
        self.crash.kind = kind;
        self.crash.cause = words;
    }
}
