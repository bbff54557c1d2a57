//! What a board's eFuses say, from a copy of their registers. Pure.

use fbuild_chip::Chip;
use fbuild_chip::security::BoardSecurity;
use fbuild_loader::session::Security;

/// Registers that were copied: the first one's address, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Address of the first register.
    pub address: u32,
    /// Bytes from there on.
    pub len_bytes: u32,
}

/// The registers that say how a chip is secured; `None`: nothing secures it.
pub fn span(chip: Chip) -> Option<Span> {
    let bits = chip.facts().security.as_ref()?;
    let registers = [
        bits.crypt_count.0,
        bits.encrypted_download_disabled.0,
        bits.secure_boot.0,
    ];
    let first = registers.into_iter().fold(u32::MAX, u32::min);
    let last = registers.into_iter().fold(0, u32::max);
    Some(Span {
        address: first,
        len_bytes: last - first + 4,
    })
}

/// Reads them; `None` if the copy is not as long as it should be.
pub fn security(chip: Chip, copy: &[u8]) -> Option<BoardSecurity> {
    let first = span(chip).map_or(0, |span| span.address);
    let read = |register: u32| {
        let at = register.checked_sub(first)? as usize;
        let word = copy.get(at..at + 4)?;
        Some(u32::from_le_bytes(word.try_into().ok()?))
    };
    Security::from_registers(chip, read).map(BoardSecurity::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_is_found_on_every_chip() {
        for &chip in Chip::ESP32_FAMILY {
            let span = span(chip).unwrap();
            assert!(span.len_bytes <= 64, "{chip}: {span:?}");
            let blank = vec![0; span.len_bytes as usize];
            assert_eq!(security(chip, &blank), Some(BoardSecurity::default()));
            assert_eq!(security(chip, &blank[1..]), None, "{chip}");
            let bits = chip.facts().security.as_ref().unwrap();
            let with = |(register, mask): (u32, u32)| {
                let mut copy = blank.clone();
                let at = (register - span.address) as usize;
                let lowest = mask & mask.wrapping_neg();
                copy[at..at + 4].copy_from_slice(&lowest.to_le_bytes());
                security(chip, &copy).unwrap()
            };
            assert!(with(bits.crypt_count).flash_encryption, "{chip}");
            let disabled = with(bits.encrypted_download_disabled);
            assert!(disabled.encrypted_download_disabled, "{chip}");
            let signed = with(bits.secure_boot);
            assert!(signed.secure_boot && !signed.flash_encryption, "{chip}");
            assert_eq!(signed.secure_boot_v1, chip == Chip::Esp32);
        }
    }
}
