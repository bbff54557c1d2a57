//! What to do about a failure, in the words of those who read it.

use fbuild_project::remedy::{Remedy, Way};

use crate::order::ota_password_of_environment;

/// Where something is read. Programs that call this one read a remedy's own text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Front {
    CommandLine,
    Editor,
}

impl Front {
    /// What to do, by the names that things have here.
    pub(crate) fn remedy(self, remedy: &Remedy) -> String {
        remedy.worded(|way| match self {
            Self::CommandLine => on_command_line(way),
            Self::Editor => in_editor(way),
        })
    }
}

fn on_command_line(way: &Way) -> String {
    match way {
        Way::ChoosePort => "choose one of the ports that `fbuild-lsp ports` lists".to_owned(),
        Way::NamePort(port) => format!("name it: --port {port}"),
        Way::ChooseTarget => "name one with --target".to_owned(),
        Way::NameFiles => {
            "name each file with its offset, as in --image 0x10000 app.bin".to_owned()
        }
        Way::OnlyRegions(names) => {
            format!("deploy the other regions: --regions {}", names.join(","))
        }
        Way::AcceptLoss => "deploy again without --keep-data and accept the loss".to_owned(),
        Way::NameEsptool => "name one with --esptool PATH".to_owned(),
        Way::NativeBackend => "leave out --backend esptool".to_owned(),
        Way::GiveOtaPassword => way.to_string(),
        Way::NameBuild => "build it yourself and deploy without --build".to_owned(),
        Way::ReadLog => "deploy again with --log debug".to_owned(),
    }
}

fn in_editor(way: &Way) -> String {
    match way {
        Way::ChoosePort => "choose another port".to_owned(),
        Way::NamePort(_) => "choose it as the port".to_owned(),
        Way::ChooseTarget => "choose one".to_owned(),
        Way::OnlyRegions(names) => format!("deploy the other regions: {}", names.join(", ")),
        Way::AcceptLoss => "deploy again and accept the loss".to_owned(),
        Way::NameEsptool => "name one in the setting fbuild.esptool.path".to_owned(),
        Way::NativeBackend => "set fbuild.backend to native".to_owned(),
        // The setting would not be heard.
        Way::GiveOtaPassword if ota_password_of_environment().is_some() => way.to_string(),
        Way::GiveOtaPassword => "set fbuild.ota.password".to_owned(),
        Way::NameBuild => "set fbuild.buildBeforeDeploy".to_owned(),
        Way::ReadLog => "set fbuild.logLevel to debug, deploy again and read the log".to_owned(),
        Way::NameFiles => way.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_hears_of_settings_and_a_shell_of_options() {
        let remedy = Remedy::from("install it, ")
            .way(Way::NameEsptool)
            .words(", or ")
            .way(Way::NativeBackend);
        assert_eq!(
            Front::CommandLine.remedy(&remedy),
            "install it, name one with --esptool PATH, or leave out --backend esptool"
        );
        assert_eq!(
            Front::Editor.remedy(&remedy),
            "install it, name one in the setting fbuild.esptool.path, or set fbuild.backend to native"
        );
    }
}
