//! Users and groups of a root: passwd(5) and group(5), read from its own files.

use source::tree::Tree;

/// Largest etc/passwd and etc/group that are read, in bytes.
const MOST: u64 = 4 << 20;

/// The accounts of a root; none where it has no such files.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct User {
    name: String,
    id: u32,
    group: u32,
    home: String,
}

#[derive(Debug)]
struct Group {
    name: String,
    id: u32,
    members: Vec<String>,
}

/// Somebody: what a process needs to be them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// User number.
    pub user: u32,
    /// Group number.
    pub group: u32,
    /// The other groups; none when a group was named.
    pub groups: Vec<u32>,
    /// Home directory, when the user is in etc/passwd.
    pub home: Option<String>,
}

impl Accounts {
    /// Reads them. Lines that are none are passed over, as libc does.
    pub fn read(tree: &Tree) -> Self {
        let text = |path: &str| {
            let real = tree.resolve(path).ok();
            let bytes = real.and_then(|real| tree.read(real, MOST).ok());
            String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
        };
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let (passwd, group) = (text("etc/passwd"), text("etc/group"));
        let users = passwd.lines().map(fields).filter_map(|line| {
            Some(User {
                name: line.first()?.clone(),
                id: line.get(2)?.parse().ok()?,
                group: line.get(3)?.parse().ok()?,
                home: line.get(5)?.clone(),
            })
        });
        let groups = group.lines().map(fields).filter_map(|line| {
            Some(Group {
                name: line.first()?.clone(),
                id: line.get(2)?.parse().ok()?,
                members: line.get(3)?.split(',').map(str::to_owned).collect(),
            })
        });
        Self {
            users: users.collect(),
            groups: groups.collect(),
        }
    }

    /// Who is meant: `user`, `user:group`, each a name or a number (OCI image-spec, config.md,
    /// `User`). The error names what is not there.
    pub fn find(&self, text: &str) -> Result<Identity, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let found = self.users.iter().find(|row| row.name == user);
        let number = user.parse().ok();
        let found = found.or_else(|| self.users.iter().find(|row| Some(row.id) == number));
        let id = found.map(|row| row.id).or(number);
        let id = id.ok_or_else(|| format!("etc/passwd has no user {user:?}"))?;
        let home = found.map(|row| row.home.clone());
        if let Some(group) = group {
            return Ok(Identity {
                user: id,
                group: self.group(group)?,
                groups: Vec::new(),
                home,
            });
        }
        let of_user = |row: &&Group| found.is_some_and(|user| row.members.contains(&user.name));
        let group = found.map_or(0, |row| row.group);
        let groups = self.groups.iter().filter(of_user).map(|row| row.id);
        Ok(Identity {
            user: id,
            group,
            groups: groups.filter(|id| *id != group).collect(),
            home,
        })
    }

    fn group(&self, text: &str) -> Result<u32, String> {
        let found = self.groups.iter().find(|row| row.name == text);
        let number = found.map(|row| row.id).or_else(|| text.parse().ok());
        number.ok_or_else(|| format!("etc/group has no group {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        let mut tree = Tree::new();
        let passwd =
            "root:x:0:0::/root:/bin/sh\nbroken\napp:x:1000:100::/srv/app:\n7:x:70:70::/:\n";
        tree.add_file("etc/passwd", passwd.as_bytes(), 0o644)
            .unwrap();
        let group = "root:x:0:\nusers:x:100:app\ndisk:x:6:app,root\nbroken:x\n";
        tree.add_file("etc/group", group.as_bytes(), 0o644).unwrap();
        Accounts::read(&tree)
    }

    #[test]
    fn names_and_numbers_are_found() {
        let identity = |user, group, groups: &[u32], home: Option<&str>| Identity {
            user,
            group,
            groups: groups.to_vec(),
            home: home.map(str::to_owned),
        };
        let app = Some("/srv/app");
        for (text, expected) in [
            ("app", identity(1000, 100, &[6], app)),
            ("1000", identity(1000, 100, &[6], app)),
            ("app:disk", identity(1000, 6, &[], app)),
            ("app:7", identity(1000, 7, &[], app)),
            ("4711", identity(4711, 0, &[], None)),
            ("4711:4712", identity(4711, 4712, &[], None)),
            // A name goes before a number.
            ("7", identity(70, 70, &[], Some("/"))),
        ] {
            assert_eq!(accounts().find(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn who_is_not_there_is_named() {
        for (text, expected) in [
            ("nobody", "no user \"nobody\""),
            ("", "no user \"\""),
            ("app:staff", "no group \"staff\""),
            ("-1", "no user \"-1\""),
        ] {
            let error = accounts().find(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(Accounts::read(&Tree::new()).find("root").is_err());
        assert_eq!(Accounts::read(&Tree::new()).find("0:0").unwrap().user, 0);
    }
}
