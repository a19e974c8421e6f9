//! Tar streams, packages and their indexes, container images.

use std::io::Write;

use crate::Seed;

pub(crate) fn seeds() -> Vec<Seed> {
    let tar = tar();
    let control = control();
    let index = include_bytes!("APKINDEX").to_vec();
    let info = include_bytes!("PKGINFO").to_vec();
    let image = include_str!("image.json").replace('\n', "");
    let image = image.split('%').map(str::as_bytes).collect::<Vec<_>>();
    let saved = include_str!("saved.json").replace('\n', "");
    let saved = saved.split('%').map(str::as_bytes).collect::<Vec<_>>();
    vec![
        ("layer", "plain", tar.clone()),
        ("layer", "gzip", gzip(&tar)),
        ("layer", "zstd", zstd::encode_all(&tar[..], 3).unwrap()),
        ("layer", "xz", xz(&tar)),
        (
            "deb",
            "plain",
            ar(&[("control.tar", &control), ("data.tar", &tar)]),
        ),
        (
            "deb",
            "gzip",
            ar(&[
                ("control.tar.gz", &gzip(&control)),
                ("data.tar.gz", &gzip(&tar)),
            ]),
        ),
        (
            "deb",
            "xz",
            ar(&[
                ("control.tar.xz", &xz(&control)),
                ("data.tar.xz", &xz(&tar)),
            ]),
        ),
        ("apk", "unsigned", [gzip(&control), gzip(&tar)].concat()),
        ("apk_signed", "package", [&info[..], &[0xff], &tar].concat()),
        ("apk_index", "three", index.clone()),
        ("inventory", "apk", index),
        ("inventory", "dpkg", include_bytes!("status").to_vec()),
        ("packages", "four", include_bytes!("Packages").to_vec()),
        ("in_release", "frame", include_bytes!("InRelease").to_vec()),
        ("oci", "layout", [&image[..], &[&tar]].concat().join(&0xff)),
        ("oci", "saved", [&saved[..], &[&tar]].concat().join(&0xff)),
    ]
}

/// A stream with one of everything, pax records, long names and a file with holes among it.
fn tar() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let header = |kind: tar::EntryType, size: usize| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header.set_mode(0o755);
        header.set_mtime(1);
        header.set_uid(0);
        header.set_gid(0);
        header
    };
    let plain = |kind| header(kind, 0);
    tar.append_data(&mut plain(tar::EntryType::Directory), "usr/", &[][..])
        .unwrap();
    tar.append_data(
        &mut header(tar::EntryType::Regular, 5),
        "usr/a",
        &b"12345"[..],
    )
    .unwrap();
    tar.append_pax_extensions([
        ("SCHILY.xattr.user.a", &b"value\n"[..]),
        ("mtime", b"1.5"),
        ("path", b"usr/pax"),
    ])
    .unwrap();
    tar.append_data(&mut header(tar::EntryType::Regular, 1), "usr/b", &b"x"[..])
        .unwrap();
    tar.append_link(&mut plain(tar::EntryType::Link), "usr/hard", "usr/a")
        .unwrap();
    tar.append_link(&mut plain(tar::EntryType::Symlink), "lib", "usr")
        .unwrap();
    tar.append_data(
        &mut header(tar::EntryType::Regular, 1),
        "lib/through",
        &b"x"[..],
    )
    .unwrap();
    let mut device = plain(tar::EntryType::Char);
    device.set_device_major(1).unwrap();
    device.set_device_minor(3).unwrap();
    tar.append_data(&mut device, "null", &[][..]).unwrap();
    tar.append_data(&mut plain(tar::EntryType::Fifo), "fifo", &[][..])
        .unwrap();
    tar.append_data(&mut plain(tar::EntryType::Regular), "usr/.wh.a", &[][..])
        .unwrap();
    let map = b"2\n0\n2\n4096\n1\n";
    let sparse = [&map[..], &vec![0; 512 - map.len()], b"abc"].concat();
    tar.append_pax_extensions([
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"holes"),
        ("GNU.sparse.realsize", b"4097"),
    ])
    .unwrap();
    let mut file = header(tar::EntryType::Regular, sparse.len());
    tar.append_data(&mut file, "GNUSparseFile.0/holes", &sparse[..])
        .unwrap();
    tar.into_inner().unwrap()
}

fn control() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let text = b"Package: one\nVersion: 1.0-1\nArchitecture: amd64\nDescription: x\n y\n";
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "./control", &text[..])
        .unwrap();
    tar.into_inner().unwrap()
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in [&[("debian-binary", &b"2.0\n"[..])], members].concat() {
        let size = bytes.len();
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
            0, 0, 0, "100644"
        );
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(bytes);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}
