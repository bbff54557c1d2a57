//! The ESP32 ROM's command interpreter, where FLASH_END leaves the chip: it echoes what it hears and
//! answers "How?" to what it does not know (recordings esp32-p03, esp32-p14).

/// What it prints when the loader ends.
pub(crate) const GREETING: &str = "flash read err, 631\r\n\
Falling back to built-in command interpreter.\r\nOK\r\n>";

#[derive(Debug, Default)]
pub(crate) struct Console {
    line: Vec<u8>,
}

impl Console {
    /// The bytes that one received byte brings back.
    pub(crate) fn hear(&mut self, byte: u8) -> Vec<u8> {
        match byte {
            0 => Vec::new(),
            b'\n' | b'\r' => {
                let known_nothing = std::mem::take(&mut self.line).is_empty();
                let answer: &[u8] = if known_nothing {
                    b"\r\n>"
                } else {
                    b"\r\nHow?\r\n>"
                };
                answer.to_vec()
            }
            0x08 => match self.line.pop() {
                Some(_) => vec![0x08, b' ', 0x08],
                None => Vec::new(),
            },
            byte => {
                self.line.push(byte);
                vec![byte]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(bytes: &[u8]) -> Vec<u8> {
        let mut console = Console::default();
        bytes.iter().flat_map(|byte| console.hear(*byte)).collect()
    }

    #[test]
    fn a_request_is_echoed_as_recorded() {
        assert_eq!(
            echo(b"\xC0\x00\x0A\x04\0\0\0\0\0\x00\x10\x00\x40\xC0"),
            b"\xC0\r\nHow?\r\n>\x04\x10\x40\xC0"
        );
        assert_eq!(echo(b"\xC0\x00\x08\x24\x07"), b"\xC0\x08 \x08\x24\x07");
    }
}
