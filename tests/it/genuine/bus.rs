//! What a processor's core needs of everything around it.

/// Memory and registers, by their addresses. `None`: nothing is there, or it cannot be written.
pub(super) trait Bus {
    /// Up to four bytes, the lowest first.
    fn load(&mut self, address: u32, len_bytes: u32) -> Option<u32>;
    fn store(&mut self, address: u32, value: u32, len_bytes: u32) -> Option<()>;
    /// Instructions so far, which are the processor's clock.
    fn cycles(&mut self) -> u32;
}

/// A processor, of any kind.
pub(super) trait Core: Send {
    /// As after a reset.
    fn reset() -> Self;
    fn step(&mut self, bus: &mut impl Bus);
    /// Takes an interrupt, if it takes any now, or of this level; 0 where an interrupt has none.
    fn interrupt(&mut self, number: u32, level: u32) -> bool;
    /// Whether it does nothing until there is one.
    fn is_waiting(&self) -> bool;
    /// Where it is, and what its registers hold.
    fn state(&self) -> (u32, &[u32]);
    /// What went wrong so far: a ROM and a stub that work know no exceptions.
    fn exceptions(&self) -> &[String];
}
