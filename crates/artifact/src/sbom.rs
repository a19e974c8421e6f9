//! A software bill of materials: what is in a release, as SPDX 2.3 JSON
//! (<https://spdx.github.io/spdx-spec/v2.3/>).

use serde_json::{Value, json};
use source::inventory::{Component, Ecosystem};

/// What SPDX says where nothing is known.
const UNKNOWN: &str = "NOASSERTION";

/// What the bill is about.
#[derive(Clone, Debug)]
pub struct Bill<'a> {
    /// What is listed: `recovery 2026.11.24`.
    pub name: &'a str,
    /// SHA-256 of it, in hex: makes the bill's address a unique one.
    pub digest: &'a str,
    /// When it was made: `2026-11-24T03:00:00Z` (RFC 3339, UTC).
    pub created: &'a str,
    /// Its parts, in order: what each is called, and the packages in it.
    pub parts: &'a [(String, Vec<Component>)],
}

/// The document. The same bill gives the same bytes.
pub fn spdx(bill: &Bill<'_>) -> Vec<u8> {
    let whole = "SPDXRef-release";
    let mut packages = vec![package(whole, bill.name, None, None)];
    let mut relations = vec![relation("SPDXRef-DOCUMENT", "DESCRIBES", whole)];
    for (part, components) in bill.parts {
        let id = format!("SPDXRef-part-{}", plain(part));
        packages.push(package(&id, part, None, None));
        relations.push(relation(whole, "CONTAINS", &id));
        for (number, component) in components.iter().enumerate() {
            let inner = format!("{id}-{number}-{}", plain(&component.name));
            packages.push(package(
                &inner,
                &component.name,
                Some(&component.version),
                Some(component),
            ));
            relations.push(relation(&id, "CONTAINS", &inner));
        }
    }
    let document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": bill.name,
        "documentNamespace": format!("urn:sealboot:sbom:sha256:{}", bill.digest),
        "creationInfo": {
            "created": bill.created,
            "creators": [concat!("Tool: sealboot-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "relationships": relations,
    });
    // Values in memory have no way to fail.
    let mut bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn package(id: &str, name: &str, version: Option<&str>, component: Option<&Component>) -> Value {
    let mut package = json!({
        "SPDXID": id,
        "name": name,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
        "supplier": UNKNOWN,
    });
    let Some(fields) = package.as_object_mut() else {
        return package;
    };
    if let Some(version) = version {
        fields.insert("versionInfo".to_owned(), version.into());
    }
    if let Some(component) = component {
        let supplier = match component.ecosystem {
            Ecosystem::Debian => "Organization: Debian",
            Ecosystem::Alpine => "Organization: Alpine Linux",
        };
        fields.insert("supplier".to_owned(), supplier.into());
        fields.insert(
            "sourceInfo".to_owned(),
            format!("built from {}", component.source).into(),
        );
        if let Some(homepage) = &component.homepage {
            fields.insert("homepage".to_owned(), homepage.as_str().into());
        }
        // What archives write is no SPDX expression that could be relied on.
        if let Some(license) = &component.license {
            let comment = format!("The package's own metadata says: {license}");
            fields.insert("licenseComments".to_owned(), comment.into());
        }
        let purl = json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": component.purl(),
        }]);
        fields.insert("externalRefs".to_owned(), purl);
    }
    package
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({
        "spdxElementId": from,
        "relationshipType": kind,
        "relatedSpdxElement": to,
    })
}

/// What an identifier may have in it: letters, digits, `.` and `-`.
fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.';
    name.chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_lists_every_part_with_its_packages() {
        let component = Component {
            ecosystem: Ecosystem::Alpine,
            name: "musl".to_owned(),
            version: "1.2.5-r0".to_owned(),
            architecture: "x86_64".to_owned(),
            source: "musl".to_owned(),
            license: Some("MIT".to_owned()),
            homepage: Some("https://musl.libc.org".to_owned()),
        };
        let parts = [
            ("root".to_owned(), vec![component]),
            ("kernel".to_owned(), Vec::new()),
        ];
        let bill = Bill {
            name: "recovery 1",
            digest: "ab",
            created: "2026-11-24T03:00:00Z",
            parts: &parts,
        };
        let document: Value = serde_json::from_slice(&spdx(&bill)).unwrap();
        let names = document["packages"].as_array().unwrap().iter();
        let names: Vec<&str> = names
            .map(|package| package["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["recovery 1", "root", "musl", "kernel"]);
        let musl = &document["packages"][2];
        let purl = "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64";
        assert_eq!(musl["externalRefs"][0]["referenceLocator"], purl);
        // Every relation names what is there.
        let ids: Vec<&Value> = document["packages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| &p["SPDXID"])
            .collect();
        let relations = document["relationships"].as_array().unwrap();
        assert_eq!(relations.len(), 4);
        assert!(
            relations
                .iter()
                .all(|relation| ids.contains(&&relation["relatedSpdxElement"]))
        );
    }
}
