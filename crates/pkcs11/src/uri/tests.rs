//! Good and bad URIs.

use proptest::prelude::*;

use super::*;

fn uri() -> Uri {
    Uri::default()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn path(path: &str) -> Option<Named> {
    Some(Named::Path(path.into()))
}

#[test]
#[rustfmt::skip]
fn good_ones() {
    let cases: &[(&str, Uri)] = &[
        ("pkcs11:", uri()),
        ("pkcs11:?", uri()),
        ("pkcs11:token=owner", Uri { token: text("owner"), ..uri() }),
        ("pkcs11:token=The%20Software%20PKCS%2311%20Softtoken", Uri { token: text("The Software PKCS#11 Softtoken"), ..uri() }),
        ("pkcs11:manufacturer=a;serial=b;model=c;slot-id=327", Uri { manufacturer: text("a"), serial: text("b"), model: text("c"), slot: Some(327), ..uri() }),
        ("pkcs11:slot-id=0", Uri { slot: Some(0), ..uri() }),
        ("pkcs11:object=db;type=private", Uri { object: text("db"), ..uri() }),
        ("pkcs11:type=private;id=%69%95%3E%5C%F4%BD%EC%91", Uri { id: Some(b"\x69\x95\x3e\x5c\xf4\xbd\xec\x91".to_vec()), ..uri() }),
        ("pkcs11:id=%00%ff", Uri { id: Some(vec![0, 255]), ..uri() }),
        ("pkcs11:id=ab", Uri { id: Some(b"ab".to_vec()), ..uri() }),
        ("pkcs11:object=", Uri { object: text(""), ..uri() }),
        ("pkcs11:object=a=b", Uri { object: text("a=b"), ..uri() }),
        ("pkcs11:object=%c3%a4%3b%3F", Uri { object: text("ä;?"), ..uri() }),
        ("pkcs11:?module-path=/usr/lib/x.so", Uri { module: path("/usr/lib/x.so"), ..uri() }),
        ("pkcs11:?module-path=/a%20b.so", Uri { module: path("/a b.so"), ..uri() }),
        ("pkcs11:token=t?module-name=softhsm2", Uri { token: text("t"), module: Some(Named::Name("softhsm2".into())), ..uri() }),
        ("pkcs11:?pin-source=/run/pin", Uri { pin_source: Some("/run/pin".into()), ..uri() }),
        ("pkcs11:?pin-source=pin", Uri { pin_source: Some("pin".into()), ..uri() }),
        ("pkcs11:?pin-source=file:/run/pin", Uri { pin_source: Some("/run/pin".into()), ..uri() }),
        ("pkcs11:?pin-source=file:///run/pin&module-path=/m", Uri { pin_source: Some("/run/pin".into()), module: path("/m"), ..uri() }),
    ];
    for (text, expected) in cases {
        let read = Uri::read(text).unwrap_or_else(|failure| panic!("{text}: {failure}"));
        assert_eq!(read, *expected, "{text}");
    }
}

#[test]
#[rustfmt::skip]
fn bad_ones() {
    let cases: &[(&str, &str)] = &[
        ("", "does not begin with pkcs11:"),
        ("PKCS11:token=a", "does not begin with pkcs11:"),
        ("pkcs11", "does not begin with pkcs11:"),
        ("pkcs11:token", "after pkcs11: an attribute has no '='"),
        ("pkcs11:;", "an attribute has no '='"),
        ("pkcs11:token=a;", "after token an attribute has no '='"),
        ("pkcs11:=a", "\"\" is not known"),
        ("pkcs11:tokn=a", "\"tokn\" is not known; there are token, manufacturer"),
        ("pkcs11:Token=a", "\"Token\" is not known"),
        ("pkcs11:library-version=3", "\"library-version\" is not known"),
        ("pkcs11:x-vendor=3", "\"x-vendor\" is not known"),
        ("pkcs11:token=a;token=a", "token is there twice"),
        ("pkcs11:?module-path=/a&module-path=/b", "module-path is there twice"),
        ("pkcs11:module-path=/a", "module-path belongs after the '?'"),
        ("pkcs11:?token=a", "token belongs before the '?'"),
        ("pkcs11:?pin-value=secret", "pin-value would put the PIN where every user"),
        ("pkcs11:pin-value=secret", "pin-value would put the PIN where every user"),
        ("pkcs11:token=%", "in token, '%' is not before two hex digits"),
        ("pkcs11:token=%4", "in token, '%' is not before two hex digits"),
        ("pkcs11:token=%4g", "in token, '%' is not before two hex digits"),
        ("pkcs11:token=%+4", "in token, '%' is not before two hex digits"),
        ("pkcs11:token=a b", "in token, the byte 0x20 must be written %20"),
        ("pkcs11:token=ä", "in token, the byte 0xc3 must be written %C3"),
        ("pkcs11:token=a#b", "in token, the byte 0x23 must be written %23"),
        ("pkcs11:token=%ff", "token is not UTF-8"),
        ("pkcs11:slot-id=", "slot-id is not a number"),
        ("pkcs11:slot-id=-1", "slot-id is not a number"),
        ("pkcs11:slot-id=+1", "slot-id is not a number"),
        ("pkcs11:slot-id=18446744073709551616", "slot-id is not a number"),
        ("pkcs11:type=public", "its type is not private"),
        ("pkcs11:type=", "its type is not private"),
        ("pkcs11:?module-path=x.so", "module-path does not begin with '/'"),
        ("pkcs11:?module-path=", "module-path does not begin with '/'"),
        ("pkcs11:?module-name=../x", "module-name is not the name of a file"),
        ("pkcs11:?module-name=", "module-name is not the name of a file"),
        ("pkcs11:?module-name=x&module-path=/x", "both module-path and module-name"),
        ("pkcs11:?pin-source=", "pin-source names no file"),
        ("pkcs11:?pin-source=file:", "pin-source names no file"),
        ("pkcs11:?pin-source=file://host/pin", "a file of another machine"),
        ("pkcs11:?pin-source=|cat", "pin-source is a command"),
    ];
    for (text, expected) in cases {
        let failure = Uri::read(text).err().unwrap_or_else(|| panic!("{text} is taken"));
        assert_eq!(failure.code, Code::Usage, "{text}");
        let said = failure.to_string();
        assert!(said.contains(expected), "{text}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let label = "a b;c?d&e=f/ä%";
    let id: Vec<u8> = (0..=255).collect();
    let module = "/opt/a b/lib&.so";
    let text = format!(
        "pkcs11:{};{}?{}",
        attribute("object", label.as_bytes()),
        attribute("id", &id),
        attribute("module-path", module.as_bytes())
    );
    let read = Uri::read(&text).unwrap();
    assert_eq!(read.object.as_deref(), Some(label));
    assert_eq!(read.id, Some(id));
    assert_eq!(read.module, path(module));
    assert!(text.ends_with("module-path=/opt/a%20b/lib%26.so"), "{text}");
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "(pkcs11:)?([a-z-]{0,8}=?[ -~]{0,6}[;?&%]?){0,6}|\\PC{0,40}") {
        let _ = Uri::read(&text);
    }

    #[test]
    fn any_label_and_id_can_be_written(label in "\\PC{0,40}", id: Vec<u8>) {
        let text = format!("pkcs11:{};{}", attribute("object", label.as_bytes()), attribute("id", &id));
        let read = Uri::read(&text);
        prop_assert!(read.is_ok(), "{text}");
        let read = read.unwrap_or_default();
        prop_assert_eq!((read.object, read.id), (Some(label), Some(id)));
    }
}
