//! A NOR flash on SPI: erasing makes ones of everything in a sector, programming makes zeros only, and both want to be
//! allowed right before. Source: data sheet of the W25Q32JV, "Instructions".

use std::collections::BTreeMap;

const SECTOR: usize = 0x1000;
const PAGE: usize = 0x100;
const WRITE_IN_PROGRESS: u8 = 1;
const WRITE_ENABLED: u8 = 2;
/// For how many questions it is busy after it was erased or programmed.
const BUSY: u32 = 2;

pub(super) struct Nor {
    pub(super) contents: Vec<u8>,
    /// How often each sector was erased.
    pub(super) erased: BTreeMap<u32, u32>,
    /// What no program that works asks for: said to a flash that is busy, without leave, outside, or not known.
    pub(super) refused: Vec<(u8, Option<u32>)>,
    is_enabled: bool,
    busy: u32,
}

impl Nor {
    pub(super) fn new(contents: Vec<u8>) -> Self {
        Self {
            contents,
            erased: BTreeMap::new(),
            refused: Vec::new(),
            is_enabled: false,
            busy: 0,
        }
    }

    fn status(&mut self) -> u8 {
        let enabled = if self.is_enabled { WRITE_ENABLED } else { 0 };
        if self.busy == 0 {
            return enabled;
        }
        self.busy -= 1;
        if self.busy == 0 {
            self.is_enabled = false;
        }
        WRITE_IN_PROGRESS | enabled
    }

    /// Winbond, a W25Q, and the power of two that is its size.
    fn id(&self) -> [u8; 3] {
        [0xEF, 0x40, self.contents.len().trailing_zeros() as u8]
    }

    /// One command: what it answers.
    pub(super) fn command(
        &mut self,
        code: u8,
        address: Option<u32>,
        sent: &[u8],
        answer_len: usize,
    ) -> Vec<u8> {
        let mut answer = vec![0xFF; answer_len];
        let is_status = code == 0x05;
        let done = if self.busy > 0 && !is_status {
            None
        } else {
            self.carry_out(code, address, sent, &mut answer)
        };
        if done.is_none() {
            self.refused.push((code, address));
        }
        answer
    }

    fn carry_out(
        &mut self,
        code: u8,
        address: Option<u32>,
        sent: &[u8],
        answer: &mut [u8],
    ) -> Option<()> {
        let answer_len = answer.len();
        let mut say = |bytes: &[u8]| {
            for (to, from) in answer.iter_mut().zip(bytes) {
                *to = *from;
            }
        };
        match code {
            0x05 => say(&[self.status(); 4]),
            // Its other two, which stand for nothing here.
            0x35 | 0x15 => say(&[0; 4]),
            0x9F => say(&self.id()),
            0x06 => self.is_enabled = true,
            0x04 => self.is_enabled = false,
            // Nothing is protected, so what is said about that changes nothing.
            0x01 | 0x31 | 0x11 if self.is_enabled => self.busy = BUSY,
            // Wake up; reset; say more about the chip, which it does not.
            0xAB | 0xFF | 0x66 | 0x99 | 0x5A => {}
            0x03 | 0x0B | 0x3B | 0x6B | 0xBB | 0xEB => {
                let at = address? as usize;
                say(self.contents.get(at..at + answer_len)?);
            }
            0x02 | 0x32 => self.program(address? as usize, sent)?,
            0x20 => self.erase(address? as usize, SECTOR)?,
            0x52 => self.erase(address? as usize, 0x8000)?,
            0xD8 => self.erase(address? as usize, 0x1_0000)?,
            0x60 | 0xC7 => self.erase(0, self.contents.len())?,
            _ => return None,
        }
        Some(())
    }

    fn program(&mut self, at: usize, bytes: &[u8]) -> Option<()> {
        // Beyond a page's end it would begin again at its start.
        if !self.is_enabled || at % PAGE + bytes.len() > PAGE {
            return None;
        }
        let cells = self.contents.get_mut(at..at + bytes.len())?;
        for (cell, byte) in cells.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        self.busy = BUSY;
        Some(())
    }

    fn erase(&mut self, at: usize, len: usize) -> Option<()> {
        let at = at / len * len;
        if !self.is_enabled {
            return None;
        }
        self.contents.get_mut(at..at + len)?.fill(0xFF);
        for sector in (at..at + len).step_by(SECTOR) {
            *self.erased.entry(sector as u32).or_default() += 1;
        }
        self.busy = BUSY;
        Some(())
    }
}
