//! Names of functions as people write them.

use addr2line::demangle_auto;

/// Suffixes of C++ integer literals, by the type that cpp_demangle writes in front of them.
const LITERALS: [(&str, &str); 5] = [
    ("(unsigned int)", "u"),
    ("(unsigned long long)", "ull"),
    ("(unsigned long)", "ul"),
    ("(long long)", "ll"),
    ("(long)", "l"),
];

/// The symbol's name, where it is a mangled one of C++ or Rust.
pub(crate) fn demangled(symbol: &str) -> Option<String> {
    let name = demangle_auto(symbol.into(), None);
    (name != symbol).then(|| with_literals(&name))
}

/// A name of the debug information. It may be the short one of a function without linkage (in an anonymous namespace):
/// then the symbol's says more.
pub(crate) fn better(name: &str, symbol: Option<&str>) -> String {
    let short = name.split(['<', '(']).next().unwrap_or(name);
    let is_qualified = short.contains("::") || short.is_empty();
    match symbol.and_then(demangled) {
        Some(full) if !is_qualified && full.contains(short) => full,
        _ => with_literals(name),
    }
}

/// `Ring<int, (unsigned int)8>` is `Ring<int, 8u>` in the sources.
fn with_literals(name: &str) -> String {
    let mut name = name.to_owned();
    for (cast, suffix) in LITERALS {
        let mut from = 0;
        while let Some(found) = name.get(from..).and_then(|rest| rest.find(cast)) {
            let start = from + found;
            let number = start + cast.len();
            let digits = name[number..]
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(name.len() - number);
            from = number;
            if digits > 0 {
                name.insert_str(number + digits, suffix);
                name.replace_range(start..number, "");
                from = start;
            }
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_and_readable() {
        assert_eq!(
            demangled("_ZNK5drive4RingIiLj8EE4takeEPKij").unwrap(),
            "drive::Ring<int, 8u>::take(int const*, unsigned int) const"
        );
        let symbol = Some("_ZN12_GLOBAL__N_16add_upEP4itemPv");
        assert_eq!(
            better("add_up", symbol),
            "(anonymous namespace)::add_up(item*, void*)"
        );
        assert_eq!(better("other", symbol), "other");
        assert_eq!(better("drive::plan(int)", symbol), "drive::plan(int)");
        assert_eq!(better("mix", Some("mix.constprop.0")), "mix");
        assert_eq!(
            with_literals("f<(unsigned int)>((unsigned int) x)"),
            "f<(unsigned int)>((unsigned int) x)"
        );
        assert_eq!(demangled("app_main"), None);
    }
}
