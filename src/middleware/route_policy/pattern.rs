use super::path::check;

/// A pattern as it was written, read once.
pub(super) struct Pattern {
    /// The pattern without the names of its parameters: two with the same shape fit the same paths.
    pub(super) shape: String,
}

/// The router counts the parameters of one pattern with the letters of the alphabet.
const PARAMETERS_MAX: usize = 16;
const LENGTH_MAX: usize = 1024;

/// What stands in a path as it is (RFC 3986 §3.3); `;` is a trick, and an escape has two spellings.
fn is_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte)
}

/// Reads a pattern in the syntax of axum: `/users/{id}`, `/files/{*rest}`. A rule that is broken comes
/// with a way out.
pub(super) fn read(pattern: &str) -> Result<Pattern, &'static str> {
    if pattern.len() > LENGTH_MAX {
        return Err("is longer than 1024 bytes; end it earlier, with {*rest}");
    }
    let Some(tail) = pattern.strip_prefix('/') else {
        return Err("must begin with \"/\": a path does");
    };
    let (mut shape, mut probe, mut parameters) = (String::new(), String::new(), 0_usize);
    let mut segments = tail.split('/').peekable();
    while let Some(segment) = segments.next() {
        let (literal, parameter) = split(segment)?;
        for text in [&mut shape, &mut probe] {
            text.push('/');
            text.push_str(literal);
        }
        match parameter {
            Some(Parameter::Rest) if segments.peek().is_some() => {
                return Err("goes on behind {*rest}, which takes all that is left; end it there");
            }
            Some(parameter) => {
                shape.push_str(if parameter == Parameter::Rest { "{*}" } else { "{}" });
                probe.push('x');
                parameters = parameters.saturating_add(1);
            }
            None => {}
        }
    }
    if parameters > PARAMETERS_MAX {
        return Err("has more than 16 parameters; end it earlier, with {*rest}");
    }
    match check(&probe) {
        Ok(()) => Ok(Pattern { shape }),
        Err(_) => Err("can never match: such a path is refused before; leave out empty segments, \".\" and \"..\""),
    }
}

#[derive(PartialEq)]
enum Parameter {
    One,
    Rest,
}

/// Splits a segment into its text and the parameter at its end.
fn split(segment: &str) -> Result<(&str, Option<Parameter>), &'static str> {
    let (literal, parameter) = match segment.split_once('{') {
        None => (segment, None),
        Some((literal, name)) => {
            let name = name.strip_suffix('}').ok_or("must have one parameter in a segment, at its end: /users/{id}")?;
            let (name, kind) = match name.strip_prefix('*') {
                Some(name) => (name, Parameter::Rest),
                None => (name, Parameter::One),
            };
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err("must have parameters with a name of letters, digits and \"_\": {id}, {*rest}");
            }
            (literal, Some(kind))
        }
    };
    if literal.starts_with([':', '*']) {
        return Err("begins a segment with \":\" or \"*\"; a parameter is written {id} or {*rest}");
    }
    if literal.contains('%') {
        return Err(
            "has a percent sign, and an escape can be spelt in two ways; name that segment by a parameter: {name}",
        );
    }
    if !literal.bytes().all(is_literal) {
        return Err(
            "can never match: it has a character that is refused in a path; name that segment by a parameter: {name}",
        );
    }
    Ok((literal, parameter))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn two_patterns_that_fit_the_same_paths_have_one_shape() {
        let shape = |pattern| read(pattern).map(|pattern| pattern.shape).ok();
        assert_eq!(shape("/u/{id}/x"), shape("/u/{name}/x"));
        assert_eq!(shape("/u/{*rest}"), shape("/u/{*all}"));
        assert_ne!(shape("/u/{rest}"), shape("/u/{*rest}"));
        assert_ne!(shape("/u"), shape("/u/"));
        assert_eq!(shape("/v{version}/a").as_deref(), Some("/v{}/a"));
    }

    #[test]
    fn a_pattern_that_no_path_can_fit_is_refused_with_a_way_out() {
        for (pattern, said) in [
            ("", "begin with"),
            ("users", "begin with"),
            ("*", "begin with"),
            ("/a//b", "can never match"),
            ("//", "can never match"),
            ("/a/../b", "can never match"),
            ("/./{id}", "can never match"),
            ("/a;b", "can never match"),
            ("/a\\b", "can never match"),
            ("/a b", "can never match"),
            ("/a?b=c", "can never match"),
            ("/ä", "can never match"),
            ("/caf%C3%A9", "two ways"),
            ("/{*rest}/a", "end it there"),
            ("/{id}.json", "at its end"),
            ("/{a}{b}", "letters, digits"),
            ("/{{a}}", "letters, digits"),
            ("/{id", "at its end"),
            ("/id}", "can never match"),
            ("/{}", "a name"),
            ("/{*}", "a name"),
            ("/:id", "{id}"),
            ("/*rest", "{*rest}"),
            (&"/{a}".repeat(17), "more than 16"),
            (&"/aaaaaaa".repeat(129), "longer"),
        ] {
            assert!(
                read(pattern).err().is_some_and(|rule| rule.contains(said)),
                "{pattern}: {:?}",
                read(pattern).err()
            );
        }
    }
}
