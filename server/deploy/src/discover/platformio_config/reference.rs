//! `${…}` in a value.

use super::super::ini::Span;

/// One `${…}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'v> {
    /// All of it, in bytes of the value.
    pub span: Span,
    /// What stands between the braces.
    pub name: &'v str,
}

impl Reference<'_> {
    /// The section and the option that it names; `None` for a variable of the build.
    #[must_use]
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
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    name.split_once('.').filter(|(section, option)| {
        !section.is_empty() && !section.contains(['(', ')']) && !option.is_empty()
    })
}
