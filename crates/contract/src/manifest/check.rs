//! What a manifest may say.

use super::{Error, Manifest, REFERENCE_MAX, VERSION_RULE, is_hex, is_word, unhex};
use crate::esp;

impl Manifest {
    pub(super) fn check(&self) -> Result<(), Error> {
        let wrong = |field: &str, found: &str, expected| {
            Err(Error::Field {
                field: field.to_owned(),
                found: found.to_owned(),
                expected,
            })
        };
        if !is_word(&self.version) {
            return wrong("version", &self.version, VERSION_RULE);
        }
        if let Some(system) = &self.system
            && let Some(rule) = system.mistake()
        {
            let found = format!("{} of {}", system.name, system.all.join(", "));
            return wrong("system", &found, rule);
        }
        if !is_word(&self.kernel) {
            return wrong("kernel", &self.kernel, VERSION_RULE);
        }
        let policy = esp::policy_file(self.system_name());
        if let Some(found) = self.policy.as_ref().filter(|found| **found != policy) {
            let expected = "the name follows from the system's: release.policy.p7b, web.policy.p7b";
            return wrong("policy", found, expected);
        }
        for (index, source) in self.sources.iter().enumerate() {
            let graphic = source.reference.bytes().all(|byte| byte.is_ascii_graphic());
            if !graphic || !(1..=REFERENCE_MAX).contains(&source.reference.len()) {
                return wrong(
                    &format!("sources[{index}].reference"),
                    &source.reference,
                    "1 to 1024 printable ASCII characters without spaces are needed",
                );
            }
            let hex = source.digest.strip_prefix("sha256:").unwrap_or_default();
            if unhex::<32>(hex).is_none() {
                return wrong(
                    &format!("sources[{index}].digest"),
                    &source.digest,
                    "sha256: and 64 hex digits are needed",
                );
            }
        }
        for (index, image) in self.images.iter().enumerate() {
            let field = |name: &str| format!("images[{index}].{name}");
            if self.images[..index]
                .iter()
                .any(|other| other.name == image.name)
            {
                return wrong(
                    &field("name"),
                    image.name.as_str(),
                    "each image is named once",
                );
            }
            if !is_word(&image.file) {
                return wrong(
                    &field("file"),
                    &image.file,
                    "a file name without a path is needed",
                );
            }
            if unhex::<32>(&image.root_hash).is_none() {
                return wrong(
                    &field("root_hash"),
                    &image.root_hash,
                    "64 hex digits are needed",
                );
            }
            if !is_hex(&image.salt) || image.salt.len() > 512 {
                return wrong(
                    &field("salt"),
                    &image.salt,
                    "0 to 512 hex digits are needed",
                );
            }
            let in_order = image.data_size.is_multiple_of(4096)
                && image.data_size > 0
                && image.hash_offset >= image.data_size
                && image.hash_offset.is_multiple_of(4096)
                && image.hash_offset < image.size;
            if !in_order {
                let found = format!(
                    "{} / {} / {}",
                    image.data_size, image.hash_offset, image.size
                );
                let expected = "0 < data_size <= hash_offset < size, in blocks of 4096, is needed";
                return wrong(&field("data_size / hash_offset / size"), &found, expected);
            }
        }
        Ok(())
    }
}
