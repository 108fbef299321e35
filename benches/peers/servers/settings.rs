//! The configuration of each server, written into a folder of its own, and the words of its command line.
//!
//! Each is what its manual calls fast for small static files: its file cache on and larger than what is
//! served, no access log, no limit on requests per connection, room for all connections. It starts nothing.

use std::fs;
use std::io;
use std::path::{Display, Path, PathBuf};

use rustix::process::{Resource, getrlimit, getuid};

use super::server::Server;
use super::{floor, site::Site};

/// Connections that each server has room for.
const CONNECTIONS_MAX: usize = 12_000;
/// Longer than any connection rests here.
const IDLE_SECS: usize = 600;
/// No limit, for those that know none; and the highest that lighttpd can count to.
const REQUESTS_MAX: usize = 1_000_000_000;
const LIGHTTPD_REQUESTS_MAX: u16 = u16::MAX;
/// Files that nginx keeps open, where descriptors allow it.
const OPEN_FILES_MAX: u64 = 200_000;

/// What is particular to one start.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) root: PathBuf,
    /// Where its files go; no other server writes there.
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) workers: usize,
    /// With TLS, by this certificate and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// This project's: with its access log in a file.
    pub(crate) logs: bool,
    /// This project's: with so large a cache.
    pub(crate) cache_size: Option<&'static str>,
    /// This project's: with the pages that are built in, in place of the root.
    pub(crate) is_built_in: bool,
    /// One process, for tools that watch one: nginx without its master.
    pub(crate) alone: bool,
    /// The floor's: what it answers with, the file behind that, and whether it closes then.
    pub(crate) answer: PathBuf,
    pub(crate) sendfile: Option<PathBuf>,
    pub(crate) closes: bool,
}

impl Setup {
    /// One worker without a log, on no port yet.
    pub(crate) fn new(site: &Site, folder: &Path) -> Self {
        Self {
            root: site.root(),
            folder: folder.to_owned(),
            port: 0,
            workers: 1,
            certificate: None,
            logs: false,
            cache_size: None,
            is_built_in: false,
            alone: false,
            answer: folder.join("answer"),
            sendfile: None,
            closes: false,
        }
    }
}

/// What stands behind the name of the program; a configuration is written first.
pub(crate) fn words(server: Server, setup: &Setup) -> io::Result<Vec<String>> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let file = setup.folder.join("configuration");
    let port = setup.port;
    let words = match server {
        Server::Floor => return Ok(floor_words(setup)),
        Server::Ours | Server::Earlier => return Ok(our_words(setup)),
        Server::NginxSendfile | Server::Nginx => {
            fs::write(&file, nginx(setup, server == Server::NginxSendfile))?;
            vec!["-c".to_owned(), path(&file)]
        }
        Server::H2o => {
            fs::write(&file, h2o(setup))?;
            vec!["-c".to_owned(), path(&file)]
        }
        Server::Lighttpd => {
            fs::write(&file, lighttpd(setup))?;
            vec!["-D".to_owned(), "-f".to_owned(), path(&file)]
        }
        Server::Darkhttpd => {
            let options = format!(
                "--addr 127.0.0.1 --port {port} --maxconn {CONNECTIONS_MAX} --timeout {IDLE_SECS} \
                 --no-listing --log /dev/null"
            );
            [vec![path(&setup.root)], options.split(' ').map(str::to_owned).collect()].concat()
        }
        Server::Caddy => {
            fs::write(&file, caddy(setup))?;
            let options = ["run", "--adapter", "caddyfile", "--config"];
            [options.map(str::to_owned).to_vec(), vec![path(&file)]].concat()
        }
    };
    Ok(words)
}

fn floor_words(setup: &Setup) -> Vec<String> {
    let mut words = vec![floor::OPTION.to_owned(), "--port".to_owned(), setup.port.to_string()];
    words.extend(["--answer".to_owned(), setup.answer.to_string_lossy().into_owned()]);
    if let Some(file) = &setup.sendfile {
        words.extend(["--sendfile".to_owned(), file.to_string_lossy().into_owned()]);
    }
    if setup.closes {
        words.push("--closes".to_owned());
    }
    words
}

fn our_words(setup: &Setup) -> Vec<String> {
    let log = if setup.logs { setup.folder.join("access.log") } else { PathBuf::from("off") };
    let options = format!(
        "--quiet --bind 127.0.0.1 --port {} --workers {} --idle-timeout {IDLE_SECS}s --max-connections {}",
        setup.port,
        setup.workers,
        connections_max()
    );
    let mut words: Vec<String> = options.split(' ').map(str::to_owned).collect();
    words.extend(["--access-log".to_owned(), log.to_string_lossy().into_owned()]);
    if let Some(size) = setup.cache_size {
        words.extend(["--cache-size".to_owned(), size.to_owned()]);
    }
    if setup.is_built_in {
        words.push("--welcome".to_owned());
    } else {
        words.extend(["--root".to_owned(), setup.root.to_string_lossy().into_owned()]);
    }
    if let Some((certificate, key)) = &setup.certificate {
        for (option, path) in [("--tls-cert", certificate), ("--tls-key", key)] {
            words.extend([option.to_owned(), path.to_string_lossy().into_owned()]);
        }
    }
    words
}

