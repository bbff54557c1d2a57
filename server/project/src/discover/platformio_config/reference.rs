//! `${…}` in a value, and what stands for it.

use std::path::Path;

use sha1::{Digest as _, Sha1};

use super::super::ini::Span;
use super::{
    ConfigProblem, Kind, MAX_NESTING, MAX_REPLACED, MAX_REPLACEMENTS, Nesting, ProblemKind,
    ProjectConfig, Taken, options,
};

/// One `${…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'v> {
    /// All of it, in bytes of the value.
    pub span: Span,
    /// What is between the braces.
    pub name: &'v str,
}

impl Reference<'_> {
    /// The section and the option that it names; `None` for a variable of the build.
    pub fn parts(&self) -> Option<(&str, &str)> {
        split(self.name)
    }
}

/// What a value refers to, in its order.
pub fn references(value: &str) -> impl Iterator<Item = Reference<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + value.get(from..)?.find("${")?;
        let len = value[start..].find('}')?;
        from = start + len + 1;
        Some(Reference {
            span: start..from,
            name: &value[start + 2..start + len],
        })
    })
}

/// A section goes up to the first dot; dots after it belong to the option.
fn split(name: &str) -> Option<(&str, &str)> {
    name.split_once('.').filter(|(section, option)| {
        !section.is_empty() && !section.contains(['(', ')']) && !option.is_empty()
    })
}

impl ProjectConfig<'_> {
    /// What `${name}` stands for in `option` of `section`.
    ///
    /// # Errors
    /// It refers to something that does not exist, to itself, or expands to too much.
    pub fn resolve(
        &self,
        section: &str,
        option: &str,
        name: &str,
    ) -> Result<String, ConfigProblem> {
        self.variable(section, option, name, Nesting::new(&Taken::default()))
    }

    pub(super) fn interpolate(
        &self,
        section: &str,
        option: &str,
        text: &str,
        nesting: Nesting<'_>,
    ) -> Result<String, ConfigProblem> {
        let mut out = String::new();
        let mut done = 0;
        for reference in references(text) {
            out.push_str(&text[done..reference.span.start]);
            match reference.name {
                "" => out.push_str("${}"),
                name => {
                    let value = self.variable(section, option, name, nesting)?;
                    self.take(section, option, value.len(), nesting.taken)?;
                    out.push_str(&value);
                }
            }
            done = reference.span.end;
        }
        out.push_str(&text[done..]);
        Ok(out)
    }

    fn take(
        &self,
        section: &str,
        option: &str,
        bytes: usize,
        taken: &Taken,
    ) -> Result<(), ConfigProblem> {
        self.step(bytes, section, option)?;
        taken.bytes.set(taken.bytes.get() + bytes);
        if taken.bytes.get() <= MAX_REPLACED {
            return Ok(());
        }
        let message = format!("option '{option}' in [{section}] expands to more than 1 MiB");
        Err(self.problem_in(section, option, ProblemKind::TooMuch, message))
    }

    /// What stands for `${name}` in `option` of `section`.
    fn variable(
        &self,
        section: &str,
        option: &str,
        name: &str,
        nesting: Nesting<'_>,
    ) -> Result<String, ConfigProblem> {
        let Some((from, wanted)) = split(name) else {
            return Ok(self
                .built_in(name)
                .unwrap_or_else(|| format!("${{{name}}}")));
        };
        let from = match (from, wanted) {
            // A variable that is not set becomes nothing.
            ("sysenv", _) => {
                nesting.taken.environment.set(true);
                return Ok(self.environment.get(wanted).unwrap_or_default().to_owned());
            }
            ("this", "__env__") => {
                return section.strip_prefix("env:").map(str::to_owned).ok_or_else(|| {
                    let message = format!(
                        "option '{option}' in [{section}]: ${{this.__env__}} has a meaning only in \
                         sections [env:NAME]"
                    );
                    self.problem_in(section, option, ProblemKind::Interpolation, message)
                });
            }
            ("this", _) => section,
            (from, _) => from,
        };
        let replacements = &nesting.taken.replacements;
        replacements.set(replacements.get() + 1);
        if nesting.depth == MAX_NESTING || replacements.get() > MAX_REPLACEMENTS {
            let message = format!("option '{wanted}' in [{from}] refers to itself");
            return Err(self.problem_in(section, option, ProblemKind::Interpolation, message));
        }
        let deeper = Nesting {
            depth: nesting.depth + 1,
            ..nesting
        };
        match self.get_nested(from, wanted, deeper)? {
            Some(value) => Ok(value.to_text()),
            // A known option without a value becomes what Python prints.
            None if options::facts(from, wanted).is_some_and(|f| f.kind == Kind::List) => {
                Ok(String::new())
            }
            None if options::facts(from, wanted).is_some() => Ok("None".to_owned()),
            None => {
                let what = if self.ini.has_section(from) {
                    format!("there is no option '{wanted}' in [{from}]")
                } else {
                    format!("there is no section [{from}]")
                };
                let message =
                    format!("option '{option}' in [{section}] refers to ${{{name}}}, but {what}");
                Err(self.problem_in(section, option, ProblemKind::Interpolation, message))
            }
        }
    }

    fn built_in(&self, name: &str) -> Option<String> {
        match name {
            "PROJECT_DIR" => Some(self.project.display().to_string()),
            "UNIX_TIME" => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Some(now.map_or(0, |since| since.as_secs()).to_string())
            }
            "PROJECT_HASH" => {
                // As a process sees it that works there: without links.
                let real = self.project.canonicalize().ok().filter(|_| !cfg!(windows));
                Some(project_hash(real.as_ref().unwrap_or(&self.project)))
            }
            _ => None,
        }
    }
}

/// The name of the project's directory, and the SHA-1 of its path.
fn project_hash(project: &Path) -> String {
    let digest = Sha1::digest(project.as_os_str().as_encoded_bytes());
    let start = digest.iter().take(5);
    let hash = start.fold(0_u64, |hash, byte| (hash << 8) | u64::from(*byte));
    let name = project.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}-{hash:010x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PlatformIO Core 6.2.0 makes of this path.
    #[test]
    fn the_hash_of_a_project_is_platformios() {
        let project = Path::new("/home/me/größe 1/kiln");
        assert_eq!(project_hash(project), "kiln-70a75152ab");
    }
}
