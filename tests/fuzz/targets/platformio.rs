//! Any two texts as platformio.ini and a file that it includes.
#![no_main]

use std::path::{Path, PathBuf};

use fbuild_project::discover::Environment;
use fbuild_project::discover::ini::IniText;
use fbuild_project::discover::platformio_config::{Files, ProjectConfig, TooWide};
use fbuild_project::file::ReadError;
use libfuzzer_sys::fuzz_target;

struct Two<'t>(&'t str, &'t str);

impl Files for Two<'_> {
    fn read(&self, path: &Path) -> Result<String, ReadError> {
        match path.to_str() {
            Some("/p/platformio.ini") => Ok(self.0.to_owned()),
            Some("/p/extra.ini") => Ok(self.1.to_owned()),
            _ => Err(ReadError::NotFound),
        }
    }

    fn find(&self, _: &Path, pattern: &str) -> Result<Vec<PathBuf>, TooWide> {
        match pattern.len() {
            0..8 => Ok(vec!["/p/extra.ini".into(), "/p/platformio.ini".into()]),
            8..16 => Ok(Vec::new()),
            _ => Err(TooWide),
        }
    }

    fn is_outside(&self, _: &Path, path: &Path) -> bool {
        path.ends_with("extra.ini") && self.1.len() % 2 == 1
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (main, extra) = text.split_once('\0').unwrap_or((&text, ""));
    let environment = Environment::from_pairs([("HOME".to_owned(), "/home/me".to_owned())]);
    let config = ProjectConfig::read(Path::new("/p"), &environment, &Two(main, extra));
    let _ = (config.problems(), config.faults(), config.default_envs(), config.dir("build_dir"));
    for section in config.sections() {
        let _ = config.items(section);
        for (option, value) in config.values(section).unwrap_or_default() {
            let _ = config.origin(section, &option);
            let _ = value.map(|value| value.map(|value| value.to_text()));
        }
    }
    for text in [main, extra] {
        let ini = IniText::parse(text);
        let inside = |span: &std::ops::Range<usize>| assert!(text.get(span.clone()).is_some(), "{span:?}");
        for fault in &ini.faults {
            inside(&fault.span);
        }
        for section in &ini.sections {
            inside(&section.span);
            inside(&section.header);
            inside(&section.name_span);
            for option in &section.options {
                inside(&option.span);
                inside(&option.name_span);
                inside(&option.value_span());
                let value = option.value(text);
                for (at, c) in value.char_indices().filter(|(_, c)| *c != '\n') {
                    assert_eq!(&text[option.place(at..at + c.len_utf8())], c.to_string());
                }
            }
        }
    }
});
