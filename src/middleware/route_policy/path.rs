use std::borrow::Cow;
use std::fmt;

/// Why a path is refused before any rule is looked for.
///
/// One service reads such a path in one way and the next in another: what a rule has judged need not be
/// what is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PathTrick {
    /// An empty segment: `//`.
    DoubleSlash,
    /// A segment `.` or `..`.
    DotSegment,
    /// A `;`, at which some cut the segment off.
    Semicolon,
    /// A `\`, which some read as `/`.
    Backslash,
    /// A `/`, `\`, `.` or `;` that is percent-encoded.
    EncodedSeparator,
    /// A letter, a digit, `-`, `_` or `~` that is percent-encoded, which nobody needs (RFC 3986 §2.3).
    EncodedLetter,
    /// A control character that is percent-encoded.
    EncodedControl,
    /// A percent sign that is encoded, and in front of two digits: an escape for whoever decodes twice.
    EncodedTwice,
    /// A percent sign without two hexadecimal digits behind it, or escapes that are no UTF-8.
    BrokenEscape,
    /// A character that may not stand in a path: a control character, or one outside of ASCII.
    Character,
    /// One rule fits the path as it stands, another one the path decoded, or that up to a `?` or `#` in it.
    Ambiguous,
    /// The path is no end of the one that the client has sent: something has rewritten it on its way.
    Rewritten,
}

impl PathTrick {
    /// Says it to the one who has sent the request.
    pub(crate) const fn detail(self) -> &'static str {
        match self {
            Self::DoubleSlash => "The path has an empty part: two slashes in a row.",
            Self::DotSegment => "The path has a part that is \".\" or \"..\".",
            Self::Semicolon => "The path has a semicolon.",
            Self::Backslash => "The path has a backslash.",
            Self::EncodedSeparator => "The path has a slash, backslash, dot or semicolon that is percent-encoded.",
            Self::EncodedLetter => "The path has a letter, digit, hyphen or the like that need not be percent-encoded.",
            Self::EncodedControl => "The path has a control character that is percent-encoded.",
            Self::EncodedTwice => "The path is percent-encoded twice.",
            Self::BrokenEscape => "The path has a percent sign that begins no character.",
            Self::Character => "The path has a character that must be percent-encoded.",
            Self::Ambiguous => "The path means another address when it is decoded.",
            Self::Rewritten => "The path was rewritten on its way.",
        }
    }
}

impl fmt::Display for PathTrick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DoubleSlash => "an empty segment",
            Self::DotSegment => "a dot segment",
            Self::Semicolon => "a semicolon",
            Self::Backslash => "a backslash",
            Self::EncodedSeparator => "an encoded slash, backslash, dot or semicolon",
            Self::EncodedLetter => "an encoded letter or digit",
            Self::EncodedControl => "an encoded control character",
            Self::EncodedTwice => "an escape that is encoded itself",
            Self::BrokenEscape => "a broken escape",
            Self::Character => "a character that may not stand in a path",
            Self::Ambiguous => "another rule fits when it is decoded",
            Self::Rewritten => "it was rewritten between the router and the layer",
        })
    }
}

/// Refuses what two readers of a path could read in two ways; the attacker controls every byte.
///
/// What passes stays what it is when it is decoded once, when its dot segments are removed
/// (RFC 3986 §5.2.4), when slashes in a row are one, and when it is cut at `;`.
pub(super) fn check(path: &str) -> Result<(), PathTrick> {
    let mut rest = path.as_bytes();
    while let [byte, tail @ ..] = rest {
        match byte {
            b'/' => check_segment(tail)?,
            b'%' => check_escape(tail)?,
            b';' => return Err(PathTrick::Semicolon),
            b'\\' => return Err(PathTrick::Backslash),
            b'!'..=b'~' => {}
            _ => return Err(PathTrick::Character),
        }
        rest = tail;
    }
    Ok(())
}

/// Looks at what begins behind a slash; nothing at all is a trailing slash.
const fn check_segment(behind: &[u8]) -> Result<(), PathTrick> {
    match behind {
        [b'/', ..] => Err(PathTrick::DoubleSlash),
        [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..] => Err(PathTrick::DotSegment),
        _ => Ok(()),
    }
}

