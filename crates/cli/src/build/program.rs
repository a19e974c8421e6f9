//! What becomes the root's PID 1: what the configuration names, else the init that the root has,
//! else the command of the container image that it is made of.

use anyhow::{Context, anyhow};
use contract::boot::Surroundings;
use source::oci;
use source::tree::{Node, Tree};

use super::accounts::{Accounts, Identity};
use crate::exit::{Code, WithCode};
use config::Root;

/// Where inits are, the most usual first: what the name `init` stands for, systemd, OpenRC's, runit's,
/// s6's, dinit's.
const INITS: &[&str] = &[
    "/sbin/init",
    "/usr/sbin/init",
    "/usr/lib/systemd/systemd",
    "/lib/systemd/systemd",
    "/sbin/openrc-init",
    "/sbin/runit-init",
    "/sbin/s6-linux-init",
    "/sbin/dinit",
    "/init",
];

/// Where a command without a slash is looked for, when its image does not say (what container
/// engines take, too).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What becomes PID 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path in the root.
    pub path: String,
    /// What comes after its name.
    pub arguments: Vec<String>,
    /// What it finds around it.
    pub surroundings: Surroundings,
    /// Whether it is no init, but the command of a container image.
    pub is_command: bool,
}

/// Finds it. `image` is what the uppermost container image of the root says.
pub fn settle(config: &Root, tree: &Tree, image: Option<&oci::Program>) -> anyhow::Result<Program> {
    let accounts = Accounts::read(tree);
    let found = match &config.init {
        Some(init) => Some((init.clone(), None)),
        None => {
            let runs = INITS.iter().find(|path| runs(tree, path).is_ok());
            // One that is there and does not run is meant to: the mistake is to be named.
            let init = runs.or_else(|| INITS.iter().find(|path| is_named(tree, path)));
            init.map(|path| ((*path).to_owned(), None))
        }
    };
    let (path, command) = match found {
        Some(found) => found,
        None => command(tree, image)?,
    };
    if let Err(what) = runs(tree, &path) {
        return Err(what.context(format!("{path} cannot become PID 1: see root.init")));
    }
    let mut arguments = config.arguments.clone();
    let mut surroundings = Surroundings::default();
    let mut user = config.user.clone();
    if let Some(command) = command {
        if arguments.is_empty() {
            arguments = command.command().skip(1).map(str::to_owned).collect();
        }
        surroundings.environment = command.env.clone();
        if !command.working_dir.is_empty() {
            surroundings.directory = format!("/{}", command.working_dir.trim_start_matches('/'));
        }
        user = user.or_else(|| Some(command.user.clone()).filter(|user| !user.is_empty()));
    }
    if !config.environment.is_empty() {
        surroundings.environment = config.environment.clone();
    }
    if let Some(directory) = &config.directory {
        surroundings.directory = directory.clone();
    }
    if let Some(user) = user {
        let identity = accounts
            .find(&user)
            .map_err(|what| anyhow!("{what}, and {path} is to run as {user:?}: see root.user"));
        be(&mut surroundings, identity.code(Code::Missing)?);
    }
    if command.is_some() {
        complete(&mut surroundings, &accounts);
    }
    Ok(Program {
        path,
        arguments,
        surroundings,
        is_command: command.is_some(),
    })
}

/// The command of the container image, found in the root.
fn command<'a>(
    tree: &Tree,
    image: Option<&'a oci::Program>,
) -> anyhow::Result<(String, Option<&'a oci::Program>)> {
    let none = || {
        anyhow!(
            "root.source has no init ({}) and no container image with a command; \
             root.init says which program becomes PID 1",
            INITS.join(", ")
        )
    };
    let command = image.filter(|image| image.command().next().is_some());
    let command = command.with_context(none).code(Code::Missing)?;
    let name = command.command().next().unwrap_or_default();
    if name.contains('/') {
        let directory = command.working_dir.trim_end_matches('/');
        let path = match name.strip_prefix('/') {
            Some(_) => name.to_owned(),
            None => format!("{directory}/{name}"),
        };
        return Ok((path, Some(command)));
    }
    let own = command
        .env
        .iter()
        .find_map(|word| word.strip_prefix("PATH="));
    let folders = own
        .unwrap_or(PATH)
        .split(':')
        .filter(|folder| folder.starts_with('/'));
    let mut paths = folders.map(|folder| format!("{}/{name}", folder.trim_end_matches('/')));
    let found = paths.find(|path| runs(tree, path).is_ok());
    let missing =
        || format!("the container image's command is {name:?}, and its PATH has no such program");
    Ok((
        found.with_context(missing).code(Code::Missing)?,
        Some(command),
    ))
}

/// Whether there is anything of this name, if only a link that leads nowhere.
fn is_named(tree: &Tree, path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = tree.resolve(folder).ok();
    let full = folder.map(|folder| [&folder, &b"/"[..], name.as_bytes()].concat());
    full.is_some_and(|full| tree.get(full.strip_prefix(b"/").unwrap_or(&full)).is_some())
}

