//! The module: found, loaded, initialized.

use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};

use crate::failure::{Code, Failure, said};
use crate::uri::{Named, Uri, attribute};

/// Where distributions keep modules, those that p11-kit lists first.
const FOLDERS: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/local/lib/pkcs11",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/lib/softhsm",
    "/usr/lib64/softhsm",
];

/// A module that is ready to be asked.
pub(crate) struct Module {
    pub(crate) api: Pkcs11,
    pub(crate) path: PathBuf,
}

impl Module {
    /// Loads what the URI names. Code of the module runs from here on.
    pub(crate) fn load(uri: &Uri) -> Result<Self, Failure> {
        if cfg!(target_feature = "crt-static") {
            return Err(Failure::new(
                Code::Module,
                "this sealboot-pkcs11 is linked statically, and such a program can load no module; 'cargo \
                 xtask pkcs11' builds one that can",
            ));
        }
        let path = match &uri.module {
            Some(Named::Path(path)) => path.clone(),
            Some(Named::Name(name)) => find(name)?,
            None => {
                return Err(Failure::new(
                    Code::Usage,
                    "the URI names no module; add ?module-path=FILE, the shared library that came with the \
                     token, or ?module-name=NAME",
                ));
            }
        };
        let cannot = |why: String| {
            let path = path.display();
            Failure::new(
                Code::Module,
                format!("the module {path} cannot be loaded: {why}"),
            )
        };
        if !path.exists() {
            return Err(cannot("there is no such file".to_owned()));
        }
        let api = Pkcs11::new(&path).map_err(|error| match error {
            cryptoki::error::Error::LibraryLoading(error) => cannot(error.to_string()),
            error => cannot(format!("it is no PKCS#11 module: {}", said(&error))),
        })?;
        api.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .map_err(|error| cannot(format!("it does not start: {}", said(&error))))?;
        Ok(Self { api, path })
    }

    /// The query of a URI that names it.
    pub(crate) fn query(&self, uri: &Uri) -> String {
        let path = |name, path: &Path| attribute(name, path.as_os_str().as_encoded_bytes());
        let mut query = path("module-path", &self.path);
        if let Some(source) = &uri.pin_source {
            query = format!("{query}&{}", path("pin-source", source));
        }
        query
    }
}

impl Drop for Module {
    /// A card is let go, and logged out, at once. What the module says to that changes nothing.
    fn drop(&mut self) {
        let _ = self.api.clone().finalize();
    }
}

fn find(name: &str) -> Result<PathBuf, Failure> {
    let files = [format!("{name}.so"), format!("lib{name}.so")];
    let candidates = FOLDERS.iter().flat_map(|folder| {
        let folder = Path::new(folder);
        files.iter().map(move |file| folder.join(file))
    });
    let mut candidates = candidates.filter(|path| path.is_file());
    candidates.next().ok_or_else(|| {
        let [plain, lib] = &files;
        let what = format!(
            "the module {name} is not there: neither {plain} nor {lib} is in {}; module-path=FILE takes one \
             from elsewhere",
            FOLDERS.join(", ")
        );
        Failure::new(Code::Module, what)
    })
}