/// Reads the two digits behind a percent sign.
fn check_escape(behind: &[u8]) -> Result<(), PathTrick> {
    let byte = escaped(behind).ok_or(PathTrick::BrokenEscape)?;
    match byte {
        b'/' | b'\\' | b'.' | b';' => Err(PathTrick::EncodedSeparator),
        b'-' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Err(PathTrick::EncodedLetter),
        0..=0x1f | 0x7f => Err(PathTrick::EncodedControl),
        b'%' if behind.get(2..).is_some_and(|further| escaped(further).is_some()) => Err(PathTrick::EncodedTwice),
        _ => Ok(()),
    }
}

fn escaped(digits: &[u8]) -> Option<u8> {
    let pair = digits.get(..2).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
}

/// Decodes a path that was checked; `None` where there is nothing to decode.
pub(super) fn decoded(path: &str) -> Result<Option<Cow<'_, str>>, PathTrick> {
    if !path.contains('%') {
        return Ok(None);
    }
    // Else `%c0%ae` were a dot to whoever reads UTF-8 loosely (RFC 3629 §10).
    percent_encoding::percent_decode_str(path).decode_utf8().map(Some).map_err(|_| PathTrick::BrokenEscape)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_refused() {
        use PathTrick as T;
        for (path, trick) in [
            ("//", T::DoubleSlash),
            ("/a//b", T::DoubleSlash),
            ("/a//", T::DoubleSlash),
            ("/.", T::DotSegment),
            ("/a/./b", T::DotSegment),
            ("/a/..", T::DotSegment),
            ("/../a", T::DotSegment),
            ("/a;b/c", T::Semicolon),
            ("/a\\b", T::Backslash),
            ("/a%2fb", T::EncodedSeparator),
            ("/a%5Cb", T::EncodedSeparator),
            ("/%2e%2E/a", T::EncodedSeparator),
            ("/a%3b", T::EncodedSeparator),
            ("/%61dmin", T::EncodedLetter),
            ("/a%2D", T::EncodedLetter),
            ("/a%00", T::EncodedControl),
            ("/a%0a", T::EncodedControl),
            ("/a%252e", T::EncodedTwice),
            ("/a%", T::BrokenEscape),
            ("/a%2", T::BrokenEscape),
            ("/a%u002e", T::BrokenEscape),
            ("/a%+2", T::BrokenEscape),
            ("/ä", T::Character),
            ("/a\u{7f}", T::Character),
            ("/a b", T::Character),
        ] {
            assert_eq!(check(path), Err(trick), "{path}");
        }
        for overlong in ["/%c0%ae%c0%ae/a", "/%ff"] {
            assert_eq!((check(overlong), decoded(overlong)), (Ok(()), Err(T::BrokenEscape)), "{overlong}");
        }
    }

    #[test]
    fn an_ordinary_path_passes() {
        for path in
            ["/", "", "*", "/a/b.c/", "/.well-known/...", "/a%20b", "/100%25", "/caf%C3%A9", "/a@b:c,d=e+f", "/[0]"]
        {
            assert_eq!(check(path), Ok(()), "{path}");
            assert!(decoded(path).is_ok(), "{path}");
        }
    }

    /// RFC 3986 §5.2.4, for a path that begins with a slash.
    fn without_dots(path: &str) -> String {
        let (mut kept, mut segments): (Vec<&str>, _) = (Vec::new(), path.split('/').skip(1).peekable());
        while let Some(segment) = segments.next() {
            if segment == ".." {
                kept.pop();
            }
            if !matches!(segment, "." | "..") {
                kept.push(segment);
            } else if segments.peek().is_none() {
                kept.push("");
            }
        }
        format!("/{}", kept.join("/"))
    }

    proptest! {
        #[test]
        fn what_passes_has_the_same_segments_for_every_reader(path in r"(/([a-c.;\\%é ]|%2[eEfF5]|%5c|%61|%20|%c0|%ae){0,6}){1,4}") {
            if check(&path).is_err() {
                return Ok(());
            }
            let Ok(decoded) = decoded(&path) else { return Ok(()) };
            let once = decoded.unwrap_or(Cow::Borrowed(&path)).into_owned();
            prop_assert_eq!(without_dots(&path), path.clone());
            prop_assert_eq!(without_dots(&once), once.clone());
            prop_assert_eq!(once.split('/').count(), path.split('/').count());
            prop_assert!(!once.contains("//") && !once.contains(['\\', ';', '\0']));
            // Decoding again changes nothing, either.
            let twice = percent_encoding::percent_decode_str(&once).decode_utf8_lossy();
            prop_assert_eq!(&*twice, &*once);
        }
    }
}
