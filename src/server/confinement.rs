//! Confinement of the process: another user, and a Landlock sandbox.
//!
//! It is for the main thread, while there is no other: later threads inherit it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use nix::unistd::{Group, User, initgroups, setgid, setuid};
use rustix::process::{DumpableBehavior, getppid, set_dumpable_behavior, test_kill_process};
use rustix::thread::set_no_new_privs;

use super::{RootChoice, SandboxMode, ServerConfig};
use crate::access_log::LogDestination;
use crate::cli::quote;

/// Rights that are denied where no rule grants them; an older kernel denies those that it knows.
const RIGHTS: ABI = ABI::V6;

/// Longest chain of symbolic links, as in the kernel.
const LINKS_MAX: usize = 40;

/// Time of the connection that must fail.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(100);

/// User and sandbox that the process takes on.
#[derive(Debug, Default)]
pub struct Confinement {
    user: Option<(User, Group)>,
    sandbox: SandboxMode,
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
    /// Paths that must be readable at the start and after a change of user.
    needed: Vec<PathBuf>,
    /// Directories that must be searchable then. To open one needs more, and a FIFO would block.
    searched: Vec<PathBuf>,
}

impl Confinement {
    /// Looks up what `config` names.
    ///
    /// # Errors
    /// An unknown user or group, or a path that cannot be read.
    pub fn new(config: &ServerConfig) -> Result<Self, String> {
        let tls = config.tls.iter();
        let pairs = tls.clone().flat_map(|tls| tls.certificates.iter().flat_map(|(chain, key)| [chain, key]));
        let secrets = pairs.chain(tls.flat_map(|tls| &tls.client_ca));
        let secrets = secrets.chain(config.auth.iter().flat_map(|auth| &auth.file));
        let mut needed: Vec<PathBuf> = secrets.cloned().collect();
        // A file is replaced by rename.
        let mut readable: Vec<PathBuf> = needed.iter().flat_map(|path| directories(path)).collect();
        readable.extend(config.sandbox_read.iter().cloned());
        let searched = config.sandbox_read.iter().map(|path| path.join(".")).collect();
        let mut writable = Vec::new();
        if let (RootChoice::Directory(root), true) = (&config.root, config.http) {
            let served = if config.upload.is_some() { &mut writable } else { &mut readable };
            served.push(root.clone());
            needed.push(root.clone());
            // A link may be pointed at a neighbour of its target.
            served.extend(root.ancestors().flat_map(|path| directories(path).skip(1)));
        }
        if let LogDestination::File(path) = &config.access_log {
            match fs::metadata(path).map(|found| found.file_type()) {
                Ok(kind) if kind.is_char_device() => writable.push(path.clone()),
                Ok(kind) if !kind.is_file() => {}
                _ => writable.extend(directories(path)),
            }
        }
        let user = config.user.as_deref().map(find_user).transpose()?;
        let confinement = Self { user, sandbox: config.sandbox, readable, writable, needed, searched };
        confinement.check_readable().map(|()| confinement)
    }

    fn check_readable(&self) -> Result<(), String> {
        let remedy = "correct it, or make it readable for the user of the server";
        let failed = |path: &Path, error| format!("cannot read {}: {error}; {remedy}", quote(path));
        let open = |path: &PathBuf| File::open(path).map(drop).map_err(|error| failed(path, error));
        let search = |path: &PathBuf| fs::metadata(path).map(drop).map_err(|error| failed(path, error));
        self.needed.iter().try_for_each(open).and_then(|()| self.searched.iter().try_for_each(search))
    }

    /// Takes on user and sandbox. Returns what the process cannot reach, as found by trying.
    ///
    /// # Errors
    /// A change that fails, a file that the user cannot read, or a sandbox that is required and not whole.
    pub fn enter(&self) -> Result<Vec<&'static str>, String> {
        if let Some((user, group)) = &self.user {
            become_user(user, group).map_err(|error| format!("cannot become {}: {error}", user.name))?;
            self.check_readable()?;
        }
        if self.sandbox == SandboxMode::Off {
            return set_no_new_privs(true).map(|()| Vec::new()).map_err(|error| error.to_string());
        }
        let status = self.restrict().map_err(|error| format!("cannot enter the sandbox: {error}"))?;
        if self.sandbox == SandboxMode::Require && status != RulesetStatus::FullyEnforced {
            let kernel = "this kernel has no Landlock, or an older one (ABI 6, Linux 6.12)";
            return Err(format!("--sandbox require: {kernel}; accept what it has with --sandbox auto"));
        }
        Ok(unreachable_things())
    }

    fn restrict(&self) -> Result<RulesetStatus, RulesetError> {
        let list = AccessFs::ReadFile | AccessFs::ReadDir;
        let change = AccessFs::WriteFile | AccessFs::Truncate | AccessFs::Refer;
        let make = AccessFs::MakeReg | AccessFs::MakeDir | AccessFs::RemoveFile | AccessFs::RemoveDir;
        let rules = |paths, access: BitFlags<AccessFs>| path_beneath_rules::<_, &PathBuf, _>(paths, access);
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(RIGHTS))?
            .handle_access(AccessNet::ConnectTcp)?
            .scope(Scope::from_all(RIGHTS))?
            .create()?
            .add_rules(rules(&self.readable, list))?
            .add_rules(rules(&self.writable, list | change | make))?
            .restrict_self()?;
        Ok(status.ruleset)
    }
}

/// Directories of `path` and of each link that it leads over: the last component may be replaced there.
fn directories(path: &Path) -> impl Iterator<Item = PathBuf> {
    let target = |path: &PathBuf| Some(parent(path).join(fs::read_link(path).ok()?));
    let paths = std::iter::successors(Some(path.to_owned()), target).take(LINKS_MAX);
    paths.map(|path| parent(&path).to_owned())
}

pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `NAME[:GROUP]`.
fn find_user(text: &str) -> Result<(User, Group), String> {
    let (name, group) = text.split_once(':').map_or((text, None), |(name, group)| (name, Some(group)));
    let unknown = |what| format!("--user: there is no {what}; name another, such as nobody:nogroup");
    let user = User::from_name(name).ok().flatten().ok_or(unknown(format!("user {}", quote(name))))?;
    let found = group.map_or_else(|| Group::from_gid(user.gid), Group::from_name);
    let group = found.ok().flatten().ok_or(unknown(format!("group {}", quote(group.unwrap_or(name)))))?;
    Ok((user, group))
}

/// Groups first: the user may not change them.
fn become_user(user: &User, group: &Group) -> Result<(), Box<dyn std::error::Error>> {
    initgroups(&std::ffi::CString::new(user.name.as_str())?, group.gid)?;
    setgid(group.gid)?;
    setuid(user.uid)?;
    // Another process of the user must not read the keys.
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

fn unreachable_things() -> Vec<&'static str> {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let is_denied = |error: std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
    let tried = [
        // Programs are files: both are denied since the first version of Landlock.
        ("other files and programs", fs::read_dir("/").is_err_and(is_denied)),
        ("TCP connections", TcpStream::connect_timeout(&nowhere, CONNECT_TIMEOUT).is_err_and(is_denied)),
        ("signals", getppid().is_some_and(|parent| test_kill_process(parent).is_err())),
    ];
    tried.into_iter().filter_map(|(thing, is_denied)| is_denied.then_some(thing)).collect()
}
