//! Debian's real archive, and dpkg, apt and gpgv as references. Needs the network and fails
//! without it.

use anyhow::{Context, Result, ensure};
use source::debian::{Archive, Deb, Follow, Index, Mirrors, Version, Wanted};
use source::debian::{download, from_apt_sources, resolve};
use source::fetch::{Cache, Client, Digest, Settings};
use source::layer::Layer;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Starts a reference tool; `package` is where Debian has it.
fn tool(name: &str, package: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).exists());
    assert!(found, "{name} is missing: apt-get install {package}");
    Command::new(name)
}

/// A cache that the runs of this test share: everything in it is checked again.
fn client() -> Result<Client> {
    let cache = Cache::open(Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian-cache"))?;
    Ok(Client::new(cache, Settings::default())?)
}

fn trixie(client: &Client) -> Result<Index> {
    let mirrors = from_apt_sources(Path::new("/")).unwrap_or_default();
    let archive = Archive::trixie(mirrors)?;
    archive
        .index(client, now(), None, &())
        .context("Debian's mirror is needed for this test")
}

fn wanted(names: &[&str]) -> Vec<Wanted> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn packages_of_the_real_archive_are_read_as_dpkg_deb_reads_them() -> Result<()> {
    let client = client()?;
    let index = trixie(&client)?;
    ensure!(index.len() > 60_000, "only {} packages", index.len());

    let names = ["busybox", "kmod", "systemd-boot-efi", "linux-image-amd64"];
    let exclude = ["initramfs-tools", "linux-base"].map(str::to_owned);
    let packages = resolve(&index, &wanted(&names), Follow::All, &exclude)?;
    let found: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for name in names.iter().chain(&["libc6", "libkmod2", "libssl3t64"]) {
        ensure!(found.contains(name), "{name} is not among {found:?}");
    }
    let kernel = packages
        .iter()
        .find(|package| package.name.starts_with("linux-image-6."));
    let kernel = kernel.context("the kernel that linux-image-amd64 stands for")?;

    let alone = resolve(
        &index,
        &wanted(&["linux-image-amd64"]),
        Follow::SameSource,
        &[],
    )?;
    let alone: Vec<&str> = alone.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(alone, [kernel.name.as_str(), "linux-image-amd64"]);

    let fetched = download(&client, &packages, &(), &|layer, _| layer)?;
    let debs: Vec<_> = fetched.into_iter().map(|one| one.deb).collect();
    for (package, deb) in packages.iter().zip(&debs) {
        let path = client.cache().path(&package.digest);
        let output = tool("dpkg-deb", "dpkg")
            .arg("--fsys-tarfile")
            .arg(&path)
            .output()?;
        ensure!(
            output.status.success(),
            "dpkg-deb refuses {}",
            path.display()
        );
        let expected = (Digest::of(&output.stdout), output.stdout.len() as u64);
        let mut data = Layer::open(deb)?;
        let mut bytes = Digest::of_reader(&mut data)?;
        assert_eq!(bytes, expected, "{package}");
        bytes = Digest::of_reader(&mut Layer::open(&Deb::open(&path)?)?)?;
        assert_eq!(bytes, expected, "{package}, as a local file");

        for field in [
            "Package",
            "Version",
            "Architecture",
            "Depends",
            "Description",
        ] {
            let output = tool("dpkg-deb", "dpkg")
                .arg("-f")
                .arg(&path)
                .arg(field)
                .output()?;
            let expected = String::from_utf8(output.stdout)?;
            let value = deb.control().get(field).unwrap_or_default();
            assert_eq!(value, expected.trim_end(), "{package} {field}");
        }
    }
    Ok(())
}

#[test]
fn versions_of_the_real_archive_are_ordered_as_dpkg_orders_them() -> Result<()> {
    let index = trixie(&client()?)?;
    // dpkg compares one pair a call: take versions of all shapes, spread over the archive, and
    // put each beside itself with typical endings.
    let mut texts: BTreeSet<String> = BTreeSet::new();
    let names = index.names();
    for name in names.iter().step_by(names.len() / 60) {
        if let Some(package) = index.newest(name) {
            texts.insert(package.version.to_string());
        }
    }
    let mut pairs = Vec::new();
    let list: Vec<String> = texts.into_iter().collect();
    for (at, a) in list.iter().enumerate() {
        for end in [
            "",
            "~",
            "~rc1",
            "+b1",
            "+deb13u1",
            ".1",
            "-0",
            "a",
            "-1~bpo12+1",
            "0",
        ] {
            pairs.push((a.clone(), format!("{a}{end}")));
        }
        pairs.push((a.clone(), list[(at + 7) % list.len()].clone()));
        pairs.push((format!("1:{a}"), a.replace(':', ".")));
    }
    let mut compared = 0;
    for (a, b) in pairs {
        let parsed: Result<[Version; 2], _> = [a.as_str(), &b]
            .map(str::parse)
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map(|v| v.try_into().unwrap());
        let compare = |operator: &str| -> Result<bool> {
            let mut command = tool("dpkg", "dpkg");
            command
                .args(["--compare-versions", &a, operator, &b])
                .stderr(Stdio::null());
            Ok(command.status()?.success())
        };
        if let Ok([left, right]) = parsed {
            assert_eq!(left < right, compare("lt")?, "{a} < {b}");
            assert_eq!(left == right, compare("eq")?, "{a} = {b}");
            compared += 1;
        }
    }
    ensure!(compared > 400, "only {compared} pairs");
    Ok(())
}

#[test]
fn in_release_is_believed_when_gpgv_believes_it_and_not_when_not() -> Result<()> {
    let client = client()?;
    let archive = Archive::trixie(Mirrors::default())?;
    let ring = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/source/src/debian/keys/debian-archive-keyring.pgp"
    );
    let gpgv = |bytes: &[u8]| -> Result<bool> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        let mut command = tool("gpgv", "gpgv");
        command
            .arg("--keyring")
            .arg(ring)
            .arg(file.path())
            .stderr(Stdio::null());
        Ok(command.status()?.success())
    };
    for suite in ["trixie", "trixie-security", "trixie-updates", "bookworm"] {
        let release = archive.release(&client, suite, now(), &())?;
        ensure!(!release.signers.is_empty());
        // The file itself is kept by the cache, for the memory of the newest one.
        let url = format!("{}/dists/{suite}/InRelease", archive.mirrors.of(suite));
        let kept = client
            .cache()
            .root()
            .join("in-release")
            .join(Digest::of(url.as_bytes()).to_string());
        let good = std::fs::read(&kept)?;
        ensure!(gpgv(&good)?, "gpgv refuses {suite}");
        let mut bad = good.clone();
        let at = bad.len() / 2;
        bad[at] ^= 1;
        ensure!(!gpgv(&bad)?, "gpgv believes altered {suite}");
        let found = source::debian::Release::verify(&bad, &archive.keyring, now());
        ensure!(found.is_err(), "altered {suite} is believed");
    }
    Ok(())
}

#[test]
fn https_mirrors_need_a_certificate_of_a_known_authority() -> Result<()> {
    let url = "https://deb.debian.org/debian";
    let mirrors = Mirrors {
        debian: url.to_owned(),
        security: url.to_owned(),
    };
    let archive = Archive::trixie(mirrors)?;
    let folder = tempfile::tempdir()?;
    let release = |settings: Settings| -> Result<()> {
        let client = Client::new(Cache::open(folder.path())?, settings)?;
        archive.release(&client, "trixie", now(), &())?;
        Ok(())
    };
    release(Settings::default()).context("the package ca-certificates is needed for this test")?;
    let nobody = folder.path().join("nobody.pem");
    std::fs::write(&nobody, b"")?;
    let error = release(Settings {
        certificates: Some(nobody),
        ..Settings::default()
    });
    let error = format!(
        "{:#}",
        error.expect_err("no authority is known, and it was believed")
    );
    ensure!(
        error.contains("https://deb.debian.org/debian/dists/trixie/InRelease"),
        "{error}"
    );
    ensure!(
        error.contains("ca-certificates") && error.contains("UnknownIssuer"),
        "{error}"
    );
    Ok(())
}
