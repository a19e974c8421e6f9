//! A new key in the place of an old one, in three steps, so that no machine is without a key that it trusts.
//!
//! | Step | In the keys folder | What signs | What machines are to trust |
//! |---|---|---|---|
//! | begin | `db.next/`: the new key, and updates | the old one | old and new |
//! | switch | the new one is `db.*`, the old one is in `db.old/` | the new one | old and new |
//! | finish | the old one is in `db.old-<day>/` | the new one | the new one |
//!
//! A PK has no time of both: firmware holds one.

use std::fs;
use std::path::{Path, PathBuf};

use formats::efi_signature_list::{CERT_X509, SignatureList, read, write, x509_list};
use formats::efivars::{DB, DBX, KEK, PK};
use uguid::Guid;

use super::change::{ChangeError, FolderChange, free_name, rename_new};
use super::create::{check_name, end_of_validity};
use super::file_signer::load_certificate;
use super::new_key::{self, KEY_RANDOM_SIZE, NewKey};
use super::role::{ROLES, Role};
use super::times::Times;
use super::variable::{Change, sign_variable};
use super::{CreateError, KeyFile, RsaBits, Signer};

/// A key that is replaced, in a keys folder.
pub struct Rotation<'a> {
    folder: &'a Path,
    role: &'static Role,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There is one key.
    None,
    /// There is a new one, which nothing is signed with yet.
    Begun,
    /// A switch was interrupted; the same again goes on.
    Switching,
    /// The new one signs; the old one is still trusted.
    Switched,
    /// Finishing was interrupted; the same again goes on.
    Finishing,
}

/// What the new key is to be like.
#[derive(Clone, Copy)]
pub struct RotateOptions<'a> {
    /// Size of the key.
    pub rsa_bits: RsaBits,
    /// Common name in the certificate: the name of the key and the day are added; 1 to 49 characters.
    pub common_name: &'a str,
    /// Seconds since 1970.
    pub now: u64,
    /// Validity in days.
    pub validity_days: u32,
    /// Fresh random bytes; never use the same twice.
    pub random: &'a [u8; KEY_RANDOM_SIZE],
    /// Encrypts the private key.
    pub passphrase: Option<&'a [u8]>,
}

impl<'a> Rotation<'a> {
    /// Of the key of that role.
    pub fn new(folder: &'a Path, role: &'static Role) -> Self {
        Self { folder, role }
    }

    /// The one that is under way in a folder, if one is.
    pub fn under_way(folder: &'a Path) -> Option<Self> {
        let rotations = ROLES.iter().map(|role| Self::new(folder, role));
        rotations
            .into_iter()
            .find(|rotation| rotation.stage() != Stage::None)
    }

