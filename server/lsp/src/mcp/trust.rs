//! What an agent may not do while the folder is not trusted.

use fbuild_deploy::outcome::Failure;
use fbuild_link::port_name::PortName;
use fbuild_link::serial::PortInfo;
use std::path::Path;

use super::Host;

impl Host {
    /// Whether something in `directory` may be run.
    pub(super) fn may_build(&self, name: &str, directory: &Path) -> Result<(), Failure> {
        let canonical = |path: &Path| std::fs::canonicalize(path).ok();
        let is_inside = canonical(directory)
            .zip(canonical(&self.directory))
            .is_some_and(|(directory, trusted)| directory.starts_with(trusted));
        let (why, remedy) = match (self.is_trusted, is_inside) {
            (true, true) => return Ok(()),
            (true, false) => (
                format!(
                    "it is not in {}, which is trusted",
                    self.directory.display()
                ),
                "build it yourself",
            ),
            (false, _) => (
                "a build runs what the project says, and the project is not trusted".to_owned(),
                "build it yourself, or have the person start this server with --trust",
            ),
        };
        Err(Failure {
            code: "not-trusted",
            is_input: true,
            what: format!("{name} is not built: {why}"),
            board_state: "no board was touched".to_owned(),
            remedy: remedy.into(),
        })
    }

    /// Whether a port that an agent names may be used: what it has read may have told it to connect
    /// to a stranger's host, or to write into a file.
    pub(super) fn may_use(&self, port: &str, ports: &[PortInfo]) -> Result<(), Failure> {
        let is_harmless = match PortName::of(port) {
            PortName::UsbLoader => true,
            PortName::Sim { file, options } => file.is_empty() && !options.contains("log="),
            _ => ports.iter().any(|listed| listed.name == port),
        };
        if is_harmless || self.is_trusted || self.port.as_deref() == Some(port) {
            return Ok(());
        }
        Err(Failure {
            code: "not-trusted",
            is_input: true,
            what: format!(
                "{port} is not used: it is not a serial port of this machine, and the folder is not trusted"
            ),
            board_state: "no board was touched".to_owned(),
            remedy: "choose one that the tool `ports` lists, or have the person start this server with --port or \
                     --trust"
                .into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boards::LocalBoards;

    fn host(directory: &Path, is_trusted: bool) -> Host {
        Host {
            boards: LocalBoards { state_dir: None },
            directory: directory.to_owned(),
            port: Some("socket://lab:4000".to_owned()),
            is_trusted,
        }
    }

    #[test]
    fn only_a_trusted_folder_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let inside = folder.path().join("app");
        std::fs::create_dir(&inside).unwrap();
        let trusting = host(folder.path(), true);
        assert_eq!(trusting.may_build("app", &inside), Ok(()));
        for outside in [
            other.path(),
            &folder.path().join("app/../.."),
            &folder.path().join("none"),
        ] {
            assert_eq!(
                trusting.may_build("app", outside).unwrap_err().code,
                "not-trusted"
            );
        }
        assert_eq!(
            host(folder.path(), false)
                .may_build("app", &inside)
                .unwrap_err()
                .code,
            "not-trusted"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_link_does_not_lead_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(other.path(), &link).unwrap();
        assert!(host(folder.path(), true).may_build("app", &link).is_err());
    }

    #[test]
    fn an_agent_names_ports_of_this_machine() {
        let listed = [PortInfo {
            name: "COM5".to_owned(),
            usb: None,
        }];
        let folder = Path::new("");
        for (port, is_harmless) in [
            ("COM5", true),
            ("sim:", true),
            ("sim:?chip=esp32c3", true),
            ("socket://lab:4000", true),
            ("COM6", false),
            ("socket://elsewhere:4000", false),
            ("sim:/home/me/.bashrc", false),
            ("sim:?log=/home/me/.netrc", false),
        ] {
            assert_eq!(
                host(folder, false).may_use(port, &listed).is_ok(),
                is_harmless,
                "{port}"
            );
            assert_eq!(host(folder, true).may_use(port, &listed), Ok(()), "{port}");
        }
    }
}
