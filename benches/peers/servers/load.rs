//! A load: what is asked for, over how many connections, in which way.
//!
//! It is a value; [`super::tool`] puts it on, and [`super::exchange`] asks the same by hand.

use std::net::SocketAddr;

use super::site;

/// The fields that a browser sends beside `Host`.
const BROWSER: [&str; 10] = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-US,en;q=0.9,de;q=0.8",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: none",
    "Sec-Fetch-User: ?1",
    "Upgrade-Insecure-Requests: 1",
    "Cache-Control: max-age=0",
];

/// How a load uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsUse {
    /// TLS 1.3, on connections that are kept.
    Kept,
    /// A full handshake of TLS 1.3 for each request.
    Full,
    /// A resumed handshake of TLS 1.2 for each request.
    Resumed,
}

/// What is put on a server.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) path: &'static str,
    pub(crate) connections: usize,
    /// Beside `Host`, which each request has.
    pub(crate) fields: Vec<String>,
    /// A connection for each request.
    pub(crate) closes: bool,
    /// Requests that leave together on a connection.
    pub(crate) depth: usize,
    /// Of the many files so many, at random, in place of the path.
    pub(crate) files: Option<usize>,
    /// Threads of the program that puts it on.
    pub(crate) threads: usize,
    pub(crate) tls: Option<TlsUse>,
}

impl Load {
    /// One request after the other on each of these connections, which are kept.
    pub(crate) fn of(path: &'static str, connections: usize) -> Self {
        let fields = Vec::new();
        Self { path, connections, fields, closes: false, depth: 1, files: None, threads: 1, tls: None }
    }

    /// With a browser's request head, of some 600 bytes.
    pub(crate) fn with_head_of_browser(mut self) -> Self {
        self.fields = BROWSER.map(str::to_owned).to_vec();
        self
    }

    /// With so many fields, of which `Host` is one.
    pub(crate) fn with_fields(mut self, count: usize) -> Self {
        self.fields = (1..count).map(|number| format!("X-Field-{number:02}: of no meaning")).collect();
        self
    }

    /// With a connection for each request, which the server closes.
    pub(crate) fn closing(mut self) -> Self {
        self.fields.push("Connection: close".to_owned());
        self.closes = true;
        self
    }

    /// With so many requests at a time on each connection.
    pub(crate) fn pipelined(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// For one of so many files at random.
    pub(crate) fn over_files(mut self, count: usize) -> Self {
        self.files = Some(count);
        self
    }

    /// Put on by so many threads.
    pub(crate) fn on_threads(mut self, count: usize) -> Self {
        self.threads = count;
        self
    }

    /// Over TLS, used like this.
    pub(crate) fn over_tls(mut self, tls: TlsUse) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The request for the path or, of the many files, for this one.
    pub(crate) fn request(&self, address: SocketAddr, number: usize) -> Vec<u8> {
        let path = if self.files.is_some() { site::path_of(number) } else { self.path.to_owned() };
        let fields: String = self.fields.iter().map(|field| format!("{field}\r\n")).collect();
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n").into_bytes()
    }
}