    /// Which key.
    pub fn role(&self) -> &'static Role {
        self.role
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        let there = |path: PathBuf| path.exists();
        let finishing = there(self.last()) || there(self.before());
        match (there(self.next()), there(self.old()), finishing) {
            (true, false, _) => Stage::Begun,
            (true, true, _) => Stage::Switching,
            (false, _, true) => Stage::Finishing,
            (false, true, false) => Stage::Switched,
            (false, false, false) => Stage::None,
        }
    }

    /// Where the new key is until it takes its place.
    pub fn next(&self) -> PathBuf {
        self.beside("next")
    }

    /// Where the old key is until nobody trusts it.
    pub fn old(&self) -> PathBuf {
        self.beside("old")
    }

    /// Where what comes last is prepared.
    fn last(&self) -> PathBuf {
        self.beside("last")
    }

    /// Where what that replaces is kept at first.
    fn before(&self) -> PathBuf {
        self.beside("before")
    }

    fn beside(&self, what: &str) -> PathBuf {
        self.folder.join(format!("{}.{what}", self.role.name()))
    }

    /// Makes a new key, and the updates that let machines trust it; `above` is the key that signs them.
    pub fn begin(
        &self,
        above: &dyn Signer,
        options: &RotateOptions<'_>,
    ) -> Result<(), ChangeError> {
        let (role, name) = (self.role, self.role.name());
        check_name(options.common_name, 49)?;
        if options.passphrase.is_some_and(<[u8]>::is_empty) {
            return Err(CreateError::EmptyPassphrase.into());
        }
        let not_after = end_of_validity(options.now, options.validity_days)?;
        let mut times = Times::after(self.folder, options.now)?;
        let owner = owner(self.folder)?;
        let lists = self.lists(self.folder)?;
        let day = super::day(options.now);

        let made = new_key::make(&NewKey {
            name,
            common_name: &format!("{} {name} {day}", options.common_name),
            rsa_bits: options.rsa_bits,
            not_before: options.now,
            not_after,
            authority: role.authority,
            random: options.random,
            passphrase: options.passphrase,
        })?;
        let own = x509_list(owner, made.signer.certificate());
        let mut files = made.files;
        let mut auth = |stem: &str, variable, change, signer: &dyn Signer, data: &[u8]| {
            let auth = sign_variable(variable, change, signer, times.take()?, data)?;
            files.push(KeyFile::public(stem, "auth", &auth));
            Ok::<(), ChangeError>(())
        };
        let list = match role.is_single() {
            true => {
                let list = write(&[own]);
                // In setup mode a PK is signed by itself; where there is one, by that one. Each is later than
                // what it may follow.
                auth(name, &PK, Change::Replace, &made.signer, &list)?;
                auth("PK-replace", &PK, Change::Replace, above, &list)?;
                auth("PK-empty", &PK, Change::Replace, &made.signer, &[])?;
                let kek = file(self.folder, "KEK.esl")?;
                auth("KEK", &KEK, Change::Replace, &made.signer, &kek)?;
                list
            }
            false => {
                let alone = write(std::slice::from_ref(&own));
                // In the order that an append leaves behind: whichever update a machine got, its variable has
                // the same bytes, and its TPM the same PCR 7.
                let both = write(&[lists, vec![own]].concat());
                let append = format!("{name}-append");
                auth(&append, &role.variable, Change::Append, above, &alone)?;
                auth(name, &role.variable, Change::Replace, above, &both)?;
                both
            }
        };
        files.push(KeyFile::public(name, "esl", &list));
        self.switching().prepare(files)
    }

    /// Lets the new key take its place, and keeps the old one. `new` is the new key, where it signs what the
    /// old one signed: see [`Self::signs`].
    pub fn switch(&self, new: Option<&dyn Signer>, now: u64) -> Result<(), ChangeError> {
        if let (Some(signer), Stage::Begun) = (new, self.stage()) {
            super::revoke::resume(self.folder, now)?;
            let mut times = Times::after(self.folder, now)?;
            for (variable, change) in [(DB, Change::Replace), (DBX, Change::Append)] {
                let path = self.folder.join(format!("{}.esl", variable.name));
                if variable == DBX && !path.exists() {
                    continue;
                }
                let list = fs::read(&path).map_err(ChangeError::reading(&path))?;
                let auth = sign_variable(&variable, change, signer, times.take()?, &list)?;
                let file = KeyFile::public(variable.name, "auth", &auth);
                self.switching().add(&file)?;
            }
        }
        self.switching().run()
    }

    /// Whether the new key signs other variables anew when it takes its place: a KEK does, db and dbx.
    pub fn signs(&self) -> bool {
        self.role.variable == KEK
    }

    /// Puts the old key aside for good, and makes the update that takes it away from machines; `above` signs
    /// it, and a PK needs none. Gives the folder in which the old key is now.
    pub fn finish(&self, above: Option<&dyn Signer>, now: u64) -> Result<PathBuf, ChangeError> {
        let (name, old) = (self.role.name(), self.old());
        let kept = old.join("before");
        let (last, before) = (self.last(), self.before());
        let change = FolderChange {
            folder: self.folder,
            stage: &last,
            kept: &before,
        };
        let signed = kept.exists() || (before.exists() && !last.exists());
        if !self.role.is_single() && !signed {
            if !last.exists() {
                let above = above.ok_or(ChangeError::Unsigned(name))?;
                change.prepare(self.without_old(above, now)?)?;
            }
            change.run()?;
        }
        rename_new(&before, &kept)?;
        let append = format!("{name}-append.auth");
        rename_new(&self.folder.join(&append), &old.join(&append))?;
        let replace = format!("{name}-replace.auth");
        rename_new(&self.folder.join(&replace), &old.join(&replace))?;
        let place = free_name(self.folder, &format!("{name}.old-{}", super::day(now)));
        rename_new(&old, &place)?;
        Ok(place)
    }

    /// The variable as it is without the old certificate.
    fn without_old(&self, above: &dyn Signer, now: u64) -> Result<Vec<KeyFile>, ChangeError> {
        let (variable, name) = (&self.role.variable, self.role.name());
        let mut times = Times::after(self.folder, now)?;
        let mut lists = self.lists(self.folder)?;
        let (old, _) = load_certificate(&self.old().join(format!("{name}.crt")))?;
        for list in &mut lists {
            list.signatures.retain(|entry| entry.data != old);
        }
        let list = write(&lists);
        let auth = sign_variable(variable, Change::Replace, above, times.take()?, &list)?;
        Ok(vec![
            KeyFile::public(name, "auth", &auth),
            KeyFile::public(name, "esl", &list),
        ])
    }

    /// The lists of the variable, which hold the certificate of the key that signs.
    fn lists(&self, folder: &Path) -> Result<Vec<SignatureList>, ChangeError> {
        let name = self.role.name();
        let [list, certificate] = ["esl", "crt"].map(|end| folder.join(format!("{name}.{end}")));
        let bytes = fs::read(&list).map_err(ChangeError::reading(&list))?;
        let lists = read(&bytes).map_err(|error| ChangeError::List {
            path: list.clone(),
            error,
        })?;
        let (der, _) = load_certificate(&certificate)?;
        let mut entries = lists
            .iter()
            .filter(|list| list.signature_type == CERT_X509)
            .flat_map(|list| &list.signatures);
        match entries.any(|entry| entry.data == der) {
            true => Ok(lists),
            false => Err(ChangeError::NotListed { list, certificate }),
        }
    }

    /// The switch as a change of the folder. It borrows nothing that outlives it.
    fn switching(&self) -> Switching<'a> {
        Switching {
            folder: self.folder,
            next: self.next(),
            old: self.old(),
        }
    }
}

/// The folders of a switch.
struct Switching<'a> {
    folder: &'a Path,
    next: PathBuf,
    old: PathBuf,
}

impl Switching<'_> {
    fn change(&self) -> FolderChange<'_> {
        FolderChange {
            folder: self.folder,
            stage: &self.next,
            kept: &self.old,
        }
    }

    fn prepare(&self, files: Vec<KeyFile>) -> Result<(), ChangeError> {
        self.change().prepare(files)
    }

    fn add(&self, file: &KeyFile) -> Result<(), ChangeError> {
        self.change().add(file)
    }

    fn run(&self) -> Result<(), ChangeError> {
        self.change().run()
    }
}

/// Who owns the entries of the lists.
pub(super) fn owner(folder: &Path) -> Result<Guid, ChangeError> {
    let path = folder.join("owner.guid");
    let bytes = file(folder, "owner.guid")?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    text.parse()
        .map_err(|_| ChangeError::Owner { path, found: text })
}

fn file(folder: &Path, name: &str) -> Result<Vec<u8>, ChangeError> {
    let path = folder.join(name);
    fs::read(&path).map_err(ChangeError::reading(&path))
}
