use super::*;
use proptest::prelude::*;
use std::io::Write;

fn tar_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, data) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

fn compressed(suffix: &str, bytes: &[u8]) -> Vec<u8> {
    match suffix {
        "" => bytes.to_vec(),
        ".gz" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        ".xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        ".zst" => zstd::encode_all(bytes, 1).unwrap(),
        other => panic!("{other}"),
    }
}

fn ar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = ar::MAGIC.to_vec();
    for (name, data) in members {
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            0,
            100_644,
            data.len()
        );
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    bytes
}

const CONTROL: &[u8] = b"Package: foo\nVersion: 1-2\nArchitecture: amd64\n";

fn deb(suffix: &str, control: &[u8]) -> Vec<u8> {
    let control = compressed(
        suffix,
        &tar_of(&[("./md5sums", b""), ("./control", control)]),
    );
    let data = compressed(suffix, &data());
    ar_of(&[
        ("debian-binary", b"2.0\n"),
        (&format!("control.tar{suffix}"), &control),
        (&format!("data.tar{suffix}"), &data),
    ])
}

fn data() -> Vec<u8> {
    tar_of(&[("./usr/bin/foo", &[7; 5000]), ("./etc/foo", b"x")])
}

fn read(bytes: &[u8]) -> Result<Deb, Error> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Deb::read("foo.deb".to_owned(), Arc::new(file))
}

#[test]
fn every_compression_is_read_and_can_be_read_again() {
    for (suffix, _) in COMPRESSIONS {
        let deb = read(&deb(suffix, CONTROL)).unwrap();
        assert_eq!(
            (deb.package(), deb.version(), Layer::name(&deb)),
            ("foo", "1-2", "foo.deb")
        );
        for _ in 0..2 {
            let mut found = Vec::new();
            Layer::open(&deb).unwrap().read_to_end(&mut found).unwrap();
            assert_eq!(found, data(), "{suffix}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_the_files_name() {
    let data = data();
    let with = |members: &[(&str, &[u8])]| ar_of(members);
    let binary: (&str, &[u8]) = ("debian-binary", b"2.0\n");
    let control = tar_of(&[("./control", CONTROL)]);
    let cases: &[(Vec<u8>, &str)] = &[
        (b"garbage".to_vec(), "foo.deb is not a Debian package"),
        (with(&[]), "it has too few parts"),
        (
            with(&[("control.tar", &control)]),
            "the first part is control.tar",
        ),
        (
            with(&[("debian-binary", b"3.0\n")]),
            "the first part is debian-binary with \"3.0\\n\"",
        ),
        (
            with(&[binary, ("data.tar", &data)]),
            "there is data.tar; control.tar",
        ),
        (
            with(&[binary, ("control.tar.bz2", b"")]),
            "there is control.tar.bz2",
        ),
        (
            with(&[binary, ("control.tar", &control)]),
            "it has too few parts; data.tar",
        ),
        (
            with(&[binary, ("control.tar.xz", b"x"), ("data.tar", &data)]),
            "the control part of foo.deb",
        ),
        (
            deb("", b"nonsense"),
            "the control file of foo.deb cannot be read",
        ),
        (
            deb("", b"Package: foo\nArchitecture: all\n"),
            "has no field Version",
        ),
    ];
    for (bytes, text) in cases {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains(text), "{text}: {error}");
    }
}

#[test]
fn members_of_others_are_passed_over() {
    let control = tar_of(&[("./control", CONTROL)]);
    let bytes = ar_of(&[
        ("debian-binary", b"2.0\n"),
        ("_other", b"abc"),
        ("control.tar", &control),
        ("data.tar", &data()),
    ]);
    assert!(read(&bytes).is_ok());
}

#[test]
fn cut_data_is_an_error_not_an_end() {
    for suffix in [".gz", ".xz", ".zst"] {
        let whole = compressed(suffix, &data());
        let bytes = ar_of(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &tar_of(&[("./control", CONTROL)])),
            (&format!("data.tar{suffix}"), &whole[..whole.len() - 5]),
        ]);
        let deb = read(&bytes).unwrap();
        let read = Layer::open(&deb).unwrap().read_to_end(&mut Vec::new());
        assert!(read.is_err(), "{suffix}");
    }
}

#[test]
fn data_of_many_blocks_is_read_whole_and_nothing_may_follow() {
    // Noise that xz cannot shrink, so that it is worth threads.
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    let noise: Vec<u8> = (0..WORTH_THREADS * 3).map(|_| next()).collect();
    let stream = liblzma::stream::MtStreamBuilder::new()
        .threads(2)
        .block_size(WORTH_THREADS / 2)
        .preset(0)
        .check(liblzma::stream::Check::Crc64)
        .encoder()
        .unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(&noise).unwrap();
    let packed = encoder.finish().unwrap();
    let read = |bytes: &[u8]| {
        let mut found = Vec::new();
        xz(bytes, bytes.len() as u64)
            .unwrap()
            .read_to_end(&mut found)
            .map(|_| found)
    };
    assert_eq!(read(&packed).unwrap(), noise);
    assert!(read(&packed[..packed.len() - 1]).is_err());
    assert!(read(&[&packed[..], &packed].concat()).is_err());
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 1;
    assert!(read(&damaged).is_err());
    let small = compressed(".xz", b"small");
    assert_eq!(read(&small).unwrap(), b"small");
    assert!(read(&[&small[..], &small].concat()).is_err());
}

proptest! {
    #[test]
    fn damaged_files_never_make_it_panic(at in 0usize..4000, to: u8, cut in 0usize..4000, which in 0usize..4) {
        let mut bytes = deb(COMPRESSIONS[which].0, CONTROL);
        let length = bytes.len();
        bytes[at % length] = to;
        bytes.truncate(length - cut % length);
        if let Ok(deb) = read(&bytes) {
            let _ = Layer::open(&deb).map(|mut data| data.read_to_end(&mut Vec::new()));
        }
    }
}
