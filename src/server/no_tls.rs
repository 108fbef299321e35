//! Stand-in for TLS in a program without it.
//!
//! No value exists.

use std::convert::Infallible;

use mio::net::TcpStream;

use super::ServerConfig;
use crate::net::Stream;
use crate::reactor::Now;

pub(super) struct NoTls(Infallible);

impl NoTls {
    pub(super) fn open(_: &ServerConfig, _: bool, _: Now) -> Result<Option<Self>, String> {
        Ok(None)
    }

    pub(super) fn note(&self) -> Option<String> {
        match self.0 {}
    }

    pub(super) fn accept(&self, _: TcpStream) -> Option<Stream> {
        match self.0 {}
    }

    pub(super) fn reload(&self, _: bool, _: Now) {
        match self.0 {}
    }
}
