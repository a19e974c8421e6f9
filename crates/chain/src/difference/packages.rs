//! Packages, from the bills of materials (SPDX 2.3 JSON) beside the releases.

use std::collections::BTreeMap;
use std::path::Path;

use contract::out;
use serde::{Deserialize, Serialize};

use super::LIMIT;
use crate::{Error, Part};

/// A package that came, went or has another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Where it is: `kernel`, `root`.
    pub part: String,
    /// Its name.
    pub package: String,
    /// Its versions in the older one.
    pub old: Vec<String>,
    /// Its versions in the newer one.
    pub new: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bill {
    packages: Vec<Package>,
    relationships: Vec<Relation>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(rename = "versionInfo")]
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relation {
    spdx_element_id: String,
    relationship_type: String,
    related_spdx_element: String,
}

/// Part and name → versions.
type Listed = BTreeMap<(String, String), Vec<String>>;

pub(super) fn compare(old: &Path, new: &Path) -> Result<Vec<PackageChange>, Error> {
    let (old, new) = (read(old)?, read(new)?);
    let mut keys: Vec<&(String, String)> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let changes = keys.into_iter().map(|key| PackageChange {
        part: key.0.clone(),
        package: key.1.clone(),
        old: old.get(key).cloned().unwrap_or_default(),
        new: new.get(key).cloned().unwrap_or_default(),
    });
    Ok(changes.filter(|change| change.old != change.new).collect())
}

/// A release without a bill names none.
fn read(folder: &Path) -> Result<Listed, Error> {
    let path = folder.join(out::SBOM);
    if !path.exists() {
        return Ok(Listed::new());
    }
    let bytes = Part::open(&path)?.all(LIMIT)?;
    let bill: Bill = serde_json::from_slice(&bytes).map_err(|source| Error::Bill {
        what: path.display().to_string(),
        source,
    })?;
    let names: BTreeMap<&str, &Package> = bill
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let mut listed = Listed::new();
    let contains = |relation: &&Relation| relation.relationship_type == "CONTAINS";
    for relation in bill.relationships.iter().filter(contains) {
        let (Some(part), Some(package)) = (
            names.get(relation.spdx_element_id.as_str()),
            names.get(relation.related_spdx_element.as_str()),
        ) else {
            continue;
        };
        // What has no version is a part of the release itself.
        if let Some(version) = &package.version {
            let key = (part.name.clone(), package.name.clone());
            listed.entry(key).or_default().push(version.clone());
        }
    }
    listed.values_mut().for_each(|versions| versions.sort());
    Ok(listed)
}
