//! What it means that a program failed, by what it has said. Pure.

use fbuild_chip::usb::UsbBoard;

use super::error::UsbError;
use super::tool::{Said, Tool, lines};

/// `how`: how it ended.
pub(super) fn fault(tool: Tool, board: UsbBoard, text: &str, how: &str) -> UsbError {
    let last = lines(text).last().unwrap_or("it says nothing").to_owned();
    let line = |part: &str| {
        lines(text)
            .find(|line| line.contains(part))
            .map(str::to_owned)
    };
    let said = tool.said(text, 1);
    let (absent, press) = match tool {
        Tool::TeensyLoader => (
            matches!(said, Said::Waiting)
                .then(|| "none came while it was waited for".to_owned())
                .or_else(|| line("Unable to open device")),
            "press the button on the Teensy and deploy again; its USB cable must carry data",
        ),
        Tool::Picotool => (
            line("No accessible"),
            "hold BOOTSEL while you plug the board in, and deploy again; its USB cable must carry data",
        ),
    };
    if let Said::Denied(why) = said {
        return UsbError::Denied { tool, why };
    }
    if let Some(why) = absent {
        let board = board.to_string();
        return UsbError::NoBoard { board, why, press };
    }
    UsbError::Failed {
        tool,
        how: how.to_owned(),
        why: line("ERROR").unwrap_or(last),
    }
}

#[cfg(test)]
mod tests {
    use fbuild_chip::usb::Rp2;

    use super::*;

    const PICO: UsbBoard = UsbBoard::Rp2(Some(Rp2::Rp2040));

    #[test]
    fn their_failures_are_told_apart() {
        let code = |tool: Tool, text: &str| {
            let error = fault(tool, PICO, text, "exit code 1");
            (error.advice().0, error.to_string())
        };
        let own = |code, text: &str| (code, text.to_owned());
        let teensy = |text| code(Tool::TeensyLoader, text);
        assert_eq!(
            teensy("Unable to open device (hint: try -w option)\n\n"),
            own(
                "no-loader",
                "no RP2040 is in boot loader mode: Unable to open device (hint: try -w option)"
            )
        );
        assert_eq!(teensy("Waiting for Teensy device...\n").0, "no-loader");
        assert_eq!(
            teensy("Found device but unable to open\nWaiting for Teensy device...\n"),
            own(
                "usb-permission",
                "teensy_loader_cli may not open the board's boot loader: Found device but unable to open"
            )
        );
        assert_eq!(
            teensy("Found HalfKay Bootloader\nProgramming..error writing to Teensy\n").0,
            "tool-failed"
        );
        let picotool = |text| code(Tool::Picotool, text);
        let none = "No accessible RP-series devices in BOOTSEL mode were found.\n";
        assert_eq!(picotool(none).0, "no-loader");
        let denied = format!(
            "{none}\nbut:\n\nRP2040 device at bus 1, address 7 appears to be in BOOTSEL mode, but picotool was \
             unable to connect. Maybe try 'sudo' or check your permissions.\n"
        );
        assert_eq!(picotool(&denied).0, "usb-permission");
        assert_eq!(
            picotool("ERROR: File size 0x900000 is too big to fit in flash size 0x200000\n\n"),
            own(
                "tool-failed",
                "picotool failed (exit code 1): ERROR: File size 0x900000 is too big to fit in flash size 0x200000"
            )
        );
    }
}
