//! Containers of RFC 6030: where the reading ends, and how that is told.

use std::io::{BufReader, Read};

use tower_mfa::transfer::apps::{Found, PskcKey, ReadErrorKind, pskc};

use crate::apps_pskc::{HEAD, Key, NOW, container, read};
use crate::apps_support::{Breaks, Endless, keys};

fn broken(xml: impl AsRef<[u8]>) -> ReadErrorKind {
    let mut reader = pskc(xml.as_ref(), PskcKey::none(), NOW);
    let error = reader.find_map(Result::err).unwrap();
    assert!(reader.next().is_none(), "and ends there");
    error.kind()
}

#[test]
fn document_types_and_entities_are_refused() {
    let good = container(&Key::good().xml());
    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>";
    assert_eq!(broken(good.replace("?>", &format!("?>{laughs}"))), ReadErrorKind::Doctype);
    assert_eq!(broken(good.replace("?>", "?><!DOCTYPE x SYSTEM \"file:///etc/passwd\">")), ReadErrorKind::Doctype);
    assert_eq!(broken(good.replace(">Example<", ">&b;<")), ReadErrorKind::Doctype);
    assert_eq!(broken(good.replace("Id=\"1\"", "Id=\"&b;\"")), ReadErrorKind::Xml);
}

#[test]
fn what_is_no_xml_ends_the_reading() {
    let good = container(&Key::good().xml());
    for xml in [
        good.replace("</Data>", "</Date>"),
        good.replace("</KeyContainer>", ""),
        good.clone() + "<again/>",
        good.clone() + "</KeyContainer>",
        good.replace("Id=\"1\"", "Id=\"1\" Id=\"2\""),
        good.replace("UTF-8", "ISO-8859-1"),
        good.replace("<Issuer>", "<q:Issuer>").replace("</Issuer>", "</q:Issuer>"),
        good.replace("Example", "&#0;&"),
    ] {
        assert_eq!(broken(&xml), ReadErrorKind::Xml, "{xml}");
    }
    assert_eq!(broken([good.as_bytes(), b"<!--\xff-->"].concat()), ReadErrorKind::Xml);
    for xml in ["", "\n", "no XML at all", "<?xml version=\"1.0\"?>"] {
        assert_eq!(broken(xml), ReadErrorKind::Container, "{xml}");
    }
}

#[test]
fn depth_length_and_number_have_their_limits() {
    let nested = |depth: usize| {
        let inner = "<x>".repeat(depth) + &"</x>".repeat(depth);
        container(&Key::rest(&inner).xml())
    };
    assert_eq!(keys(&read(&nested(29))).len(), 1);
    assert_eq!(broken(nested(30)), ReadErrorKind::Limit);

    let long = |len: usize| container(&Key::rest(&format!("<x>{}</x>", "y".repeat(len))).xml());
    assert_eq!(keys(&read(&long(15_000))).len(), 1);
    assert_eq!(broken(long(17_000)), ReadErrorKind::Limit);
    let pieces = format!("<x>{}</x>", "yyyyyyyy&amp;".repeat(2_000));
    assert_eq!(broken(container(&Key::rest(&pieces).xml())), ReadErrorKind::Limit, "in pieces, too");
    let attribute = format!("<x y=\"{}\"/>", "z".repeat(17_000));
    assert_eq!(broken(container(&Key::rest(&attribute).xml())), ReadErrorKind::Limit);

    let package = |keys: usize| format!("<KeyPackage>{}</KeyPackage>", "<Key/>".repeat(keys));
    assert_eq!(read(&container(&package(1_000))).len(), 1_000);
    assert_eq!(broken(container(&package(1_001))), ReadErrorKind::Limit);
    let many = container(&(package(1_000).repeat(100) + &package(1)));
    let mut reader = pskc(many.as_bytes(), PskcKey::none(), NOW).skip(100_000);
    assert_eq!(reader.next().unwrap().unwrap_err().kind(), ReadErrorKind::Limit);
}

#[test]
fn a_huge_token_is_given_up_before_it_is_read() {
    for start in ["<x", "<x y=\"", "<!--", "<![CDATA[", "text", "<?pi "] {
        let head = format!("{HEAD}{start}");
        let stream = BufReader::new(head.as_bytes().chain(Endless(b'x', u64::MAX)));
        let error = pskc(stream, PskcKey::none(), NOW).next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ReadErrorKind::Limit, "{start}");
    }
}

#[test]
fn a_stream_that_breaks_is_told_with_its_cause_and_its_place() {
    let xml = container(&Key::good().xml().repeat(2));
    let cut = xml.rfind("<Secret>").unwrap();
    let mut reader = pskc(BufReader::new(Breaks(&xml.as_bytes()[..cut])), PskcKey::none(), NOW);
    assert!(matches!(reader.next(), Some(Ok(Found::Key(_)))));
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ReadErrorKind::Io, "entry 2: the stream could not be read".into()));
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("the disk went away"));
    assert!(reader.next().is_none());
}

#[test]
fn what_says_how_values_are_encrypted_must_stand_before_them() {
    for late in ["<EncryptionKey/>", "<MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"/>"] {
        let xml = container(&(Key::good().xml() + late));
        assert_eq!(broken(&xml), ReadErrorKind::Order, "{late}");
        assert_eq!(keys(&read(&container(&(late.to_owned() + &Key::good().xml())))).len(), 1, "{late}");
    }
}
