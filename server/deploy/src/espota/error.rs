//! What can go wrong over the air, and what to do about it.

use fbuild_project::remedy::{Remedy, Way};

/// Why a device did not take an image.
#[derive(Debug, thiserror::Error)]
pub enum OtaError {
    /// Nothing came back from its address.
    #[error("no answer over the air for {seconds} s")]
    NoAnswer {
        /// How long it was waited for.
        seconds: u64,
    },
    /// Its system says that nothing listens on the port.
    #[error("the device is there, but nothing listens on its UDP port {port}")]
    NothingListens {
        /// The port.
        port: u16,
    },
    /// This machine's network did not take what was to be sent.
    #[error("this machine could not send to it: {why}")]
    NotSent {
        /// In the system's words.
        why: String,
    },
    /// It takes no invitation, or is no such device.
    #[error("it answered the invitation with '{said}'")]
    BadAnswer {
        /// In its words.
        said: String,
    },
    /// It asks for a password that nobody has given.
    #[error("it asks for a password, and none is set")]
    NoPassword,
    /// It asks for a password, and this is another one.
    #[error("it does not accept the password")]
    WrongPassword,
    /// It answered, and then did not connect.
    #[error("it agreed, but did not connect to {here} for {seconds} s")]
    NoConnection {
        /// Address and port of this machine.
        here: std::net::SocketAddr,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The connection ended, or the device took nothing more.
    #[error("{why} after {sent_bytes} of {total_bytes} bytes")]
    Lost {
        /// What happened.
        why: String,
        /// Bytes that were sent.
        sent_bytes: usize,
        /// Bytes to send.
        total_bytes: usize,
    },
    /// It says why it does not take the image.
    #[error("the device says: {said}")]
    Complaint {
        /// In its words.
        said: String,
    },
    /// It says that all is well when it cannot be.
    #[error(
        "the device said OK after {sent_bytes} of {total_bytes} bytes, before it had everything"
    )]
    EarlyOk {
        /// Bytes that were sent.
        sent_bytes: usize,
        /// Bytes to send.
        total_bytes: usize,
    },
    /// Everything was sent, and it did not say whether that is right.
    #[error("everything was sent, but {why} before it confirmed the image")]
    Unconfirmed {
        /// What happened.
        why: String,
    },
}

impl OtaError {
    /// Code, whether the request is to blame, and what to do.
    pub fn advice(&self) -> (&'static str, bool, Remedy) {
        let (code, is_input, remedy) = match self {
            Self::NoAnswer { .. } | Self::NothingListens { .. } => (
                "ota-no-answer",
                false,
                "check the address and that this machine is in the same network; the firmware on the device \
                 must call ArduinoOTA.handle() often, and UDP must get through (firewall, VPN, container)",
            ),
            Self::NotSent { .. } => (
                "ota-no-answer",
                false,
                "check the network of this machine: there must be a way to the device's address, which a \
                 firewall, a VPN or a container may close",
            ),
            Self::BadAnswer { .. } => (
                "ota-refused",
                false,
                "check that this is the address of a device with ArduinoOTA",
            ),
            Self::NoPassword => return ("ota-password", true, Way::GiveOtaPassword.into()),
            Self::WrongPassword => {
                let remedy = Remedy::from(Way::GiveOtaPassword)
                    .words(" to what the firmware on the device gives to ArduinoOTA.setPassword()");
                return ("ota-password", true, remedy);
            }
            Self::NoConnection { .. } => (
                "ota-no-connection",
                false,
                "let the device connect to this machine (a firewall, a VPN or a container may be in between; \
                 ?host_port=N fixes the port); a device also does not connect if its partition is too small \
                 for the image",
            ),
            Self::Lost { .. } => (
                "ota-lost",
                false,
                "check the device's power and its distance to the access point, and deploy again",
            ),
            Self::Complaint { said } => complaint(said),
            Self::EarlyOk { .. } | Self::Unconfirmed { .. } => (
                "ota-unconfirmed",
                false,
                "look at what the device runs now, and deploy again if that is the old firmware",
            ),
        };
        (code, is_input, remedy.into())
    }
}

/// Source: arduino-esp32, the texts of its library Update.
fn complaint(said: &str) -> (&'static str, bool, &'static str) {
    let says = |text: &str| said.to_ascii_lowercase().contains(text);
    if says("md5") {
        return (
            "ota-damaged",
            false,
            "it arrived damaged, or the flash does not hold it: deploy again; if that fails too, deploy over \
             a serial port",
        );
    }
    if says("space") || says("bad size") || says("partition could not") {
        return (
            "ota-no-space",
            false,
            "build a smaller image, or deploy another partition table over a serial port",
        );
    }
    if says("magic") || says("activate") {
        return (
            "ota-refused",
            false,
            "check that the build is for the chip of this device, and signed if the device wants that",
        );
    }
    (
        "ota-refused",
        false,
        "deploy again; if that fails too, deploy over a serial port",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_device_says_is_told_apart() {
        for (said, code) in [
            ("MD5 Check Failed", "ota-damaged"),
            ("ERROR[4]: Not Enough Space", "ota-no-space"),
            ("Bad Size Given", "ota-no-space"),
            ("Partition Could Not be Found", "ota-no-space"),
            ("Wrong Magic Byte", "ota-refused"),
            ("Could Not Activate The Firmware", "ota-refused"),
            ("Flash Write Failed", "ota-refused"),
        ] {
            let said = said.to_owned();
            assert_eq!(OtaError::Complaint { said }.advice().0, code);
        }
    }
}