/// Connections that it may have beside its cached files: most are idle here and have no file.
fn connections_max() -> u64 {
    let most = CONNECTIONS_MAX as u64;
    getrlimit(Resource::Nofile).maximum.map_or(most, |limit| most.min(limit / 4 * 3))
}

/// Descriptors bound what it may keep open; half of them are for connections.
fn open_files_max() -> u64 {
    getrlimit(Resource::Nofile).current.map_or(OPEN_FILES_MAX, |limit| OPEN_FILES_MAX.min(limit / 2))
}

/// For who has rights to give up, the user to stay: the folder is for nobody else.
fn as_root(line: &'static str) -> &'static str {
    if getuid().is_root() { line } else { "" }
}

/// These words about the certificate and its key, or nothing without TLS.
fn with_certificate<W: Default>(setup: &Setup, words: impl FnOnce(Display<'_>, Display<'_>) -> W) -> W {
    let certificate = setup.certificate.as_ref();
    certificate.map(|(certificate, key)| words(certificate.display(), key.display())).unwrap_or_default()
}

fn nginx(setup: &Setup, sendfile: bool) -> String {
    let Setup { port, workers, .. } = setup;
    let (root, folder) = (setup.root.display(), setup.folder.display());
    let user = as_root("user root;");
    let alone = if setup.alone { "master_process off;" } else { "" };
    let (sendfile, nopush) = if sendfile { ("on", "on") } else { ("off", "off") };
    let open_files = open_files_max();
    let reuseport = if *workers > 1 { " reuseport" } else { "" };
    let (ssl, certificate) = with_certificate(setup, |certificate, key| {
        (
            " ssl",
            format!(
                "ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"
            ),
        )
    });
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .concat();
    format!(
        "daemon off; {alone} worker_processes {workers}; {user}
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections {CONNECTIONS_MAX}; }}
http {{
{temporary}  access_log off;
  types {{ text/html html; text/plain txt; }}
  default_type application/octet-stream;
  sendfile {sendfile};
  tcp_nopush {nopush};
  keepalive_requests {REQUESTS_MAX};
  keepalive_timeout {IDLE_SECS}s;
  client_header_buffer_size 4k;
  open_file_cache max={open_files} inactive={IDLE_SECS}s;
  open_file_cache_valid {IDLE_SECS}s;
  open_file_cache_min_uses 1;
  open_file_cache_errors on;
  server {{
    listen 127.0.0.1:{port}{ssl} deferred backlog=4096{reuseport};
    {certificate}
    root {root};
    autoindex on;
  }}
}}
"
    )
}

fn h2o(setup: &Setup) -> String {
    let Setup { port, workers, .. } = setup;
    let (root, folder) = (setup.root.display(), setup.folder.display());
    let user = as_root("user: root");
    let ssl = with_certificate(setup, |certificate, key| {
        format!(", ssl: {{certificate-file: {certificate}, key-file: {key}, minimum-version: TLSv1.2}}")
    });
    format!(
        "num-threads: {workers}
max-connections: {CONNECTIONS_MAX}
http1-request-timeout: {IDLE_SECS}
pid-file: {folder}/pid
error-log: {folder}/error.log
{user}
listen: {{host: 127.0.0.1, port: {port}{ssl}}}
hosts:
  default:
    paths:
      /:
        file.dir: {root}
"
    )
}

fn lighttpd(setup: &Setup) -> String {
    let (root, folder, port) = (setup.root.display(), setup.folder.display(), setup.port);
    let ssl = with_certificate(setup, |certificate, key| {
        format!(
            "server.modules += (\"mod_openssl\")
ssl.engine = \"enable\"
ssl.pemfile = \"{certificate}\"
ssl.privkey = \"{key}\"
"
        )
    });
    format!(
        "server.document-root = \"{root}\"
server.port = {port}
server.bind = \"127.0.0.1\"
server.max-connections = {CONNECTIONS_MAX}
server.max-fds = {}
server.max-keep-alive-requests = {LIGHTTPD_REQUESTS_MAX}
server.max-keep-alive-idle = {IDLE_SECS}
server.max-read-idle = {IDLE_SECS}
server.listen-backlog = 4096
server.pid-file = \"{folder}/pid\"
server.errorlog = \"{folder}/error.log\"
server.feature-flags = (\"server.h2proto\" => \"disable\")
mimetype.assign = (\".html\" => \"text/html\", \".txt\" => \"text/plain\", \"\" => \"application/octet-stream\")
{ssl}",
        4 * CONNECTIONS_MAX
    )
}

fn caddy(setup: &Setup) -> String {
    let (root, port) = (setup.root.display(), setup.port);
    format!(
        "{{
  admin off
  auto_https off
  servers {{
    protocols h1
  }}
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  root * {root}
  file_server
}}
"
    )
}