/// Whether a program is there and can be started.
fn runs(tree: &Tree, path: &str) -> anyhow::Result<()> {
    let real = tree
        .resolve(path)
        .with_context(|| format!("root.source does not have {path}"))
        .code(Code::Missing)?;
    let mode = |node: &Node| node.content().map(|_| node.metadata.mode);
    let what = match tree.get(&real).map(|node| (mode(node), node)) {
        Some((Some(mode), _)) if mode & 0o111 != 0 => return Ok(()),
        Some((Some(mode), _)) => format!("{path} has mode {mode:o} and cannot be run; chmod +x it"),
        Some((None, _)) => format!("{path} is no regular file"),
        None => return Err(anyhow!("root.source does not have {path}")).code(Code::Missing),
    };
    Err(anyhow!(what)).code(Code::Refused)
}

fn be(surroundings: &mut Surroundings, identity: Identity) {
    surroundings.user = identity.user;
    surroundings.group = identity.group;
    surroundings.groups = identity.groups;
}

/// What container engines add to an image's environment.
fn complete(surroundings: &mut Surroundings, accounts: &Accounts) {
    let user = surroundings.user.to_string();
    let home = accounts.find(&user).ok().and_then(|identity| identity.home);
    let home = home.filter(|home| !home.is_empty());
    for (name, value) in [
        ("PATH", PATH.to_owned()),
        ("HOME", home.unwrap_or_else(|| "/".to_owned())),
        ("TERM", "linux".to_owned()),
    ] {
        let environment = &mut surroundings.environment;
        let is_set = |word: &String| word.split('=').next() == Some(name);
        if !environment.iter().any(is_set) {
            environment.push(format!("{name}={value}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(programs: &[&str]) -> Tree {
        let mut tree = Tree::new();
        for program in programs {
            tree.add_file(program, &b"#!"[..], 0o755).unwrap();
        }
        let passwd = "root:x:0:0::/root:\napp:x:1000:100::/srv/app:\n";
        tree.add_file("etc/passwd", passwd.as_bytes(), 0o644)
            .unwrap();
        tree.add_file("etc/text", &b""[..], 0o644).unwrap();
        tree
    }

    fn image(words: &[&str]) -> oci::Program {
        oci::Program {
            entrypoint: words.iter().map(|word| (*word).to_owned()).collect(),
            env: vec!["PATH=/opt:/bin".to_owned()],
            working_dir: "/srv".to_owned(),
            user: "app".to_owned(),
            ..oci::Program::default()
        }
    }

    fn found(programs: &[&str], image: Option<&oci::Program>) -> anyhow::Result<Program> {
        settle(&Root::default(), &tree(programs), image)
    }

    #[test]
    fn an_init_goes_before_a_command() {
        let image = image(&["serve"]);
        let systemd = "/usr/lib/systemd/systemd";
        let program = found(&[systemd, "/bin/serve"], Some(&image)).unwrap();
        assert_eq!(program.path, systemd);
        assert_eq!(program.surroundings, Surroundings::default());
        assert!(!program.is_command);
        let program = found(&[systemd, "/sbin/init"], None).unwrap();
        assert_eq!(program.path, "/sbin/init");
    }

    #[test]
    fn a_command_is_found_as_container_engines_do() {
        let command = image(&["serve", "--port", "80"]);
        let program = found(&["/bin/serve", "/usr/bin/serve"], Some(&command)).unwrap();
        assert_eq!(program.path, "/bin/serve");
        assert_eq!(program.arguments, ["--port", "80"]);
        let around = program.surroundings;
        let expected = ["PATH=/opt:/bin", "HOME=/srv/app", "TERM=linux"];
        assert_eq!(around.environment, expected);
        assert_eq!(
            (around.user, around.group, &*around.directory),
            (1000, 100, "/srv")
        );
        let relative = image(&["./serve"]);
        let program = found(&["/srv/serve"], Some(&relative)).unwrap();
        assert_eq!(program.path, "/srv/./serve");
    }

    #[test]
    fn the_configuration_goes_before_the_image() {
        let config = Root {
            arguments: vec!["--quiet".to_owned()],
            environment: vec!["A=b".to_owned()],
            directory: Some("/var".to_owned()),
            user: Some("7:8".to_owned()),
            ..Root::default()
        };
        let command = image(&["serve", "--port"]);
        let program = settle(&config, &tree(&["/bin/serve"]), Some(&command)).unwrap();
        assert_eq!(program.arguments, ["--quiet"]);
        let around = program.surroundings;
        assert_eq!(around.environment[0], "A=b");
        assert_eq!(
            (around.user, around.group, &*around.directory),
            (7, 8, "/var")
        );
    }

    #[test]
    fn what_cannot_start_is_named() {
        let init = |init: &str| Root {
            init: Some(init.to_owned()),
            ..Root::default()
        };
        let nobody = Root {
            user: Some("nobody".to_owned()),
            ..Root::default()
        };
        let (none, missing) = (image(&[]), image(&["missing"]));
        for (config, programs, image, expected) in [
            (Root::default(), &[][..], None, "no init (/sbin/init, "),
            (
                Root::default(),
                &[],
                Some(&none),
                "no container image with a command",
            ),
            (
                Root::default(),
                &["/bin/other"],
                Some(&missing),
                "\"missing\", and its PATH has no such",
            ),
            (
                init("/bin/absent"),
                &[],
                None,
                "/bin/absent cannot become PID 1",
            ),
            (init("/etc/text"), &[], None, "mode 644 and cannot be run"),
            (init("/etc"), &[], None, "/etc is no regular file"),
            (nobody, &["/sbin/init"], None, "no user \"nobody\""),
        ] {
            let error = settle(&config, &tree(programs), image).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(expected), "{error}");
        }
    }
}
