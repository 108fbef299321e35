//! Another descriptor as an event source of the loop: a pipe or a terminal that is read beside the
//! connections.
//!
//! It only tells that there may be something to read; reading, without waiting, is the application's.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry};

use super::key::Addressee;

/// The watched descriptor, none until [`Input::watch`].
#[derive(Default)]
pub(super) struct Input(Option<OwnedFd>);

impl Input {
    pub(super) fn watch(&mut self, registry: &Registry, input: OwnedFd) -> io::Result<()> {
        let token = Addressee::Input.token();
        match registry.register(&mut SourceFd(&input.as_raw_fd()), token, Interest::READABLE) {
            // What epoll does not take, a regular file, never has to be waited for.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.0 = Some(input);
                Ok(())
            }
        }
    }
}
